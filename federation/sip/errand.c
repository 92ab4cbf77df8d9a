#include "errand.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "login.h"
#include "sip/unit.h"
#include "sip/uri.h"
#include "target.h"
#include "trip.h"

struct errand {
	struct gsip *g;
	uint64_t id;
	bool is_invite;
	struct trip *trip;
};

static void errand_free(struct errand *e)
{
	if (e->id)
		(void)map_del_u64(&e->g->errands, e->id); /* it may not be in yet */
	free(e);
}

static void answer(struct gsip *g, const struct sip_answer *a)
{
	struct chan *c = gsip_gateway(g);

	sip_answer_encode(chan_begin(c, MSG_SIP_RESPONSE, 0), a);
	if (chan_end(c) < 0)
		log_debug("sip.answer.lost", LOG_ID("id", a->id)); /* gh-xlate gives up by its own clock */
}

static void answer_made_up(struct gsip *g, uint64_t id, unsigned status, int why)
{
	if (id)
		answer(g, &(struct sip_answer){ .id = id, .status = (uint16_t)status, .why = why });
}

static void answer_raw(struct gsip *g, uint64_t id, const struct sipmsg *m, uint64_t flow)
{
	struct buf text;

	buf_init(&text, SIPMSG_MAX_BYTES * 2);
	if (sipmsg_print(m, &text) == 0 && !buf_failed(&text))
		answer(g, &(struct sip_answer){ .id = id, .flags = UNIT_RAW, .status = (uint16_t)sipmsg_status(m),
						   .flow = flow, .body = buf_bytes(&text) });
	else
		answer_made_up(g, id, 500, ERR_NOMEM);
	buf_fini(&text);
}

static void on_final(void *arg, struct sipmsg *m, const struct trip_end *end)
{
	struct errand *e = arg;

	if (m)
		answer_raw(e->g, e->id, m, end->flow);
	else if (e->id)
		answer(e->g, &(struct sip_answer){ .id = e->id, .status = (uint16_t)end->status, .why = end->why,
						   .reason = bytes_of(end->reason) });
	errand_free(e);
}

static const struct trip_owner trip_owner = { .final = on_final };

/* ---- the request ---- */

struct order {
	struct sip_unit u;
	struct sipmsg *m;
	char domain[GSIP_DOMAIN_MAX];
	struct route_answer routes;
	bool has_routes;
};

/* Static routes are for what begins; a dialog has its Route and its target. */
static int find_way(struct gsip *g, struct order *o)
{
	struct sip_address to;
	struct sipuri u;
	struct bytes tag;
	struct buf user;
	int rc;

	buf_init(&user, SIPURI_MAX_BYTES);
	rc = target_parts(sipmsg_uri(o->m), &u, &user);
	if (rc == 0 && !o->u.peer.n)
		rc = gsip_domain(g, u.host, o->domain);
	if (rc == 0 && sipmsg_address(o->m, SIPH_TO, 0, &to) && !sip_param(to.params, "tag", &tag) &&
	    !sipmsg_count(o->m, SIPH_ROUTE)) {
		struct route_ask ask = { .method = sipmsg_method_text(o->m), .user = buf_bytes(&user), .host = u.host,
					 .random = random_below };
		routes_find(&g->conf.routes, &ask, &o->routes);
		o->has_routes = o->routes.n > 0;
	}
	buf_fini(&user);
	return rc;
}

/* 0, or the status that answers it. */
static unsigned judge(struct gsip *g, struct order *o, int *why)
{
	struct peer_rule rule;

	*why = ERR_AGAIN;
	if (!g->settings || g->is_stopping)
		return 503;
	*why = ERR_SYNTAX;
	if (o->u.peer.n && gsip_domain(g, o->u.peer, o->domain) < 0)
		return 400;
	if (!sipmsg_is_request(o->m) || find_way(g, o) < 0)
		return 400;
	rule = peers_for(&g->conf.peers, bytes_of(o->domain));
	*why = ERR_DENIED;
	if (!rule.is_allowed || (o->routes.blocked_by && !o->has_routes))
		return 403;
	*why = ERR_LIMIT;
	if (sipmsg_method(o->m) == SIPM_MESSAGE && rule.row->message_max && o->u.message.n > rule.row->message_max)
		return 513; /* RFC 3428 8 */
	return 0;
}

static void complete(struct sipmsg *m)
{
	uint32_t hops;

	if (!sipmsg_number(m, SIPH_MAX_FORWARDS, &hops))
		sipmsg_replace(m, SIPH_MAX_FORWARDS, BYTES("70")); /* RFC 3261 8.1.1.6 */
}

static int start(struct gsip *g, struct order *o)
{
	struct errand *e = calloc(1, sizeof *e);
	int rc = ERR_NOMEM;

	if (e) {
		*e = (struct errand){ .g = g, .id = o->u.id, .is_invite = sipmsg_method(o->m) == SIPM_INVITE };
		rc = e->id ? map_add_u64(&g->errands, e->id, e) : 0;
		if (rc < 0)
			e->id = 0; /* not ours to take out */
	}
	if (rc < 0) {
		free(e);
		sipmsg_free(o->m);
		return rc;
	}
	struct trip_wish w = { .m = o->m, .domain = bytes_of(o->domain), .routes = o->has_routes ? &o->routes : NULL,
			       .flow = o->u.flow, .is_tls_only = o->u.flags & UNIT_TLS, .is_gateway = true,
			       .trace = o->u.trace };
	complete(o->m);
	rc = trip_start(g, &w, &trip_owner, e, &e->trip);
	if (rc < 0)
		errand_free(e);
	return rc;
}

int errand_on_request(void *program, struct chan *from, const struct frame *f)
{
	struct gsip *g = program;
	struct order o = { .m = NULL };
	unsigned status;
	int why, rc;

	(void)from;
	arena_reset(&g->arena);
	if (sip_unit_decode(f->body, &o.u) < 0)
		return ERR_PROTOCOL;
	rc = sipmsg_parse_inside(o.u.message, &o.m);
	if (rc < 0) {
		answer_made_up(g, o.u.id, rc == ERR_NOMEM ? 500 : 400, rc);
		return 0;
	}
	status = judge(g, &o, &why);
	if (status) {
		answer_made_up(g, o.u.id, status, why);
		sipmsg_free(o.m);
		return 0;
	}
	log_debug_of(conf_is_watched(&g->conf, bytes_of(o.domain)), "sip.out", LOG_ID("trace", o.u.trace), LOG_STR("domain", o.domain),
	             LOG_BYTES("method", sipmsg_method_text(o.m)), LOG_BYTES("uri", sipmsg_uri(o.m)));
	rc = start(g, &o);
	if (rc == ERR_EXISTS)
		return ERR_PROTOCOL; /* an id twice */
	if (rc < 0)
		answer_made_up(g, o.u.id, 503, rc);
	return 0;
}

/* The number that gh-xlate gave it. */
static void undo_doubling(struct gsip *g, struct sipmsg *m)
{
	char domain[GSIP_DOMAIN_MAX];
	struct sip_address to;
	struct sipuri u;

	if (sipmsg_address(m, SIPH_TO, 0, &to) && sipuri_parse(to.uri, &u) == 0 && gsip_domain(g, u.host, domain) == 0 &&
	    peers_for(&g->conf.peers, bytes_of(domain)).row->user.n)
		login_halve_cseq(m);
}

bool errand_stray(struct gsip *g, struct sipmsg *m, uint64_t flow)
{
	if (sipmsg_count(m, SIPH_VIA) != 1 || loopmark_find(&g->marks, m) != LOOPMARK_LOOP)
		return false;
	undo_doubling(g, m);
	answer_raw(g, 0, m, flow);
	return true;
}

int errand_on_cancel(void *program, struct chan *from, const struct frame *f)
{
	struct gsip *g = program;
	struct wire w = wire_of(f->body);
	struct errand *e = map_get_u64(&g->errands, wire_u64(&w));

	(void)from;
	if (wire_end(&w) < 0)
		return ERR_PROTOCOL;
	if (e)
		trip_cancel(e->trip);
	return 0;
}

static void abandon(struct errand *e)
{
	if (e->is_invite)
		trip_cancel(e->trip);
	trip_drop(e->trip);
	free(e);
}

void errand_gateway_down(struct gsip *g)
{
	size_t at = 0;
	struct errand *e;

	while ((e = map_next(&g->errands, &at)))
		abandon(e);
	map_fini(&g->errands);
	map_init(&g->errands);
}

void errand_fini_all(struct gsip *g)
{
	size_t at = 0;
	struct errand *e;

	while ((e = map_next(&g->errands, &at))) {
		trip_drop(e->trip);
		free(e);
	}
	map_fini(&g->errands);
}
