#include "conn_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "check.h"
#include "hail.h"
#include "pair.h"
#include "prove.h"
#include "trouble.h"

enum { STRANGERS_PER_ADDRESS = 50 };

/* An incoming connection is a stranger until it has proved a domain, or is gone. */
void conn_count_proven(struct conn *c)
{
	if (c->is_out || c->is_proven_counted)
		return;
	c->is_proven_counted = true;
	c->s2s->n_unproven--;
	address_leave(&c->s2s->strangers, c->stranger);
	c->stranger = NULL;
}

/* ---- making and freeing ---- */

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
	loop_timer_init(&c->timer, conn_on_timer, c);
	loop_timer_init(&c->settle, conn_on_settle, c);
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
	conn_count_proven(c);
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

/* ---- in and out ---- */

void conn_accept(struct s2s *s, int fd, bool is_direct_tls)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof a;
	struct address_count *stranger;
	struct conn *c = NULL;
	uint32_t held;

	if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
		goto refuse;
	if (s->n_unproven >= s->conf.unauth_max || s->conns.count >= s->conf.streams_max || s->is_stopping) {
		s->counts[STAT_IN_LIMITED]++;
		trouble_streams(s);
		goto refuse;
	}
	if (address_enter(&s->strangers, (const struct sockaddr *)&a, STRANGERS_PER_ADDRESS, &stranger) < 0) {
		s->counts[STAT_IN_ADDRESS_LIMITED]++;
		goto refuse;
	}
	c = conn_new(s);
	if (!c) {
		address_leave(&s->strangers, stranger);
		goto refuse;
	}
	s->n_unproven++;
	c->stranger = stranger;
	c->is_direct_tls = is_direct_tls;
	note_address(c, &a);
	stream_init_in(&c->stream, &s->env, loop_now(s->loop));
	s->counts[STAT_IN_ACCEPTED]++;
	if (link_accept(&c->link, s->loop, fd, &conn_link_owner, c, CONN_QUEUE_MAX) < 0) {
		conn_free(c);
		goto refuse;
	}
	c->has_link = true;
	log_debug("s2s.in.accepted", LOG_ID("id", c->id), LOG_STR("address", c->address));
	if (is_direct_tls && conn_start_tls(c) < 0) {
		conn_free(c);
		return;
	}
	conn_after(c);
	return;
refuse:
	(void)close(fd); /* nothing was sent on it */
	if (log_limit_pass(&s->limit_log, 5, loop_now(s->loop), &held))
		log_warn("s2s.in.refused", LOG_INT("unproven", s->n_unproven), LOG_INT("held", held));
}

struct conn *conn_new_out(struct s2s *s, struct bytes local, struct bytes remote, bool is_only_verify)
{
	struct conn *c;

	if (s->conns.count >= s->conf.streams_max) {
		trouble_streams(s);
		return NULL;
	}
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
	                      source ? source_n : 0, conf->connect_ms, &conn_link_owner, c, CONN_QUEUE_MAX);
	c->has_link = rc == 0;
	log_debug_of(conf_is_watched(conf, bytes_of(c->stream.remote)), "s2s.connect", LOG_ID("id", c->id),
	             LOG_STR("domain", c->stream.remote), LOG_STR("address", c->address), LOG_INT("port", port),
	             LOG_STR("reason", err_name(rc)));
	return rc;
}

/* ---- the end ---- */

/* Strangers come and go as they like: theirs are debug lines. What was refused of them has a line of
 * its own. */
static void log_closed(const struct conn *c, const struct reason *why)
{
	const struct stream *st = &c->stream;
	bool is_stranger = !c->is_out && !stream_is_proven(st) && !c->was_ready;

	if (is_stranger && !log_is_on(LOG_LEVEL_DEBUG) && !conf_is_watched(&c->s2s->conf, bytes_of(st->remote)))
		return;
	log_info("s2s.closed", LOG_ID("id", c->id), LOG_STR("direction", c->is_out ? "out" : "in"),
	         LOG_STR("domain", st->remote ? st->remote : ""), LOG_STR("address", c->address),
	         LOG_STR("rung", rung_name(why->rung)), LOG_STR("reason", err_name(why->rc)),
	         LOG_STR("text", why->text), LOG_INT("in", c->link.bytes_in), LOG_INT("out", c->link.bytes_out));
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
	pair_conn_lost(c, why);
	hail_lost(c, c->was_ready ? ERR_CLOSED : why->rc);
	loop_defer_call(c->s2s->loop, &c->sweep);
}

/* The connection is closed: which rung was it on? */
void conn_over(struct conn *c, int why)
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
