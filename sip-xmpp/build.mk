# The parts of gh-xlate, a group of lines each.
xlate_PURE := sip-xmpp/address.c sip-xmpp/error.c sip-xmpp/charset.c sip-xmpp/mime.c sip-xmpp/cpim.c \
	sip-xmpp/imdn.c sip-xmpp/composing.c sip-xmpp/xmldoc.c sip-xmpp/xhtml.c
xlate_SRCS := sip-xmpp/xlate.c sip-xmpp/service_features.c sip-xmpp/request_in.c sip-xmpp/request_out.c \
	sip-xmpp/stanza_in.c sip-xmpp/stanza_out.c sip-xmpp/iq.c sip-xmpp/options.c $(xlate_PURE)

PROGS += gh-xlate
gh-xlate_SRCS = sip-xmpp/main.c sip-xmpp/commands.c $(xlate_SRCS)
gh-xlate_LIBS := sip run proto base
gh-xlate_LD := -levent_core -lseccomp $(proto_LD) $(SIP_LD)

UNIT += sip-xmpp/vectors_test
vectors_test_SRCS := $(xlate_PURE) sip-xmpp/pres.c
vectors_test_LIBS := sip proto base
vectors_test_LD := $(proto_LD) $(SIP_LD)

# Page mode.
xlate_PURE += sip-xmpp/date.c sip-xmpp/letter.c
xlate_SRCS += sip-xmpp/conversation.c sip-xmpp/typing.c sip-xmpp/message.c sip-xmpp/message_in.c sip-xmpp/message_out.c \
	sip-xmpp/message_build.c sip-xmpp/message_write.c sip-xmpp/receipt.c sip-xmpp/date.c sip-xmpp/letter.c

# SIP clients of our own people, and phones.
xlate_SRCS += sip-xmpp/client.c sip-xmpp/client_stanza.c sip-xmpp/client_publish.c sip-xmpp/manager.c

# Dialogs: subscriptions and sessions.
xlate_SRCS += sip-xmpp/dialog.c
UNIT += sip-xmpp/dialog_test
dialog_test_SRCS := sip-xmpp/dialog.c
dialog_test_LIBS := sip proto base
dialog_test_LD := $(proto_LD) $(SIP_LD)

# Sessions.
xlate_SRCS += sip-xmpp/session.c sip-xmpp/session_in.c sip-xmpp/session_out.c sip-xmpp/session_stanza.c \
	sip-xmpp/session_msrp.c sip-xmpp/session_media.c sip-xmpp/session_typing.c sip-xmpp/session_refresh.c sip-xmpp/room.c sip-xmpp/fork.c
xlate_SRCS += sip-xmpp/conference.c sip-xmpp/focus.c sip-xmpp/focus_stanza.c sip-xmpp/focus_media.c sip-xmpp/focus_watch.c \
	sip-xmpp/focus_roster.c sip-xmpp/focus_tell.c

# SIP users in rooms of XMPP.
xlate_SRCS += sip-xmpp/guest.c sip-xmpp/guest_in.c sip-xmpp/guest_media.c sip-xmpp/guest_stanza.c sip-xmpp/guest_watch.c
UNIT += sip-xmpp/guest_test
guest_test_SRCS = sip-xmpp/session_play.c $(xlate_SRCS)
guest_test_LIBS := sip run proto base
guest_test_LD := -levent_core $(proto_LD) $(SIP_LD)
UNIT += sip-xmpp/focus_test
focus_test_SRCS = lib/base/fsm_fixture.c sip-xmpp/session_play.c $(xlate_SRCS)
focus_test_LIBS := sip run proto base
focus_test_LD := -levent_core $(proto_LD) $(SIP_LD)
UNIT += sip-xmpp/sip_session_test
sip_session_test_SRCS = lib/base/fsm_fixture.c sip-xmpp/session_play.c $(xlate_SRCS)
sip_session_test_LIBS := sip run proto base
sip_session_test_LD := -levent_core $(proto_LD) $(SIP_LD)

# Presence: the pure parts, and the subscriptions.
pidf_PARTS := sip-xmpp/pres.c sip-xmpp/rpid.c sip-xmpp/pidf_read.c sip-xmpp/pidf_write.c
pidf_SRCS := $(pidf_PARTS) sip-xmpp/xmldoc.c
xlate_SRCS += $(pidf_PARTS) sip-xmpp/texts.c sip-xmpp/presence.c sip-xmpp/presence_store.c sip-xmpp/watch.c \
	sip-xmpp/watch_notify.c sip-xmpp/notifier.c sip-xmpp/notify.c
UNIT += sip-xmpp/pidf_test
pidf_test_SRCS := $(pidf_SRCS)
pidf_test_LIBS := proto base
pidf_test_LD := $(proto_LD)
FUZZ += pidf_fuzz
$(O)/obj/tests/fuzz/pidf_fuzz.o: CPPFLAGS += -Isip-xmpp
pidf_fuzz_SRCS := $(pidf_SRCS)
pidf_fuzz_LIBS := proto base
pidf_fuzz_LD := $(proto_LD)
UNIT += sip-xmpp/client_test sip-xmpp/manager_test
client_test_SRCS = $(xlate_SRCS) sip-xmpp/play.c
client_test_LIBS := sip run proto base
client_test_LD := -levent_core $(proto_LD) $(SIP_LD)
manager_test_SRCS = $(xlate_SRCS) sip-xmpp/play.c
manager_test_LIBS := sip run proto base
manager_test_LD := -levent_core $(proto_LD) $(SIP_LD)
UNIT += sip-xmpp/watch_test sip-xmpp/notifier_test
$(foreach t,watch_test notifier_test,$(eval $(t)_SRCS = $$(xlate_SRCS) sip-xmpp/play.c)$(eval $(t)_LIBS := sip run proto base)$(eval $(t)_LD := -levent_core $$(proto_LD) $$(SIP_LD)))
# Pictures: GATEHOUSE_UPDATE_DOCS=1 build/asan/test/presence_fsm_test
UNIT += sip-xmpp/presence_fsm_test
presence_fsm_test_SRCS = lib/base/fsm_fixture.c $(xlate_SRCS)
presence_fsm_test_LIBS := sip run proto base
presence_fsm_test_LD := -levent_core $(proto_LD) $(SIP_LD)
FUZZ += presence_fuzz
$(O)/obj/tests/fuzz/presence_fuzz.o: CPPFLAGS += -Isip-xmpp
presence_fuzz_SRCS = $(xlate_SRCS) sip-xmpp/play.c
presence_fuzz_LIBS := sip run proto base
presence_fuzz_LD := -levent_core $(proto_LD) $(SIP_LD)

# Plays: the whole of gh-xlate between peers that are played (page_play.h).
page_PLAY := sip-xmpp/page_play.c sip-xmpp/page_play_assert.c
page_PLAYS := message_out_test message_in_test
UNIT += $(addprefix sip-xmpp/,$(page_PLAYS))
$(foreach t,$(page_PLAYS),$(eval $(t)_SRCS = $$(xlate_SRCS) $$(page_PLAY))$(eval $(t)_LIBS := sip run proto base)$(eval $(t)_LD := -levent_core $(proto_LD) $(SIP_LD)))

FUZZ += letter_fuzz xlate_fuzz
$(O)/obj/tests/fuzz/letter_fuzz.o $(O)/obj/tests/fuzz/xlate_fuzz.o: CPPFLAGS += -Isip-xmpp
letter_fuzz_SRCS = $(xlate_SRCS)
letter_fuzz_LIBS := sip run proto base
letter_fuzz_LD := -levent_core $(proto_LD) $(SIP_LD)
xlate_fuzz_SRCS = $(xlate_SRCS) sip-xmpp/page_play.c
xlate_fuzz_LIBS := sip run proto base
xlate_fuzz_LD := -levent_core $(proto_LD) $(SIP_LD)

# Rooms: the pure part.
conference_SRCS := sip-xmpp/conference.c sip-xmpp/charset.c
UNIT += sip-xmpp/conference_test
conference_test_SRCS := $(conference_SRCS)
conference_test_LIBS := proto base
conference_test_LD := $(proto_LD)
FUZZ += conference_fuzz
$(O)/obj/tests/fuzz/conference_fuzz.o: CPPFLAGS += -Isip-xmpp
conference_fuzz_SRCS := $(conference_SRCS)
conference_fuzz_LIBS := proto base
conference_fuzz_LD := $(proto_LD)
FUZZ += rooms_fuzz
$(O)/obj/tests/fuzz/rooms_fuzz.o: CPPFLAGS += -Isip-xmpp
rooms_fuzz_SRCS = $(xlate_SRCS) sip-xmpp/session_play.c
rooms_fuzz_LIBS := sip run proto base
rooms_fuzz_LD := -levent_core $(proto_LD) $(SIP_LD) -lcmocka
