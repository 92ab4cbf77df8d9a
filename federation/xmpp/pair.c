#include "pair.h"

#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "bounce.h"
#include "hail.h"
#include "proto/jid.h"
#include "sent.h"
#include "trouble.h"

struct pair *pair_of(struct s2s *s, struct bytes local, struct bytes remote)
{
	struct peer *p = s2s_peer(s, remote);

	return p ? peer_pair(p, local) : NULL;
}

/* ---- which stream ---- */

/* A ready stream of ours to the same peer, where the peer takes more pairs (XEP-0220 2.6.2). */
static bool ask_on_other(struct s2s *s, struct pair *p)
{
	size_t at = 0;
	struct conn *c;

	if (p->is_alone)
		return false;
	while ((c = map_next(&s->conns, &at))) {
		if (!c->is_out || c->is_gone || c->check || strcmp(c->stream.remote, p->peer->domain) != 0)
			continue;
		if (c->stream.state != SS_READY && c->stream.state != SS_OUT_OPEN)
			continue;
		p->is_asked = true;
		p->dialing = c->stream.state == SS_OUT_OPEN ? c->id : 0;
		if (conn_want_pair(c, bytes_of(p->local)) == 0)
			return true;
		p->is_asked = false;
		p->dialing = 0;
	}
	return false;
}

static void dial(struct s2s *s, struct pair *p, bool is_only_verify)
{
	struct conn *c = conn_new_out(s, bytes_of(p->local), bytes_of(p->peer->domain), is_only_verify);
	struct reason why = { 0 };

	if (!c) {
		reason_set(&why, RUNG_QUEUE, ERR_LIMIT, "too many streams");
		bounce_all(s, p, &why);
		return;
	}
	if (!is_only_verify)
		p->dialing = c->id;
	(void)loop_timer_set(s->loop, &c->timer, s->conf.setup_ms); /* the steps have limits of their own */
	dial_begin(c);
}

void pair_go(struct s2s *s, struct pair *p)
{
	struct conn *c = conn_find(s, p->conn);

	if (c && stream_may_send(&c->stream, bytes_of(p->local), bytes_of(p->peer->domain))) {
		sent_flush_pair(c, p);
		return;
	}
	p->conn = 0;
	if (!p->queue.n || p->is_asked || conn_find(s, p->dialing) || s->is_stopping)
		return;
	s2s_want_tick(s);
	if (ask_on_other(s, p))
		return;
	if (loop_now(s->loop) < p->peer->retry_ms && reason_is_lasting(&p->peer->last)) {
		bounce_all(s, p, &p->peer->last);
		return;
	}
	if (peer_attempt(p->peer, loop_now(s->loop)) == 0)
		dial(s, p, false);
}

void pair_dial_verify(struct s2s *s, struct peer *peer, const char *local)
{
	struct pair *p = peer_pair(peer, bytes_of(local));
	size_t at = 0;
	struct conn *c;

	while ((c = map_next(&s->conns, &at))) /* one attempt at a time; hail_send follows it */
		if (c->is_out && !c->is_gone && !c->check && c->stream.state < SS_READY &&
		    strcmp(c->stream.remote, peer->domain) == 0)
			return;
	/* A peer that has just come to us is worth a try whatever happened before; but only so often. */
	if (p && rate_take(&peer->attempts, 1, loop_now(s->loop)))
		dial(s, p, true);
	else
		hail_refuse(s, peer, ERR_LIMIT);
}

void pair_peer_alive(struct s2s *s, struct bytes remote)
{
	struct peer *p = s2s_find_peer(s, remote);

	if (!p || !p->n_failures || reason_is_lasting(&p->last))
		return;
	p->retry_ms = 0;
	LIST_EACH(it, &p->pairs)
		if (LIST_OWNER(it, struct pair, node)->queue.n)
			pair_go(s, LIST_OWNER(it, struct pair, node));
}

/* ---- what streams say ---- */

void pair_ready(struct conn *c, struct bytes local, struct bytes remote)
{
	struct pair *p = pair_of(c->s2s, local, remote);

	if (!p)
		return;
	c->s2s->counts[STAT_OUT_READY]++;
	if (c->is_out)
		peer_succeeded(p->peer);
	trouble_over(c->s2s, p->peer);
	p->is_asked = false;
	if (p->dialing == c->id)
		p->dialing = 0;
	/* a stream of our own is preferred to the peer's (XEP-0288 one) only when there is none yet */
	if (!conn_find(c->s2s, p->conn))
		p->conn = c->id;
	pair_go(c->s2s, p);
}

void pair_failed(struct conn *c, const struct stream_act *a)
{
	struct pair *p = pair_of(c->s2s, a->local, a->remote);

	if (!p)
		return;
	log_info("s2s.pair.failed", LOG_ID("id", c->id), LOG_BYTES("domain", a->remote),
	         LOG_BYTES("local", a->local), LOG_STR("reason", err_name(a->why.rc)));
	p->is_asked = false;
	p->is_alone = true; /* a stream of its own next */
	pair_go(c->s2s, p);
}

static void pair_lost(struct conn *c, struct pair *p, const struct reason *why)
{
	bool was_dialing = p->dialing == c->id, was_used = p->conn == c->id;

	if (was_dialing)
		p->dialing = 0;
	if (was_used)
		p->conn = 0;
	if (p->is_asked && c->is_out && c->was_ready)
		p->is_asked = false;
	if (was_dialing && !c->was_ready) {
		if (reason_is_lasting(why))
			bounce_all(c->s2s, p, why);
		else
			bounce_hasty(c->s2s, p, why);
	}
	if (p->queue.n)
		pair_go(c->s2s, p);
}

void pair_conn_lost(struct conn *c, const struct reason *why)
{
	struct s2s *s = c->s2s;
	struct peer *peer = s2s_find_peer(s, bytes_of(c->stream.remote));

	if (!peer)
		return;
	sent_take_back(c, why);
	if (why->rung != RUNG_NONE && why->rc != ERR_CLOSED) {
		peer->last = *why;
		peer->last_wall_ms = loop_wall_ms(s->loop);
		peer->last_ms = loop_now(s->loop);
	}
	if (c->is_out && !c->was_ready && !c->check && !(c->stream.is_only_verify && why->rc == ERR_CLOSED)) {
		peer_failed(peer, &s->conf, why, random_below(1000), loop_now(s->loop));
		peer->last_wall_ms = loop_wall_ms(s->loop);
	}
	LIST_EACH(it, &peer->pairs)
		pair_lost(c, LIST_OWNER(it, struct pair, node), why);
	s2s_want_tick(s);
}
