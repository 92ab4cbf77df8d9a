/* What a client says first, in clear or inside TLS (upper bit of the first byte), in pieces (its other bits). TLS is wanted only
 * behind a header and with nothing after it; inside TLS a header is answered by nobody here; a stream that failed or ended says
 * nothing more; an answer never grows with what was said. */
#include <stdlib.h>

#include "base/err.h"
#include "greeting.h"

enum { ANSWER_MAX = 16 << 10, ARENA_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_host(void *arg, const char *domain)
{
	(void)arg;
	return strcmp(domain, "a.example") == 0;
}

static void check(struct greeting *s, enum greeting_what what, struct buf *out)
{
	size_t n = buf_len(out);

	if (n > ANSWER_MAX || buf_failed(out))
		abort();
	if (what == GREETING_TLS) {
		if (s->is_secure || !s->is_greeted || strcmp(s->domain, "a.example") != 0)
			abort();
		greeting_proceed(s, out);
		n = buf_len(out);
	}
	if (what == GREETING_STREAM && (!s->is_secure || s->is_greeted || n || strcmp(s->domain, "a.example") != 0))
		abort();
	bool is_open = what == GREETING_MORE || what == GREETING_STREAM;
	if (is_open == s->is_over)
		abort();
	greeting_fail(s, out, STREAM_RESET, "");
	if ((buf_len(out) == n) == is_open)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum greeting_what what = GREETING_MORE;
	struct greeting s;
	struct arena a;
	struct buf out;

	if (size == 0)
		return 0;
	struct xml_pool *pool = xml_pool_new(1);
	struct bytes in = bytes_make(data + 1, size - 1);
	size_t step = data[0] & 0x7f ? data[0] & 0x7f : size;
	arena_init(&a, ARENA_MAX);
	buf_init(&out, 4 * ANSWER_MAX);
	greeting_init(&s, pool, is_host, NULL, data[0] & 0x80);
	while (in.n && what == GREETING_MORE) {
		struct bytes piece = bytes_make(in.p, in.n < step ? in.n : step);
		in = bytes_skip(in, piece.n);
		what = greeting_feed(&s, piece, &a, &out);
	}
	check(&s, what, &out);
	greeting_fini(&s);
	buf_fini(&out);
	arena_fini(&a);
	xml_pool_free(pool);
	return 0;
}
