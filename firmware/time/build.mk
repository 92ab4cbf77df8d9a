time_PURE := firmware/time/wanted.c firmware/time/text.c firmware/time/report.c firmware/time/when.c
PROGS += gh-time
gh-time_SRCS := firmware/time/main.c firmware/time/commands.c firmware/time/watch.c firmware/time/sources.c firmware/time/keeper.c \
	firmware/time/daemon.c $(time_PURE)
gh-time_LIBS := net run proto base
gh-time_LD := $(NET_LD) -lresolv -lseccomp $(proto_LD)

UNIT += firmware/time/time_test
time_test_SRCS := $(time_PURE)
time_test_LIBS := run proto base
time_test_LD := $(proto_LD)
