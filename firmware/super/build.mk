PROGS += gh-super
super_SRCS := firmware/super/super.c firmware/super/folders.c firmware/super/child.c \
	firmware/super/stage.c firmware/super/join.c firmware/super/listen.c firmware/super/capture.c firmware/super/dhcp.c firmware/super/lines.c firmware/super/end.c
gh-super_SRCS := firmware/super/main.c $(super_SRCS)
gh-super_LIBS := run base
gh-super_LD := -levent_core

UNIT += firmware/super/super_test
super_test_SRCS := $(super_SRCS)
super_test_LIBS := run base
super_test_LD := -levent_core
