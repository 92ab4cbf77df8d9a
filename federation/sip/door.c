#include "door.h"

#include <stdio.h>

#include "base/err.h"
#include "base/random.h"
#include "hand.h"
#include "partner.h"
#include "proto/jid.h"
#include "prove.h"
#include "relay.h"
#include "target.h"
#include "waiting.h"

enum { RETRY_MIN_S = 1, RETRY_SPREAD_S = 4, OUR_ROUTES_MAX = 2 };

const char door_allow[] = "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, INFO, UPDATE, REFER";
static const char accepted[] = "text/plain, message/cpim, application/pidf+xml, application/im-iscomposing+xml, "
			       "message/imdn+xml, application/sdp";

/* ---- answers of the door itself ---- */

static void append_text(struct sipmsg *m, enum siphdr h, const char *text)
{
	sipmsg_append(m, h, bytes_of(text));
}

static void append_unsupported(struct sipmsg *response, const struct sipmsg *m)
{
	for (size_t i = 0; i < sipmsg_count(m, SIPH_PROXY_REQUIRE); i++)
		sipmsg_append(response, SIPH_UNSUPPORTED, sipmsg_value(m, SIPH_PROXY_REQUIRE, i));
}

static void append_retry_after(struct sipmsg *response)
{
	char text[16];

	/* Spread, so that those who were refused together do not come back together. */
	(void)snprintf(text, sizeof text, "%u", RETRY_MIN_S + random_below(RETRY_SPREAD_S));
	append_text(response, SIPH_RETRY_AFTER, text);
}

static void respond(struct visit *v, unsigned status, const char *phrase)
{
	char tag[SIP_TAG_BYTES];

	sip_new_tag(tag);
	struct sipmsg *r = sipmsg_response_new(v->m, status, phrase, tag);
	if (!r) {
		sipserver_refuse(v->t, NULL, 500, NULL);
		return;
	}
	if (status == 405 || status == 200)
		append_text(r, SIPH_ALLOW, door_allow);
	if (status == 200)
		append_text(r, SIPH_ACCEPT, accepted);
	if (status == 420)
		append_unsupported(r, v->m);
	if (status == 500 || status == 503)
		append_retry_after(r);
	sipserver_respond(v->t, r);
	sipmsg_free(r);
}

/* FED-06: a stranger's address over UDP may be anybody's; only so many are told why. */
static bool is_to_be_silent(struct visit *v)
{
	bool is_stranger = !v->rule.row || !v->rule.row->key.n || !peer_is_from(v->rule.row, &v->from->addr);

	if (v->from->transport != SIPT_UDP || !is_stranger)
		return false;
	return !rate_take(&v->g->stranger_rate, 1, loop_now(v->g->loop));
}

static void answer_refusal(struct visit *v, const struct refusal_row *row)
{
	if (!v->t)
		return;
	if (is_to_be_silent(v)) {
		v->g->counts[STAT_STRANGERS_SILENT]++;
		sipserver_drop(v->t);
	} else if (v->is_proved) {
		respond(v, row->status, row->phrase);
	} else {
		/* A stranger fills no table, and makes us repeat nothing to an address that he may have forged. */
		sipserver_dismiss(v->t, v->m, row->status, row->phrase);
	}
}

static void refuse(struct visit *v, enum refusal why, const struct proof *p)
{
	struct refused r = { .why = why, .domain = bytes_of(v->domain), .m = v->m, .from = v->from, .rc = p ? p->rc : 0,
			     .identities = p ? p->identities : "", .detail = p ? p->hint : "" };

	gsip_log_refused(v->g, &r);
	answer_refusal(v, refusal_row(why));
	sipmsg_free(v->m);
	v->m = NULL;
}

void door_refuse(struct visit *v, enum refusal why)
{
	refuse(v, why, NULL);
}

/* ---- who is it? ---- */

static enum refusal read_from(struct visit *v)
{
	struct sip_address from;
	struct sipuri u;

	if (!sipmsg_address(v->m, SIPH_FROM, 0, &from) || sipuri_parse(from.uri, &u) < 0 || u.scheme > SIPURI_PRES)
		return REFUSED_FROM;
	return gsip_domain(v->g, u.host, v->domain) < 0 ? REFUSED_FROM : REFUSED_NOT;
}

static enum refusal refusal_of_rule(const struct peer_rule *rule)
{
	if (rule->is_allowed)
		return REFUSED_NOT;
	if (strcmp(rule->why, "mode-off") == 0)
		return REFUSED_MODE_OFF;
	return strcmp(rule->why, "row-denies") == 0 ? REFUSED_ROW : REFUSED_NO_ROW;
}

/* Who speaks for a domain of ours is a trunk of our own, which a row of that very domain must name (B-PUB-01). */
static bool is_forged(const struct visit *v)
{
	return conf_domain(&v->g->conf, bytes_of(v->domain)) && !bytes_eq_str(v->rule.row->key, v->domain);
}

static enum refusal prove(struct visit *v, struct proof *p)
{
	enum refusal why = read_from(v);

	*p = (struct proof){ .hint = "" };
	if (why != REFUSED_NOT)
		return why;
	/* FED-14. Before the rest: who sends back what was ours cannot prove its From. */
	if (loopmark_find(&v->g->marks, v->m) == LOOPMARK_LOOP)
		return REFUSED_LOOP;
	v->rule = peers_for(&v->g->conf.peers, bytes_of(v->domain));
	if (is_forged(v))
		return REFUSED_FORGED;
	why = refusal_of_rule(&v->rule);
	if (why != REFUSED_NOT)
		return why;
	prove_sender(v->g, bytes_of(v->domain), &v->rule, v->from, p);
	return p->why;
}

/* RFC 5923 5: the proved sender's connection is the way back to the address in its Via too. */
static void note_alias(struct visit *v)
{
	struct bytes via = sipmsg_value(v->m, SIPH_VIA, 0), value;
	struct bytes local = prove_local_domain(v->g, NULL);
	struct sip_place as = { .transport = SIPT_TLS, .addr = v->from->addr };
	struct sip_via top;
	char ascii[254];

	if (v->from->transport != SIPT_TLS || !v->from->flow || !sip_param(bytes_skip(via, bytes_find(via, ';') + 1), "alias", &value))
		return;
	if (!sipmsg_via(v->m, 0, &top) || jid_domain_to_ascii(bytes_of(v->domain), ascii) < 0 || !prove_is_first_alias(v->g, v->from->flow))
		return;
	sip_sockaddr_set_port(&as.addr, top.port ? top.port : siptransport_port(SIPT_TLS));
	(void)snprintf(as.name, sizeof as.name, "%s", ascii); /* as large */
	(void)snprintf(as.local, sizeof as.local, "%.*s", BYTES_FMT(local)); /* as large */
	siptransports_alias(sipendpoint_transports(v->g->endpoint), v->from->flow, &as);
	v->g->counts[STAT_ALIASES]++;
}

/* ---- is it in order? (RFC 3261 16.3) ---- */

static enum refusal check(struct visit *v)
{
	uint64_t breadth;
	uint32_t hops;

	if (sipmsg_number(v->m, SIPH_MAX_FORWARDS, &hops) && hops == 0)
		return REFUSED_HOPS; /* ERR-16 */
	if (bytes_to_u64(sipmsg_value(v->m, SIPH_MAX_BREADTH, 0), UINT32_MAX, &breadth) == 0 && breadth == 0)
		return REFUSED_BREADTH; /* RFC 5393 5.3.3 */
	return sipmsg_method(v->m) == SIPM_REGISTER ? REFUSED_METHOD : REFUSED_NOT;
}

static bool has_tag(const struct sipmsg *m)
{
	struct sip_address to;
	struct bytes tag;

	return sipmsg_address(m, SIPH_TO, 0, &to) && sip_param(to.params, "tag", &tag);
}

/* ---- our own Route (RFC 3261 16.4) ---- */

/* Is this URI one of our Record-Routes? *mark: its proof, or empty. */
static bool is_our_route(struct visit *v, struct bytes uri, struct bytes *mark)
{
	struct sipuri u;

	*mark = BYTES_NONE;
	if (sipuri_parse(uri, &u) < 0 || u.user.n || !gsip_is_us(v->g, u.host, u.port))
		return false;
	(void)sip_param(u.params, "gh", mark); /* absent: a preloaded Route, which allows nothing */
	return true;
}

static void note_mark(struct visit *v, struct bytes mark)
{
	v->has_our_route |= mark.n && dialogmark_is_right(&v->g->marks, v->m, mark);
}

/* A strict router has put us into the Request-URI, and what was there behind the Routes. */
static void undo_strict(struct visit *v)
{
	size_t n = sipmsg_count(v->m, SIPH_ROUTE);
	struct sip_address last;
	struct bytes mark;
	struct buf uri;

	if (!n || !is_our_route(v, sipmsg_uri(v->m), &mark) || !mark.n || !sipmsg_address(v->m, SIPH_ROUTE, n - 1, &last))
		return;
	note_mark(v, mark);
	buf_init(&uri, SIPURI_MAX_BYTES);
	buf_put_bytes(&uri, last.uri);
	sipmsg_remove(v->m, SIPH_ROUTE, n - 1);
	sipmsg_set_uri(v->m, buf_bytes(&uri));
	buf_fini(&uri);
}

static void strip_routes(struct visit *v)
{
	struct sip_address route;
	struct bytes mark;

	undo_strict(v);
	for (int i = 0; i < OUR_ROUTES_MAX && sipmsg_address(v->m, SIPH_ROUTE, 0, &route); i++) {
		if (!is_our_route(v, route.uri, &mark))
			return;
		note_mark(v, mark);
		sipmsg_remove(v->m, SIPH_ROUTE, 0);
	}
}

/* ---- where to? ---- */

/* To our Contact, whose host may be the server's name: the domain is in To. COMPAT: OCS and Lync also send what
 * begins a dialog there (spec/sip.md 3, "catch-all"). */
static enum refusal hand_by_to(struct visit *v)
{
	char domain[GSIP_DOMAIN_MAX];
	struct sip_address to;
	struct sipuri u;
	struct buf uri;

	if (!sipmsg_address(v->m, SIPH_TO, 0, &to) || sipuri_parse(to.uri, &u) < 0 || gsip_domain(v->g, u.host, domain) < 0 ||
	    !conf_domain(&v->g->conf, bytes_of(domain)))
		return REFUSED_UNKNOWN;
	buf_init(&uri, SIPURI_MAX_BYTES);
	buf_put_bytes(&uri, to.uri);
	sipmsg_set_uri(v->m, buf_bytes(&uri));
	buf_fini(&uri);
	return hand_request(v);
}

/* Never an open relay: both sides need a row that says so, or the dialog was allowed when it began. */
static enum refusal relay_to_peer(struct visit *v)
{
	struct peer_rule to = peers_for(&v->g->conf.peers, bytes_of(v->host));

	if (v->is_in_dialog && v->has_our_route && v->rule.is_explicit)
		return relay_request(v, NULL);
	if (!to.is_explicit)
		return v->host[0] && to.row->key.n ? REFUSED_RELAY : REFUSED_UNKNOWN;
	return v->rule.is_explicit ? relay_request(v, NULL) : REFUSED_RELAY;
}

/* B-STR-01: static routes before all else; but a dialog that lives here stays here. */
static enum refusal try_routes(struct visit *v, const struct sipuri *u, struct bytes user, bool *is_taken)
{
	struct route_ask ask = { .method = sipmsg_method_text(v->m), .user = user, .host = u->host, .random = random_below };
	struct route_answer routes;

	routes_find(&v->g->conf.routes, &ask, &routes);
	*is_taken = routes.n || routes.blocked_by;
	if (!*is_taken)
		return REFUSED_NOT;
	if (!routes.n)
		return REFUSED_BLOCKED;
	return v->rule.is_explicit ? relay_request(v, &routes) : REFUSED_RELAY;
}

static bool is_ping(const struct visit *v, const struct sipuri *u)
{
	return sipmsg_method(v->m) == SIPM_OPTIONS && !u->user.n && gsip_is_us(v->g, u->host, u->port) && !sipmsg_count(v->m, SIPH_ROUTE);
}

static enum refusal answer_ping(struct visit *v)
{
	v->g->counts[STAT_PINGS]++;
	respond(v, 200, NULL);
	sipmsg_free(v->m);
	v->m = NULL;
	return REFUSED_NOT;
}

/* What REFUSED_NOT leaves behind has taken the request. */
static enum refusal forward(struct visit *v, const struct sipuri *u, struct bytes user)
{
	bool is_here, is_taken = false;
	enum refusal why = REFUSED_NOT;

	if (gsip_domain(v->g, u->host, v->host) < 0)
		v->host[0] = '\0';
	is_here = conf_domain(&v->g->conf, bytes_of(v->host));
	if (is_ping(v, u))
		return answer_ping(v);
	if (sipmsg_count(v->m, SIPH_ROUTE))
		return relay_to_peer(v);
	if (!v->is_in_dialog || !(is_here || gsip_is_us(v->g, u->host, u->port)))
		why = try_routes(v, u, user, &is_taken);
	if (is_taken)
		return why;
	if (is_here)
		return hand_request(v);
	return gsip_is_us(v->g, u->host, u->port) ? hand_by_to(v) : relay_to_peer(v);
}

static enum refusal route(struct visit *v)
{
	enum refusal why;
	struct sipuri u;
	struct buf user;

	strip_routes(v);
	v->is_in_dialog = has_tag(v->m);
	buf_init(&user, SIPURI_MAX_BYTES);
	why = target_parts(sipmsg_uri(v->m), &u, &user) < 0 ? REFUSED_SCHEME : forward(v, &u, buf_bytes(&user));
	buf_fini(&user);
	return why;
}

/* Partners ask whether we live from addresses, not from domains: COMPAT: OPTIONS of session border controllers
 * and call managers have the server's own address in From. */
static bool is_known_ping(struct visit *v)
{
	struct sipuri u;

	return v->t && sipuri_parse(sipmsg_uri(v->m), &u) == 0 && is_ping(v, &u) && !v->g->conf.is_off &&
	       peers_know_address(&v->g->conf.peers, &v->from->addr);
}

static void enter(struct visit *v)
{
	struct proof proof = { .hint = "" };
	enum refusal why;

	if (is_known_ping(v)) {
		(void)answer_ping(v); /* cannot refuse */
		return;
	}
	why = prove(v, &proof);
	if (why == REFUSED_NOT) {
		v->is_proved = true;
		note_alias(v);
		why = partner_take(v->g, bytes_of(v->domain), v->rule.row) ? check(v) : REFUSED_RATE;
	}
	if (why == REFUSED_NOT)
		why = route(v);
	if (why != REFUSED_NOT)
		refuse(v, why, &proof);
}

void door_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	struct gsip *g = arg;
	struct visit v = { .g = g, .t = t, .m = m, .from = from, .trace = random_u64() };

	arena_reset(&g->arena);
	v.rule.row = &g->conf.peers.fallback;
	g->counts[STAT_REQUESTS_IN]++;
	if (t)
		sipserver_set_user(t, NULL);
	if (!g->settings || g->is_stopping || g->n_held >= GSIP_HELD_MAX)
		door_refuse(&v, REFUSED_BUSY);
	else
		enter(&v);
}

void door_cancelled(void *arg, struct sipserver *t)
{
	struct waiting *w = sipserver_user(t);

	(void)arg;
	if (w)
		w->cancel(w);
}
