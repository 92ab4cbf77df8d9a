PROGS += gh-log
logd_book_SRCS := firmware/log/book.c firmware/log/records.c
logd_lines_SRCS := firmware/log/line.c firmware/log/filter.c firmware/log/files.c
gh-log_SRCS := firmware/log/main.c firmware/log/restarts.c firmware/log/sources.c firmware/log/cmd_alarms.c \
	firmware/log/cmd_log.c $(logd_lines_SRCS) $(logd_book_SRCS)
gh-log_LIBS := run base
gh-log_LD := -levent_core -lseccomp -lz

UNIT += firmware/log/book_test firmware/log/lines_test
book_test_SRCS := $(logd_book_SRCS)
book_test_LIBS := run base
book_test_LD := -lz
lines_test_SRCS := $(logd_lines_SRCS)
lines_test_LIBS := run base
