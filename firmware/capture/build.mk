PROGS += gh-capture
gh-capture_SRCS := firmware/capture/main.c firmware/capture/commands.c firmware/capture/capture.c firmware/capture/files.c \
	firmware/capture/filter.c firmware/capture/limits.c firmware/capture/pcapng.c
gh-capture_LIBS := run proto base
gh-capture_LD := -lpcap -levent_core -lseccomp

UNIT += firmware/capture/capture_test
capture_test_SRCS := firmware/capture/files.c firmware/capture/filter.c firmware/capture/limits.c firmware/capture/pcapng.c
capture_test_LIBS := base
capture_test_LD := -lpcap
