# The pure part: engines and tables; unit tests and the fuzzer link it.
s2s_PURE := federation/xmpp/policy.c federation/xmpp/conf.c federation/xmpp/reason.c \
	federation/xmpp/places.c federation/xmpp/feature.c federation/xmpp/queue.c federation/xmpp/peer.c \
	federation/xmpp/sender.c federation/xmpp/stream.c federation/xmpp/stream_in.c federation/xmpp/stream_out.c \
	federation/xmpp/stream_pair.c federation/xmpp/stream_stanza.c federation/xmpp/stream_end.c \
	federation/xmpp/stream_time.c federation/xmpp/stream_ping.c federation/xmpp/stream_db.c federation/xmpp/stream_sm.c

PROGS += gh-s2s
gh-s2s_SRCS := $(s2s_PURE) federation/xmpp/s2s.c federation/xmpp/apply.c federation/xmpp/listener.c \
	federation/xmpp/conn.c federation/xmpp/conn_link.c \
	federation/xmpp/conn_stream.c federation/xmpp/dial.c federation/xmpp/prove.c federation/xmpp/hail.c \
	federation/xmpp/pair.c federation/xmpp/post.c federation/xmpp/sent.c federation/xmpp/bounce.c federation/xmpp/trouble.c \
	federation/xmpp/deliver.c federation/xmpp/handover.c federation/xmpp/flight.c \
	federation/xmpp/fetch.c federation/xmpp/posh.c federation/xmpp/show.c federation/xmpp/check.c federation/xmpp/tap.c
gh-s2s_LIBS := net run proto base
gh-s2s_LD := -lssl -lcares -lresolv -levent_core -ljansson -lseccomp $(proto_LD)

UNIT += federation/xmpp/s2s_policy_test
s2s_policy_test_SRCS := federation/xmpp/policy.c
s2s_policy_test_LIBS := run base
UNIT += federation/xmpp/s2s_queue_test
s2s_queue_test_SRCS := federation/xmpp/queue.c federation/xmpp/peer.c federation/xmpp/sender.c federation/xmpp/reason.c \
	federation/xmpp/flight.c
s2s_queue_test_LIBS := proto base
s2s_queue_test_LD := $(proto_LD)
UNIT += federation/xmpp/s2s_stream_test
s2s_stream_test_SRCS := $(s2s_PURE) federation/xmpp/s2s_play.c
s2s_stream_test_LIBS := run proto base
s2s_stream_test_LD := $(proto_LD)
# Pictures: GATEHOUSE_UPDATE_DOCS=1 build/asan/test/s2s_fsm_test
UNIT += federation/xmpp/s2s_fsm_test
s2s_fsm_test_SRCS := lib/base/fsm_fixture.c $(s2s_PURE)
s2s_fsm_test_LIBS := run proto base
s2s_fsm_test_LD := $(proto_LD)

FUZZ += s2s_stream_fuzz
s2s_stream_fuzz_SRCS := $(s2s_PURE) federation/xmpp/s2s_fuzz.c
s2s_stream_fuzz_LIBS := run proto base
s2s_stream_fuzz_LD := $(proto_LD)
UNIT += federation/xmpp/s2s_posh_test
s2s_posh_test_SRCS := federation/xmpp/posh.c
s2s_posh_test_LIBS := base
s2s_posh_test_LD := -ljansson
UNIT += federation/xmpp/s2s_stranger_test
s2s_stranger_test_SRCS := $(s2s_PURE) federation/xmpp/s2s_play.c
s2s_stranger_test_LIBS := run proto base
s2s_stranger_test_LD := $(proto_LD)
