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
