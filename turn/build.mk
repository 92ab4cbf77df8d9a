# gh-turn: the engine is pure (server.h); the program around it owns the sockets.
turn_PURE := turn/peer_rules.c turn/nonce.c turn/budget.c turn/quota.c turn/credentials.c turn/timed.c turn/oauth.c

UNIT += turn/peer_rules_test
peer_rules_test_SRCS := turn/peer_rules.c lib/net/prefix.c
peer_rules_test_LIBS := proto base
peer_rules_test_LD := -lcrypto
UNIT += turn/nonce_test
nonce_test_SRCS := turn/nonce.c
nonce_test_LD := -lcrypto
UNIT += turn/budget_test
budget_test_SRCS := turn/budget.c
budget_test_LIBS := base
UNIT += turn/quota_test
quota_test_SRCS := turn/quota.c
quota_test_LIBS := base
UNIT += turn/credentials_test
credentials_test_SRCS := turn/credentials.c turn/timed.c turn/oauth.c
credentials_test_LIBS := proto base
credentials_test_LD := -lcrypto
turn_ENGINE := $(turn_PURE) turn/allocation.c turn/server.c turn/server_auth.c turn/reply.c turn/relay.c turn/reservation.c \
	turn/ticket.c turn/connection.c turn/pending.c turn/request_binding.c turn/request_allocate.c \
	turn/request_refresh.c turn/request_permission.c turn/request_channel.c
UNIT += turn/server_test
server_test_SRCS := turn/server_play.c $(turn_ENGINE)
server_test_LIBS := net run proto base
server_test_LD := -lssl -lcrypto -lcares -levent_core
