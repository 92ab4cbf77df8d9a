PROGS += gh-log
logd_book_SRCS := firmware/log/book.c firmware/log/records.c
logd_lines_SRCS := firmware/log/line.c firmware/log/filter.c firmware/log/files.c
logd_SYSLOG := firmware/log/syslog.c firmware/log/spool.c
gh-log_SRCS := firmware/log/main.c firmware/log/restarts.c firmware/log/conditions.c firmware/log/sources.c firmware/log/cmd_alarms.c \
	firmware/log/cmd_log.c firmware/log/cmd_syslog.c firmware/log/remotes.c firmware/log/remote.c $(logd_SYSLOG) \
	$(logd_lines_SRCS) $(logd_book_SRCS)
gh-log_LIBS := net run proto base
gh-log_LD := -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp -lz $(proto_LD)

UNIT += firmware/log/book_test firmware/log/lines_test
book_test_SRCS := $(logd_book_SRCS)
book_test_LIBS := run base
book_test_LD := -lz
lines_test_SRCS := $(logd_lines_SRCS)
lines_test_LIBS := run base

UNIT += firmware/log/conditions_test
conditions_test_SRCS := firmware/log/conditions.c firmware/log/line.c
conditions_test_LIBS := run base
conditions_test_LD := -levent_core

UNIT += firmware/log/syslog_test
syslog_test_SRCS := $(logd_SYSLOG) firmware/log/line.c firmware/log/records.c
syslog_test_LIBS := run base
syslog_test_LD := -lz
