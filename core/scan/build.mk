PROGS += gh-scan
scan_PURE := core/scan/name.c core/scan/clamd.c core/scan/icap.c core/scan/speech.c
gh-scan_SRCS := $(addprefix core/scan/,main.c config.c server.c conn.c job.c commands.c) $(scan_PURE)
gh-scan_LIBS := net run proto base
gh-scan_LD := -levent_core -lseccomp -lssl -lcrypto -lcares -lresolv $(proto_LD)

UNIT += core/scan/speech_test
speech_test_SRCS := $(scan_PURE)
speech_test_LIBS := proto base
speech_test_LD := $(proto_LD)
