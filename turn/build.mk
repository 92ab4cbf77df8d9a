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
credentials_test_SRCS := turn/credentials_fixture.c turn/credentials.c turn/timed.c turn/oauth.c
credentials_test_LIBS := proto base
credentials_test_LD := -lcrypto
turn_ENGINE := $(turn_PURE) turn/allocation.c turn/server.c turn/server_auth.c turn/reply.c turn/relay.c turn/reservation.c \
	turn/ticket.c turn/connection.c turn/flow.c turn/pending.c turn/request_binding.c turn/request_allocate.c \
	turn/request_refresh.c turn/request_permission.c turn/request_channel.c
UNIT += turn/server_test
server_test_SRCS := turn/server_play.c turn/credentials_fixture.c $(turn_ENGINE)
server_test_LIBS := net run proto base
server_test_LD := -lssl -lcrypto -lcares -levent_core
UNIT += turn/flow_test
flow_test_SRCS := $(server_test_SRCS)
flow_test_LIBS := $(server_test_LIBS)
flow_test_LD := $(server_test_LD)
FUZZ += turn_fuzz
$(O)/obj/tests/fuzz/turn_fuzz.o: CPPFLAGS += -Iturn
turn_fuzz_SRCS := turn/server_play.c turn/credentials_fixture.c $(turn_ENGINE)
turn_fuzz_LIBS := net run proto base
turn_fuzz_LD := -lssl -lcrypto -lcares -levent_core -lcmocka

turn_SOCKETS := turn/endpoint.c turn/batch.c turn/batch_read.c turn/batch_write.c turn/relay_socket.c turn/relay_icmp.c
UNIT += turn/batch_test
batch_test_SRCS := turn/endpoint.c turn/batch.c turn/batch_read.c turn/batch_write.c
batch_test_LIBS := run proto base
batch_test_LD := -levent_core -lcrypto
UNIT += turn/relay_socket_test
relay_socket_test_SRCS := $(turn_SOCKETS)
relay_socket_test_LIBS := run proto base
relay_socket_test_LD := -levent_core -lcrypto

PROGS += gh-turn
gh-turn_SRCS := turn/main.c turn/worker.c turn/doors.c turn/door_udp.c turn/claims.c turn/fast.c turn/conf.c turn/show.c $(turn_SOCKETS) $(turn_ENGINE)
gh-turn_LIBS := net run proto base
gh-turn_LD := -levent_core -lseccomp -lssl -lcrypto -lcares $(proto_LD)
UNIT += turn/turn_conf_test
turn_conf_test_SRCS := turn/conf.c turn/endpoint.c $(turn_PURE)
turn_conf_test_LIBS := net run proto base
turn_conf_test_LD := -lssl -lcrypto -lcares -levent_core $(proto_LD)
