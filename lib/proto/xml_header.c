/* The stream header and the bindings it leaves behind: the usual ones as two bits, so that parsers can
 * be shared; any others as a copy of their own. */
#include "proto/xml_parser.h"

#include <stdlib.h>

/* An odd header is kept as strings one after the other: the root's name, then prefix and namespace
 * of each binding (the default one with prefix "" first); an end mark "\xff". */
static void bind_odd(struct xml_parser *p, const char *at)
{
	at += strlen(at) + 1;
	while ((uint8_t)*at != 0xff && p->n_bindings < XML_BINDINGS_MAX) {
		const char *uri = at + strlen(at) + 1;
		xml_ns_bind(p, 0, at, uri);
		at = uri + strlen(uri) + 1;
	}
}

void xml_header_bind(struct xml_parser *p)
{
	const struct xml_stream *s = p->stream;

	p->n_bindings = 0;
	if (s->phase == XML_PHASE_INSIDE) {
		if (s->odd_header)
			bind_odd(p, s->odd_header);
		else
			xml_ns_bind(p, 0, "", s->content_ns);
		if (s->bindings & XML_BINDS_STREAM)
			xml_ns_bind(p, 0, "stream", NS_STREAM);
		if (s->bindings & XML_BINDS_DB)
			xml_ns_bind(p, 0, "db", NS_DIALBACK);
	}
	p->n_header_bindings = p->n_bindings;
}

/* Only the usual bindings (then parsers can be shared)? */
static bool is_usual(const struct xml_parser *p, const char *qname, const char **content_ns,
                     uint8_t *flags)
{
	if (strcmp(qname, "stream:stream") != 0)
		return false;
	for (size_t i = 0; i < p->n_bindings; i++) {
		const struct xml_binding *b = &p->bindings[i];
		if (!*b->prefix && strcmp(b->uri, NS_CLIENT) == 0)
			*content_ns = NS_CLIENT;
		else if (!*b->prefix && strcmp(b->uri, NS_SERVER) == 0)
			*content_ns = NS_SERVER;
		else if (strcmp(b->prefix, "stream") == 0 && strcmp(b->uri, NS_STREAM) == 0)
			*flags |= XML_BINDS_STREAM;
		else if (strcmp(b->prefix, "db") == 0 && strcmp(b->uri, NS_DIALBACK) == 0)
			*flags |= XML_BINDS_DB;
		else if (strcmp(b->prefix, "xml") != 0)
			return false;
	}
	return **content_ns && (*flags & XML_BINDS_STREAM);
}

/* Remembers an odd header in the form that bind_odd reads. */
static int keep_odd(struct xml_parser *p, const char *qname)
{
	struct xml_stream *s = p->stream;
	struct buf b;
	int rc = ERR_NOMEM;

	buf_init(&b, 2 * s->limits->header_bytes + 64);
	buf_put(&b, qname, strlen(qname) + 1);
	for (size_t i = 0; i < p->n_bindings; i++) {
		buf_put(&b, p->bindings[i].prefix, strlen(p->bindings[i].prefix) + 1);
		buf_put(&b, p->bindings[i].uri, strlen(p->bindings[i].uri) + 1);
	}
	buf_put_u8(&b, 0xff);
	if (!buf_failed(&b) && (s->odd_header = malloc(buf_len(&b))) != NULL) {
		memcpy(s->odd_header, buf_bytes(&b).p, buf_len(&b));
		s->odd_bytes = (uint16_t)buf_len(&b);
		rc = 0;
	}
	buf_fini(&b);
	return rc;
}

/* The default namespace inside an odd header's strings. */
static const char *odd_content_ns(const char *at)
{
	at += strlen(at) + 1;
	while ((uint8_t)*at != 0xff) {
		const char *uri = at + strlen(at) + 1;
		if (!*at)
			return uri;
		at = uri + strlen(uri) + 1;
	}
	return "";
}

void xml_header_open(struct xml_parser *p, const char *qname)
{
	struct xml_stream *s = p->stream;
	const char *content_ns = "";
	uint8_t flags = 0;

	if (is_usual(p, qname, &content_ns, &flags)) {
		s->content_ns = content_ns;
		s->bindings = flags;
	} else {
		int rc = keep_odd(p, qname);
		if (rc) {
			xml_build_fail(p, rc);
			return;
		}
		s->content_ns = odd_content_ns(s->odd_header);
		s->bindings = 0;
	}
	s->phase = XML_PHASE_INSIDE;
	xml_header_bind(p);
}
