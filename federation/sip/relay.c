#include "relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "errand.h"
#include "sip/uri.h"
#include "trip.h"
#include "waiting.h"

/* 64*T1: as long as a called user agent repeats its 2xx (RFC 3261 13.3.1.4). */
enum { ECHO_KEEP_MS = 32000, ECHOES_MAX = 10000, MAX_FORWARDS = 70, AGAIN_MIN_S = 2, AGAIN_SPREAD_S = 4 };

struct relay {
	struct waiting waiting; /* first */
	struct list node;
	struct gsip *g;
	struct sipserver *t; /* NULL: ACK */
	struct trip *trip;
	bool is_invite;
	struct sip_source from[]; /* of an INVITE */
};

/* Where the INVITE came from whose 2xx has passed. */
struct echo {
	uint64_t until_ms;
	struct sip_source to;
	size_t branch_n;
	uint8_t branch[]; /* of our Via */
};

static void relay_free(struct relay *r)
{
	list_del(&r->node);
	free(r);
}

static void on_cancel(struct waiting *w)
{
	trip_cancel(((struct relay *)w)->trip);
}

/* ---- responses (RFC 3261 16.7) ---- */

/* Our Via off. False: nothing is left that it could go to. */
static bool take_via(struct sipmsg *m)
{
	sipmsg_remove(m, SIPH_VIA, 0);
	return sipmsg_count(m, SIPH_VIA) > 0;
}

static void keep_echo(struct relay *r, const struct sipmsg *m)
{
	struct gsip *g = r->g;
	struct sip_via via;
	struct echo *e;

	if (!sipmsg_via(m, 0, &via) || !via.branch.n || g->echoes.count >= ECHOES_MAX)
		return;
	e = calloc(1, sizeof *e + via.branch.n);
	if (!e)
		return;
	*e = (struct echo){ .until_ms = loop_now(g->loop) + ECHO_KEEP_MS, .to = r->from[0], .branch_n = via.branch.n };
	memcpy(e->branch, via.branch.p, via.branch.n);
	if (map_add(&g->echoes, bytes_make(e->branch, e->branch_n), e) < 0)
		free(e); /* there already: a fork behind us */
}

static void on_provisional(void *arg, struct sipmsg *m)
{
	struct relay *r = arg;

	if (r->t && take_via(m))
		sipserver_respond(r->t, m);
}

static void answer_again(struct relay *r, unsigned status)
{
	char tag[SIP_TAG_BYTES], after[16];

	sip_new_tag(tag);
	struct sipmsg *m = sipserver_response_new(r->t, status, NULL, tag);
	if (!m) {
		sipserver_drop(r->t);
		return;
	}
	(void)snprintf(after, sizeof after, "%u", AGAIN_MIN_S + random_below(AGAIN_SPREAD_S));
	if (status == 500)
		sipmsg_append(m, SIPH_RETRY_AFTER, bytes_of(after));
	sipserver_respond(r->t, m);
	sipmsg_free(m);
}

static void on_final(void *arg, struct sipmsg *m, const struct trip_end *end)
{
	struct relay *r = arg;
	bool is_503 = end->status == 503;

	if (!r->t) {
		relay_free(r);
		return;
	}
	if (m && r->is_invite && end->status < 300)
		keep_echo(r, m);
	/* RFC 3261 16.7 step 6: 503 speaks of one server, and would stop all traffic to this box */
	if (m && !is_503 && take_via(m))
		sipserver_respond(r->t, m);
	else
		answer_again(r, is_503 ? 500 : end->status);
	relay_free(r);
}

static const struct trip_owner trip_owner = { .provisional = on_provisional, .final = on_final };

void relay_stray(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct gsip *g = arg;
	struct sip_via via;
	struct echo *e = NULL;

	g->counts[STAT_STRAYS]++;
	if (errand_stray(g, m, from->flow)) {
		sipmsg_free(m);
		return;
	}
	if (sipmsg_via(m, 0, &via) && via.branch.n)
		e = map_get(&g->echoes, via.branch);
	if (e && loop_now(g->loop) < e->until_ms && take_via(m))
		(void)sipendpoint_pass_response(g->endpoint, &e->to, m); /* a lost one comes again */
	sipmsg_free(m);
}

void relay_sweep(struct gsip *g)
{
	struct echo *old[256], *e;
	size_t n;

	do {
		size_t at = 0;
		n = 0;
		while (n < sizeof old / sizeof old[0] && (e = map_next(&g->echoes, &at)))
			if (loop_now(g->loop) >= e->until_ms)
				old[n++] = e;
		for (size_t i = 0; i < n; i++) {
			(void)map_del(&g->echoes, bytes_make(old[i]->branch, old[i]->branch_n)); /* it is old[i] */
			free(old[i]);
		}
	} while (n == sizeof old / sizeof old[0]);
}

void relay_fini_all(struct gsip *g)
{
	size_t at = 0;
	struct echo *e;

	LIST_EACH(it, &g->relays) {
		struct relay *r = LIST_OWNER(it, struct relay, node);
		trip_drop(r->trip);
		relay_free(r);
	}
	while ((e = map_next(&g->echoes, &at)))
		free(e);
	map_fini(&g->echoes);
}

/* ---- the request (RFC 3261 16.6) ---- */

static void count_down(struct sipmsg *m)
{
	char text[16];
	uint32_t hops;

	if (!sipmsg_number(m, SIPH_MAX_FORWARDS, &hops))
		hops = MAX_FORWARDS + 1;
	(void)snprintf(text, sizeof text, "%u", hops - 1);
	sipmsg_replace(m, SIPH_MAX_FORWARDS, bytes_of(text));
}

static const char *way_in(const struct visit *v)
{
	return siptransport_param(v->from->transport);
}

static const char *way_out(const struct visit *v, const struct route_answer *routes)
{
	static const char *const names[] = { [ROUTE_UDP] = "udp", [ROUTE_TCP] = "tcp", [ROUTE_TLS] = "tls" };

	if (routes && routes->n)
		return names[routes->v[0]->protocol];
	return peers_for(&v->g->conf.peers, bytes_of(v->host)).row->is_tls_required ? "tls" : way_in(v);
}

static void put_record_route(struct visit *v, const char *transport, const char *mark)
{
	const char *host = conf_name(&v->g->conf);
	bool is_v6 = strchr(host, ':');
	struct buf b;

	buf_init(&b, 512);
	buf_putf(&b, is_v6 ? "<sip:[%s]" : "<sip:%s", host);
	if (v->g->conf.host[0] && v->g->conf.host_port)
		buf_putf(&b, ":%u", v->g->conf.host_port);
	buf_putf(&b, ";transport=%s;lr;gh=%s>", transport, mark);
	sipmsg_prepend(v->m, SIPH_RECORD_ROUTE, buf_bytes(&b));
	buf_fini(&b);
}

/* For what begins a dialog. Where it comes in by another transport than it goes out, each side has its own
 * (RFC 5658 3.2). */
static void record_route(struct visit *v, const struct route_answer *routes)
{
	enum sipmsg_method method = sipmsg_method(v->m);
	const char *in = way_in(v), *out = way_out(v, routes);
	char mark[DIALOGMARK_CHARS + 1];

	if (v->is_in_dialog || !conf_name(&v->g->conf)[0])
		return;
	if (method != SIPM_INVITE && method != SIPM_SUBSCRIBE && method != SIPM_REFER)
		return;
	dialogmark_make(&v->g->marks, v->m, mark);
	put_record_route(v, in, mark);
	if (strcmp(in, out) != 0)
		put_record_route(v, out, mark);
}

/* Whose row governs: the other side's domain; in a dialog the Request-URI is an address of its server. */
static struct bytes partner_of(const struct visit *v, char domain[static GSIP_DOMAIN_MAX])
{
	struct sip_address to;
	struct sipuri u;

	if (peers_for(&v->g->conf.peers, bytes_of(v->host)).is_explicit || !v->is_in_dialog)
		return bytes_of(v->host);
	if (!sipmsg_address(v->m, SIPH_TO, 0, &to) || sipuri_parse(to.uri, &u) < 0 || gsip_domain(v->g, u.host, domain) < 0)
		return bytes_of(v->host);
	return bytes_of(domain);
}

static struct relay *relay_new(const struct visit *v)
{
	bool is_invite = sipmsg_method(v->m) == SIPM_INVITE;
	struct relay *r = calloc(1, sizeof *r + (is_invite ? sizeof r->from[0] : 0));

	if (!r)
		return NULL;
	*r = (struct relay){ .waiting = { on_cancel }, .g = v->g, .t = v->t, .is_invite = is_invite };
	if (is_invite)
		r->from[0] = *v->from;
	return r;
}

enum refusal relay_request(struct visit *v, const struct route_answer *routes)
{
	char domain[GSIP_DOMAIN_MAX];
	struct relay *r;

	if (sipmsg_count(v->m, SIPH_PROXY_REQUIRE))
		return REFUSED_EXTENSION; /* RFC 3261 16.3 step 5 */
	r = relay_new(v);
	if (!r)
		return REFUSED_MEMORY;
	list_add_tail(&v->g->relays, &r->node);
	count_down(v->m);
	record_route(v, routes);
	log_debug_of(conf_is_watched(&v->g->conf, bytes_of(v->domain)) || conf_is_watched(&v->g->conf, bytes_of(v->host)),
	             "sip.relayed", LOG_ID("trace", v->trace), LOG_STR("domain", v->domain), LOG_STR("to", v->host),
	             LOG_BYTES("method", sipmsg_method_text(v->m)), LOG_BYTES("uri", sipmsg_uri(v->m)));
	struct trip_wish w = { .m = v->m, .domain = partner_of(v, domain), .routes = routes, .trace = v->trace };
	v->m = NULL;
	int rc = trip_start(v->g, &w, &trip_owner, r, &r->trip);
	if (rc == 0) {
		if (v->t)
			sipserver_set_user(v->t, &r->waiting);
		v->g->counts[STAT_RELAYED]++;
		return REFUSED_NOT;
	}
	if (v->t)
		answer_again(r, rc == ERR_FULL ? 503 : 500);
	relay_free(r);
	return REFUSED_NOT; /* it is answered */
}
