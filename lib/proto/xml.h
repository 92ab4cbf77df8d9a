/* proto/xml.h - XML as XMPP uses it: a stream of stanzas, each small, each a tree that lives in an
 * arena until it is dealt with. Only xml_parser.h includes Expat; it is private to xml_*.c.
 *
 * RFC 6120 11: no DTD, no entities but the five, no processing instructions, UTF-8 only, and no
 * comments but where a document of another standard is read (xml_limits.has_comments). All of these end the stream (restricted-xml, unsupported-encoding). Depth, attributes,
 * elements and bytes are limited.
 *
 * An idle stream holds no parser: parsers live in a pool, stand just inside a canonical stream
 * header, and are lent to a stream from its first byte of a stanza to its last. A parser is reset
 * after a bounded amount of input, because Expat remembers every name it ever saw. */
#ifndef PROTO_XML_H
#define PROTO_XML_H

#include "base/arena.h"
#include "base/buf.h"

struct xml_attr {
	const char *name; /* local name */
	const char *ns;   /* "" for none; XML_NS_XML for xml:lang */
	struct bytes value;
	struct xml_attr *next;
};

/* An element, or a piece of text between elements (name is NULL and text is set). */
struct xml_node {
	const char *name;
	const char *ns;
	struct bytes text;
	struct xml_attr *attrs;
	struct xml_node *child, *last_child, *next, *parent;
};

#define XML_NS_XML "http://www.w3.org/XML/1998/namespace"

/* ---- reading a stream ---- */

struct xml_limits {
	uint32_t header_bytes; /* the stream header */
	uint32_t stanza_bytes; /* one child of the stream, from '<' to '>' */
	uint16_t depth;        /* the stanza itself is depth 1 */
	uint16_t attrs;        /* of one element, namespace declarations counted */
	uint16_t nodes;        /* elements in a stanza */
	bool has_comments;     /* comments are read over, as in any XML but that of XMPP */
};
extern const struct xml_limits xml_limits_default; /* 4096, 262144, 32, 32, 4000 */

enum xml_event_kind {
	XML_EVENT_NONE,   /* all input is read; more bytes needed */
	XML_EVENT_OPEN,   /* the stream header: node without children */
	XML_EVENT_STANZA, /* a complete child of the stream */
	XML_EVENT_CLOSE,  /* the stream's end tag */
	XML_EVENT_COUNT
};

struct xml_event {
	enum xml_event_kind kind;
	struct xml_node *node;  /* in the arena given to xml_stream_next */
	const char *content_ns; /* OPEN: the default namespace that the header declares */
	/* STANZA: the bytes between its start tag and its end tag as they came in; valid until the
	 * next call on the stream. is_inner_portable: they mean the same inside any element of
	 * another stream whose default namespace is a content namespace (jabber:client,
	 * jabber:server): no prefix from the stream header is used and no element inside declares
	 * the stream's content namespace. */
	struct bytes inner;
	bool is_inner_portable;
};

struct xml_pool;
/* Parsers shared by the streams of one program. max_idle: how many it keeps unlent. */
struct xml_pool *xml_pool_new(size_t max_idle);
/* Frees the idle parsers: after a flood they lie scattered and hold pages. */
void xml_pool_trim(struct xml_pool *p);
void xml_pool_free(struct xml_pool *p); /* after all its streams; NULL is fine */

struct xml_parser;
/* Reading state of one stream; the caller embeds it. Small while idle. */
struct xml_stream {
	struct xml_pool *pool;
	const struct xml_limits *limits;
	struct xml_parser *parser; /* NULL while idle */
	/* How the header named the root and bound prefixes, when not in the usual way (stream:,
	 * db: or none, and a content namespace as default); shared with nobody. */
	char *odd_header;
	const char *content_ns; /* constant, or in odd_header: then valid until restart or fini */
	uint16_t odd_bytes;
	uint8_t phase, bindings; /* see xml_parser.h */
};

/* limits must outlive the stream. */
void xml_stream_init(struct xml_stream *s, struct xml_pool *pool, const struct xml_limits *limits);
void xml_stream_fini(struct xml_stream *s);
/* Forgets everything read and not yet taken (bytes pipelined before STARTTLS, RFC 6120 5.4.3.3)
 * and expects a new stream header. */
void xml_stream_restart(struct xml_stream *s);
/* Gives bytes. They are kept until taken by xml_stream_next, which should be called until it gives
 * XML_EVENT_NONE before the next feed. ERR_NOMEM, ERR_XML_SIZE (a whole stanza's bytes wait
 * already); ERR_BAD_STATE on a dead stream. Bytes behind the stream's end are dropped. */
int xml_stream_feed(struct xml_stream *s, struct bytes in);
/* Next event. 0 with ev filled, or ERR_XML_* or ERR_LIMIT (the stream is dead: send the error,
 * close). The tree goes to `a`; ERR_NOMEM when it does not fit. The caller may reset `a` between
 * any two calls, and one arena may serve many streams: nothing is kept in it from call to call. */
int xml_stream_next(struct xml_stream *s, struct arena *a, struct xml_event *ev);
/* After an event was dealt with: was more than white space fed behind it? */
bool xml_stream_has_rest(struct xml_stream *s);
/* Bytes of memory that this stream holds now beyond the struct (for limits and tests). */
size_t xml_stream_held(const struct xml_stream *s);

/* Parses one complete element on its own (files, database, envelope bytes). default_ns applies
 * where the text declares none; "" for none; it is not copied. White space around it is fine,
 * and so are comments where the limits have them. ERR_XML_*, ERR_NOMEM. */
int xml_parse(struct bytes in, const char *default_ns, const struct xml_limits *limits,
              struct arena *a, struct xml_node **out);

/* The same with a parser of the pool, for programs that do it often. */
int xml_pool_parse(struct xml_pool *pool, struct bytes in, const char *default_ns,
                   const struct xml_limits *limits, struct arena *a, struct xml_node **out);

/* ---- looking at a tree (NULL nodes are fine everywhere: the answer is "nothing") ---- */

bool xml_is(const struct xml_node *n, const char *name, const char *ns);
/* First child element with this name and namespace; either may be NULL for "any". */
struct xml_node *xml_child(const struct xml_node *n, const char *name, const char *ns);
/* Next sibling that is an element (first child element: xml_first). */
struct xml_node *xml_first(const struct xml_node *n);
struct xml_node *xml_next(const struct xml_node *n);
/* Value of an attribute without namespace; {NULL,0} when absent (present but empty: p not NULL). */
struct bytes xml_attr(const struct xml_node *n, const char *name);
struct bytes xml_attr_ns(const struct xml_node *n, const char *name, const char *ns);
/* Text directly inside, when it is one piece (which it is unless elements stand between). */
struct bytes xml_text(const struct xml_node *n);

/* ---- making a tree: all in the arena; names and namespaces are not copied, values are.
 * Functions give NULL when the arena is full, and take NULL, so that a builder checks once. ---- */

struct xml_node *xml_new(struct arena *a, const char *name, const char *ns);
struct xml_node *xml_add(struct arena *a, struct xml_node *parent, const char *name, const char *ns);
void xml_add_node(struct xml_node *parent, struct xml_node *child);
int xml_add_text(struct arena *a, struct xml_node *n, struct bytes text);
int xml_set_attr(struct arena *a, struct xml_node *n, const char *name, struct bytes value);
void xml_del_attr(struct xml_node *n, const char *name);
/* Takes it out of its parent. */
void xml_del_node(struct xml_node *n);
struct xml_node *xml_clone(struct arena *a, const struct xml_node *n);

/* ---- writing ---- */

/* Appends the element. `context_ns` is the default namespace where it will stand: no xmlns is
 * written for elements in it. Other namespaces are declared where they begin. */
void xml_write(struct buf *b, const struct xml_node *n, const char *context_ns);
/* " name='value'" with escapes, so that white space survives reading as well. Control characters
 * that XML cannot carry become U+FFFD, here and in text. */
void xml_write_attr(struct buf *b, const char *name, struct bytes value);
/* An attribute of a tree. number: unlike that of the element's other attributes (makes prefixes). */
void xml_write_node_attr(struct buf *b, const struct xml_attr *a, unsigned number);
/* What stands between the element's tags. */
void xml_write_inner(struct buf *b, const struct xml_node *n, const char *context_ns);

#endif
