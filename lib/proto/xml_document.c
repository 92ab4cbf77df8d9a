#include "proto/xml_document.h"

#include <stdlib.h>

#include "base/random.h"
#include "proto/xml_parser.h"

enum { QUEUE_MAX = 4, ARENA_FACTOR = 16 /* of a small element's bytes in memory to those in the text */ };

struct level {
	struct arena arena; /* of the element that stands here, and of all in it when it is an item */
	int holds;
};

struct xml_document {
	struct xml_parser p;
	struct xml_stream s; /* what proto/xml_build and xml_ns ask for: limits, no header */
	xml_document_holds_fn holds;
	struct level levels[XML_DOCUMENT_DEPTH_MAX + 1];
	unsigned depth;      /* of those that hold many, open now */
	unsigned item_depth; /* 0: in none */
	uint64_t item_start;
	struct xml_document_event queue[QUEUE_MAX]; /* told by Expat before it could be stopped */
	unsigned n_queue, at_queue;
	struct bytes fresh;
	bool has_fresh, is_last, is_done;
};

static void tell(struct xml_document *d, enum xml_document_kind kind, int holds, struct xml_node *n)
{
	if (d->n_queue == QUEUE_MAX) {
		xml_build_fail(&d->p, ERR_LIMIT);
		return;
	}
	d->queue[d->n_queue++] = (struct xml_document_event){ kind, holds, n };
	(void)XML_StopParser(d->p.expat, XML_TRUE); /* stopped already: by the element that this one closes */
}

static uint64_t here(const struct xml_document *d)
{
	return (uint64_t)XML_GetCurrentByteIndex(d->p.expat);
}

static int over_limit(const struct xml_document *d)
{
	const struct xml_limits *l = d->s.limits;

	if (XML_GetSpecifiedAttributeCount(d->p.expat) > 2 * l->attrs)
		return ERR_XML_ATTRS;
	if (d->item_depth >= l->depth)
		return ERR_XML_DEPTH;
	if (d->item_depth && d->p.nodes >= l->nodes)
		return ERR_XML_NODES;
	return d->item_depth && here(d) - d->item_start > l->stanza_bytes ? ERR_XML_SIZE : 0;
}

/* An element that stands in one that holds many, or the root. */
static void begin(struct xml_document *d, const char *qname, const XML_Char **atts)
{
	struct level *l = &d->levels[d->depth];
	struct xml_parser *p = &d->p;

	arena_reset(&l->arena);
	p->arena = &l->arena;
	p->at = p->root = NULL;
	p->nodes = 0;
	buf_clear(&p->text);
	xml_build_element(p, qname, atts);
	if (p->err)
		return;
	int holds = d->holds(d->depth ? d->levels[d->depth - 1].holds : 0, p->root);
	if (holds < 0 || (!holds && !d->depth) || (holds && d->depth == XML_DOCUMENT_DEPTH_MAX)) {
		xml_build_fail(p, holds < 0 ? holds : holds ? ERR_XML_DEPTH : ERR_XML_SYNTAX);
		return;
	}
	l->holds = holds;
	d->item_start = here(d);
	if (!holds) {
		d->item_depth = 1;
		return;
	}
	d->depth++;
	tell(d, XML_DOCUMENT_OPEN, holds, p->root);
}

static void XMLCALL on_start(void *user, const XML_Char *qname, const XML_Char **atts)
{
	struct xml_document *d = user;
	struct xml_parser *p = &d->p;
	int rc = p->err ? 0 : over_limit(d);

	if (rc)
		xml_build_fail(p, rc);
	if (p->err)
		return;
	if (d->item_depth) {
		p->nodes++;
		xml_build_element(p, qname, atts);
		d->item_depth++;
	} else {
		begin(d, qname, atts);
	}
	p->open++;
}

static void XMLCALL on_end(void *user, const XML_Char *qname)
{
	struct xml_document *d = user;
	struct xml_parser *p = &d->p;

	(void)qname; /* Expat has matched it with the start tag */
	if (p->err)
		return;
	p->open--;
	if (!d->item_depth) {
		d->depth--;
		xml_ns_pop(p);
		tell(d, XML_DOCUMENT_CLOSE, d->levels[d->depth].holds, NULL);
		return;
	}
	xml_build_end(p);
	if (--d->item_depth || p->err)
		return;
	if (here(d) - d->item_start > d->s.limits->stanza_bytes)
		xml_build_fail(p, ERR_XML_SIZE);
	else
		tell(d, XML_DOCUMENT_ITEM, d->levels[d->depth - 1].holds, p->root);
}

static void XMLCALL on_text(void *user, const XML_Char *s, int n)
{
	struct xml_document *d = user;

	if (d->p.err)
		return;
	if (d->item_depth)
		xml_build_text(&d->p, s, n);
	else if (!xml_is_space(s, n))
		xml_build_fail(&d->p, ERR_XML_TEXT);
}

struct xml_document *xml_document_new(const struct xml_limits *limits, xml_document_holds_fn holds)
{
	struct xml_document *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->holds = holds;
	d->s = (struct xml_stream){ .limits = limits, .content_ns = "", .phase = XML_PHASE_INSIDE };
	d->p.stream = &d->s;
	d->p.is_building = true;
	buf_init(&d->p.text, limits->stanza_bytes);
	for (size_t i = 0; i <= XML_DOCUMENT_DEPTH_MAX; i++)
		arena_init(&d->levels[i].arena, (size_t)limits->stanza_bytes * ARENA_FACTOR);
	d->p.expat = XML_ParserCreate("UTF-8");
	if (!d->p.expat) {
		xml_document_free(d);
		return NULL;
	}
	XML_SetHashSalt(d->p.expat, (unsigned long)random_u64() | 1);
	xml_build_restrict(&d->p); /* its handlers take a struct xml_parser, which begins a document */
	XML_SetElementHandler(d->p.expat, on_start, on_end);
	XML_SetCharacterDataHandler(d->p.expat, on_text);
	return d;
}
_Static_assert(offsetof(struct xml_document, p) == 0, "one user pointer for both kinds of handlers");

void xml_document_free(struct xml_document *d)
{
	if (!d)
		return;
	if (d->p.expat)
		XML_ParserFree(d->p.expat);
	buf_fini(&d->p.text);
	for (size_t i = 0; i <= XML_DOCUMENT_DEPTH_MAX; i++)
		arena_fini(&d->levels[i].arena);
	free(d);
}

int xml_document_feed(struct xml_document *d, struct bytes in, bool is_last)
{
	if (d->p.err || d->has_fresh || d->p.is_suspended || d->is_last || in.n > INT32_MAX)
		return ERR_BAD_STATE;
	d->fresh = in;
	d->has_fresh = true;
	d->is_last = is_last;
	return 0;
}

/* A tag that does not end is held by Expat, which has no limit of its own. */
static bool is_too_long(const struct xml_document *d)
{
	return d->p.fed > here(d) && d->p.fed - here(d) > d->s.limits->stanza_bytes;
}

/* Runs Expat until it has something to tell, or has read all. */
static int run(struct xml_document *d)
{
	struct xml_parser *p = &d->p;
	enum XML_Status st;

	if (p->is_suspended) {
		st = XML_ResumeParser(p->expat);
	} else {
		d->has_fresh = false;
		p->fed += d->fresh.n;
		st = XML_Parse(p->expat, d->fresh.n ? (const char *)d->fresh.p : "", (int)d->fresh.n, d->is_last);
	}
	p->is_suspended = st == XML_STATUS_SUSPENDED;
	if (st == XML_STATUS_ERROR || p->err)
		return p->err ? p->err : xml_parser_error(p);
	if (!p->is_suspended && is_too_long(d))
		return ERR_XML_SIZE;
	d->is_done = d->is_last && !p->is_suspended;
	return 0;
}

int xml_document_next(struct xml_document *d, struct xml_document_event *ev)
{
	*ev = (struct xml_document_event){ .kind = XML_DOCUMENT_NONE };
	if (d->p.err)
		return d->p.err;
	while (d->at_queue == d->n_queue) {
		d->at_queue = d->n_queue = 0;
		if (d->is_done)
			ev->kind = XML_DOCUMENT_END;
		if (d->is_done || (!d->p.is_suspended && !d->has_fresh))
			return 0;
		int rc = run(d);
		if (rc) {
			d->p.err = rc;
			return rc;
		}
	}
	*ev = d->queue[d->at_queue++];
	return 0;
}

unsigned long xml_document_line(const struct xml_document *d)
{
	return (unsigned long)XML_GetCurrentLineNumber(d->p.expat);
}
