#include "conn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"
#include "check.h"
#include "hail.h"
#include "post.h"
#include "prove.h"

enum { STRANGERS_A_MINUTE = 120 };

static const struct link_owner owner;

/* ---- strangers by address ---- */

static void *address_key(const struct sockaddr_storage *a, uint8_t key[16])
{
	memset(key, 0, 16);
	if (a->ss_family == AF_INET)
		memcpy(key, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	else /* one /64 is one site (IPv6) */
		memcpy(key + 4, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 8);
	return key;
}

static bool address_add(struct s2s *s, const uint8_t key[16])
{
	struct address_count *a = map_get(&s->addresses, bytes_make(key, 16));

	if (!a) {
		a = calloc(1, sizeof *a);
		if (!a)
			return false;
		memcpy(a->key, key, 16);
		if (map_add(&s->addresses, bytes_make(a->key, 16), a) < 0) {
			free(a);
			return false;
		}
	}
	if (a->n >= S2S_UNPROVEN_PER_ADDRESS)
		return false;
	a->n++;
	return true;
}

static void address_del(struct s2s *s, const uint8_t key[16])
{
	struct address_count *a = map_get(&s->addresses, bytes_make(key, 16));

	if (!a || --a->n)
		return;
	(void)map_del(&s->addresses, bytes_make(key, 16)); /* it is `a` */
	free(a);
}

/* An incoming connection is a stranger until it has proved a domain, or is gone. */
static void count_proven(struct conn *c)
{
	if (c->is_out || c->is_proven_counted)
		return;
	c->is_proven_counted = true;
	c->s2s->n_unproven--;
	address_del(c->s2s, c->address_key);
}

/* ---- making and freeing ---- */

static void on_timer(void *arg);
static void on_settle(void *arg);
static void on_sweep(void *arg);

static struct conn *conn_new(struct s2s *s)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->id = proc_next_id(s->proc);
	c->s2s = s;
	c->since_ms = loop_now(s->loop);
	list_init(&c->sent);
	list_init(&c->flights);
	list_init(&c->proofs);
	loop_timer_init(&c->timer, on_timer, c);
	loop_timer_init(&c->settle, on_settle, c);
	loop_defer_init(&c->sweep, on_sweep, c);
	if (map_add_u64(&s->conns, c->id, c) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

void conn_free(struct conn *c)
{
	struct s2s *s = c->s2s;

	prove_cancel(c);
	dial_end(c);
	loop_timer_del(s->loop, &c->timer);
	loop_timer_del(s->loop, &c->settle);
	loop_defer_cancel(&c->sweep);
	if (c->has_link)
		link_close(&c->link);
	LIST_EACH(it, &c->sent)
		queue_item_free(LIST_OWNER(it, struct queue_item, node));
	flight_forget_conn(&c->flights);
	count_proven(c);
	check_conn_gone(c);
	stream_fini(&c->stream);
	(void)map_del_u64(&s->conns, c->id); /* it is c */
	free(c);
	s->n_freed++;
	s2s_want_tick(s);
}

static void on_sweep(void *arg)
{
	conn_free(arg);
}

struct conn *conn_find(struct s2s *s, uint64_t id)
{
	struct conn *c = id ? map_get_u64(&s->conns, id) : NULL;

	return c && !c->is_gone ? c : NULL;
}

static void note_address(struct conn *c, const struct sockaddr_storage *a)
{
	const void *raw = a->ss_family == AF_INET
	        ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
	        : (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

	(void)inet_ntop(a->ss_family, raw, c->address, sizeof c->address); /* "" when of no known family */
	c->port = ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)(const void *)a)->sin_port
	                                        : ((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
}

static void after(struct conn *c);
static int start_tls(struct conn *c);

void conn_accept(struct s2s *s, int fd, bool is_direct_tls)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	uint8_t key[16];
	struct conn *c = NULL;
	uint32_t held;

	if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
		goto refuse;
	if (s->n_unproven >= s->conf.unauth_max || s->conns.count >= s->conf.streams_max || s->is_stopping) {
		s->counts[STAT_IN_LIMITED]++;
		goto refuse;
	}
	if (!address_add(s, address_key(&a, key))) {
		s->counts[STAT_IN_ADDRESS_LIMITED]++;
		goto refuse;
	}
	c = conn_new(s);
	if (!c) {
		address_del(s, key);
		goto refuse;
	}
	s->n_unproven++;
	memcpy(c->address_key, key, 16);
	c->is_direct_tls = is_direct_tls;
	note_address(c, &a);
	stream_init_in(&c->stream, &s->env, loop_now(s->loop));
	s->counts[STAT_IN_ACCEPTED]++;
	if (link_accept(&c->link, s->loop, fd, &owner, c, CONN_QUEUE_MAX) < 0) {
		conn_free(c);
		goto refuse;
	}
	c->has_link = true;
	log_debug("s2s.in.accepted", LOG_ID("id", c->id), LOG_STR("address", c->address));
	if (is_direct_tls && start_tls(c) < 0) {
		conn_free(c);
		return;
	}
	after(c);
	return;
refuse:
	(void)close(fd); /* nothing was sent on it */
	if (log_limit_pass(&s->limit_log, 5, loop_now(s->loop), &held))
		log_warn("s2s.in.refused", LOG_INT("unproven", s->n_unproven), LOG_INT("held", held));
}

struct conn *conn_new_out(struct s2s *s, struct bytes local, struct bytes remote, bool is_only_verify)
{
	struct conn *c;

	if (s->conns.count >= s->conf.streams_max)
		return NULL;
	c = conn_new(s);
	if (!c)
		return NULL;
	c->is_out = c->is_proven_counted = true;
	if (stream_init_out(&c->stream, &s->env, local, remote, is_only_verify, loop_now(s->loop)) < 0) {
		conn_free(c);
		return NULL;
	}
	return c;
}

int conn_connect(struct conn *c, const struct dns_addr *a, uint16_t port, bool is_direct_tls)
{
	struct sockaddr_storage to = { 0 };
	struct s2s_conf *conf = &c->s2s->conf;
	const struct sockaddr *source = NULL;
	socklen_t to_n, source_n = 0;

	if (a->family == 4) {
		struct sockaddr_in *to4 = (struct sockaddr_in *)(void *)&to;
		to4->sin_family = AF_INET;
		to4->sin_port = htons(port);
		memcpy(&to4->sin_addr, a->bytes, 4);
		to_n = sizeof *to4;
		source_n = sizeof conf->source4;
		source = conf->source4.sin_family ? (const struct sockaddr *)&conf->source4 : NULL;
	} else {
		struct sockaddr_in6 *to6 = (struct sockaddr_in6 *)(void *)&to;
		to6->sin6_family = AF_INET6;
		to6->sin6_port = htons(port);
		memcpy(&to6->sin6_addr, a->bytes, 16);
		to_n = sizeof *to6;
		source_n = sizeof conf->source6;
		source = conf->source6.sin6_family ? (const struct sockaddr *)&conf->source6 : NULL;
	}
	note_address(c, &to);
	c->is_direct_tls = is_direct_tls;
	int rc = link_connect(&c->link, c->s2s->loop, (const struct sockaddr *)&to, to_n, source,
	                      source ? source_n : 0, conf->connect_ms, &owner, c, CONN_QUEUE_MAX);
	c->has_link = rc == 0;
	return rc;
}

/* ---- what the stream wants ---- */

static void pump(struct conn *c);

static int start_tls(struct conn *c)
{
	struct s2s *s = c->s2s;
	const struct conf_domain *own = conf_domain(&s->conf, bytes_of(c->stream.local));
	struct peer *p = c->is_out ? s2s_peer(s, bytes_of(c->stream.remote)) : NULL;
	struct tls_options o = {
		.side = c->is_out ? TLS_CLIENT : TLS_SERVER,
		.domain = own && own->has_certificate ? own->ascii : NULL,
		.server_name = p && p->ascii[0] ? p->ascii : NULL,
		.alpn = c->is_direct_tls ? "xmpp-server" : NULL, /* XEP-0368 4 */
		.wants_peer_certificate = true,
	};
	struct tls *t = NULL;
	int rc = tls_new(s->certificates, &o, &t);

	if (rc < 0)
		return rc;
	return link_start_tls(&c->link, t, s->conf.setup_ms);
}

static void over(struct conn *c, int why);

static void do_start_tls(struct conn *c)
{
	int rc = start_tls(c);

	if (rc == 0)
		return;
	reason_set(&c->stream.why, RUNG_TLS, rc, "cannot begin TLS");
	link_close(&c->link);
	c->has_link = false;
	over(c, rc);
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
	over(c, ERR_CLOSED);
}

static void do_act(struct conn *c, const struct stream_act *a)
{
	switch (a->kind) {
	case ACT_START_TLS:
		do_start_tls(c);
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
		post_deliver(c, a);
		break;
	case ACT_OPEN:
		hail_send(c);
		break;
	case ACT_PAIR_READY:
		post_pair_ready(c, a->local, a->remote);
		break;
	case ACT_PAIR_FAILED:
		post_pair_failed(c, a);
		break;
	case ACT_ACKED:
		post_acked(c, a->h);
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
static void carry(struct conn *c, struct stream_out *out)
{
	struct stream *st = &c->stream;
	bool is_new = st->state == SS_READY && !c->was_ready;

	if (!c->is_proven_counted && stream_is_proven(st)) {
		count_proven(c);
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
		post_peer_alive(c->s2s, bytes_of(st->remote));
	for (unsigned i = 0; i < out->n && !c->is_gone; i++)
		do_act(c, &out->acts[i]);
}

static bool is_flooded(const struct conn *c)
{
	return c->n_flights >= FLIGHT_PER_CONN_MAX || c->s2s->flights.bytes >= FLIGHT_BYTES_MAX;
}

void conn_arm(struct conn *c)
{
	uint64_t now = loop_now(c->s2s->loop), at = stream_wake_ms(&c->stream);

	if (at == UINT64_MAX)
		loop_timer_del(c->s2s->loop, &c->timer);
	else if (loop_timer_set(c->s2s->loop, &c->timer, at > now ? at - now : 0) < 0)
		log_error("s2s.timer", LOG_ID("id", c->id), LOG_STR("reason", "nomem"));
}

static void after(struct conn *c)
{
	if (c->is_gone)
		return;
	if (c->has_link) {
		bool is_proving = c->stream.state == SS_IN_PROVING || c->stream.state == SS_OUT_PROVING;
		link_kick(&c->link);
		link_pause(&c->link, is_proving || is_flooded(c));
	}
	conn_arm(c);
}

static void pump(struct conn *c)
{
	bool is_more = true;

	while (is_more && !c->is_gone && c->has_link && !is_flooded(c)) {
		struct stream_out out = { .bytes = link_out(&c->link) };
		s2s_arena_enter(c->s2s);
		is_more = stream_next(&c->stream, loop_now(c->s2s->loop), &out);
		carry(c, &out);
		s2s_arena_leave(c->s2s);
	}
	after(c);
}

/* One call into the stream from elsewhere: CONN_CALL(c, stream_x(&c->stream, ..., &out)). */
#define CONN_CALL(c, call)                                                                         \
	do {                                                                                       \
		struct stream_out out = { .bytes = link_out(&(c)->link) };                         \
		s2s_arena_enter((c)->s2s);                                                         \
		call;                                                                              \
		carry(c, &out);                                                                    \
		s2s_arena_leave((c)->s2s);                                                         \
		after(c);                                                                          \
	} while (0)

static uint64_t now_of(const struct conn *c)
{
	return loop_now(c->s2s->loop);
}

void conn_proof(struct conn *c, struct bytes remote, int rc, const char *proof)
{
	CONN_CALL(c, stream_proof(&c->stream, remote, rc, proof, now_of(c), &out));
	pump(c); /* what came while we waited */
}

void conn_verdict(struct conn *c, struct bytes local, struct bytes remote, int rc)
{
	CONN_CALL(c, stream_verdict(&c->stream, local, remote, rc, now_of(c), &out));
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

	CONN_CALL(c, rc = stream_want_pair(&c->stream, local, now_of(c), &out));
	return rc;
}

void conn_ponged(struct conn *c)
{
	stream_ponged(&c->stream, now_of(c));
	after(c);
}

void conn_close(struct conn *c, int error, const char *text)
{
	if (c->is_gone)
		return;
	if (!c->has_link) {
		reason_set(&c->stream.why, RUNG_STREAM, ERR_CLOSED, text);
		over(c, ERR_CLOSED);
		return;
	}
	CONN_CALL(c, stream_close(&c->stream, error, text, now_of(c), &out));
}

void conn_flush_pair(struct conn *c, struct pair *p)
{
	struct stream_out out = { .bytes = link_out(&c->link) };
	struct queue_item *i;
	bool is_some = false;

	if (!stream_may_send(&c->stream, bytes_of(p->local), bytes_of(p->peer->domain)))
		return;
	while (c->n_sent < CONN_SENT_MAX && link_queued(&c->link) < CONN_QUEUE_HIGH && (i = queue_take(&p->queue))) {
		stream_send_stanza(&c->stream, i->stanza, now_of(c), &out);
		i->sent_ms = now_of(c);
		i->has_seq = c->stream.sm.is_on;
		i->seq = c->stream.sm.out;
		i->is_written = false;
		list_add_tail(&c->sent, &i->node);
		c->n_sent++;
		p->n_sent++;
		c->s2s->counts[STAT_STANZAS_OUT]++;
		is_some = true;
	}
	if (!is_some)
		return;
	stream_batch_end(&c->stream, now_of(c), &out);
	if (!c->stream.sm.is_on)
		(void)loop_timer_set(c->s2s->loop, &c->settle, CONN_SETTLE_MS); /* without it they go again */
	after(c);
}

void conn_settle_flights(struct conn *c)
{
	bool was_flooded = c->n_flights >= FLIGHT_PER_CONN_MAX;
	uint32_t counting;

	c->n_flights -= flight_settle(&c->flights, &counting);
	if (counting)
		CONN_CALL(c, stream_handled(&c->stream, counting, now_of(c), &out));
	if (was_flooded && c->n_flights < FLIGHT_PER_CONN_MAX)
		pump(c);
}

void conn_resume(struct conn *c)
{
	pump(c);
}

/* ---- what the link and the clock say ---- */

static void note_tls(struct conn *c)
{
	(void)snprintf(c->tls_version, sizeof c->tls_version, "%s", tls_version_name(c->link.tls));
	(void)snprintf(c->tls_cipher, sizeof c->tls_cipher, "%s", tls_cipher_name(c->link.tls));
}

static void on_connected(void *arg)
{
	struct conn *c = arg;

	check_note_address(c, 0);
	if (c->is_direct_tls) {
		do_start_tls(c);
		return;
	}
	CONN_CALL(c, stream_connected(&c->stream, now_of(c), &out));
}

static void on_secured(void *arg)
{
	struct conn *c = arg;

	note_tls(c);
	check_note_tls(c);
	CONN_CALL(c, stream_secured(&c->stream, tls_has_peer_certificate(c->link.tls), now_of(c), &out));
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;

	(void)stream_feed(&c->stream, in); /* the stream itself tells the peer what is wrong */
	pump(c);
}

static void on_drained(void *arg)
{
	struct conn *c = arg;
	struct peer *p = c->stream.remote ? s2s_peer(c->s2s, bytes_of(c->stream.remote)) : NULL;

	if (!p)
		return;
	LIST_EACH(it, &p->pairs) {
		struct pair *pair = LIST_OWNER(it, struct pair, node);
		if (pair->conn == c->id && pair->queue.n)
			conn_flush_pair(c, pair);
	}
}

static void on_settle(void *arg)
{
	struct conn *c = arg;

	if (link_queued(&c->link) == 0)
		post_written(c);
	if (!list_is_empty(&c->sent) && !c->is_gone && !c->stream.sm.is_on)
		(void)loop_timer_set(c->s2s->loop, &c->settle, CONN_SETTLE_MS); /* as above */
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	c->has_link = false;
	if (c->is_gone)
		return;
	if (c->is_out && c->dial == DIAL_CONNECT && c->stream.why.rung == RUNG_NONE &&
	    (c->stream.state == SS_OUT_START || c->stream.state == SS_OUT_HEADER)) {
		dial_next(c, why);
		return;
	}
	over(c, why);
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	if (!c->has_link) { /* resolving has its own budget; this is the attempt's */
		if (c->is_out && now_of(c) >= stream_wake_ms(&c->stream)) {
			struct reason why = { 0 };
			reason_set(&why, c->dial == DIAL_CONNECT ? RUNG_TCP : RUNG_DNS, ERR_TIMEOUT, NULL);
			conn_fail(c, &why);
		}
		return;
	}
	CONN_CALL(c, stream_timer(&c->stream, now_of(c), &out));
}

static const struct link_owner owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed,
};

/* ---- the end ---- */

/* Strangers who come and go do not own the disk: so many lines a minute, and the number of the rest. */
static void log_closed(struct conn *c, const struct reason *why)
{
	const struct stream *st = &c->stream;
	uint32_t held = 0;

	if (!c->is_out && !c->was_ready &&
	    !log_limit_pass(&c->s2s->stranger_log, STRANGERS_A_MINUTE, loop_now(c->s2s->loop), &held))
		return;
	log_info("s2s.closed", LOG_ID("id", c->id), LOG_STR("direction", c->is_out ? "out" : "in"),
	         LOG_STR("domain", st->remote ? st->remote : ""), LOG_STR("address", c->address),
	         LOG_STR("rung", rung_name(why->rung)), LOG_STR("reason", err_name(why->rc)),
	         LOG_STR("text", why->text), LOG_INT("in", c->link.bytes_in), LOG_INT("out", c->link.bytes_out),
	         LOG_INT("held", held));
}

static void finish(struct conn *c, const struct reason *why)
{
	const struct stream *st = &c->stream;
	bool is_failure = !c->was_ready && !(st->is_only_verify && st->state == SS_DEAD && why->rc == ERR_CLOSED);

	c->is_gone = true;
	log_closed(c, why);
	if (is_failure && st->remote && why->rung != RUNG_NONE)
		s2s_log_refused(c->s2s, bytes_of(st->remote), why);
	if (c->is_out && is_failure)
		c->s2s->counts[STAT_OUT_FAILED]++;
	check_failed(c, why);
	post_conn_lost(c, why);
	hail_lost(c, c->was_ready ? ERR_CLOSED : why->rc);
	loop_defer_call(c->s2s->loop, &c->sweep);
}

/* The connection is closed: which rung was it on? */
static void over(struct conn *c, int why)
{
	struct reason r = c->stream.why;

	if (c->is_gone)
		return;
	if (r.rung == RUNG_NONE) {
		bool is_tls = why == ERR_TLS || c->stream.state == SS_IN_HANDSHAKE || c->stream.state == SS_OUT_HANDSHAKE;
		reason_set(&r, is_tls ? RUNG_TLS : RUNG_STREAM, why ? why : ERR_CLOSED,
		           c->was_ready ? "" : stream_state_name(c->stream.state));
	}
	finish(c, &r);
}

void conn_fail(struct conn *c, const struct reason *why)
{
	if (c->is_gone)
		return;
	if (c->has_link)
		link_close(&c->link);
	c->has_link = false;
	finish(c, why);
}
