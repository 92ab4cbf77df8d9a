/* The stream engine of gh-access, with a core that answers yes, no or not at all. The input's first
 * byte chooses rules and transport; then pieces follow: one byte that says what happens (what the
 * core or the clock does, or how many bytes the client sends next), and those bytes. */
#include <assert.h>
#include <stdlib.h>

#include "stream.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stage {
	struct stream_rules rules;
	struct stream s;
	struct buf sent, scratch;
	struct arena arena;
	struct stream_out out;
	bool is_closed;
};

static bool hosts(void *arg, struct bytes domain)
{
	(void)arg;
	return bytes_eq_str(domain, "a.example");
}

/* What must hold whatever comes in. */
static void check(struct stage *g)
{
	assert(g->out.n_actions <= STREAM_ACTIONS_MAX);
	for (unsigned i = 0; i < g->out.n_actions; i++) {
		enum stream_act act = g->out.actions[i].act;
		assert(act < STREAM_ACT_COUNT);
		assert(!g->is_closed); /* nothing is done after the end */
		if (act == ACT_STANZA) { /* only in a session, and only as oneself */
			assert(g->s.state == S_SESSION && g->s.jid);
			assert(bytes_eq_str(g->out.envelope.from, "u@a.example/r"));
		}
		if (act == ACT_AUTH_START && g->rules.is_tls_required)
			assert(g->s.is_tls); /* lesson 3 */
		if (act == ACT_CLOSE)
			g->is_closed = true;
	}
	if (!g->s.jid && !g->is_closed)
		assert(xml_stream_held(&g->s.xml) <= 256 << 10);
	buf_clear(&g->sent);
}

static void read_all(struct stage *g)
{
	check(g);
	while (stream_next(&g->s, &g->out))
		check(g);
	check(g);
}

static void event(struct stage *g, uint8_t what)
{
	static const struct stream_input inputs[] = {
		{ .event = E_SECURED, .has_exporter = true, .has_end_point = true },
		{ .event = E_CHALLENGE, .data = { (const uint8_t *)"r=1", 3 } },
		{ .event = E_AUTH_OK, .text = { (const uint8_t *)"u@a.example", 11 }, .token = { (const uint8_t *)"t&", 2 } },
		{ .event = E_AUTH_FAILED, .condition = { (const uint8_t *)"not-authorized", 14 } },
		{ .event = E_OPENED, .text = { (const uint8_t *)"u@a.example/r", 13 }, .data = { (const uint8_t *)"id", 2 } },
		{ .event = E_REFUSED, .condition = { (const uint8_t *)"conflict", 8 } },
		{ .event = E_RESUMED, .text = { (const uint8_t *)"u@a.example/r", 13 }, .number = 3 },
		{ .event = E_RESUME_FAILED, .condition = { (const uint8_t *)"item-not-found", 14 } },
		{ .event = E_SM_ENABLED, .data = { (const uint8_t *)"id", 2 }, .number = 60 },
		{ .event = E_SM_ANSWER, .number = 7 },
		{ .event = E_CORE_GONE },
		{ .event = E_SILENT },
		{ .event = E_TIMEOUT },
		{ .event = E_KILL, .error = STREAM_CONFLICT },
	};

	stream_event(&g->s, &inputs[what % (sizeof inputs / sizeof inputs[0])], &g->out);
	read_all(g);
}

/* A core that says yes, so that the fuzzer gets far. */
static void help(struct stage *g)
{
	switch ((enum stream_state)g->s.state) {
	case S_TLS:
		event(g, 0);
		break;
	case S_AUTH_ASKED:
		event(g, 2);
		break;
	case S_BIND_ASKED:
	case S_BIND2_ASKED:
		event(g, 4);
		break;
	case S_RESUME_ASKED:
	case S_RESUME2_ASKED:
		event(g, 6);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xml_pool *pool;
	struct stage g = { .rules = { .auth_tries = 3, .limits = xml_limits_default, .is_hosted = hosts } };
	struct bytes in = { data, size };

	if (!pool)
		pool = xml_pool_new(4);
	if (!size)
		return 0;
	uint8_t flags = in.p[0];
	in = bytes_skip(in, 1);
	g.rules.is_tls_required = flags & 1;
	g.rules.offers_plain = flags & 2;
	g.rules.offers_fast = flags & 16;
	buf_init(&g.sent, 1 << 20);
	buf_init(&g.scratch, 1 << 20);
	arena_init(&g.arena, 4 << 20);
	g.out = (struct stream_out){ .send = &g.sent, .scratch = &g.scratch, .arena = &g.arena };
	if (stream_init(&g.s, &g.rules, pool, flags & 4))
		abort();
	while (in.n) {
		uint8_t what = in.p[0];
		in = bytes_skip(in, 1);
		if (what < 32) {
			event(&g, what);
			continue;
		}
		size_t n = what == 255 ? in.n : (size_t)(what - 31) < in.n ? (size_t)(what - 31) : in.n;
		stream_feed(&g.s, (struct bytes){ in.p, n }, &g.out);
		read_all(&g);
		if (flags & 8)
			help(&g);
		in = bytes_skip(in, n);
	}
	stream_fini(&g.s);
	arena_fini(&g.arena);
	buf_fini(&g.sent);
	buf_fini(&g.scratch);
	return 0;
}
