#include "sip/transport_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"

static const struct siptransport_config defaults = {
	.connections_max = 1000,
	.per_address_max = 50,
	.idle_ms = 600000,
	.handshake_ms = 10000,
	.half_ms = 30000,
	.first_ms = 10000,
	.queue_max = 1 << 20,
};

/* ---- for transport_*.c ---- */

static bool is_same_host(struct bytes via_host, const char *address)
{
	if (via_host.n > 2 && via_host.p[0] == '[')
		via_host = bytes_make(via_host.p + 1, via_host.n - 2);
	return bytes_eq_nocase(via_host, bytes_of(address));
}

/* RFC 3261 18.2.1, RFC 3581 4: where it really came from. */
static void stamp_via(struct sipmsg *m, const union sip_sockaddr *from)
{
	char address[SIP_ADDR_TEXT_BYTES];
	struct sip_via v;

	if (!sipmsg_is_request(m) || !sipmsg_via(m, 0, &v))
		return;
	sip_sockaddr_text(from, address);
	if (v.has_rport || v.received.p || !is_same_host(v.host, address))
		sipmsg_set_received(m, address, sip_sockaddr_port(from));
}

void siptransports_deliver(struct siptransports *t, struct sipmsg *m, const struct sip_source *from)
{
	struct sip_source source = *from; /* the connection may go while the owner looks at it */

	stamp_via(m, &source.addr);
	if (t->tap)
		t->tap(t->tap_arg, source.flow, m, BYTES_NONE);
	t->owner->message(t->arg, m, &source);
}

void siptransports_fail(struct siptransports *t, uint64_t token, int rc, const char *words)
{
	if (token)
		t->owner->failed(t->arg, token, rc, words);
}

void siptransports_refuse(struct siptransports *t, const union sip_sockaddr *from, enum siptransport how, int rc,
                          const char *words)
{
	char address[SIP_ADDR_TEXT_BYTES];
	uint32_t held;

	t->counts.refused++;
	if (!log_limit_pass(&t->refusals, 20, loop_now(t->loop), &held))
		return;
	sip_sockaddr_text(from, address);
	log_info("sip.refused", LOG_STR("address", address), LOG_STR("transport", siptransport_name(how)),
	         LOG_STR("reason", err_name(rc)), LOG_STR("words", words), LOG_INT("held", held));
}

/* ---- life ---- */

/* What came before the pause and was not handed in. */
static void on_resume(void *arg)
{
	struct siptransports *t = arg;

	LIST_EACH(node, &t->conns)
		sipconn_drain(LIST_OWNER(node, struct sipconn, node));
}

struct siptransports *siptransports_new(struct loop *l, const struct siptransport_owner *o, void *arg)
{
	struct siptransports *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->loop = l;
	t->owner = o;
	t->arg = arg;
	t->config = defaults;
	/* No id comes twice, and hardly one of a run before: they stand in logs. */
	t->next_flow = (random_u64() >> 2) + 1;
	list_init(&t->conns);
	address_table_init(&t->addresses);
	loop_defer_init(&t->resume, on_resume, t);
	siplisten_init(t);
	return t;
}

void siptransports_free(struct siptransports *t)
{
	if (!t)
		return;
	LIST_EACH(node, &t->conns)
		sipconn_free(LIST_OWNER(node, struct sipconn, node));
	siplisten_fini(t);
	loop_defer_cancel(&t->resume);
	map_fini(&t->flows);
	map_fini(&t->places);
	address_table_fini(&t->addresses);
	free(t);
}

void siptransports_configure(struct siptransports *t, const struct siptransport_config *c)
{
	t->config = *c;
}

void siptransports_set_tls(struct siptransports *t, struct tls_store *store)
{
	t->store = store;
}

void siptransports_set_default_domain(struct siptransports *t, const char *domain)
{
	(void)snprintf(t->default_domain, sizeof t->default_domain, "%s", domain ? domain : ""); /* a domain fits */
}

/* ---- sending ---- */

static int send_udp(struct siptransports *t, unsigned listener, const union sip_sockaddr *to, uint64_t token,
                    struct bytes message)
{
	struct sipsocket *s = siplisten_find(t, listener);

	if (!s || s->how != SIPT_UDP)
		s = siplisten_udp_for(t, to);
	return s ? sipudp_send(s, to, token, message) : ERR_CONN_UNREACHABLE;
}

static void show_out(struct siptransports *t, uint64_t flow, struct bytes message)
{
	if (t->tap)
		t->tap(t->tap_arg, flow, NULL, message);
}

void siptransports_set_tap(struct siptransports *t, siptransport_tap_fn fn, void *arg)
{
	t->tap = fn;
	t->tap_arg = arg;
}

int siptransports_send(struct siptransports *t, const struct sip_place *to, uint64_t token, struct bytes message)
{
	show_out(t, 0, message);
	if (to->transport == SIPT_UDP)
		return send_udp(t, to->listener, &to->addr, token, message);
	if (to->transport == SIPT_WSS)
		return ERR_CLOSED; /* its client alone can open another (RFC 7118 5.1) */
	struct sipconn *c = siptable_place(t, to);
	int rc = c ? 0 : sipconn_dial(t, to, &c);
	return rc ? rc : sipconn_send(c, token, message);
}

int siptransports_send_flow(struct siptransports *t, uint64_t flow, uint64_t token, struct bytes message)
{
	struct sipconn *c = siptable_flow(t, flow);

	show_out(t, flow, message);
	return c ? sipconn_send(c, token, message) : ERR_CLOSED;
}

static int answer_udp(struct siptransports *t, const struct sip_source *to, const struct sip_via *via, struct bytes message)
{
	union sip_sockaddr addr = to->addr;

	if (!via->has_rport)
		sip_sockaddr_set_port(&addr, via->port ? via->port : siptransport_port(SIPT_UDP));
	return send_udp(t, to->listener, &addr, 0, message);
}

int siptransports_answer(struct siptransports *t, const struct sip_source *to, const struct sip_via *via, struct bytes message)
{
	struct sip_place p = { .transport = to->transport, .addr = to->addr };

	show_out(t, to->flow, message);
	if (to->transport == SIPT_UDP)
		return answer_udp(t, to, via, message);
	struct sipconn *c = siptable_flow(t, to->flow);
	if (c)
		return sipconn_send(c, 0, message);
	if (via->host.n >= sizeof p.name)
		return ERR_LIMIT;
	memcpy(p.name, via->host.p, via->host.n);
	sip_sockaddr_set_port(&p.addr, via->port ? via->port : siptransport_port(p.transport));
	return siptransports_send(t, &p, 0, message);
}

/* ---- connections, for the door ---- */

struct tls *siptransports_tls(struct siptransports *t, uint64_t flow)
{
	struct sipconn *c = siptable_flow(t, flow);

	return c ? c->link.tls : NULL;
}

enum siptransport siptransports_flow_transport(const struct siptransports *t, uint64_t flow)
{
	const struct sipconn *c = siptable_flow(t, flow);

	return c ? c->source.transport : SIPT_TCP;
}

void siptransports_alias(struct siptransports *t, uint64_t flow, const struct sip_place *as)
{
	struct sipconn *c = siptable_flow(t, flow);

	/* Where there is a way already it stays; without memory a new connection is opened when needed. */
	if (c && c->state == SIPCONN_READY && c->source.transport == as->transport)
		(void)siptable_add_place(c, as);
}

void siptransports_cut(struct siptransports *t, bool (*is_bad)(void *arg, struct tls *tls), void *arg, int why, const char *words)
{
	char addr[SIP_ADDR_TEXT_BYTES];

	LIST_EACH(node, &t->conns) {
		struct sipconn *c = LIST_OWNER(node, struct sipconn, node);
		if (c->state != SIPCONN_READY || !c->link.tls || !is_bad(arg, c->link.tls))
			continue;
		sip_sockaddr_text(&c->source.addr, addr);
		log_warn("sip.conn.cut", LOG_ID("id", c->source.flow), LOG_STR("address", addr), LOG_STR("reason", err_name(why)), LOG_STR("text", words));
		sipconn_cut(c, why, words);
	}
}

void siptransports_know(struct siptransports *t, uint64_t flow)
{
	struct sipconn *c = siptable_flow(t, flow);

	if (!c)
		return;
	address_leave(&t->addresses, c->count);
	c->count = NULL;
}

void siptransports_set_idle(struct siptransports *t, uint64_t flow, uint32_t ms)
{
	struct sipconn *c = siptable_flow(t, flow);

	if (!c)
		return;
	c->idle_ms = ms;
	siptime_touch(c);
}

bool siptransports_is_flow(const struct siptransports *t, uint64_t flow)
{
	return siptable_flow(t, flow) != NULL;
}

int siptransports_adopt(struct siptransports *t, enum siptransport how, int fd, const union sip_sockaddr *from, uint64_t *flow)
{
	return sipconn_adopt(t, how, fd, from, flow);
}

void siptransports_close_flow(struct siptransports *t, uint64_t flow)
{
	struct sipconn *c = siptable_flow(t, flow);

	if (c)
		sipconn_wind_down(c, ERR_CLOSED);
}

void siptransports_pause(struct siptransports *t, bool is_paused)
{
	if (t->is_paused == is_paused)
		return;
	t->is_paused = is_paused;
	siplisten_update(t);
	LIST_EACH(node, &t->conns)
		sipconn_pause(LIST_OWNER(node, struct sipconn, node), is_paused);
	if (!is_paused)
		loop_defer_call(t->loop, &t->resume);
}

void siptransports_counts(const struct siptransports *t, struct siptransport_counts *out)
{
	*out = t->counts;
	out->connections = t->flows.count;
}
