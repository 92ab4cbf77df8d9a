# The pure part: engines and tables; unit tests and the fuzzer link it.
s2s_PURE := federation/xmpp/policy.c federation/xmpp/conf.c federation/xmpp/reason.c \
	federation/xmpp/places.c federation/xmpp/feature.c federation/xmpp/queue.c federation/xmpp/peer.c \
	federation/xmpp/stream.c federation/xmpp/stream_in.c federation/xmpp/stream_out.c \
	federation/xmpp/stream_db.c federation/xmpp/stream_sm.c

UNIT += federation/xmpp/s2s_policy_test
s2s_policy_test_SRCS := federation/xmpp/policy.c
s2s_policy_test_LIBS := run base
UNIT += federation/xmpp/s2s_queue_test
s2s_queue_test_SRCS := federation/xmpp/queue.c federation/xmpp/peer.c federation/xmpp/reason.c federation/xmpp/flight.c
s2s_queue_test_LIBS := proto base
s2s_queue_test_LD := $(proto_LD)
