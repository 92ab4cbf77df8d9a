im_SRCS := core/im/im.c core/im/domain.c core/im/ask.c core/im/contact.c core/im/user.c core/im/parcel.c \
	core/im/journal.c core/im/session.c core/im/idle.c core/im/sm.c core/im/undelivered.c core/im/item.c \
	core/im/deliver.c core/im/carbons.c core/im/offline.c core/im/remote.c core/im/presence.c core/im/presence_switch.c core/im/names.c core/im/answered.c core/im/partner.c core/im/online.c \
	core/im/subscription.c core/im/subscribe.c core/im/roster.c core/im/iq.c core/im/iq_small.c \
	core/im/iq_disco.c core/im/extdisco.c core/im/iq_extdisco.c core/im/upload.c core/im/iq_blob.c core/im/pep.c core/im/pep_state.c core/im/pep_form.c core/im/pep_node.c core/im/pep_job.c core/im/pep_publish.c core/im/pep_items.c core/im/pep_config.c core/im/pep_people.c core/im/pep_event.c core/im/pep_own.c core/im/avatar.c core/im/bookmarks.c core/im/caps_hash.c core/im/caps.c core/im/blocking.c core/im/report.c core/im/auth.c \
	core/im/login.c core/im/auth_verifier.c core/im/auth_scram.c core/im/auth_plain.c core/im/auth_fast.c core/im/fast.c core/im/auth_oauth.c core/im/oauth.c core/im/jwt.c core/im/auth_open.c core/im/digest_check.c core/im/app_password.c \
	core/im/archive.c core/im/archive_prefs.c core/im/archive_form.c core/im/archive_query.c core/im/archive_clean.c

# Rooms: the machine, and what gh-im does with it.
room_SRCS := core/im/room_service.c core/im/room_config.c core/im/room_people.c core/im/room_send.c core/im/room_presence.c \
	core/im/room_past.c core/im/room_enter.c core/im/room_talk.c core/im/room_invite.c core/im/room_admin.c core/im/room_owner.c \
	core/im/room_disco.c core/im/room_iq.c
im_SRCS += $(room_SRCS) core/im/rooms.c core/im/rooms_store.c core/im/rooms_rules.c

PROGS += gh-im
gh-im_SRCS := core/im/main.c core/im/commands.c core/im/commands_app.c core/im/commands_device.c core/im/commands_archive.c core/im/rooms_commands.c $(im_SRCS)
gh-im_LIBS := sip run proto base
gh-im_LD := -levent_core -lseccomp -ljansson $(proto_LD)

UNIT += core/im/subscription_test core/im/rules_test
subscription_test_SRCS := core/im/subscription.c
subscription_test_LIBS :=
rules_test_SRCS := $(im_SRCS)
rules_test_LIBS := sip run proto base
rules_test_LD := -levent_core -ljansson $(proto_LD)
# Plays: the whole of gh-im between peers that are played (play.h).
im_PLAY := core/im/play.c core/im/play_store.c
im_PLAYS := deliver_test offline_test sm_test carbons_test blocking_test presence_test \
	subscribe_test roster_test iq_test journal_test remote_test session_test auth_test fast_test \
	loss_test commands_test digest_check_test online_test archive_test pep_test
UNIT += $(addprefix core/im/,$(im_PLAYS))
$(foreach t,$(im_PLAYS),$(eval $(t)_SRCS := $(im_SRCS) $(im_PLAY) core/im/play_assert.c)$(eval $(t)_LIBS := sip run proto base)$(eval $(t)_LD := -levent_core -ljansson $(proto_LD)))
commands_test_SRCS += core/im/commands.c core/im/commands_app.c core/im/commands_device.c core/im/commands_archive.c core/im/rooms_commands.c
UNIT += core/im/jwt_test
jwt_test_SRCS := core/im/jwt.c
jwt_test_LIBS := base
jwt_test_LD := -ljansson -lcrypto
UNIT += core/im/room_test
room_test_SRCS := $(room_SRCS)
room_test_LIBS := proto base
room_test_LD := $(proto_LD)
