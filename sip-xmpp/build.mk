xlate_SRCS := sip-xmpp/xlate.c sip-xmpp/features.c sip-xmpp/request_in.c sip-xmpp/request_out.c \
	sip-xmpp/stanza_in.c sip-xmpp/stanza_out.c sip-xmpp/address.c sip-xmpp/error.c \
	sip-xmpp/dialog.c sip-xmpp/iq.c sip-xmpp/options.c

PROGS += gh-xlate
gh-xlate_SRCS := sip-xmpp/main.c sip-xmpp/commands.c $(xlate_SRCS)
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD)

# Presence: the pure parts.
pidf_SRCS := sip-xmpp/pres.c sip-xmpp/stamp.c sip-xmpp/rpid.c sip-xmpp/pidf_read.c sip-xmpp/pidf_write.c
UNIT += sip-xmpp/pidf_test
pidf_test_SRCS := $(pidf_SRCS)
pidf_test_LIBS := proto base
pidf_test_LD := $(proto_LD)
FUZZ += pidf_fuzz
$(O)/obj/tests/fuzz/pidf_fuzz.o: CPPFLAGS += -Isip-xmpp
pidf_fuzz_SRCS := $(pidf_SRCS)
pidf_fuzz_LIBS := proto base
pidf_fuzz_LD := $(proto_LD)
