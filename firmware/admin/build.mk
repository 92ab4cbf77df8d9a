# The pages are compiled in where what builds them is there: `make web-deps` fetches it once (npm ci, needs the network),
# `make web` builds them, and then `make` keeps them fresh. Without it gh-admin has its API alone.
WEB_DIR := firmware/admin/web
WEB_DEPS := $(WEB_DIR)/node_modules/.package-lock.json
WEB_ASSETS := build/web/assets.c
WEB_SRCS := $(addprefix $(WEB_DIR)/,index.html package.json package-lock.json tsconfig.json vite.config.ts pack.mjs public/icon.svg) \
	$(addprefix $(WEB_DIR)/src/,api.ts app.ts certificates.tsx choices.tsx commands.tsx commit.tsx config.tsx dashboard.tsx en.ts \
	federation.tsx history.tsx i18n.ts ja.ts ja-help.ts login.tsx main.tsx style.css ui.tsx users.tsx)

PROGS += gh-admin
admin_SERVER := firmware/admin/conn.c firmware/admin/operator.c firmware/admin/session.c firmware/admin/login.c \
	firmware/admin/answer.c firmware/admin/api.c firmware/admin/api_schema.c firmware/admin/route.c firmware/admin/problem.c \
	firmware/admin/json.c firmware/admin/openapi.c firmware/admin/metrics.c
gh-admin_SRCS := firmware/admin/main.c firmware/admin/listen.c firmware/admin/config.c $(admin_SERVER) \
	$(if $(wildcard $(WEB_DEPS) $(WEB_ASSETS)),$(WEB_ASSETS),firmware/admin/assets_none.c)
gh-admin_LIBS := net run proto base
gh-admin_LD := -levent_core -lseccomp -lssl -lcares -ljansson $(proto_LD)

.PHONY: web web-deps
web: $(WEB_ASSETS)
web-deps: $(WEB_DEPS)
$(WEB_DEPS): $(WEB_DIR)/package-lock.json
	cd $(WEB_DIR) && npm ci --silent
	@touch $@
$(WEB_ASSETS): $(WEB_SRCS) | $(WEB_DEPS)
	cd $(WEB_DIR) && npm run --silent build
$(O)/obj/$(WEB_ASSETS:.c=.o): CPPFLAGS += -Ifirmware/admin
$(O)/obj/firmware/admin/openapi.o: docs/admin/openapi.json

admin_PLAY := firmware/admin/admin_play.c firmware/admin/listen.c firmware/admin/config.c firmware/admin/assets_none.c $(admin_SERVER)
UNIT += firmware/admin/admin_test
admin_test_SRCS := $(admin_PLAY)
admin_test_LIBS := net run proto base
admin_test_LD := -levent_core -lssl -lcares -ljansson $(proto_LD)
FUZZ += admin_fuzz
$(O)/obj/tests/fuzz/admin_fuzz.o: CPPFLAGS += -Ifirmware/admin
admin_fuzz_SRCS := $(admin_PLAY)
admin_fuzz_LIBS := net run proto base
admin_fuzz_LD := -levent_core -lssl -lcares -ljansson $(proto_LD)
