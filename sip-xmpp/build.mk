PROGS += gh-xlate
gh-xlate_SRCS := sip-xmpp/main.c
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD)
