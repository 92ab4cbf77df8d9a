#include "proto/xml_parser.h"

#include <stdlib.h>

enum {
	RENEW_BYTES = 64 * 1024, /* input after which a parser starts anew at the next stanza */
	/* A fresh Expat parser with its tables, as measured (2.5.0, 64 bits), rounded up. */
	EXPAT_BASE_BYTES = 12 * 1024,
	/* How many bytes of unfinished tags may be looked at again, in stanza sizes and beyond: only
	 * tags with '>' inside attribute values, sent in drips, come near. */
	RESCAN_FACTOR = 16,
	RESCAN_FREE_BYTES = 1 << 20,
};

const struct xml_limits xml_limits_default = {
	.header_bytes = 4096, .stanza_bytes = 262144, .depth = 32, .attrs = 32, .nodes = 4000
};

void xml_stream_init(struct xml_stream *s, struct xml_pool *pool, const struct xml_limits *limits)
{
	*s = (struct xml_stream){ .pool = pool, .limits = limits, .content_ns = "" };
}

static void let_go(struct xml_stream *s, bool is_clean)
{
	xml_pool_return(s->pool, s->parser, is_clean);
	s->parser = NULL;
}

void xml_stream_fini(struct xml_stream *s)
{
	xml_stream_restart(s);
	s->phase = XML_PHASE_DEAD;
}

void xml_stream_restart(struct xml_stream *s)
{
	let_go(s, false);
	free(s->odd_header);
	s->odd_header = NULL;
	s->odd_bytes = 0;
	s->content_ns = "";
	s->bindings = 0;
	s->phase = XML_PHASE_HEADER;
}

size_t xml_stream_held(const struct xml_stream *s)
{
	const struct xml_parser *p = s->parser;
	size_t n = s->odd_bytes;

	/* Expat's own buffer holds what was fed and not yet reported, twice that while it grows. */
	if (p)
		n += sizeof *p + EXPAT_BASE_BYTES + p->in.cap * (size_t)3 + p->text.cap;
	return n;
}

static int die_of(struct xml_stream *s, int err)
{
	let_go(s, false);
	s->phase = XML_PHASE_DEAD;
	return err;
}

static size_t space_at_front(struct bytes in)
{
	size_t n = 0;

	while (n < in.n && (in.p[n] == ' ' || in.p[n] == '\n' || in.p[n] == '\r' || in.p[n] == '\t'))
		n++;
	return n;
}

/* Drops n bytes at the front of `in`, of which some may not have been fed yet. */
static void drop(struct xml_parser *p, size_t n)
{
	uint64_t fed = p->fed - p->base;

	buf_consume(&p->in, n);
	p->base += n < fed ? n : fed;
}

/* Takes away the event that was reported last and white space behind it. A parser with nothing
 * left goes back to the pool; one that has seen enough names starts anew. */
static int settle(struct xml_stream *s)
{
	struct xml_parser *p = s->parser;

	if (!p || p->event == XML_EVENT_NONE)
		return 0;
	drop(p, p->end - p->base);
	drop(p, space_at_front(buf_bytes(&p->in)));
	p->event = XML_EVENT_NONE;
	p->is_building = true;
	p->rescanned = 0;
	p->start = p->end = 0;
	p->root = p->at = NULL;
	if (p->has_close)
		return 0;
	bool is_worn = p->fed > RENEW_BYTES;
	if (buf_len(&p->in) == 0) {
		let_go(s, !p->is_suspended && !is_worn);
		return 0;
	}
	return is_worn ? xml_parser_renew(p) : 0;
}

int xml_stream_feed(struct xml_stream *s, struct bytes in)
{
	int rc = settle(s);

	if (rc)
		return die_of(s, rc);
	if (s->phase == XML_PHASE_CLOSED)
		return 0; /* nothing has a meaning behind the end of the stream */
	if (s->phase == XML_PHASE_DEAD)
		return ERR_BAD_STATE;
	if (!s->parser) {
		in = bytes_skip(in, space_at_front(in));
		if (in.n == 0)
			return 0;
		s->parser = xml_pool_lend(s->pool, s);
		if (!s->parser)
			return die_of(s, ERR_NOMEM);
	}
	struct buf *b = &s->parser->in;
	if (buf_len(b) > s->limits->stanza_bytes || in.n > b->max - buf_len(b))
		return die_of(s, ERR_XML_SIZE);
	buf_put_bytes(b, in);
	return buf_failed(b) ? die_of(s, ERR_NOMEM) : 0;
}

bool xml_stream_has_rest(struct xml_stream *s)
{
	int rc = settle(s);

	if (rc)
		(void)die_of(s, rc); /* what is left is not known */
	return rc || s->parser;
}

/* What the first bytes tell before Expat may look: it is only given whole tags. */
static int check_front(const struct xml_stream *s, struct bytes in)
{
	if (s->phase == XML_PHASE_INSIDE)
		return in.p[0] == '<' ? 0 : ERR_XML_TEXT;
	if (in.p[0] >= 0xfe || in.p[0] == 0 || (in.n > 1 && in.p[1] == 0))
		return ERR_XML_ENCODING; /* UTF-16 or UTF-32 (XML 1.0 appendix F) */
	return in.p[0] == '<' || in.p[0] == 0xef ? 0 : ERR_XML_SYNTAX;
}

int xml_parser_error(const struct xml_parser *p)
{
	if (p->err)
		return p->err;
	switch (XML_GetErrorCode(p->expat)) {
	case XML_ERROR_NO_MEMORY:
	case XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
		return ERR_NOMEM;
	case XML_ERROR_UNDEFINED_ENTITY: /* RFC 6120 11.1: no references but the predefined */
	case XML_ERROR_ENTITY_DECLARED_IN_PE:
	case XML_ERROR_BINARY_ENTITY_REF:
	case XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF:
		return ERR_XML_RESTRICTED;
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
		return ERR_XML_ENCODING;
	default:
		return ERR_XML_SYNTAX;
	}
}

/* Bytes that may be fed: up to the last '>'. */
static size_t feedable(const struct xml_parser *p)
{
	struct bytes rest = bytes_skip(buf_bytes(&p->in), p->fed - p->base);
	const uint8_t *last = rest.n ? memrchr(rest.p, '>', rest.n) : NULL;

	return last ? (size_t)(last - rest.p) + 1 : 0;
}

/* An unfinished tag is scanned from its start each time: nobody may do that without end. */
static int count_rescan(struct xml_parser *p)
{
	XML_Index at = XML_GetCurrentByteIndex(p->expat);

	if (at >= 0 && (uint64_t)at < p->fed)
		p->rescanned += p->fed - (uint64_t)at;
	uint64_t most = RESCAN_FREE_BYTES + (uint64_t)RESCAN_FACTOR * p->stream->limits->stanza_bytes;
	return p->rescanned > most ? ERR_LIMIT : 0;
}

/* Runs Expat once. *ran: false when there was nothing to run on. */
static int run(struct xml_parser *p, bool *ran)
{
	enum XML_Status st;

	*ran = true;
	if (p->is_suspended) {
		st = XML_ResumeParser(p->expat);
	} else {
		size_t n = feedable(p);
		if (n == 0) {
			*ran = false;
			return 0;
		}
		const uint8_t *from = buf_bytes(&p->in).p + (p->fed - p->base);
		p->fed += n;
		p->is_primed = false;
		st = XML_Parse(p->expat, (const char *)from, (int)n, 0);
	}
	p->is_suspended = st == XML_STATUS_SUSPENDED;
	if (st == XML_STATUS_ERROR || p->err)
		return xml_parser_error(p);
	return p->is_suspended ? 0 : count_rescan(p);
}

/* No event came of the bytes so far: is the unfinished thing too large already? The rest of it
 * is only counted; its tree is made from the bytes when they are all there, because the caller's
 * arena does not live from one call to the next. */
static int check_unfinished(struct xml_parser *p)
{
	const struct xml_stream *s = p->stream;
	size_t n = buf_len(&p->in);

	if (s->phase == XML_PHASE_HEADER)
		return n > s->limits->header_bytes ? ERR_XML_SIZE : 0;
	if (n > s->limits->stanza_bytes)
		return ERR_XML_SIZE;
	if (p->open > 1)
		p->is_building = false;
	return 0;
}

/* The stanza came in pieces and is complete in `in` now: read it again at one go. */
static int read_again(struct xml_parser *p)
{
	drop(p, p->start - p->base);
	uint64_t n = p->end - p->start;
	if (p->is_suspended || p->fed != p->end) {
		int rc = xml_parser_renew(p);
		if (rc)
			return rc;
	}
	p->event = XML_EVENT_NONE;
	p->base = p->fed; /* Expat counts on; the same bytes stand at new places */
	p->is_building = true;
	p->fed += n;
	p->is_primed = false;
	enum XML_Status st = XML_Parse(p->expat, (const char *)buf_bytes(&p->in).p, (int)n, 0);
	if (st == XML_STATUS_ERROR || p->err)
		return xml_parser_error(p);
	return p->event == XML_EVENT_STANZA ? 0 : ERR_XML_SYNTAX;
}

static int give(struct xml_stream *s, struct xml_event *ev)
{
	struct xml_parser *p = s->parser;

	if (p->event == XML_EVENT_STANZA && !p->is_building) {
		int rc = read_again(p);
		if (rc)
			return rc;
	}
	ev->kind = p->event;
	ev->node = p->root;
	ev->content_ns = s->content_ns;
	if (p->event == XML_EVENT_STANZA) {
		if (p->end - p->start > p->largest)
			p->largest = p->end - p->start;
		ev->inner = bytes_make(buf_bytes(&p->in).p + (p->inner_start - p->base),
		                       p->inner_end - p->inner_start);
		ev->is_inner_portable = p->is_portable;
	}
	return 0;
}

static int next(struct xml_stream *s, struct xml_event *ev)
{
	struct xml_parser *p = s->parser;
	bool ran = true;
	int rc = 0;

	if (p->open <= 1 && !p->is_suspended && !p->has_close && p->fed == p->base)
		rc = check_front(s, buf_bytes(&p->in));
	while (rc == 0 && ran && p->event == XML_EVENT_NONE && !p->has_close)
		rc = run(p, &ran);
	if (rc)
		return rc;
	if (p->event != XML_EVENT_NONE)
		return give(s, ev);
	if (!p->has_close)
		return check_unfinished(p);
	ev->kind = XML_EVENT_CLOSE;
	ev->content_ns = s->content_ns;
	let_go(s, false);
	s->phase = XML_PHASE_CLOSED;
	return 0;
}

int xml_stream_next(struct xml_stream *s, struct arena *a, struct xml_event *ev)
{
	*ev = (struct xml_event){ .kind = XML_EVENT_NONE };
	if (s->phase == XML_PHASE_DEAD)
		return ERR_BAD_STATE;
	int rc = settle(s);
	if (rc == 0 && s->parser) {
		s->parser->arena = a;
		rc = next(s, ev);
	}
	if (rc) {
		*ev = (struct xml_event){ .kind = XML_EVENT_NONE };
		return die_of(s, rc);
	}
	return 0;
}

/* All that is left was comments and white space, each of them complete. */
static bool is_read(const struct xml_parser *p)
{
	struct bytes rest = bytes_skip(buf_bytes(&p->in), p->fed - p->base);

	return space_at_front(rest) == rest.n && XML_GetCurrentByteIndex(p->expat) == (XML_Index)p->fed;
}

/* What follows the element of a document (XML 1.0 production 27). */
static int read_rest(struct xml_stream *s, struct arena *a)
{
	struct xml_event ev;
	int rc = settle(s);

	if (rc || !s->parser)
		return rc;
	rc = xml_stream_next(s, a, &ev);
	if (rc)
		return rc;
	return s->parser && ev.kind == XML_EVENT_NONE && is_read(s->parser) ? 0 : ERR_XML_SYNTAX;
}

int xml_pool_parse(struct xml_pool *pool, struct bytes in, const char *default_ns,
                   const struct xml_limits *limits, struct arena *a, struct xml_node **out)
{
	struct xml_event ev = { .kind = XML_EVENT_NONE };
	struct xml_stream s;

	xml_stream_init(&s, pool, limits);
	s.phase = XML_PHASE_INSIDE;
	s.content_ns = default_ns;
	int rc = in.n > limits->stanza_bytes ? ERR_XML_SIZE : xml_stream_feed(&s, in);
	if (rc == 0)
		rc = xml_stream_next(&s, a, &ev);
	if (rc == 0 && ev.kind != XML_EVENT_STANZA)
		rc = ERR_XML_SYNTAX;
	struct xml_node *n = ev.node;
	if (rc == 0)
		rc = read_rest(&s, a);
	xml_stream_fini(&s);
	if (rc == 0)
		*out = n;
	return rc;
}

int xml_parse(struct bytes in, const char *default_ns, const struct xml_limits *limits,
              struct arena *a, struct xml_node **out)
{
	struct xml_pool *pool = xml_pool_new(0);

	if (!pool)
		return ERR_NOMEM;
	int rc = xml_pool_parse(pool, in, default_ns, limits, a, out);
	xml_pool_free(pool);
	return rc;
}
