#include "trip.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "contact.h"
#include "held.h"
#include "login.h"
#include "partner.h"
#include "proto/jid.h"
#include "prove.h"
#include "sip/locate.h"
#include "target.h"

/* Behind it no other hop is tried: whoever asked has given up (RFC 4320 4.2). */
enum { TRIP_TRIES_MS = 30000, WORDS_MAX = 80, DIAGNOSTICS_LINES = 20 };

struct try_hop {
	char host[256];
	uint16_t port;
	enum siptransport transport;
};

/* A place without the room for the longest names: thousands wait for an answer. Behind it name and local,
 * each with its NUL. */
struct kept_place {
	enum siptransport transport;
	union sip_sockaddr addr;
	unsigned listener;
	uint16_t name_n, local_n; /* with the NUL */
};

struct trip {
	struct gsip *g;
	struct list node;
	struct loop_defer begin;
	struct held request;
	uint64_t flow, trace, begun_ms;
	bool is_tls_only, is_gateway, is_ack, is_static;
	bool was_target_tried, was_challenged, is_cancelled;
	struct try_hop *hops; /* static next hops that are left */
	uint16_t n_hops, hop, n_places, place;
	struct siplocate *locating;
	uint8_t *places; /* n_places times struct kept_place and its names */
	struct sipclient *client;
	/* What to say when all have failed. */
	unsigned status;
	int why;
	char *words; /* NULL: none */
	struct sipmsg *best; /* a 503: kept while others are tried */
	uint64_t best_flow;
	const struct trip_owner *owner; /* NULL: dropped */
	void *arg;
	char domain[]; /* the partner's */
};

static void next_hop(struct trip *t);
static void try_place(struct trip *t);

static void trip_free(struct trip *t)
{
	loop_defer_cancel(&t->begin);
	list_del(&t->node);
	siplocate_cancel(t->locating);
	if (t->client)
		sipclient_drop(t->client);
	held_fini(t->g, &t->request);
	sipmsg_free(t->best);
	free(t->hops);
	free(t->places);
	free(t->words);
	free(t);
}

static void finish_with(struct trip *t, struct sipmsg *m, unsigned status, int why, uint64_t flow)
{
	struct trip_end end = { .status = status, .why = why, .reason = t->words ? t->words : "", .flow = flow };
	const struct trip_owner *owner = t->owner;

	t->owner = NULL;
	partner_note_end(t->g, bytes_of(t->domain), status, why, end.reason);
	if (owner)
		owner->final(t->arg, m, &end);
	trip_free(t);
}

/* Nobody is left to try. */
static void finish(struct trip *t)
{
	if (t->is_cancelled)
		finish_with(t, NULL, 487, ERR_CLOSED, 0);
	else if (t->best)
		finish_with(t, t->best, sipmsg_status(t->best), 0, t->best_flow);
	else
		finish_with(t, NULL, t->status, t->why, 0);
}

static unsigned status_of(int rc)
{
	switch (rc) {
	case ERR_NOT_FOUND:
	case ERR_DNS_NXDOMAIN:
	case ERR_DNS_NODATA:
		return 404;
	case ERR_TIMEOUT:
	case ERR_DNS_TIMEOUT:
	case ERR_DNS_SERVFAIL:
		return 408;
	case ERR_LIMIT:
		return 513;
	default:
		return 503;
	}
}

static void note(struct trip *t, int rc, const char *words)
{
	char cut[WORDS_MAX];

	t->status = status_of(rc);
	t->why = rc;
	free(t->words);
	(void)snprintf(cut, sizeof cut, "%s", words ? words : ""); /* cut is fine */
	t->words = cut[0] ? strdup(cut) : NULL; /* for the log only */
}

/* ---- what came of one place ---- */

/* Where client is, or the ACK went; with flow it does not matter. Until it is asked for again. */
static const struct sip_place *here(const struct trip *t)
{
	static const struct sip_place nowhere;
	const uint8_t *at = t->places;
	struct sip_place *p = &t->g->place;
	struct kept_place k;

	if (!at || !t->place)
		return &nowhere;
	for (size_t i = 1;; i++, at += sizeof k + k.name_n + k.local_n) {
		memcpy(&k, at, sizeof k);
		if (i == t->place)
			break;
	}
	p->transport = k.transport;
	p->addr = k.addr;
	p->listener = k.listener;
	memcpy(p->name, at + sizeof k, k.name_n);
	memcpy(p->local, at + sizeof k + k.name_n, k.local_n);
	return p;
}

static void place_failed(struct trip *t, int rc, const char *words)
{
	note(t, rc, words);
	prove_log_failed(t->g, bytes_of(t->domain), here(t), rc, words, t->trace);
	if (rc == ERR_FULL || rc == ERR_LIMIT || rc == ERR_NOMEM)
		return; /* our own trouble says nothing about the place */
	if (hops_failed(&t->g->hops, here(t), t->is_static, rc, loop_now(t->g->loop)))
		t->g->counts[STAT_HOPS_DOWN]++;
	t->g->counts[STAT_FAILOVERS]++;
}

static bool may_go_on(const struct trip *t)
{
	return !t->is_cancelled && loop_now(t->g->loop) < t->begun_ms + TRIP_TRIES_MS;
}

/* Without a final answer; or with one that is no end. */
static void client_is_over(struct trip *t)
{
	held_take_back(t->g, &t->request, t->client);
	t->client = NULL;
}

static void on_failed(void *arg, int rc, const char *words)
{
	struct trip *t = arg;

	client_is_over(t);
	if (t->flow) {
		/* The connection has gone; the partner's own door is still there. */
		t->flow = 0;
		note(t, rc, words);
	} else {
		place_failed(t, rc, words);
	}
	if (may_go_on(t))
		try_place(t);
	else
		finish(t);
}

/* ERR-15: 503 means this server, not the request. */
static void on_unavailable(struct trip *t, struct sipmsg *m, uint64_t flow)
{
	uint64_t now = loop_now(t->g->loop);
	uint32_t after_s;

	if (!t->flow && sipmsg_number(m, SIPH_RETRY_AFTER, &after_s) && after_s) {
		t->g->counts[STAT_HOPS_HELD]++;
		(void)hops_hold(&t->g->hops, here(t), t->is_static, after_s, now); /* news or not, it is marked */
	} else if (!t->flow) {
		(void)hops_failed(&t->g->hops, here(t), t->is_static, ERR_AGAIN, now); /* as above */
	}
	t->flow = 0;
	if (!t->best) {
		t->best = sipmsg_copy(m);
		t->best_flow = flow;
	}
	note(t, ERR_AGAIN, "503");
	if (may_go_on(t))
		try_place(t);
	else
		finish(t);
}

/* True when the request goes out again. */
static bool answer_challenge(struct trip *t, struct sipmsg *m)
{
	const struct peer_row *row = peers_for(&t->g->conf.peers, bytes_of(t->domain)).row;
	struct sipmsg *request = held_message(t->g, &t->request);

	if (t->was_challenged || t->is_cancelled || !t->is_gateway || !row->user.n || !request)
		return false;
	if (login_answer(row, m, &t->g->arena, request) < 0)
		return false;
	t->was_challenged = true;
	t->g->counts[STAT_CHALLENGES]++;
	/* RFC 3261 22.2: to the same place */
	if (!t->flow && t->place > 0)
		t->place--;
	try_place(t);
	return true;
}

/* COMPAT: Lync and its kin say there what the status does not. */
static void log_diagnostics(const struct trip *t, const struct sipmsg *m)
{
	struct bytes text = sipmsg_value(m, SIPH_MS_DIAGNOSTICS, 0);
	struct partner *p = text.n ? partner_get(t->g, bytes_of(t->domain)) : NULL;
	uint32_t held;

	if (p && log_limit_pass(&p->failed_log, DIAGNOSTICS_LINES, loop_now(t->g->loop), &held))
		log_info("sip.out.diagnostics", LOG_ID("trace", t->trace), LOG_STR("domain", t->domain),
		         LOG_INT("status", sipmsg_status(m)), LOG_BYTES("text", text), LOG_INT("held", held));
}

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct trip *t = arg;
	unsigned status = sipmsg_status(m);

	arena_reset(&t->g->arena);
	if (status < 200) {
		if (t->owner && t->owner->provisional)
			t->owner->provisional(t->arg, m);
		return;
	}
	if (status >= 300)
		log_diagnostics(t, m);
	if (status == 503 || status == 401 || status == 407)
		client_is_over(t);
	t->client = NULL;
	if (status == 503) {
		on_unavailable(t, m, from->flow);
		return;
	}
	if (!t->flow && hops_recovered(&t->g->hops, here(t)))
		t->g->counts[STAT_HOPS_UP]++;
	if ((status == 401 || status == 407) && answer_challenge(t, m))
		return;
	finish_with(t, m, status, 0, from->flow);
}

static const struct sipclient_owner client_owner = { .response = on_response, .failed = on_failed };

/* ---- to a place ---- */

static int transmit(struct trip *t)
{
	struct sipmsg *m = held_message(t->g, &t->request);
	char mark[LOOPMARK_CHARS + 1];

	if (!m)
		return ERR_NOMEM;
	if (t->is_ack)
		return (t->is_gateway ? sipendpoint_acknowledge : sipendpoint_send_ack)(t->g->endpoint, m, here(t), t->flow);
	if (t->is_gateway && !t->flow)
		contact_set_transport(t->g, m, here(t)->transport);
	t->g->counts[STAT_REQUESTS_OUT]++;
	loopmark_make(&t->g->marks, t->is_gateway, m, mark);
	int rc = sipclient_start(t->g->endpoint, m, here(t), t->flow, mark, &client_owner, t, &t->client);
	if (rc == 0)
		held_lend(&t->request);
	return rc;
}

/* True: it is on its way, or it was an ACK and all is over. */
static bool send_to(struct trip *t)
{
	int rc = transmit(t);

	if (rc == 0 && t->is_ack)
		finish_with(t, NULL, 200, 0, t->flow);
	else if (rc < 0 && t->flow)
		note(t, rc, "");
	else if (rc < 0)
		place_failed(t, rc, "");
	return rc == 0;
}

static void try_place(struct trip *t)
{
	if (t->flow) {
		if (send_to(t))
			return;
		t->flow = 0;
	}
	while (t->place < t->n_places) {
		t->place++;
		if (send_to(t))
			return;
	}
	next_hop(t);
}

static int pack_places(struct trip *t, const struct sip_place *places, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += sizeof(struct kept_place) + strlen(places[i].name) + strlen(places[i].local) + 2;
	uint8_t *p = t->places = malloc(bytes);
	if (!p)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct kept_place k = { .transport = places[i].transport, .addr = places[i].addr, .listener = places[i].listener,
					.name_n = (uint16_t)(strlen(places[i].name) + 1), .local_n = (uint16_t)(strlen(places[i].local) + 1) };
		memcpy(p, &k, sizeof k);
		memcpy(p + sizeof k, places[i].name, k.name_n);
		memcpy(p + sizeof k + k.name_n, places[i].local, k.local_n);
		p += sizeof k + k.name_n + k.local_n;
	}
	t->n_places = (uint16_t)n; /* SIP_PLACES_MAX at most */
	return 0;
}

/* Those that may be asked now, the best first. None: all have asked for a pause. */
static int keep_places(struct trip *t, const struct sip_place *places, size_t n)
{
	struct sip_place *sorted = malloc(n * sizeof *sorted);
	int rc = sorted ? 0 : ERR_NOMEM;

	free(t->places);
	t->places = NULL;
	t->n_places = t->place = 0;
	if (sorted) {
		memcpy(sorted, places, n * sizeof *sorted);
		n = hops_order(&t->g->hops, sorted, n, loop_now(t->g->loop));
		rc = n ? pack_places(t, sorted, n) : 0;
	}
	free(sorted);
	return rc;
}

/* rc: why there are none. */
static void try_places(struct trip *t, int rc, const struct sip_place *places, size_t n)
{
	if (rc == 0)
		rc = n ? keep_places(t, places, n) : ERR_NOT_FOUND;
	if (rc < 0) {
		note(t, rc, "dns");
		prove_log_failed(t->g, bytes_of(t->domain), NULL, t->why, "", t->trace);
		next_hop(t);
		return;
	}
	if (t->n_places == 0)
		note(t, ERR_AGAIN, "asked for a pause");
	try_place(t);
}

static void on_located(void *arg, const struct sip_places *p)
{
	struct trip *t = arg;

	t->locating = NULL;
	if (t->is_cancelled)
		finish(t);
	else
		try_places(t, p->rc, p->places, p->n);
}

/* ---- to a next hop ---- */

/* FED-04: the name that the certificate must have is the partner's domain, wherever its servers are; of a
 * static route for a domain of ours, the next hop's. */
static const char *name_for(struct trip *t, const char *host, char ascii[static 254])
{
	if (conf_domain(&t->g->conf, bytes_of(t->domain)) || jid_domain_to_ascii(bytes_of(t->domain), ascii) < 0)
		return host;
	return ascii;
}

static bool locate(struct trip *t, const char *host, uint16_t port, int transport, bool is_srv_name)
{
	struct peer_rule rule = peers_for(&t->g->conf.peers, bytes_of(t->domain));
	struct bytes from = prove_local_domain(t->g, held_message(t->g, &t->request));
	char ascii[254], local[GSIP_DOMAIN_MAX];
	bool is_tls_only = t->is_tls_only || (!t->is_static && rule.row->is_tls_required);
	bool is_lync = rule.row->is_lync && !t->is_static;

	(void)snprintf(local, sizeof local, "%.*s", BYTES_FMT(from));
	struct siplocate_ask ask = {
		.host = host, .port = port, .is_srv_name = is_srv_name, .is_tls_only = is_tls_only,
		.transport = is_tls_only && transport >= 0 ? (int)SIPT_TLS : transport,
		/* COMPAT: OCS, Lync and Skype for Business federate by an SRV record of their own (FED-07), and their
		 * Contacts and Record-Routes have their servers' names */
		.is_lync = is_lync, .name = name_for(t, host, ascii), .local = local,
	};
	struct sip_place place;
	if (siplocate_at_once(&ask, &place)) {
		try_places(t, 0, &place, 1);
		return true;
	}
	t->locating = siplocate(t->g->dns, &ask, on_located, t);
	if (!t->locating)
		note(t, ERR_NOMEM, "");
	return t->locating != NULL;
}

static bool locate_target(struct trip *t)
{
	struct sipmsg *m = held_message(t->g, &t->request);
	struct target target;
	int rc = m ? target_of(m, &target) : ERR_NOMEM;

	t->was_target_tried = true;
	if (rc < 0) {
		note(t, rc, "address");
		return false;
	}
	t->is_tls_only |= target.is_sips;
	return locate(t, target.host, target.port, target.transport, false);
}

/* With the last one the list goes. */
static struct try_hop take_hop(struct trip *t)
{
	struct try_hop h = t->hops[t->hop++];

	if (t->hop == t->n_hops) {
		free(t->hops);
		t->hops = NULL;
	}
	return h;
}

static void next_hop(struct trip *t)
{
	while (may_go_on(t) && t->hop < t->n_hops) {
		struct try_hop h = take_hop(t);
		if (locate(t, h.host, h.port, (int)h.transport, h.port == 0))
			return;
	}
	/* B-STR-01: where a static route matches, there is no other way. */
	if (may_go_on(t) && !t->is_static && !t->was_target_tried && locate_target(t))
		return;
	finish(t);
}

static void on_begin(void *arg)
{
	struct trip *t = arg;
	struct sipmsg *m = held_message(t->g, &t->request);

	arena_reset(&t->g->arena);
	if (!m || t->is_cancelled) {
		note(t, ERR_NOMEM, "");
		finish(t);
		return;
	}
	if (t->is_gateway && peers_for(&t->g->conf.peers, bytes_of(t->domain)).row->user.n)
		login_double_cseq(m);
	try_place(t);
}

/* ---- for its owner ---- */

static const enum siptransport transports[] = { [ROUTE_TCP] = SIPT_TCP, [ROUTE_UDP] = SIPT_UDP, [ROUTE_TLS] = SIPT_TLS };

/* Settings may change meanwhile: what is needed of the routes is copied. */
static int copy_hops(struct trip *t, const struct route_answer *routes)
{
	if (!routes || !routes->n)
		return 0;
	t->hops = calloc(routes->n, sizeof *t->hops);
	if (!t->hops)
		return ERR_NOMEM;
	for (size_t i = 0; i < routes->n; i++) {
		const struct route *r = routes->v[i];
		(void)snprintf(t->hops[i].host, sizeof t->hops[i].host, "%s", r->hop); /* as large */
		t->hops[i].port = r->port;
		t->hops[i].transport = transports[r->protocol];
	}
	t->n_hops = (uint16_t)routes->n; /* ROUTE_TRIES_MAX at most */
	t->is_static = true;
	return 0;
}

int trip_start(struct gsip *g, const struct trip_wish *w, const struct trip_owner *o, void *arg, struct trip **out)
{
	struct trip *t = g->n_held < GSIP_HELD_MAX && w->domain.n < GSIP_DOMAIN_MAX ? calloc(1, sizeof *t + w->domain.n + 1) : NULL;

	if (!t) {
		sipmsg_free(w->m);
		return g->n_held >= GSIP_HELD_MAX ? ERR_FULL : ERR_NOMEM;
	}
	*t = (struct trip){ .g = g, .flow = w->flow, .trace = w->trace, .begun_ms = loop_now(g->loop),
			    .is_tls_only = w->is_tls_only, .is_gateway = w->is_gateway,
			    .is_ack = sipmsg_method(w->m) == SIPM_ACK, .status = 503, .why = ERR_AGAIN };
	held_init(g, &t->request, w->m);
	list_add_tail(&g->trips, &t->node);
	loop_defer_init(&t->begin, on_begin, t);
	(void)snprintf(t->domain, w->domain.n + 1, "%.*s", BYTES_FMT(w->domain)); /* as large */
	if (copy_hops(t, w->routes) < 0) {
		trip_free(t);
		return ERR_NOMEM;
	}
	t->owner = o;
	t->arg = arg;
	loop_defer_call(g->loop, &t->begin);
	*out = t;
	return 0;
}

void trip_cancel(struct trip *t)
{
	if (t->is_cancelled)
		return;
	t->is_cancelled = true;
	if (t->client)
		sipclient_cancel(t->client);
}

void trip_drop(struct trip *t)
{
	if (t)
		t->owner = NULL;
}

void trip_fini_all(struct gsip *g)
{
	LIST_EACH(it, &g->trips)
		trip_free(LIST_OWNER(it, struct trip, node));
}
