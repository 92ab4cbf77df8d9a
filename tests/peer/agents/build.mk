# Programs of peer tests that need a library of others: libnice's ICE agents.
TOOLS += gh-nice-agent
nice_CFLAGS := $(shell pkg-config --cflags nice 2>/dev/null)
$(O)/obj/tests/peer/agents/nice_agent.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(nice_CFLAGS))
gh-nice-agent_SRCS := tests/peer/agents/nice_agent.c
gh-nice-agent_LD := -lnice -lgobject-2.0 -lglib-2.0

# And clients of npm, @xmpp/client, Converse.js and JsSIP, which test_fast, test_remote_clients and test_sip_websocket log in with: fetched once.
AGENT_DEPS := tests/peer/agents/node_modules/.package-lock.json
.PHONY: peer-deps
peer-deps: $(AGENT_DEPS)
$(AGENT_DEPS): tests/peer/agents/package-lock.json
	cd tests/peer/agents && npm ci --silent
	@touch $@
