/* From a domain to a connection: the row's host, or SRV and address records; targets in order, the
 * addresses of each in turn (RFC 6120 3.2, XEP-0368). */
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "check.h"
#include "proto/jid.h"

static void fail(struct conn *c, enum rung rung, int rc, const char *text)
{
	struct reason why = { 0 };

	reason_set(&why, rung, rc, text);
	conn_fail(c, &why);
}

static void try_target(struct conn *c);

static void try_addr(struct conn *c)
{
	const struct dns_target *t = places_target(&c->places);
	const struct dns_addr *a;
	int rc = ERR_DNS_NODATA;

	while ((a = places_next_addr(&c->places))) {
		c->dial = DIAL_CONNECT;
		rc = conn_connect(c, a, t->port, t->is_direct_tls);
		if (rc == 0)
			return;
		check_note_address(c, rc);
	}
	if (places_next_target(&c->places))
		try_target(c);
	else
		fail(c, RUNG_TCP, rc, t->host);
}

static void on_addrs(void *arg, const struct dns_addr_answer *a)
{
	struct conn *c = arg;

	c->query = NULL;
	check_note_addrs(c, places_target(&c->places)->host, a);
	if (a->rc == 0 && a->n) {
		c->is_dns_secure = a->is_secure;
		places_set_addrs(&c->places, a->addrs, a->n);
		try_addr(c);
	} else if (places_next_target(&c->places)) {
		try_target(c);
	} else {
		fail(c, RUNG_DNS, a->rc ? a->rc : ERR_DNS_NODATA, "no address");
	}
}

static void try_target(struct conn *c)
{
	const struct dns_target *t = places_target(&c->places);

	c->dial = DIAL_ADDR;
	c->query = dns_addr(c->s2s->dns, t->host, on_addrs, c);
	if (!c->query)
		fail(c, RUNG_DNS, ERR_NOMEM, NULL);
}

static void on_srv(void *arg, const struct dns_srv_answer *a)
{
	struct conn *c = arg;

	c->query = NULL;
	check_note_dns(c, a);
	if (a->rc < 0)
		fail(c, RUNG_DNS, a->rc, a->rc == ERR_NOT_FOUND ? "service explicitly not offered" : NULL);
	else if (places_set_targets(&c->places, a->targets, a->n) < 0 || a->n == 0)
		fail(c, RUNG_DNS, a->n ? ERR_NOMEM : ERR_DNS_NODATA, NULL);
	else
		try_target(c);
}

/* The row's host needs no DNS for the service. */
static void begin_at_host(struct conn *c, const struct policy_row *row)
{
	struct dns_srv_answer a = { .n = 1 };
	struct dns_target *t = &a.targets[0];

	(void)snprintf(t->host, sizeof t->host, "%s", row->host);
	t->port = row->port;
	t->is_direct_tls = row->is_direct_tls;
	on_srv(c, &a);
}

void dial_begin(struct conn *c)
{
	struct s2s *s = c->s2s;
	struct bytes remote = bytes_of(c->stream.remote);
	struct policy_rule rule = policy_for(&s->conf.policy, remote);
	struct peer *p = s2s_peer(s, remote);

	s->counts[STAT_OUT_ATTEMPTS]++;
	if (!rule.is_allowed || !p) {
		fail(c, RUNG_POLICY, rule.is_allowed ? ERR_NOMEM : ERR_DENIED, rule.why);
		return;
	}
	c->dial = DIAL_SRV;
	if (rule.row->host[0]) {
		begin_at_host(c, rule.row);
		return;
	}
	/* never asked of DNS (lesson 10) */
	if (!p->ascii[0] || peer_is_single_label(p->ascii)) {
		fail(c, RUNG_DNS, ERR_SYNTAX, "not a domain that DNS has");
		return;
	}
	if (!s->conf.has_dns) {
		fail(c, RUNG_DNS, ERR_BAD_STATE, "no name server is set");
		return;
	}
	c->query = dns_srv(s->dns, p->ascii, on_srv, c);
	if (!c->query)
		fail(c, RUNG_DNS, ERR_NOMEM, NULL);
}

/* The stream's engine anew for the next place; the time limit stays the whole attempt's. */
static int restart_stream(struct conn *c)
{
	char *local = c->stream.local, *remote = c->stream.remote;
	bool is_only_verify = c->stream.is_only_verify;
	uint64_t begun_ms = c->stream.begun_ms;
	int rc;

	c->stream.local = c->stream.remote = NULL;
	stream_fini(&c->stream);
	rc = stream_init_out(&c->stream, &c->s2s->env, bytes_of(local), bytes_of(remote), is_only_verify, begun_ms);
	free(local);
	free(remote);
	return rc;
}

void dial_next(struct conn *c, int why)
{
	bool is_tls = why == ERR_TLS;
	int rc = restart_stream(c);

	check_note_address(c, why ? why : ERR_CLOSED);
	if (rc < 0) {
		fail(c, RUNG_TCP, rc, NULL);
		return;
	}
	if (c->places.addr >= c->places.n_addrs && c->places.target + 1 >= c->places.n_targets) {
		char where[REASON_TEXT_BYTES];
		(void)snprintf(where, sizeof where, "%s port %u", c->address, c->port);
		fail(c, is_tls ? RUNG_TLS : RUNG_TCP, why ? why : ERR_CLOSED, where);
		return;
	}
	try_addr(c);
}

void dial_end(struct conn *c)
{
	dns_cancel(c->query);
	c->query = NULL;
	places_fini(&c->places);
}
