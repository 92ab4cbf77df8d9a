# The parts of gh-xlate, a group of lines each.
xlate_PURE := sip-xmpp/address.c sip-xmpp/error.c sip-xmpp/charset.c sip-xmpp/mime.c sip-xmpp/cpim.c \
	sip-xmpp/imdn.c sip-xmpp/composing.c sip-xmpp/xhtml.c sip-xmpp/stamp.c
xlate_SRCS := sip-xmpp/xlate.c sip-xmpp/features.c sip-xmpp/request_in.c sip-xmpp/request_out.c \
	sip-xmpp/stanza_in.c sip-xmpp/stanza_out.c sip-xmpp/iq.c sip-xmpp/options.c $(xlate_PURE)

PROGS += gh-xlate
gh-xlate_SRCS = sip-xmpp/main.c sip-xmpp/commands.c $(xlate_SRCS)
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD) $(SIP_LD)

UNIT += sip-xmpp/vectors_test
vectors_test_SRCS := $(xlate_PURE)
vectors_test_LIBS := sip proto base
vectors_test_LD := $(proto_LD) $(SIP_LD)

# Dialogs: subscriptions and sessions.
xlate_SRCS += sip-xmpp/dialog.c

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

# Sessions.
xlate_SRCS += sip-xmpp/session.c sip-xmpp/session_in.c sip-xmpp/session_out.c sip-xmpp/session_stanza.c \
	sip-xmpp/session_msrp.c sip-xmpp/session_media.c \
	sip-xmpp/typing.c sip-xmpp/room.c
UNIT += sip-xmpp/sip_session_test
sip_session_test_SRCS = sip-xmpp/session_play.c $(xlate_SRCS)
sip_session_test_LIBS := sip run proto base
sip_session_test_LD := -levent_core $(proto_LD) $(SIP_LD)
