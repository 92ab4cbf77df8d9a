PROGS += gh-super
gh-super_SRCS := firmware/super/main.c firmware/super/folders.c firmware/super/child.c \
	firmware/super/join.c firmware/super/listen.c
gh-super_LIBS := run base
gh-super_LD := -levent_core
