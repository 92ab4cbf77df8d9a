#include "proto/xml.h"

/* ---- escapes ---- */

static const char *escape_of(uint8_t c, bool in_attr)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return in_attr ? "&apos;" : NULL;
	case '\r':
		return "&#13;"; /* bare, a reader makes it a line feed (XML 1.0 2.11) */
	case '\n':
		return in_attr ? "&#10;" : NULL; /* bare, a reader makes it a space (XML 1.0 3.3.3) */
	case '\t':
		return in_attr ? "&#9;" : NULL;
	default:
		return c < 0x20 ? "\xef\xbf\xbd" : NULL;
	}
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '&' && c != '<' && c != '>' && c != '\'';
}

static void put_escaped(struct buf *b, struct bytes in, bool in_attr)
{
	size_t from = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (is_plain(in.p[i]))
			continue;
		const char *escape = escape_of(in.p[i], in_attr);
		if (!escape)
			continue;
		buf_put(b, in.p + from, i - from);
		buf_put_str(b, escape);
		from = i + 1;
	}
	buf_put_bytes(b, bytes_skip(in, from));
}

void xml_write_attr(struct buf *b, const char *name, struct bytes value)
{
	buf_put_u8(b, ' ');
	buf_put_str(b, name);
	buf_put(b, "='", 2);
	put_escaped(b, value, true);
	buf_put_u8(b, '\'');
}

/* ---- elements ---- */

/* Attributes with a namespace of their own: xml: is bound everywhere, others get a prefix here. */
static void put_ns_attr(struct buf *b, const struct xml_attr *a, unsigned number)
{
	if (strcmp(a->ns, XML_NS_XML) == 0) {
		buf_put(b, " xml:", 5);
	} else {
		buf_putf(b, " xmlns:a%u='", number);
		put_escaped(b, bytes_of(a->ns), true);
		buf_putf(b, "' a%u:", number);
	}
	buf_put_str(b, a->name);
	buf_put(b, "='", 2);
	put_escaped(b, a->value, true);
	buf_put_u8(b, '\'');
}

void xml_write_node_attr(struct buf *b, const struct xml_attr *a, unsigned number)
{
	if (*a->ns)
		put_ns_attr(b, a, number);
	else
		xml_write_attr(b, a->name, a->value);
}

static void put_start(struct buf *b, const struct xml_node *n, const char *context_ns)
{
	unsigned number = 0;

	buf_put_u8(b, '<');
	buf_put_str(b, n->name);
	if (n->ns != context_ns && strcmp(n->ns, context_ns) != 0)
		xml_write_attr(b, "xmlns", bytes_of(n->ns));
	for (const struct xml_attr *a = n->attrs; a; a = a->next)
		xml_write_node_attr(b, a, number++);
	if (n->child)
		buf_put_u8(b, '>');
	else
		buf_put(b, "/>", 2);
}

static void put_end(struct buf *b, const struct xml_node *n)
{
	buf_put(b, "</", 2);
	buf_put_str(b, n->name);
	buf_put_u8(b, '>');
}

void xml_write(struct buf *b, const struct xml_node *n, const char *context_ns)
{
	const struct xml_node *at = n;

	/* Down, along and up by the links: depth costs no stack. Every element is written without a
	 * prefix, so its namespace is the default one for its children. */
	while (at && !buf_failed(b)) {
		if (at->name)
			put_start(b, at, at == n ? context_ns : at->parent->ns);
		else
			put_escaped(b, at->text, false);
		if (at->child) {
			at = at->child;
			continue;
		}
		while (at != n && !at->next) {
			at = at->parent;
			put_end(b, at);
		}
		at = at == n ? NULL : at->next;
	}
}

void xml_write_inner(struct buf *b, const struct xml_node *n, const char *context_ns)
{
	for (const struct xml_node *c = n->child; c; c = c->next) {
		if (c->name)
			xml_write(b, c, context_ns);
		else
			put_escaped(b, c->text, false);
	}
}
