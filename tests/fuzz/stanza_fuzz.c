/* Stanzas of a client's or a server's stream, in neutral form: the verbatim form and the one made
 * from the tree are the same tree, and mean the same on a stream of the other kind. */
#include "fuzz_tree.h"
#include "proto/stanza.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char header[] = "<stream:stream xmlns:stream='" NS_STREAM "' xmlns='";

static struct xml_node *parse(struct arena *a, const struct buf *b, const char *ns)
{
	struct xml_node *n = NULL;
	int rc = xml_parse(buf_bytes(b), ns, &fuzz_wide, a, &n);

	if (rc && rc != ERR_XML_ATTRS)
		abort();
	return n;
}

static void check_same_tree(const struct xml_node *a, const struct xml_node *b)
{
	struct buf x, y;

	buf_init(&x, 1 << 22);
	buf_init(&y, 1 << 22);
	xml_write(&x, a, "");
	xml_write(&y, b, "");
	if (!bytes_eq(buf_bytes(&x), buf_bytes(&y)))
		abort();
	buf_fini(&x);
	buf_fini(&y);
}

static void check_same_meaning(const struct stanza *want, struct xml_node *n, const char *ns)
{
	struct stanza s;

	if (stanza_of_node(n, ns, &s) != 0 || s.kind != want->kind || s.type != want->type ||
	    s.facts != want->facts || !bytes_eq(s.id, want->id) || !bytes_eq(s.lang, want->lang) ||
	    !bytes_eq_str(s.from, "a@b/c") || !bytes_eq_str(s.to, "d"))
		abort();
}

static void check(struct arena *a, struct stanza *s)
{
	const char *other = strcmp(s->content_ns, NS_CLIENT) == 0 ? NS_SERVER : NS_CLIENT;
	struct buf verbatim, made;

	buf_init(&verbatim, 1 << 22);
	buf_init(&made, 1 << 22);
	stanza_write(&verbatim, s, BYTES("a@b/c"), BYTES("d"));
	s->is_inner_portable = false;
	stanza_write(&made, s, BYTES("a@b/c"), BYTES("d"));
	for (int i = 0; i < 2; i++) {
		const char *ns = i ? other : s->content_ns;
		struct xml_node *x = parse(a, &verbatim, ns), *y = parse(a, &made, ns);
		if (!x || !y)
			continue;
		check_same_tree(x, y);
		check_same_meaning(s, x, ns);
	}
	buf_fini(&verbatim);
	buf_fini(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const char *ns = data[0] & 1 ? NS_CLIENT : NS_SERVER;
	struct xml_pool *pool = xml_pool_new(1);
	struct xml_event ev = { .kind = XML_EVENT_OPEN };
	struct xml_stream stream;
	struct stanza s;
	struct arena a;

	arena_init(&a, 1 << 24);
	xml_stream_init(&stream, pool, &xml_limits_default);
	int rc = xml_stream_feed(&stream, bytes_of(header));
	if (rc == 0)
		rc = xml_stream_feed(&stream, bytes_of(ns));
	if (rc == 0)
		rc = xml_stream_feed(&stream, BYTES("'>"));
	if (rc == 0)
		rc = xml_stream_feed(&stream, bytes_make(data + 1, size - 1));
	while (rc == 0 && ev.kind != XML_EVENT_NONE) {
		arena_reset(&a);
		rc = xml_stream_next(&stream, &a, &ev);
		if (rc == 0 && ev.kind == XML_EVENT_STANZA && stanza_read(&ev, ns, &s) == 0)
			check(&a, &s);
	}
	xml_stream_fini(&stream);
	xml_pool_free(pool);
	arena_fini(&a);
	return 0;
}
