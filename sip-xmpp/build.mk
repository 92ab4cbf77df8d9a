xlate_SRCS := sip-xmpp/xlate.c sip-xmpp/features.c sip-xmpp/request_in.c sip-xmpp/request_out.c \
	sip-xmpp/stanza_in.c sip-xmpp/stanza_out.c sip-xmpp/address.c sip-xmpp/error.c \
	sip-xmpp/iq.c sip-xmpp/options.c

PROGS += gh-xlate
gh-xlate_SRCS := sip-xmpp/main.c sip-xmpp/commands.c $(xlate_SRCS)
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD)
