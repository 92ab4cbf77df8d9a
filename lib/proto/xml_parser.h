/* proto/xml_parser.h - one lent Expat parser and what it is in the middle of. Private to proto/xml_*.c.
 *
 * Expat runs without its own namespace support: prefixes are resolved here, from a small stack of
 * bindings, because the bytes can only be forwarded verbatim when we know which declaration each
 * prefix came from, and because it saves Expat's copying of names.
 *
 * Bytes wait in `in` and are given to Expat only up to the last '>': nothing else completes a tag,
 * so a tag that drips in is not scanned anew for each drop, and between stanzas Expat holds nothing.
 *
 * All positions are Expat's byte indices since its last start; `base` is the one of in's first byte. */
#ifndef PROTO_XML_PARSER_H
#define PROTO_XML_PARSER_H

#include <expat.h>

#include "base/err.h"
#include "proto/xml.h"
#include "proto/xmpp.h"

/* Namespace declarations in force at one place. */
enum { XML_BINDINGS_MAX = 256 };

enum xml_phase {
	XML_PHASE_HEADER, /* wants a stream header */
	XML_PHASE_INSIDE,
	XML_PHASE_CLOSED, /* the end tag was read; what follows is dropped */
	XML_PHASE_DEAD,
};

/* struct xml_stream.bindings: what the header bound besides the default namespace. */
enum xml_header_binding { XML_BINDS_STREAM = 1, XML_BINDS_DB = 2 };

struct xml_binding {
	const char *prefix; /* "" for the default namespace */
	const char *uri;
	uint16_t prefix_n;
	uint16_t depth; /* 0: the stream header */
};

struct xml_parser {
	struct xml_parser *next; /* idle in the pool */
	XML_Parser expat;        /* NULL: none made yet */
	unsigned long salt;
	bool is_primed;    /* stands just inside <stream:stream>, with nothing fed after it */
	bool is_suspended; /* stopped behind an event with bytes still in it */
	bool is_building;  /* false: only looks for the end of the stanza, the tree comes in a second pass */
	bool is_portable;
	bool has_close;
	enum xml_event_kind event;
	int err;
	int16_t open; /* elements open, the stream included */
	uint16_t nodes;
	uint16_t n_bindings, n_header_bindings;
	uint64_t base, fed;
	uint64_t start, inner_start, inner_end, end; /* of the stanza at hand */
	uint64_t rescanned; /* bytes that Expat looked at again for this stanza */
	uint64_t largest;   /* stanza since the last fresh start */
	struct buf in, text;
	struct arena *arena; /* the caller's, during xml_stream_next */
	struct xml_stream *stream;
	struct xml_node *root, *at;
	struct xml_binding bindings[XML_BINDINGS_MAX];
};

/* Lends a parser that expects what the stream's phase says. NULL without memory. */
struct xml_parser *xml_pool_lend(struct xml_pool *pool, struct xml_stream *s);
/* is_clean: it stands behind a complete stanza with nothing left over. */
void xml_pool_return(struct xml_pool *pool, struct xml_parser *p, bool is_clean);
/* Starts Expat anew, for the phase of the stream; keeps the bytes in `in`, as not fed. ERR_NOMEM. */
int xml_parser_renew(struct xml_parser *p);

/* Sets the handlers (after each XML_ParserReset). */
void xml_build_attach(struct xml_parser *p);
/* Sets those that refuse what RFC 6120 11 does not have, and the user data. */
void xml_build_restrict(struct xml_parser *p);
/* For handlers: an element begins, ends (p->open counts it no more), has this text. The tree grows at p->at, its memory is p->arena. */
void xml_build_element(struct xml_parser *p, const char *qname, const XML_Char **atts);
void xml_build_end(struct xml_parser *p);
void xml_build_text(struct xml_parser *p, const char *s, int n);
bool xml_is_space(const char *s, int n);
/* For handlers: keeps the first error and stops Expat. */
void xml_build_fail(struct xml_parser *p, int err);

/* What Expat stopped for, as ERR_XML_* (xml_stream.c). */
int xml_parser_error(const struct xml_parser *p);

/* ---- xml_ns.c ---- */
struct xml_name {
	const char *local;
	size_t local_n, prefix_n;
};
/* Splits at the colon. False: a colon that Namespaces in XML does not allow. */
bool xml_name_split(const char *qname, struct xml_name *out);
/* Namespace of a prefix (n 0: the default namespace); NULL when it is not bound. */
const char *xml_ns_resolve(struct xml_parser *p, const char *prefix, size_t n);
/* A declaration of the element being opened; a forbidden one is an error of the stream. */
void xml_ns_declare(struct xml_parser *p, const char *prefix, const char *uri);
/* The same without looking; depth 0: of the stream header. The texts stay the caller's. */
void xml_ns_bind(struct xml_parser *p, uint16_t depth, const char *prefix, const char *uri);
/* Forgets those of the element being closed. */
void xml_ns_pop(struct xml_parser *p);

/* ---- xml_header.c ---- */
/* The header has come: what it bound holds for the whole stream. */
void xml_header_open(struct xml_parser *p, const char *qname);
/* Fills the bindings of the stream header. */
void xml_header_bind(struct xml_parser *p);

#endif
