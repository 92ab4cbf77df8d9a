#include "post.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "hail.h"
#include "proto/jid.h"

/* A repeat of an envelope is looked for only so long after gh-switch came back. */
enum { REPEAT_WINDOW_MS = 30000 };

static struct chan *switch_chan(struct s2s *s)
{
	return bus_chan(proc_bus(s->proc), PROG_SWITCH, 0);
}

/* ---- answers to gh-switch ---- */

static void put_done(struct s2s *s, uint64_t id)
{
	struct chan *c = switch_chan(s);
	struct buf *b;

	if (!c) { /* said when it is back */
		wire_put_u64(&s->dones, id);
		return;
	}
	b = chan_begin(c, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, id);
	wire_put_u32(b, 0);
	if (chan_end(c) < 0)
		wire_put_u64(&s->dones, id);
}

/* The item is dealt with: sent and safe, or answered. Frees it. */
static void item_done(struct s2s *s, struct queue_item *i)
{
	if (i->id) {
		(void)map_del_u64(&s->outgoing, i->id); /* an item of ours is not in it */
		s->recent[s->recent_at++ % S2S_RECENT_MAX] = i->id;
		put_done(s, i->id);
	}
	queue_item_free(i);
}

/* ---- to gh-switch ---- */

static void put_flight(struct s2s *s, struct flight *x)
{
	struct chan *c = switch_chan(s);

	x->sent_ms = 0;
	if (!c)
		return;
	buf_put(chan_begin(c, MSG_ROUTE, 0), x->data, x->n);
	if (chan_end(c) == 0)
		x->sent_ms = loop_now(s->loop);
	s2s_want_tick(s);
}

static struct flight *route_in(struct s2s *s, struct envelope *e, uint64_t conn, bool counts)
{
	struct flight *x;

	e->id = proc_next_id(s->proc);
	if (!e->trace)
		e->trace = e->id;
	e->door = DOOR_S2S;
	x = flight_new(&s->flights, e, conn, counts);
	if (x)
		put_flight(s, x);
	return x;
}

/* The error answer to something that cannot go, as a stanza of its own back to its sender; posted
 * to the bus, never re-entered (lesson 14 of spec/xmpp.md). */
static void bounce(struct s2s *s, struct queue_item *i, const struct reason *why)
{
	struct buf text, b;
	struct jid to = jid_of_normal(i->to);
	struct stanza_refusal refusal = { .error = reason_stanza_error(why), .by = jid_domain(&to) };
	struct envelope e = { .trace = i->trace, .kind = i->kind, .type = TYPE_ERROR, .from = i->to,
		              .to = i->from, .sid = i->sid };

	s->counts[STAT_BOUNCED]++;
	buf_init(&text, 512);
	buf_init(&b, 16384);
	reason_write(&text, why);
	refusal.text = buf_cstr(&text);
	if (stanza_write_error(&b, (enum stanza_kind)i->kind, (enum stanza_type)i->type, i->sid, i->to, i->from,
	                       &refusal) && !buf_failed(&b)) {
		e.stanza = buf_bytes(&b);
		(void)route_in(s, &e, 0, false); /* without memory the sender's own time-out must do */
	}
	log_debug_of(conf_is_watched(&s->conf, jid_domain(&to)), "s2s.bounced", LOG_ID("trace", i->trace), 
	             LOG_BYTES("domain", jid_domain(&to)), LOG_STR("rung", rung_name(why->rung)), LOG_STR("reason", err_name(why->rc)));
	buf_fini(&text);
	buf_fini(&b);
	item_done(s, i);
}

static void bounce_from(struct s2s *s, struct pair *p, struct queue_item *i, const struct reason *why)
{
	p->n_bounced++;
	bounce(s, i, why);
}

void post_bounce_all(struct s2s *s, struct pair *p, const struct reason *why)
{
	struct queue_item *i;

	while ((i = queue_take(&p->queue)))
		bounce_from(s, p, i, why);
}

/* Trying again may help: messages wait, but nobody waits for an iq or presence that long. */
static void bounce_hasty(struct s2s *s, struct pair *p, const struct reason *why)
{
	struct queue_item *i;

	while ((i = queue_take_kind(&p->queue, STANZA_IQ)) || (i = queue_take_kind(&p->queue, STANZA_PRESENCE)))
		bounce_from(s, p, i, why);
}

/* ---- from the bus ---- */

/* gh-switch repeats what it had no answer to when it comes back; what we have needs no second copy. */
static bool is_repeat(struct s2s *s, uint64_t id)
{
	if (!id)
		return false;
	if (map_get_u64(&s->outgoing, id))
		return true;
	if (!s->switch_up_ms || loop_now(s->loop) > s->switch_up_ms + REPEAT_WINDOW_MS)
		return false;
	for (unsigned i = 0; i < S2S_RECENT_MAX; i++)
		if (s->recent[i] == id) {
			put_done(s, id);
			return true;
		}
	return false;
}

/* An envelope that does not even get into a queue goes back at once. */
static void refuse(struct s2s *s, const struct envelope *e, enum rung rung, int rc, const char *text)
{
	struct s2s_conf endless = { .queue_stanzas = 1, .queue_bytes = UINT32_MAX };
	struct reason why = { 0 };
	struct queue q;

	reason_set(&why, rung, rc, text);
	queue_init(&q);
	if (queue_put(&q, &endless, e, 0) == 0)
		bounce(s, queue_take(&q), &why);
}

static struct pair *pair_for(struct s2s *s, struct bytes local, struct bytes remote)
{
	struct peer *p = s2s_peer(s, remote);

	return p ? peer_pair(p, local) : NULL;
}

static void queue_envelope(struct s2s *s, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from), to = jid_of_normal(e->to);
	struct bytes local = jid_domain(&from), remote = jid_domain(&to);
	struct policy_rule rule = policy_for(&s->conf.policy, remote);
	struct pair *p;
	int rc;

	if (conf_domain(&s->conf, remote) || !conf_domain(&s->conf, local)) {
		refuse(s, e, RUNG_POLICY, ERR_NOT_FOUND, "not between a domain here and one elsewhere");
		return;
	}
	if (!rule.is_allowed) {
		refuse(s, e, RUNG_POLICY, ERR_DENIED, rule.why);
		return;
	}
	p = pair_for(s, local, remote);
	rc = p ? queue_put(&p->queue, &s->conf, e, loop_now(s->loop)) : ERR_NOMEM;
	if (rc < 0) {
		s->counts[STAT_QUEUE_FULL]++;
		refuse(s, e, RUNG_QUEUE, rc, NULL);
		return;
	}
	if (e->id) {
		struct queue_item *i = LIST_OWNER(p->queue.items.prev, struct queue_item, node);
		if (map_add_u64(&s->outgoing, e->id, i) < 0)
			log_warn("s2s.route", LOG_ID("trace", e->trace), LOG_STR("reason", "nomem"));
	}
	p->peer->used_ms = loop_now(s->loop);
	post_go(s, p);
}

int post_route(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;
	struct envelope e;
	int rc = envelope_decode(f->body, &e);

	(void)from;
	if (rc < 0)
		return rc;
	if (!e.from.n || !e.to.n || e.kind >= STANZA_KIND_COUNT)
		return ERR_SYNTAX;
	if (!is_repeat(s, e.id))
		queue_envelope(s, &e);
	return 0;
}

/* All streams may be read again: what they hold unread is dealt with too, which may change the map,
 * so it goes by ids. */
static void resume_reading(struct s2s *s)
{
	uint64_t ids[256];
	size_t at = 0, n = 0;
	struct conn *c;

	while (n < 256 && (c = map_next(&s->conns, &at)))
		if (!c->is_gone && c->has_link && c->link.is_paused)
			ids[n++] = c->id;
	for (size_t i = 0; i < n; i++)
		if ((c = conn_find(s, ids[i])))
			conn_resume(c);
}

int post_route_done(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	int32_t rc = (int32_t)wire_u32(&w);
	struct flight *x;
	struct conn *c;
	bool was_full = s->flights.bytes >= FLIGHT_BYTES_MAX;

	(void)from;
	if (wire_end(&w) < 0)
		return ERR_SYNTAX;
	x = flight_find(&s->flights, id);
	if (!x)
		return 0; /* answered twice after a repeat */
	if (rc < 0 && ++x->tries < FLIGHT_TRIES_MAX) {
		x->sent_ms = loop_now(s->loop); /* post_flights_tick sends it again */
		return 0;
	}
	if (rc < 0)
		s->counts[STAT_FLIGHT_DROPPED]++;
	c = conn_find(s, x->conn);
	flight_done(&s->flights, x);
	if (c)
		conn_settle_flights(c);
	if (was_full && s->flights.bytes < FLIGHT_BYTES_MAX)
		resume_reading(s);
	return 0;
}

void post_switch_up(struct s2s *s)
{
	struct wire w = wire_of(buf_bytes(&s->dones));
	size_t n = wire_left(&w) / 8;
	uint64_t ids[64];

	s->switch_up_ms = loop_now(s->loop);
	/* what is done first, so that it is not repeated */
	for (size_t i = 0; i < n;) {
		size_t some = 0;
		for (; i < n && some < 64; i++)
			ids[some++] = wire_u64(&w);
		struct chan *c = switch_chan(s);
		for (size_t k = 0; c && k < some; k++) {
			struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);
			wire_put_u64(b, ids[k]);
			wire_put_u32(b, 0);
			if (chan_end(c) < 0)
				return; /* full at once: it will come up again, or repeat and be told */
		}
	}
	buf_clear(&s->dones);
	LIST_EACH(it, &s->flights.all)
		put_flight(s, LIST_OWNER(it, struct flight, in_table));
}

void post_flights_tick(struct s2s *s)
{
	uint64_t now = loop_now(s->loop);

	LIST_EACH(it, &s->flights.all) {
		struct flight *x = LIST_OWNER(it, struct flight, in_table);
		if (x->sent_ms && (!x->tries || now < x->sent_ms + FLIGHT_AGAIN_MS))
			continue;
		if (!switch_chan(s))
			return;
		s->counts[STAT_FLIGHT_AGAIN]++;
		put_flight(s, x);
	}
}

/* ---- from the streams ---- */

static void answer_ping(struct s2s *s, uint64_t ping_id)
{
	size_t at = 0;
	struct conn *c;

	while ((c = map_next(&s->conns, &at)))
		if (!c->is_gone && c->stream.is_ping_out && c->stream.ping_id == ping_id)
			break;
	if (c)
		conn_ponged(c);
}

/* bad-request and the like go to the peer by our own queue. */
static void answer_error(struct s2s *s, const struct stream_act *a)
{
	struct buf b;
	struct stanza_refusal refusal = { .error = a->error, .text = err_text(a->rc), .by = a->local };
	struct envelope e = { .door = DOOR_S2S, .kind = (uint8_t)a->stanza.kind, .type = TYPE_ERROR,
		              .from = a->to, .to = a->from, .sid = a->stanza.id };

	s->counts[STAT_STANZAS_BAD]++;
	buf_init(&b, 16384);
	if (stanza_write_error(&b, a->stanza.kind, a->stanza.type, a->stanza.id, a->to, a->from, &refusal) &&
	    !buf_failed(&b)) {
		e.stanza = buf_bytes(&b);
		queue_envelope(s, &e);
	}
	buf_fini(&b);
}

/* One that needs nothing of the core; it keeps its place in the order for the peer's h. */
static struct flight *flight_of_nothing(struct s2s *s, struct conn *c)
{
	struct envelope none = { 0 };

	return flight_new(&s->flights, &none, c->id, c->stream.sm.is_on);
}

void post_deliver(struct conn *c, const struct stream_act *a)
{
	struct s2s *s = c->s2s;
	struct envelope e = { .kind = (uint8_t)a->stanza.kind, .type = (uint8_t)a->stanza.type,
		              .facts = a->stanza.facts, .from = a->from, .to = a->to, .sid = a->stanza.id };
	struct flight *x;
	struct buf b;

	s->counts[STAT_STANZAS_IN]++;
	buf_init(&b, 9 << 20);
	if (a->kind == ACT_PONG) {
		x = flight_of_nothing(s, c);
		answer_ping(s, a->h64);
	} else if (a->rc < 0) {
		x = flight_of_nothing(s, c);
		answer_error(s, a);
	} else {
		stanza_write(&b, &a->stanza, a->from, a->to);
		e.stanza = buf_bytes(&b);
		x = buf_failed(&b) ? NULL : route_in(s, &e, c->id, c->stream.sm.is_on);
	}
	buf_fini(&b);
	if (!x) {
		conn_close(c, STREAM_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	list_add_tail(&c->flights, &x->in_conn);
	c->n_flights++;
	if (x->is_done)
		conn_settle_flights(c);
}

void post_pair_ready(struct conn *c, struct bytes local, struct bytes remote)
{
	struct pair *p = pair_for(c->s2s, local, remote);

	if (!p)
		return;
	c->s2s->counts[STAT_OUT_READY]++;
	if (c->is_out)
		peer_succeeded(p->peer);
	p->is_asked = false;
	if (p->dialing == c->id)
		p->dialing = 0;
	/* a stream of our own is preferred to the peer's (XEP-0288 one) only when there is none yet */
	if (!conn_find(c->s2s, p->conn))
		p->conn = c->id;
	post_go(c->s2s, p);
}

void post_pair_failed(struct conn *c, const struct stream_act *a)
{
	struct pair *p = pair_for(c->s2s, a->local, a->remote);

	if (!p)
		return;
	log_info("s2s.pair.failed", LOG_ID("id", c->id), LOG_BYTES("domain", a->remote),
	         LOG_BYTES("local", a->local), LOG_STR("reason", err_name(a->why.rc)));
	p->is_asked = false;
	p->is_alone = true; /* a stream of its own next */
	post_go(c->s2s, p);
}

static void settle_item(struct conn *c, struct queue_item *i)
{
	struct jid from = jid_of_normal(i->from);
	struct peer *peer = s2s_peer(c->s2s, bytes_of(c->stream.remote));
	struct pair *p = peer ? peer_find_pair(peer, jid_domain(&from)) : NULL;

	list_del(&i->node);
	c->n_sent--;
	if (p)
		p->n_done++;
	item_done(c->s2s, i);
}

static void flush_pairs(struct conn *c)
{
	struct peer *peer = s2s_peer(c->s2s, bytes_of(c->stream.remote));

	if (!peer)
		return;
	LIST_EACH(it, &peer->pairs) {
		struct pair *p = LIST_OWNER(it, struct pair, node);
		if (p->conn == c->id && p->queue.n)
			conn_flush_pair(c, p);
	}
}

void post_acked(struct conn *c, uint32_t h)
{
	LIST_EACH(it, &c->sent) {
		struct queue_item *i = LIST_OWNER(it, struct queue_item, node);
		if (!i->has_seq)
			continue;
		if ((int32_t)(h - i->seq) < 0)
			break;
		settle_item(c, i);
	}
	flush_pairs(c);
}

void post_written(struct conn *c)
{
	uint64_t now = loop_now(c->s2s->loop);

	LIST_EACH(it, &c->sent) {
		struct queue_item *i = LIST_OWNER(it, struct queue_item, node);
		if (!i->has_seq && now >= i->sent_ms + CONN_SETTLE_MS)
			settle_item(c, i);
	}
	flush_pairs(c);
}

/* Lesson 20 of spec/xmpp.md: what was in flight when a stream ended goes out once more. */
static void take_back_sent(struct conn *c, const struct reason *why)
{
	while (!list_is_empty(&c->sent)) {
		struct queue_item *i = LIST_OWNER(c->sent.prev, struct queue_item, node);
		struct jid from = jid_of_normal(i->from);
		struct pair *p = pair_for(c->s2s, jid_domain(&from), bytes_of(c->stream.remote));
		list_del(&i->node);
		c->n_sent--;
		if (!p || i->is_retried) {
			bounce(c->s2s, i, why);
			continue;
		}
		i->is_retried = true;
		c->s2s->counts[STAT_STANZAS_RETRIED]++;
		queue_put_back(&p->queue, i);
	}
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
			post_bounce_all(c->s2s, p, why);
		else
			bounce_hasty(c->s2s, p, why);
	}
	if (p->queue.n)
		post_go(c->s2s, p);
}

void post_conn_lost(struct conn *c, const struct reason *why)
{
	struct s2s *s = c->s2s;
	struct peer *peer = c->stream.remote ? s2s_peer(s, bytes_of(c->stream.remote)) : NULL;

	if (!peer)
		return;
	take_back_sent(c, why);
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
		post_bounce_all(s, p, &why);
		return;
	}
	if (!is_only_verify)
		p->dialing = c->id;
	(void)loop_timer_set(s->loop, &c->timer, s->conf.setup_ms); /* the steps have limits of their own */
	dial_begin(c);
}

void post_go(struct s2s *s, struct pair *p)
{
	struct conn *c = conn_find(s, p->conn);

	if (c && stream_may_send(&c->stream, bytes_of(p->local), bytes_of(p->peer->domain))) {
		conn_flush_pair(c, p);
		return;
	}
	p->conn = 0;
	if (!p->queue.n || p->is_asked || conn_find(s, p->dialing) || s->is_stopping)
		return;
	s2s_want_tick(s);
	if (ask_on_other(s, p))
		return;
	if (loop_now(s->loop) < p->peer->retry_ms && reason_is_lasting(&p->peer->last)) {
		post_bounce_all(s, p, &p->peer->last);
		return;
	}
	if (peer_attempt(p->peer, loop_now(s->loop)) == 0)
		dial(s, p, false);
}

void post_dial_verify(struct s2s *s, struct peer *peer, const char *local)
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

void post_peer_alive(struct s2s *s, struct bytes remote)
{
	struct peer *p = s2s_peer(s, remote);

	if (!p || !p->n_failures || reason_is_lasting(&p->last))
		return;
	p->retry_ms = 0;
	LIST_EACH(it, &p->pairs)
		if (LIST_OWNER(it, struct pair, node)->queue.n)
			post_go(s, LIST_OWNER(it, struct pair, node));
}

static void pair_tick(struct s2s *s, struct pair *p)
{
	uint64_t now = loop_now(s->loop);
	struct reason old = { 0 };
	struct queue_item *i;

	reason_set(&old, RUNG_QUEUE, ERR_TIMEOUT, rung_name(p->peer->last.rung));
	while ((i = queue_take_old(&p->queue, &s->conf, now))) {
		s->counts[STAT_QUEUE_OLD]++;
		/* the last failure says more than "too old", if there was one while it waited */
		bool has_cause = p->peer->last.rung != RUNG_NONE && p->peer->last_ms >= i->queued_ms;
		bounce_from(s, p, i, has_cause ? &p->peer->last : &old);
		if (p->is_asked) { /* no answer about this pair on another's stream */
			p->is_asked = false;
			p->is_alone = true;
		}
	}
	if (p->queue.n)
		post_go(s, p);
}

void post_tick(struct s2s *s)
{
	size_t at = 0;
	struct peer *peer;

	while ((peer = map_next(&s->peers, &at)))
		LIST_EACH(it, &peer->pairs)
			pair_tick(s, LIST_OWNER(it, struct pair, node));
	post_flights_tick(s);
}
