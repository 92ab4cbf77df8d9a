/* Bodies of a client and bytes of gh-access through one session of BOSH, and time in between. Each request is answered at most once, a
 * refused body leaves no trace, a session that is over has nobody waiting, and time always moves on. Lines of the input: the first letter says
 * who speaks: 'c' the client, 'a' gh-access, 'l' its oldest connection is lost, 'k' gh-access takes no more, 'u' it does again, 't' ten seconds. */
#include <stdlib.h>

#include "base/err.h"
#include "bosh.h"

enum { OUT_MAX = 1 << 20, REQUESTS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct bosh b;
	struct arena arena;
	struct xml_pool *pool;
	bool is_waiting[REQUESTS_MAX];
	unsigned n;
	uint64_t now_ms;
};

static void on_answer(void *arg, void *request, struct bytes body)
{
	struct world *w = arg;
	bool *waiting = request;

	(void)w;
	if (!*waiting || body.n == 0 || *body.p != '<')
		abort();
	*waiting = false;
}

static void on_say(void *arg, struct bytes b)
{
	(void)arg;
	if (b.n == 0 || *b.p != '<')
		abort();
}

static const struct bosh_owner owner = { .answer = on_answer, .say = on_say };
static const struct xml_limits limits = { .header_bytes = 512, .stanza_bytes = 4096, .depth = 8, .attrs = 16, .nodes = 64 };
static const char sid[] = "0123456789abcdef0123456789abcdef01234567";

static void from_client(struct world *w, struct bytes in)
{
	struct bosh_body body;
	const char *why = "";

	arena_reset(&w->arena);
	if (!bosh_body_read(in, w->pool, &limits, &w->arena, &body, &why)) {
		if (!why[0])
			abort();
		return;
	}
	if (w->n == REQUESTS_MAX)
		return;
	w->is_waiting[w->n] = true;
	bosh_request(&w->b, &body, in, &w->is_waiting[w->n++], &w->arena, w->now_ms);
}

static void lose(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->is_waiting[i]) {
			w->is_waiting[i] = false;
			bosh_lost(&w->b, &w->is_waiting[i], w->now_ms);
			return;
		}
}

static void pass(struct world *w)
{
	w->now_ms += 10000;
	bosh_timer(&w->b, &w->arena, w->now_ms);
	if (!w->b.is_over && bosh_next_ms(&w->b) <= w->now_ms)
		abort();
}

static void take(struct world *w, struct bytes line)
{
	struct bytes rest = bytes_skip(line, line.n ? 1 : 0);

	switch (line.n ? *line.p : 0) {
	case 'c':
		from_client(w, rest);
		break;
	case 'a':
		bosh_from_access(&w->b, rest, &w->arena, w->now_ms);
		break;
	case 'l':
		lose(w);
		break;
	case 'k':
	case 'u':
		bosh_choke(&w->b, *line.p == 'k', &w->arena, w->now_ms);
		break;
	case 't':
		pass(w);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bosh_body first = { .rid = 10, .hold = 1, .wait_s = 30, .to = { (const uint8_t *)"a.example", 9 } };
	struct bytes in = bytes_make(data, size);
	struct world w = { .pool = xml_pool_new(1), .n = 1, .is_waiting = { true } };

	arena_init(&w.arena, OUT_MAX);
	if (bosh_open(&w.b, &owner, &w, w.pool, &limits, &limits, sid, &first, &w.is_waiting[0], w.now_ms))
		abort();
	while (in.n && !w.b.is_over) {
		struct bytes line = bytes_make(in.p, bytes_find(in, '\n'));
		in = bytes_skip(in, line.n + 1);
		take(&w, line);
	}
	for (unsigned i = 0; w.b.is_over && i < w.n; i++)
		if (w.is_waiting[i])
			abort();
	bosh_fini(&w.b);
	arena_fini(&w.arena);
	xml_pool_free(w.pool);
	return 0;
}
