/* Messages of a client and bytes of gh-access through the framing. Of a client nothing comes out of a refused message, and
 * what opens or closes its stream is a header or an end; what goes to it begins with an element. Lines of the input are
 * taken by turns. */
#include <stdlib.h>

#include "base/err.h"
#include "framing.h"

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void from_client(struct framing *f, struct bytes message, struct arena *a, struct buf *out)
{
	const char *why = "";

	buf_clear(out);
	int rc = framing_from_client(f, message, a, out, &why);
	if (rc && rc != ERR_NOMEM && (buf_len(out) || !why[0]))
		abort();
	if (rc == 0 && (buf_len(out) == 0 || *buf_bytes(out).p != '<'))
		abort();
	if (rc == 0 && bytes_eq(buf_bytes(out), message)) { /* a stanza: one element, and nothing behind it */
		struct xml_node *n;
		if (xml_pool_parse(f->xml.pool, message, "", f->xml.limits, a, &n))
			abort();
	}
}

static int from_access(struct framing *f, struct bytes in, struct arena *a, struct buf *out)
{
	int rc = framing_feed(f, in);

	while (!rc && framing_to_client(f, a, out, &rc))
		if (buf_len(out) == 0 || *buf_bytes(out).p != '<')
			abort();
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xml_limits limits = { .header_bytes = 512, .stanza_bytes = 4096, .depth = 8, .attrs = 8, .nodes = 64 };
	struct xml_pool *pool = xml_pool_new(1);
	struct bytes in = bytes_make(data, size);
	struct framing f;
	struct arena a;
	struct buf out;
	int rc = 0;

	arena_init(&a, OUT_MAX);
	buf_init(&out, OUT_MAX);
	framing_init(&f, pool, &limits);
	for (unsigned i = 0; in.n && !rc; i++) {
		struct bytes line = bytes_make(in.p, bytes_find(in, '\n'));
		in = bytes_skip(in, line.n + 1);
		arena_reset(&a);
		if (i % 2)
			rc = from_access(&f, line, &a, &out);
		else
			from_client(&f, line, &a, &out);
	}
	framing_fini(&f);
	buf_fini(&out);
	arena_fini(&a);
	xml_pool_free(pool);
	return 0;
}
