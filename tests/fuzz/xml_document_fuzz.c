/* A document in pieces of any size tells the same as in one piece, and what it tells is well-formed and within its limits. */
#include "fuzz_tree.h"

#include "base/err.h"
#include "proto/xml_document.h"

enum { INPUT_MAX = 16 << 10, OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct xml_limits limits = { .stanza_bytes = 4096, .depth = 8, .attrs = 8, .nodes = 50, .has_comments = true };

static int holds(int parent, const struct xml_node *n)
{
	return n->name[0] == 'x' ? ERR_XML_NAMESPACE : parent == 0 || n->name[0] == 'h' ? parent + 1 : 0;
}

/* Fatal errors are told as one: where a text is cut, another may be seen first. */
static void read_in(struct bytes in, size_t piece, struct buf *out)
{
	struct xml_document *d = xml_document_new(&limits, holds);
	struct xml_document_event ev = { .kind = XML_DOCUMENT_NONE };
	unsigned depth = 0;
	int rc = 0;

	while (d && !rc && ev.kind != XML_DOCUMENT_END) {
		struct bytes part = bytes_make(in.p, in.n < piece ? in.n : piece);
		in = bytes_skip(in, part.n);
		rc = xml_document_feed(d, part, in.n == 0);
		while (!rc && (rc = xml_document_next(d, &ev)) == 0 && ev.kind != XML_DOCUMENT_NONE && ev.kind != XML_DOCUMENT_END) {
			depth += ev.kind == XML_DOCUMENT_OPEN;
			if (depth == 0 || depth > XML_DOCUMENT_DEPTH_MAX || (ev.kind == XML_DOCUMENT_ITEM && ev.holds < 1))
				abort();
			depth -= ev.kind == XML_DOCUMENT_CLOSE;
			buf_putf(out, "%d %d ", (int)ev.kind, ev.holds);
			if (ev.node)
				xml_write(out, ev.node, "");
			if (ev.kind == XML_DOCUMENT_ITEM)
				fuzz_check_rewrite(ev.node, "");
		}
	}
	if (d && !rc && (depth || xml_document_feed(d, BYTES_NONE, true) != ERR_BAD_STATE))
		abort();
	buf_putf(out, "%d", rc != 0);
	xml_document_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;
	struct bytes in = { data, size };

	if (size < 1 || size > INPUT_MAX)
		return 0;
	in = bytes_skip(in, 1);
	buf_init(&whole, OUT_MAX);
	buf_init(&cut, OUT_MAX);
	read_in(in, INPUT_MAX, &whole);
	read_in(in, 1 + data[0], &cut);
	/* An unfinished tag in pieces is known to be too long before the whole would be: only what both have read is compared. */
	bool is_dead = buf_bytes(&whole).p[buf_len(&whole) - 1] == '1' || buf_bytes(&cut).p[buf_len(&cut) - 1] == '1';
	if (!is_dead && !bytes_eq(buf_bytes(&whole), buf_bytes(&cut)))
		abort();
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
