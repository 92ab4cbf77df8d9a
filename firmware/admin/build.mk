# The pages are compiled in when they have been built (make web), which needs node and npm.
WEB_DIR := firmware/admin/web
WEB_ASSETS := build/web/assets.c

PROGS += gh-admin
gh-admin_SRCS := firmware/admin/main.c firmware/admin/listen.c firmware/admin/config.c firmware/admin/conn.c \
	firmware/admin/operator.c firmware/admin/session.c firmware/admin/login.c firmware/admin/answer.c firmware/admin/api.c \
	firmware/admin/api_schema.c firmware/admin/route.c firmware/admin/problem.c firmware/admin/json.c \
	firmware/admin/openapi.c $(if $(wildcard $(WEB_ASSETS)),$(WEB_ASSETS),firmware/admin/assets_none.c)
gh-admin_LIBS := net run proto base
gh-admin_LD := -levent_core -lseccomp -lssl -lcares -ljansson $(proto_LD)
$(O)/obj/build/web/assets.o: CPPFLAGS += -Ifirmware/admin
$(O)/obj/firmware/admin/openapi.o: docs/admin/openapi.json
