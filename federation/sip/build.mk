PROGS += gh-sip
gh-sip_SRCS := federation/sip/main.c
gh-sip_LIBS := sip net run proto base
gh-sip_LD := -lssl -lcares -lresolv -levent_core -lseccomp $(proto_LD)
