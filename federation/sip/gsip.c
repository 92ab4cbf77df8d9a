#include "gsip.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "door.h"
#include "errand.h"
#include "hand.h"
#include "held.h"
#include "partner.h"
#include "ping.h"
#include "proto/jid.h"
#include "prove.h"
#include "relay.h"
#include "trip.h"
#include "walk.h"

/* Lines a minute: of one domain, of all strangers. Answers a second to strangers over UDP. */
enum { REFUSED_LINES = 3, STRANGER_LINES = 60, STRANGER_ANSWERS = 20 };
enum { TICK_MS = 100, SWEEP_EVERY = 100 };

#define GSIP_STAT_MEMBER(id, name) name,
static const char *const stat_names[] = { GSIP_STAT_TABLE(GSIP_STAT_MEMBER) };
#undef GSIP_STAT_MEMBER

uint64_t gsip_next_id(struct gsip *g)
{
	g->sequence = (g->sequence + 1) & 0xffffffffffff;
	return (uint64_t)PROG_SIP << 56 | (uint64_t)g->instance << 48 | g->sequence;
}

struct chan *gsip_gateway(struct gsip *g)
{
	return g->bus ? bus_chan(g->bus, PROG_XLATE, 0) : NULL;
}

int gsip_domain(struct gsip *g, struct bytes host, char out[static GSIP_DOMAIN_MAX])
{
	struct bytes domain;

	if (!host.n || jid_parse_domain(host, &g->arena, &domain) < 0 || domain.n >= GSIP_DOMAIN_MAX)
		return ERR_SYNTAX;
	memcpy(out, domain.p, domain.n);
	out[domain.n] = '\0';
	return 0;
}

static bool is_our_port(uint16_t ours, uint16_t port)
{
	return port ? ours == port : ours == siptransport_port(SIPT_TCP) || ours == siptransport_port(SIPT_TLS);
}

static bool is_our_address(const struct gsip *g, struct bytes host, uint16_t port)
{
	char text[SIP_ADDR_TEXT_BYTES], ours[SIP_ADDR_TEXT_BYTES];
	union sip_sockaddr a;

	if (sip_sockaddr_of(host, 0, &a) < 0)
		return false;
	sip_sockaddr_text(&a, text);
	for (size_t i = 0; i < GSIP_LISTENERS_MAX; i++) {
		if (!g->listeners[i].is_there || !is_our_port(g->listeners[i].port, port))
			continue;
		sip_sockaddr_text(&g->listeners[i].sockaddr, ours);
		if (strcmp(text, ours) == 0)
			return true;
	}
	return false;
}

bool gsip_is_us(const struct gsip *g, struct bytes host, uint16_t port)
{
	char domain[GSIP_DOMAIN_MAX];

	if (g->conf.host[0] && bytes_eq_nocase(host, bytes_of(g->conf.host)))
		return true;
	if (is_our_address(g, host, port))
		return true;
	/* the arena is only room for the look-up */
	return gsip_domain((struct gsip *)g, host, domain) == 0 && conf_domain(&g->conf, bytes_of(domain));
}

/* ---- refusals ---- */

static enum gsip_stat stat_of(enum refusal why)
{
	switch (why) {
	case REFUSED_RATE:
		return STAT_REFUSED_RATE;
	case REFUSED_BUSY:
	case REFUSED_GATEWAY:
	case REFUSED_MEMORY:
		return STAT_REFUSED_BUSY;
	case REFUSED_LOOP:
	case REFUSED_MERGED:
	case REFUSED_HOPS:
	case REFUSED_BREADTH:
		return STAT_REFUSED_LOOP;
	case REFUSED_RELAY:
	case REFUSED_UNKNOWN:
	case REFUSED_BLOCKED:
		return STAT_REFUSED_RELAY;
	case REFUSED_SCHEME:
	case REFUSED_EXTENSION:
	case REFUSED_METHOD:
	case REFUSED_FROM:
		return STAT_REFUSED_OTHER;
	default:
		return STAT_REFUSED_IDENTITY;
	}
}

/* A row of its own makes a domain worth remembering; what strangers call themselves is not. */
static bool may_log(struct gsip *g, const struct refused *r, uint32_t *held)
{
	struct peer_rule rule = peers_for(&g->conf.peers, r->domain);
	struct partner *p = rule.row->key.n && bytes_eq(rule.row->key, r->domain) ? partner_get(g, r->domain)
	                                                                          : partner_find(g, r->domain);

	if (!p)
		return log_limit_pass(&g->stranger_log, STRANGER_LINES, loop_now(g->loop), held);
	p->n_refused++;
	p->refused = r->why;
	p->refused_rc = r->rc;
	p->refused_wall_ms = loop_wall_ms(g->loop);
	return log_limit_pass(&p->refused_log, REFUSED_LINES, loop_now(g->loop), held);
}

void gsip_log_refused(struct gsip *g, const struct refused *r)
{
	const struct refusal_row *row = refusal_row(r->why);
	const char *advice = r->why == REFUSED_CERTIFICATE && r->rc && r->rc != ERR_CERT_NAME ? prove_advice(r->rc) : row->advice;
	char address[SIP_ADDR_TEXT_BYTES];
	uint32_t held = 0;

	g->counts[STAT_REFUSED]++;
	g->counts[stat_of(r->why)]++;
	if (!may_log(g, r, &held))
		return;
	sip_sockaddr_text(&r->from->addr, address);
	log_warn("sip.refused", LOG_BYTES("domain", r->domain), LOG_BYTES("method", sipmsg_method_text(r->m)),
	         LOG_BYTES("uri", sipmsg_uri(r->m)), LOG_STR("address", address),
	         LOG_STR("transport", siptransport_name(r->from->transport)), LOG_INT("status", row->status),
	         LOG_STR("reason", row->reason), LOG_STR("certificate", r->rc ? err_name(r->rc) : ""),
	         LOG_STR("identities", r->identities), LOG_STR("text", r->detail), LOG_STR("advice", advice),
	         LOG_INT("held", held));
}

/* ---- life ---- */

static void on_tick(void *arg)
{
	struct gsip *g = arg;

	held_pack(g);
	if (++g->ticks % SWEEP_EVERY == 0) {
		ping_due(g);
		partner_sweep(g);
		relay_sweep(g);
	}
	(void)loop_timer_set(g->loop, &g->tick, TICK_MS); /* its place in the heap is still there */
}

static void on_flow_closed(void *arg, uint64_t flow, int why)
{
	prove_flow_closed(arg, flow, why);
}

static const struct sipendpoint_owner endpoint_owner = {
	.request = door_request, .cancelled = door_cancelled, .stray = relay_stray, .closed = on_flow_closed,
	.prove = prove_server, .admit = prove_client,
};

/* FED-13 for the three times. A partner behind one address may be a cluster; idle connections stay as long as
 * firewalls between usually let them. */
static const struct siptransport_config transport_config = {
	.connections_max = 5000, .per_address_max = 500, .idle_ms = 900000, .handshake_ms = 10000, .half_ms = 30000,
	.first_ms = 10000, .queue_max = 1 << 20,
};

int gsip_init(struct gsip *g, struct loop *l, struct bus *bus, unsigned instance)
{
	g->loop = l;
	g->bus = bus;
	g->instance = instance;
	g->sequence = random_u64() & 0x7fffffffffff;
	loopmark_key_init(&g->marks);
	arena_init(&g->arena, GSIP_ARENA_BYTES);
	hops_init(&g->hops);
	list_init(&g->trips);
	list_init(&g->relays);
	list_init(&g->walks);
	list_init(&g->held);
	rate_init(&g->stranger_rate, STRANGER_ANSWERS, 0, loop_now(l));
	stats_register(&g->stats, stat_names, g->counts, STAT_COUNT);
	loop_timer_init(&g->tick, on_tick, g);
	g->dns = dns_new(l);
	g->endpoint = sipendpoint_new(l, &endpoint_owner, g);
	g->msrp = g->dns ? msrp_door_new(l, bus, g->dns) : NULL;
	if (!g->msrp || !g->endpoint)
		return ERR_NOMEM;
	siptransports_configure(sipendpoint_transports(g->endpoint), &transport_config);
	return loop_timer_set(l, &g->tick, TICK_MS);
}

void gsip_fini(struct gsip *g)
{
	loop_timer_del(g->loop, &g->tick);
	walk_fini_all(g);
	relay_fini_all(g);
	errand_fini_all(g);
	hand_fini_all(g);
	trip_fini_all(g);
	if (g->endpoint)
		sipendpoint_free(g->endpoint);
	msrp_door_free(g->msrp);
	prove_fini_all(g);
	partner_fini_all(g);
	hops_fini(&g->hops);
	if (g->dns)
		dns_free(g->dns);
	conf_fini(&g->conf);
	tls_store_free(g->certificates);
	arena_fini(&g->arena);
	loopmark_key_fini(&g->marks);
}
