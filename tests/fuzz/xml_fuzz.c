/* A stream in one piece and in chunks (the first byte says how large): the same events come out,
 * memory stays in proportion, and each stanza written reads as itself. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_tree.h"
#include "proto/xmpp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 3000, HELD_BASE_BYTES = 48 * 1024 };

static void log_event(struct buf *log, const struct xml_event *ev)
{
	if (ev->kind == XML_EVENT_NONE)
		return;
	buf_putf(log, "\n%d ", ev->kind);
	if (ev->kind != XML_EVENT_STANZA)
		return;
	fuzz_check_rewrite(ev->node, ev->content_ns);
	xml_write(log, ev->node, "");
	buf_putf(log, "\n%d ", ev->is_inner_portable);
	buf_put_bytes(log, ev->inner);
}

static int drain(struct xml_stream *s, struct arena *a, struct buf *log)
{
	struct xml_event ev;
	int rc;

	do {
		arena_reset(a);
		rc = xml_stream_next(s, a, &ev);
		log_event(log, &ev);
	} while (rc == 0 && ev.kind != XML_EVENT_NONE);
	return rc;
}

/* True when the stream lived to the end. */
static bool read_all(struct xml_pool *pool, struct bytes in, size_t chunk, struct buf *log)
{
	struct xml_stream s;
	struct arena a;
	size_t n = in.n;
	int rc = 0;

	arena_init(&a, 1 << 20);
	xml_stream_init(&s, pool, &xml_limits_default);
	while (in.n && rc == 0) {
		rc = xml_stream_feed(&s, bytes_make(in.p, chunk < in.n ? chunk : in.n));
		if (rc == 0)
			rc = drain(&s, &a, log);
		if (xml_stream_held(&s) > HELD_BASE_BYTES + 16 * n)
			abort();
		in = bytes_skip(in, chunk);
	}
	xml_stream_fini(&s);
	if (xml_stream_held(&s) != 0)
		abort();
	arena_fini(&a);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > INPUT_MAX_BYTES)
		return 0;
	struct bytes in = { data + 1, size - 1 };
	struct xml_pool *pool = xml_pool_new(2);
	struct buf whole, pieces;
	buf_init(&whole, 1 << 24);
	buf_init(&pieces, 1 << 24);
	bool a = read_all(pool, in, in.n, &whole);
	bool b = read_all(pool, in, 1 + data[0] % 64, &pieces);
	/* An unbound prefix in a stanza that never ends is seen in the whole only: pieces may live on. */
	if ((a && !b) || !bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)))
		abort();
	buf_fini(&whole);
	buf_fini(&pieces);
	xml_pool_free(pool);
	return 0;
}
