PROGS += gh-line
gh-line_SRCS := gateway/line/main.c
gh-line_LIBS := sip net run proto base
gh-line_LD := -lssl -lcares -lresolv -levent_core -lseccomp $(proto_LD)
