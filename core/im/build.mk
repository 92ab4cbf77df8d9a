# Files of core/im include each other by their path from here.
$(O)/obj/core/im/%.o: CPPFLAGS += -Icore/im

im_SRCS := core/im/im.c core/im/domain.c core/im/ask.c core/im/contact.c core/im/user.c core/im/session.c core/im/idle.c core/im/names.c
im_SRCS += core/im/delivery/parcel.c core/im/delivery/journal.c core/im/delivery/sm.c core/im/delivery/undelivered.c core/im/delivery/item.c \
	core/im/delivery/deliver.c core/im/delivery/carbons.c core/im/delivery/offline.c core/im/delivery/remote.c core/im/delivery/answered.c \
	core/im/delivery/partner.c
im_SRCS += core/im/presence/presence.c core/im/presence/presence_switch.c core/im/presence/online.c core/im/presence/subscription.c \
	core/im/presence/authorise.c core/im/presence/subscribe.c core/im/presence/roster.c core/im/presence/shared.c core/im/presence/watch.c core/im/presence/compose.c
im_SRCS += core/im/iq/iq.c core/im/iq/iq_small.c core/im/iq/iq_disco.c core/im/iq/extdisco.c core/im/iq/iq_extdisco.c core/im/iq/upload.c \
	core/im/iq/iq_blob.c core/im/iq/blocking.c core/im/iq/report.c core/im/iq/look.c core/im/iq/card.c core/im/iq/search.c core/im/iq/search_form.c
im_SRCS += core/im/auth/auth.c core/im/auth/login.c core/im/auth/auth_verifier.c core/im/auth/auth_scram.c core/im/auth/auth_plain.c \
	core/im/auth/auth_fast.c core/im/auth/fast.c core/im/auth/auth_oauth.c core/im/auth/oauth.c core/im/auth/jwt.c core/im/auth/auth_open.c \
	core/im/auth/digest_check.c core/im/auth/app_password.c core/im/auth/policy.c core/im/auth/verifier.c core/im/auth/directory.c core/im/auth/directory_sync.c
im_SRCS += core/im/pep/pep.c core/im/pep/pep_state.c core/im/pep/pep_form.c core/im/pep/pep_node.c core/im/pep/pep_job.c core/im/pep/pep_publish.c \
	core/im/pep/pep_items.c core/im/pep/pep_config.c core/im/pep/pep_people.c core/im/pep/pep_event.c core/im/pep/pep_own.c core/im/pep/avatar.c \
	core/im/pep/bookmarks.c core/im/pep/caps_hash.c core/im/pep/caps.c
im_SRCS += core/im/archive/archive.c core/im/archive/archive_prefs.c core/im/archive/archive_form.c core/im/archive/archive_query.c \
	core/im/archive/archive_clean.c
im_SRCS += core/im/command/commands.c core/im/command/commands_app.c core/im/command/commands_user.c core/im/command/commands_device.c core/im/command/commands_policy.c \
	core/im/command/commands_archive.c core/im/command/commands_presence.c core/im/room/rooms_commands.c
im_SRCS += core/im/announce/announce.c core/im/announce/notice.c
im_SRCS += core/im/adhoc/adhoc.c core/im/adhoc/adhoc_form.c core/im/adhoc/adhoc_run.c core/im/adhoc/admin.c core/im/adhoc/own.c core/im/adhoc/audit.c
im_SRCS += core/im/compliance/compliance.c core/im/compliance/gate.c
im_SRCS += core/im/bulk/row.c core/im/bulk/bulk.c core/im/bulk/bulk_import.c core/im/bulk/bulk_rename.c core/im/bulk/bulk_export.c
im_SRCS += core/im/portable/pie.c core/im/portable/portable_import.c core/im/portable/portable_take.c core/im/portable/portable_pep.c \
	core/im/portable/put.c core/im/portable/portable_export.c

im_SRCS += core/im/push/push.c core/im/push/push_server.c core/im/push/push_send.c

# Rooms: the machine, and what gh-im does with it.
room_SRCS := core/im/room/room_service.c core/im/room/room_config.c core/im/room/room_people.c core/im/room/room_send.c core/im/room/room_presence.c \
	core/im/room/room_past.c core/im/room/room_enter.c core/im/room/room_talk.c core/im/room/room_invite.c core/im/room/room_admin.c core/im/room/room_owner.c \
	core/im/room/room_disco.c core/im/room/room_iq.c core/im/room/room_archive.c
im_SRCS += $(room_SRCS) core/im/room/rooms.c core/im/room/rooms_store.c core/im/room/rooms_rules.c core/im/room/rooms_archive.c

PROGS += gh-im
gh-im_SRCS := core/im/main.c $(im_SRCS)
gh-im_LIBS := sip run proto base
gh-im_LD := -levent_core -lseccomp -ljansson $(proto_LD)

UNIT += core/im/presence/subscription_test core/im/presence/authorise_test core/im/rules_test
subscription_test_SRCS := core/im/presence/subscription.c
subscription_test_LIBS :=
authorise_test_SRCS := $(im_SRCS)
authorise_test_LIBS := sip run proto base
authorise_test_LD := -levent_core -ljansson $(proto_LD)
rules_test_SRCS := $(im_SRCS)
rules_test_LIBS := sip run proto base
rules_test_LD := -levent_core -ljansson $(proto_LD)
# Plays: the whole of gh-im between peers that are played (play.h).
im_PLAY := core/im/play/play.c core/im/play/play_store.c
im_PLAYS := delivery/deliver_test delivery/offline_test delivery/sm_test delivery/carbons_test iq/blocking_test presence/presence_test \
	presence/subscribe_test presence/roster_test presence/policy_test presence/temporary_test iq/iq_test delivery/journal_test delivery/remote_test session_test auth/auth_test \
	auth/fast_test auth/directory_test loss_test command/commands_test auth/digest_check_test presence/online_test archive/archive_test compliance/compliance_test pep/pep_test push/push_test bulk/bulk_test portable/portable_test \
	adhoc/adhoc_test announce/announce_test
UNIT += $(addprefix core/im/,$(im_PLAYS))
$(foreach t,$(notdir $(im_PLAYS)),$(eval $(t)_SRCS := $(im_SRCS) $(im_PLAY) core/im/play/play_assert.c)$(eval $(t)_LIBS := sip run proto base)$(eval $(t)_LD := -levent_core -ljansson $(proto_LD)))
UNIT += core/im/auth/jwt_test
jwt_test_SRCS := core/im/auth/jwt.c
jwt_test_LIBS := base
jwt_test_LD := -ljansson -lcrypto
UNIT += core/im/room/room_test
room_test_SRCS := $(room_SRCS)
room_test_LIBS := proto base
room_test_LD := $(proto_LD)
UNIT += core/im/iq/search_form_test
search_form_test_SRCS := core/im/iq/search_form.c
search_form_test_LIBS := proto base
search_form_test_LD := $(proto_LD)
UNIT += core/im/bulk/row_test
row_test_SRCS := core/im/bulk/row.c
row_test_LIBS := proto base
row_test_LD := $(proto_LD)
