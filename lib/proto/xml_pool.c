#include "proto/xml_parser.h"

#include <stdlib.h>

#include "base/random.h"

enum {
	KEEP_BUF_BYTES = 16 * 1024,    /* larger buffers are not kept by an idle parser */
	KEEP_EXPAT_BYTES = 32 * 1024,  /* Expat never gives memory back: after a larger stanza it goes */
	FEED_MAX_BYTES = 1 << 20, /* room in `in` beyond one stanza: what one feed may bring */
};

struct xml_pool {
	struct xml_parser *idle;
	size_t n_idle, max_idle;
	unsigned long salt;
};

struct xml_pool *xml_pool_new(size_t max_idle)
{
	struct xml_pool *pool = calloc(1, sizeof *pool);

	if (!pool)
		return NULL;
	pool->max_idle = max_idle;
	/* Our own salt spares each parser a system call; 0 would mean "choose one". */
	pool->salt = (unsigned long)random_u64() | 1;
	return pool;
}

static void parser_free(struct xml_parser *p)
{
	if (p->expat)
		XML_ParserFree(p->expat);
	buf_fini(&p->in);
	buf_fini(&p->text);
	free(p);
}

void xml_pool_trim(struct xml_pool *pool)
{
	while (pool->idle) {
		struct xml_parser *p = pool->idle;
		pool->idle = p->next;
		parser_free(p);
	}
	pool->n_idle = 0;
}

void xml_pool_free(struct xml_pool *pool)
{
	if (!pool)
		return;
	xml_pool_trim(pool);
	free(pool);
}

static int start_expat(struct xml_parser *p)
{
	if (p->expat && p->largest > KEEP_EXPAT_BYTES) {
		XML_ParserFree(p->expat);
		p->expat = NULL;
	}
	if (!p->expat)
		p->expat = XML_ParserCreate("UTF-8");
	else if (!XML_ParserReset(p->expat, "UTF-8"))
		return ERR_NOMEM;
	if (!p->expat)
		return ERR_NOMEM;
	XML_SetHashSalt(p->expat, p->salt);
	/* Deferring would hold back a stanza that is complete; drips are dealt with in xml_stream.c. */
	XML_SetReparseDeferralEnabled(p->expat, XML_FALSE);
	xml_build_attach(p);
	p->is_primed = p->is_suspended = p->has_close = false;
	p->event = XML_EVENT_NONE;
	p->err = 0;
	p->open = 0;
	p->base = p->fed = 0;
	p->largest = 0;
	return 0;
}

/* "<stream:stream>", or the root as an odd header named it. Its attributes do not matter to Expat. */
static int prime(struct xml_parser *p, const struct xml_stream *s)
{
	const char *name = s->odd_header ? s->odd_header : "stream:stream";
	size_t n = strlen(name);

	if (XML_Parse(p->expat, "<", 1, 0) != XML_STATUS_OK ||
	    XML_Parse(p->expat, name, (int)n, 0) != XML_STATUS_OK ||
	    XML_Parse(p->expat, ">", 1, 0) != XML_STATUS_OK)
		return ERR_NOMEM;
	p->open = 1;
	p->base = p->fed = n + 2;
	p->is_primed = true;
	return 0;
}

int xml_parser_renew(struct xml_parser *p)
{
	struct xml_stream *s = p->stream;
	int rc = start_expat(p);

	if (rc == 0 && s->phase == XML_PHASE_INSIDE)
		rc = prime(p, s);
	if (rc == 0)
		xml_header_bind(p);
	return rc;
}

static struct xml_parser *parser_new(const struct xml_pool *pool)
{
	struct xml_parser *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->salt = pool->salt;
	return p;
}

struct xml_parser *xml_pool_lend(struct xml_pool *pool, struct xml_stream *s)
{
	struct xml_parser *p = pool->idle;

	if (p) {
		pool->idle = p->next;
		pool->n_idle--;
	} else if (!(p = parser_new(pool))) {
		return NULL;
	}
	p->stream = s;
	p->in.max = s->limits->stanza_bytes + s->limits->header_bytes + FEED_MAX_BYTES;
	p->text.max = s->limits->stanza_bytes;
	p->is_building = true;
	p->rescanned = 0;
	p->start = p->end = 0;
	p->nodes = 0;
	p->root = p->at = NULL;
	if (p->is_primed && s->phase == XML_PHASE_INSIDE && !s->odd_header) {
		xml_header_bind(p);
	} else if (xml_parser_renew(p) != 0) {
		parser_free(p);
		return NULL;
	}
	return p;
}

static void shed(struct buf *b)
{
	buf_clear(b);
	if (b->cap > KEEP_BUF_BYTES)
		buf_fini(b);
}

void xml_pool_return(struct xml_pool *pool, struct xml_parser *p, bool is_clean)
{
	if (!p)
		return;
	if (pool->n_idle >= pool->max_idle) {
		parser_free(p);
		return;
	}
	p->is_primed = is_clean && p->stream->phase == XML_PHASE_INSIDE && !p->stream->odd_header;
	p->stream = NULL;
	p->arena = NULL;
	shed(&p->in);
	shed(&p->text);
	if (p->expat && p->largest > KEEP_EXPAT_BYTES) {
		XML_ParserFree(p->expat);
		p->expat = NULL;
		p->is_primed = false;
	}
	p->next = pool->idle;
	pool->idle = p;
	pool->n_idle++;
}
