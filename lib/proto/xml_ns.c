/* Prefixes and what they stand for, in the scope of each element (Namespaces in XML 1.0). */
#include "proto/xml_parser.h"

#define NS_XMLNS "http://www.w3.org/2000/xmlns/"

void xml_ns_bind(struct xml_parser *p, uint16_t depth, const char *prefix, const char *uri)
{
	struct xml_binding *b = &p->bindings[p->n_bindings++];

	b->prefix = prefix;
	b->prefix_n = (uint16_t)strlen(prefix);
	b->uri = uri;
	b->depth = depth;
}

const char *xml_ns_resolve(struct xml_parser *p, const char *prefix, size_t n)
{
	if (n == 3 && memcmp(prefix, "xml", 3) == 0)
		return XML_NS_XML;
	for (size_t i = p->n_bindings; i-- > 0;) {
		const struct xml_binding *b = &p->bindings[i];
		if (b->prefix_n != n || memcmp(b->prefix, prefix, n) != 0)
			continue;
		if (n && b->depth <= 1 && p->open > 1)
			p->is_portable = false;
		/* The tree may outlive the stream that owns an odd header. */
		if (b->depth == 0 && p->stream->odd_header)
			return arena_strdup(p->arena, bytes_of(b->uri));
		return b->uri;
	}
	return n ? NULL : "";
}

/* Is what stands behind a colon a name in itself (Namespaces in XML 4)? Expat has checked the
 * characters, but not that it may begin so: "p:0" is a name, "0" is none. */
static bool is_ncname(const char *s)
{
	uint8_t c = (uint8_t)s[0];

	if (strchr(s, ':'))
		return false;
	if (c < 0x80)
		return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	/* Rare: ask Expat itself, whose tables we do not repeat. */
	XML_Parser x = XML_ParserCreate("UTF-8");
	bool ok = x && XML_Parse(x, "<", 1, 0) == XML_STATUS_OK &&
	          XML_Parse(x, s, (int)strlen(s), 0) == XML_STATUS_OK &&
	          XML_Parse(x, "/>", 2, 1) == XML_STATUS_OK;
	XML_ParserFree(x);
	return ok;
}

/* Namespaces in XML 1.0, section 3 and 6: what may be bound to what. */
static bool may_bind(const char *prefix, const char *uri)
{
	if (strcmp(prefix, "xml") == 0)
		return strcmp(uri, XML_NS_XML) == 0;
	if (strcmp(prefix, "xmlns") == 0 || (*prefix && (!*uri || !is_ncname(prefix))))
		return false;
	return strcmp(uri, XML_NS_XML) != 0 && strcmp(uri, NS_XMLNS) != 0;
}

void xml_ns_declare(struct xml_parser *p, const char *prefix, const char *uri)
{
	const char *content_ns = p->stream->content_ns;

	if (!may_bind(prefix, uri)) {
		xml_build_fail(p, ERR_XML_SYNTAX);
		return;
	}
	if (p->n_bindings == XML_BINDINGS_MAX) {
		xml_build_fail(p, ERR_XML_ATTRS);
		return;
	}
	uri = arena_strdup(p->arena, bytes_of(uri));
	if (!uri) {
		xml_build_fail(p, ERR_NOMEM);
		return;
	}
	if (p->open > 0) {
		bool is_content = strcmp(uri, content_ns) == 0;
		if (p->open > 1 ? is_content : !*prefix && !is_content)
			p->is_portable = false;
	}
	/* The prefix stands in Expat's table of attribute names, which lives as long as the scope. */
	xml_ns_bind(p, (uint16_t)p->open, prefix, uri);
}

void xml_ns_pop(struct xml_parser *p)
{
	while (p->n_bindings > p->n_header_bindings &&
	       p->bindings[p->n_bindings - 1].depth == (uint16_t)p->open)
		p->n_bindings--;
}

bool xml_name_split(const char *qname, struct xml_name *out)
{
	const char *colon = strchr(qname, ':');

	out->local = colon ? colon + 1 : qname;
	out->prefix_n = colon ? (size_t)(colon - qname) : 0;
	out->local_n = strlen(out->local);
	return !colon || (out->prefix_n && is_ncname(out->local));
}
