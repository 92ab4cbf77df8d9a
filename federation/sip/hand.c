#include "hand.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "contact.h"
#include "sip/unit.h"
#include "waiting.h"

enum { AGAIN_MIN_S = 2, AGAIN_SPREAD_S = 4, LINES_MAX = 256 };

struct handed {
	struct waiting waiting; /* first */
	struct gsip *g;
	uint64_t id;
	struct sipserver *t;
	enum siptransport transport;
};

static void handed_free(struct handed *h)
{
	(void)map_del_u64(&h->g->handed, h->id); /* it may not be in yet */
	free(h);
}

static void on_cancel(struct waiting *w)
{
	struct handed *h = (struct handed *)w;
	struct chan *c = gsip_gateway(h->g);

	wire_put_u64(chan_begin(c, MSG_SIP_CANCEL, 0), h->id);
	(void)chan_end(c); /* without gh-xlate nobody waits */
}

/* ---- to gh-xlate ---- */

static uint8_t flags_of(const struct visit *v)
{
	uint8_t flags = v->from->transport == SIPT_TLS ? UNIT_TLS : 0;

	return conf_domain(&v->g->conf, bytes_of(v->domain)) ? flags | UNIT_TRUNK : flags;
}

static int transmit(struct visit *v, uint64_t id)
{
	struct chan *c = gsip_gateway(v->g);
	struct buf text;

	if (!c)
		return ERR_AGAIN;
	buf_init(&text, SIPMSG_MAX_BYTES * 2);
	int rc = sipmsg_print(v->m, &text);
	if (rc == 0) {
		struct sip_unit u = { .id = id, .trace = v->trace, .flags = flags_of(v), .flow = v->from->flow,
				      .peer = bytes_of(v->domain), .message = buf_bytes(&text) };
		sip_unit_encode(chan_begin(c, MSG_SIP_REQUEST, 0), &u);
		rc = chan_end(c);
	}
	buf_fini(&text);
	return rc;
}

static enum refusal keep(struct visit *v, struct handed **out)
{
	struct handed *h = calloc(1, sizeof *h);

	if (!h)
		return REFUSED_MEMORY;
	*h = (struct handed){ .waiting = { on_cancel }, .g = v->g, .id = gsip_next_id(v->g), .t = v->t,
			     .transport = v->from->transport };
	if (map_add_u64(&v->g->handed, h->id, h) < 0) {
		free(h);
		return REFUSED_MEMORY;
	}
	*out = h;
	return REFUSED_NOT;
}

enum refusal hand_request(struct visit *v)
{
	struct handed *h = NULL;
	enum refusal why = REFUSED_NOT;
	int rc;

	if (v->t && v->g->handed.count >= GSIP_HELD_MAX)
		return REFUSED_BUSY;
	if (v->t && sipserver_claim(v->t, v->m) == ERR_EXISTS)
		return REFUSED_MERGED;
	if (v->t)
		why = keep(v, &h);
	if (why != REFUSED_NOT)
		return why;
	rc = transmit(v, h ? h->id : 0);
	if (rc < 0) {
		if (h)
			handed_free(h);
		return rc == ERR_LIMIT ? REFUSED_BUSY : REFUSED_GATEWAY;
	}
	if (h)
		sipserver_set_user(v->t, &h->waiting);
	v->g->counts[STAT_HANDED]++;
	log_debug_of(conf_is_watched(&v->g->conf, bytes_of(v->domain)), "sip.handed", LOG_ID("trace", v->trace),
	             LOG_STR("domain", v->domain), LOG_BYTES("method", sipmsg_method_text(v->m)),
	             LOG_BYTES("uri", sipmsg_uri(v->m)));
	sipmsg_free(v->m);
	v->m = NULL;
	return REFUSED_NOT;
}

/* ---- and back ---- */

/* "Name: value\r\n"... of gh-xlate. */
static int append_lines(struct sipmsg *r, struct bytes lines, struct bytes *content_type)
{
	char name[64];

	for (int i = 0; lines.n && i < LINES_MAX; i++) {
		size_t end = bytes_find(lines, '\n');
		struct bytes line = bytes_make(lines.p, end);
		if (end == lines.n || end == 0 || line.p[end - 1] != '\r')
			return ERR_PROTOCOL;
		line.n--;
		size_t colon = bytes_find(line, ':');
		if (colon == line.n || colon == 0 || colon >= sizeof name)
			return ERR_PROTOCOL;
		(void)snprintf(name, sizeof name, "%.*s", (int)colon, (const char *)line.p); /* it fits */
		struct bytes value = bytes_skip(line, colon + 1);
		while (value.n && *value.p == ' ')
			value = bytes_skip(value, 1);
		if (bytes_eq_nocase(bytes_of(name), BYTES("Content-Type")))
			*content_type = value;
		else
			sipmsg_append_named(r, name, value);
		lines = bytes_skip(lines, end + 1);
	}
	return lines.n ? ERR_PROTOCOL : 0;
}

static int text_of(struct bytes v, char *out, size_t room)
{
	if (v.n >= room || memchr(v.p ? v.p : (const uint8_t *)"", '\0', v.n))
		return ERR_PROTOCOL;
	memcpy(out, v.p ? v.p : (const uint8_t *)"", v.n);
	out[v.n] = '\0';
	return 0;
}

static int make(const struct handed *h, const struct sip_answer *a, struct sipmsg **out)
{
	char reason[256], tag[128];

	if (a->status < 200 || a->status > 699 || text_of(a->reason, reason, sizeof reason) < 0 || text_of(a->to_tag, tag, sizeof tag) < 0)
		return ERR_PROTOCOL;
	if (!tag[0])
		sip_new_tag(tag);
	struct sipmsg *r = sipserver_response_new(h->t, a->status, reason[0] ? reason : NULL, tag);
	if (!r)
		return ERR_NOMEM;
	struct bytes content_type = BYTES_NONE;
	char type[256];
	int rc = append_lines(r, a->headers, &content_type);
	if (rc == 0)
		rc = text_of(content_type, type, sizeof type);
	if (rc < 0) {
		sipmsg_free(r);
		return rc;
	}
	if (a->body.n)
		sipmsg_set_body(r, type, a->body);
	*out = r;
	return 0;
}

int hand_on_response(void *program, struct chan *from, const struct frame *f)
{
	struct gsip *g = program;
	struct sipmsg *r = NULL;
	struct sip_answer a;

	(void)from;
	if (sip_answer_decode(f->body, &a) < 0)
		return ERR_PROTOCOL;
	struct handed *h = map_get_u64(&g->handed, a.id);
	if (!h)
		return 0; /* of before gh-xlate's or our restart */
	arena_reset(&g->arena);
	int rc = make(h, &a, &r);
	if (rc == 0) {
		if (a.status < 300) /* a redirect names another, who may be anywhere (ERR-02, ERR-03) */
			contact_set_transport(g, r, h->transport);
		sipserver_accept(h->t, r);
	} else { /* the transaction is over, or memory is short */
		sipserver_refuse(h->t, NULL, 500, NULL);
	}
	sipmsg_free(r);
	handed_free(h);
	return rc == ERR_PROTOCOL ? rc : 0;
}

/* Not 503: that would speak for this whole box, and for other domains (RFC 3261 21.5.4). */
static void answer_again(struct handed *h)
{
	char after[16], tag[SIP_TAG_BYTES];

	sip_new_tag(tag);
	(void)snprintf(after, sizeof after, "%u", AGAIN_MIN_S + random_below(AGAIN_SPREAD_S));
	struct sipmsg *r = sipserver_response_new(h->t, 500, NULL, tag);
	if (r) {
		sipmsg_append(r, SIPH_RETRY_AFTER, bytes_of(after));
		sipserver_respond(h->t, r);
	} else {
		sipserver_drop(h->t);
	}
	sipmsg_free(r);
	free(h);
}

void hand_gateway_down(struct gsip *g)
{
	size_t at = 0, n = g->handed.count;
	struct handed *h;

	if (n)
		log_warn("sip.gateway.lost", LOG_INT("requests", n),
		         LOG_STR("advice", "gh-xlate has ended and starts again: look at show processes"));
	g->counts[STAT_GATEWAY_LOST] += n;
	while ((h = map_next(&g->handed, &at)))
		answer_again(h);
	map_fini(&g->handed);
	map_init(&g->handed);
}

void hand_fini_all(struct gsip *g)
{
	size_t at = 0;
	struct handed *h;

	while ((h = map_next(&g->handed, &at)))
		free(h);
	map_fini(&g->handed);
}
