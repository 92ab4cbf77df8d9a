im_SRCS := core/im/im.c core/im/domain.c core/im/ask.c core/im/contact.c core/im/user.c core/im/parcel.c \
	core/im/journal.c core/im/session.c core/im/sm.c core/im/undelivered.c core/im/item.c \
	core/im/deliver.c core/im/carbons.c core/im/offline.c core/im/remote.c core/im/presence.c core/im/presence_switch.c core/im/names.c core/im/answered.c core/im/partner.c core/im/online.c \
	core/im/subscription.c core/im/subscribe.c core/im/roster.c core/im/iq.c core/im/iq_small.c \
	core/im/iq_disco.c core/im/iq_blob.c core/im/blocking.c core/im/auth.c \
	core/im/login.c core/im/auth_verifier.c core/im/auth_scram.c core/im/auth_plain.c core/im/auth_open.c core/im/digest_check.c

PROGS += gh-im
gh-im_SRCS := core/im/main.c core/im/commands.c $(im_SRCS)
gh-im_LIBS := sip run proto base
gh-im_LD := -levent_core -lseccomp $(proto_LD)

UNIT += core/im/subscription_test core/im/rules_test
subscription_test_SRCS := core/im/subscription.c
subscription_test_LIBS :=
rules_test_SRCS := $(im_SRCS)
rules_test_LIBS := sip run proto base
rules_test_LD := -levent_core $(proto_LD)
# Plays: the whole of gh-im between peers that are played (play.h).
im_PLAY := core/im/play.c core/im/play_store.c
im_PLAYS := deliver_test offline_test sm_test carbons_test blocking_test presence_test \
	subscribe_test roster_test iq_test journal_test remote_test session_test auth_test \
	loss_test commands_test digest_check_test online_test
UNIT += $(addprefix core/im/,$(im_PLAYS))
$(foreach t,$(im_PLAYS),$(eval $(t)_SRCS := $(im_SRCS) $(im_PLAY) core/im/play_assert.c)$(eval $(t)_LIBS := sip run proto base)$(eval $(t)_LD := -levent_core $(proto_LD)))
commands_test_SRCS += core/im/commands.c
