#include "show.h"

#include <stdio.h>

#include "base/err.h"
#include "base/text.h"
#include "partner.h"
#include "prove.h"

static void put_time(struct proc_ask *ask, const char *key, uint64_t wall_ms)
{
	char text[TEXT_TIME_BYTES];

	if (!wall_ms)
		return;
	text_time(wall_ms, false, text);
	proc_record_str(ask, key, text);
}

static void put_trouble(struct proc_ask *ask, const struct partner *p)
{
	if (p->why) {
		proc_record_int(ask, "failed-status", p->status);
		proc_record_str(ask, "failed-reason", err_name(p->why));
		proc_record_str(ask, "failed-text", p->words);
		proc_record_str(ask, "failed-advice", prove_advice(p->why));
		put_time(ask, "failed-at", p->failed_wall_ms);
	}
	if (p->refused != REFUSED_NOT) {
		const struct refusal_row *row = refusal_row(p->refused);
		proc_record_str(ask, "refused-reason", p->refused_rc ? err_name(p->refused_rc) : row->reason);
		proc_record_str(ask, "refused-advice", row->advice);
		put_time(ask, "refused-at", p->refused_wall_ms);
	}
}

static void show_peer(struct gsip *g, struct proc_ask *ask, struct bytes domain)
{
	struct peer_rule rule = peers_for(&g->conf.peers, domain);
	const struct partner *p = partner_find(g, domain);

	proc_record_begin(ask);
	proc_record_str(ask, "type", "peer");
	proc_record_text(ask, "domain", domain);
	proc_record_str(ask, "state", rule.is_allowed ? "allowed" : "denied");
	proc_record_str(ask, "why", rule.why);
	proc_record_text(ask, "row", rule.row->key);
	proc_record_str(ask, "kind", rule.row->is_lync ? "lync" : "standard");
	proc_record_str(ask, "tls", rule.row->is_tls_required ? "required" : "optional");
	if (p) {
		proc_record_int(ask, "in", (int64_t)p->n_in);
		proc_record_int(ask, "out", (int64_t)p->n_out);
		proc_record_int(ask, "refused", (int64_t)p->n_refused);
		proc_record_int(ask, "failed", (int64_t)p->n_failed);
		put_time(ask, "last-in", p->in_wall_ms);
		put_time(ask, "last-out", p->out_wall_ms);
		put_trouble(ask, p);
	}
	proc_record_end(ask);
}

static void show_peers(struct gsip *g, struct proc_ask *ask)
{
	const struct partner *p;
	struct bytes key;
	size_t at = 0;

	while (settings_next_key(g->settings, SET_SIP_PEER_ACTION, &at, &key))
		show_peer(g, ask, key);
	for (at = 0; (p = map_next(&g->partners, &at));)
		if (!bytes_eq_str(peers_for(&g->conf.peers, bytes_of(p->domain)).row->key, p->domain))
			show_peer(g, ask, bytes_of(p->domain));
}

static void show_hops(struct gsip *g, struct proc_ask *ask)
{
	uint64_t now = loop_now(g->loop);
	char address[SIP_ADDR_TEXT_BYTES];
	const struct hop *h;
	size_t at = 0;

	while ((h = map_next(&g->hops.map, &at))) {
		sip_sockaddr_text(&h->place.addr, address);
		proc_record_begin(ask);
		proc_record_str(ask, "type", "next-hop");
		proc_record_str(ask, "domain", h->place.name);
		proc_record_str(ask, "state", h->state == HOP_HELD ? "paused" : "down");
		proc_record_str(ask, "address", address);
		proc_record_int(ask, "port", sip_sockaddr_port(&h->place.addr));
		proc_record_str(ask, "transport", siptransport_name(h->place.transport));
		proc_record_str(ask, "reason", h->rc ? err_name(h->rc) : "503");
		proc_record_int(ask, "retry-in", h->until_ms > now ? (int64_t)((h->until_ms - now + 999) / 1000) : 0);
		proc_record_end(ask);
	}
}

static void show_door(struct gsip *g, struct proc_ask *ask)
{
	struct sipendpoint_counts e;
	struct siptransport_counts t;
	struct msrp_door_counts c;

	msrp_door_counts(g->msrp, &c);
	sipendpoint_counts(g->endpoint, &e);
	siptransports_counts(sipendpoint_transports(g->endpoint), &t);
	proc_record_begin(ask);
	proc_record_str(ask, "type", "door");
	proc_record_str(ask, "host", conf_name(&g->conf));
	proc_record_str(ask, "gateway", gsip_gateway(g) ? "up" : "down");
	proc_record_int(ask, "connections", (int64_t)t.connections);
	proc_record_int(ask, "server-transactions", (int64_t)e.servers);
	proc_record_int(ask, "client-transactions", (int64_t)e.clients);
	proc_record_int(ask, "at-gateway", (int64_t)g->handed.count);
	proc_record_int(ask, "for-gateway", (int64_t)g->errands.count);
	proc_record_int(ask, "held", (int64_t)g->n_held);
	proc_record_int(ask, "held-bytes", (int64_t)e.held_bytes);
	proc_record_int(ask, "datagrams-in", (int64_t)t.udp_in);
	proc_record_int(ask, "datagrams-out", (int64_t)t.udp_out);
	proc_record_int(ask, "messages-in", (int64_t)t.stream_in);
	proc_record_int(ask, "messages-out", (int64_t)t.stream_out);
	proc_record_int(ask, "retransmitted-in", (int64_t)e.retransmitted_in);
	proc_record_int(ask, "retransmitted-out", (int64_t)e.retransmitted_out);
	proc_record_int(ask, "timeouts", (int64_t)e.timeouts);
	proc_record_int(ask, "udp-to-tcp", (int64_t)e.udp_to_tcp);
	proc_record_int(ask, "tcp-back-to-udp", (int64_t)e.tcp_back_to_udp);
	proc_record_int(ask, "msrp-sessions", (int64_t)c.sessions);
	proc_record_int(ask, "msrp-connections", (int64_t)c.connections);
	proc_record_int(ask, "msrp-accepted", (int64_t)c.accepted);
	proc_record_int(ask, "msrp-refused", (int64_t)c.refused);
	proc_record_int(ask, "msrp-unknown-session", (int64_t)c.unknown_session);
	proc_record_int(ask, "msrp-frames-in", (int64_t)c.frames_in);
	proc_record_int(ask, "msrp-frames-out", (int64_t)c.frames_out);
	proc_record_end(ask);
}

void show_sip(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct gsip *g = program;
	char domain[GSIP_DOMAIN_MAX];

	arena_reset(&g->arena);
	if (!g->settings) {
		proc_done(ask, ERR_AGAIN, "no settings yet");
	} else if (n_args && args[0].n) {
		if (gsip_domain(g, args[0], domain) < 0) {
			proc_done(ask, ERR_SYNTAX, "not a domain");
			return;
		}
		show_peer(g, ask, bytes_of(domain));
		proc_done(ask, 0, "");
	} else {
		show_door(g, ask);
		show_peers(g, ask);
		show_hops(g, ask);
		proc_done(ask, 0, "");
	}
}

static void show_route(struct proc_ask *ask, const struct route *r)
{
	static const char *const protocols[] = { "tcp", "udp", "tls" };

	proc_record_begin(ask);
	proc_record_text(ask, "route", r->name);
	proc_record_text(ask, "pattern", r->text);
	proc_record_str(ask, "type", r->pattern.kind == PATTERN_USER ? "user" : "domain");
	proc_record_text(ask, "method", r->method);
	proc_record_str(ask, "next-hop", r->hop);
	proc_record_int(ask, "port", r->port);
	proc_record_str(ask, "protocol", protocols[r->protocol]);
	proc_record_int(ask, "priority", r->priority);
	proc_record_int(ask, "weight", r->weight);
	proc_record_str(ask, "less-specific", r->may_less_specific ? "on" : "off");
	proc_record_str(ask, "state", r->fault ? "not used" : !r->is_in_service ? "out of service" : r->is_blocked ? "blocks" : "in service");
	proc_record_str(ask, "reason", r->fault ? r->fault : "");
	proc_record_end(ask);
}

void show_sip_routes(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct gsip *g = program;

	(void)args;
	(void)n_args;
	for (size_t i = 0; i < g->conf.routes.n; i++)
		show_route(ask, &g->conf.routes.v[i]);
	proc_done(ask, 0, "");
}

void show_sip_retry(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct gsip *g = program;

	(void)args;
	(void)n_args;
	dns_forget(g->dns, BYTES_NONE);
	hops_forget_all(&g->hops);
	proc_done(ask, 0, "");
}
