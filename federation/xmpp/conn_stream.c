/* What the stream wants of its connection, and every call into the stream. */
#include "conn_impl.h"

#include "base/err.h"
#include "check.h"
#include "deliver.h"
#include "hail.h"
#include "pair.h"
#include "prove.h"
#include "sent.h"

/* ---- TLS, the end ---- */

int conn_start_tls(struct conn *c)
{
	static const char *const alpn[] = { "xmpp-server", NULL };
	struct s2s *s = c->s2s;
	const struct conf_domain *own = conf_domain(&s->conf, bytes_of(c->stream.local));
	struct peer *p = c->is_out ? s2s_peer(s, bytes_of(c->stream.remote)) : NULL;
	struct tls_options o = {
		.side = c->is_out ? TLS_CLIENT : TLS_SERVER,
		.domain = own && own->has_certificate ? own->ascii : NULL,
		.server_name = p && p->ascii[0] ? p->ascii : NULL,
		.alpn = c->is_direct_tls ? alpn : NULL, /* XEP-0368 4 */
		.wants_peer_certificate = true,
	};
	struct tls *t = NULL;
	int rc = tls_new(s->certificates, &o, &t);

	if (rc < 0)
		return rc;
	return link_start_tls(&c->link, t, s->conf.setup_ms);
}

void conn_begin_tls(struct conn *c)
{
	int rc = conn_start_tls(c);

	if (rc == 0)
		return;
	reason_set(&c->stream.why, RUNG_TLS, rc, "cannot begin TLS");
	link_close(&c->link);
	c->has_link = false;
	conn_over(c, rc);
}

static void do_shutdown(struct conn *c)
{
	if (c->link.state == LINK_CLEAR || c->link.state == LINK_SECURE) {
		link_shutdown(&c->link);
		return;
	}
	if (c->has_link)
		link_close(&c->link);
	c->has_link = false;
	conn_over(c, ERR_CLOSED);
}

/* ---- actions ---- */

static void do_act(struct conn *c, const struct stream_act *a)
{
	switch (a->kind) {
	case ACT_START_TLS:
		conn_begin_tls(c);
		break;
	case ACT_PROVE:
		prove_begin(c, a->remote);
		break;
	case ACT_VERIFY:
		hail_ask(c, a);
		break;
	case ACT_VERIFIED:
		hail_answer(c, a);
		break;
	case ACT_DELIVER:
	case ACT_PONG:
		deliver_stanza(c, a);
		break;
	case ACT_OPEN:
		hail_send(c);
		break;
	case ACT_PAIR_READY:
		pair_ready(c, a->local, a->remote);
		break;
	case ACT_PAIR_FAILED:
		pair_failed(c, a);
		break;
	case ACT_ACKED:
		sent_acked(c, a->h);
		break;
	case ACT_SHUTDOWN:
		do_shutdown(c);
		break;
	case ACT_KIND_COUNT:
		break;
	}
}

/* Carries out what one call into the stream said, then sees to what its new state asks of the
 * connection. */
void conn_carry(struct conn *c, struct stream_out *out)
{
	struct stream *st = &c->stream;
	bool is_new = st->state == SS_READY && !c->was_ready;

	if (!c->is_proven_counted && stream_is_proven(st)) {
		conn_count_proven(c);
		c->s2s->counts[STAT_IN_PROVEN]++;
	}
	if (is_new) {
		c->was_ready = true;
		log_info("s2s.ready", LOG_ID("id", c->id), LOG_STR("direction", c->is_out ? "out" : "in"),
		         LOG_STR("domain", st->remote), LOG_STR("local", st->local),
		         LOG_STR("tls", c->tls_version[0] ? c->tls_version : "none"));
	}
	check_step(c);
	if (is_new && !c->is_out && st->remote)
		pair_peer_alive(c->s2s, bytes_of(st->remote));
	for (unsigned i = 0; i < out->n && !c->is_gone; i++)
		do_act(c, &out->acts[i]);
}

static bool is_flooded(const struct conn *c)
{
	return c->n_flights >= FLIGHT_PER_CONN_MAX || c->s2s->flights.bytes >= FLIGHT_BYTES_MAX;
}

/* Reading goes on when half has been settled: not paused and resumed with each stanza. */
static bool is_filled(const struct conn *c)
{
	return c->n_flights >= FLIGHT_PER_CONN_MAX / 2;
}

void conn_arm(struct conn *c)
{
	uint64_t now = loop_now(c->s2s->loop), at = stream_wake_ms(&c->stream);

	if (at == UINT64_MAX)
		loop_timer_del(c->s2s->loop, &c->timer);
	else if (loop_timer_set(c->s2s->loop, &c->timer, at > now ? at - now : 0) < 0)
		log_error("s2s.timer", LOG_ID("id", c->id), LOG_STR("reason", "nomem"));
}

void conn_after(struct conn *c)
{
	if (c->is_gone)
		return;
	if (c->has_link) {
		bool is_proving = c->stream.state == SS_IN_PROVING || c->stream.state == SS_OUT_PROVING;
		link_kick(&c->link);
		link_pause(&c->link, is_proving || is_flooded(c) || (c->link.is_paused && is_filled(c)));
	}
	conn_arm(c);
}

void conn_pump(struct conn *c)
{
	bool is_more = true;

	while (is_more && !c->is_gone && c->has_link && !is_flooded(c)) {
		struct stream_out out = { .bytes = link_out(&c->link) };
		s2s_arena_enter(c->s2s);
		is_more = stream_next(&c->stream, loop_now(c->s2s->loop), &out);
		conn_carry(c, &out);
		s2s_arena_leave(c->s2s);
	}
	conn_after(c);
}

/* ---- calls into the stream ---- */

void conn_proof(struct conn *c, struct bytes remote, int rc, const char *proof)
{
	CONN_CALL(c, stream_proof(&c->stream, remote, rc, proof, conn_now(c), &out));
	conn_pump(c); /* what came while we waited */
}

void conn_verdict(struct conn *c, struct bytes local, struct bytes remote, int rc)
{
	CONN_CALL(c, stream_verdict(&c->stream, local, remote, rc, conn_now(c), &out));
}

int conn_verify(struct conn *c, struct bytes local, struct bytes remote, struct bytes id, struct bytes key)
{
	int rc;

	CONN_CALL(c, rc = stream_verify(&c->stream, local, remote, id, key, &out));
	return rc;
}

int conn_want_pair(struct conn *c, struct bytes local)
{
	int rc;

	CONN_CALL(c, rc = stream_want_pair(&c->stream, local, conn_now(c), &out));
	return rc;
}

void conn_ponged(struct conn *c)
{
	stream_ponged(&c->stream, conn_now(c));
	conn_after(c);
}

void conn_close(struct conn *c, int error, const char *text)
{
	if (c->is_gone)
		return;
	if (!c->has_link) {
		reason_set(&c->stream.why, RUNG_STREAM, ERR_CLOSED, text);
		conn_over(c, ERR_CLOSED);
		return;
	}
	CONN_CALL(c, stream_close(&c->stream, error, text, conn_now(c), &out));
}

void conn_settle_flights(struct conn *c)
{
	bool was_filled = is_filled(c);
	uint32_t counting;

	c->n_flights -= flight_settle(&c->flights, &counting);
	if (counting)
		CONN_CALL(c, stream_handled(&c->stream, counting, conn_now(c), &out));
	if (was_filled && !is_filled(c))
		conn_pump(c);
}

void conn_resume(struct conn *c)
{
	conn_pump(c);
}
