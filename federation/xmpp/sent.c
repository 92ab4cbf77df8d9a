#include "sent.h"

#include "base/err.h"
#include "bounce.h"
#include "conn_impl.h"
#include "handover.h"
#include "pair.h"
#include "proto/jid.h"
#include "tap.h"

void sent_flush_pair(struct conn *c, struct pair *p)
{
	struct stream_out out = { .bytes = link_out(&c->link) };
	struct queue_item *i;
	bool is_some = false;

	if (!stream_may_send(&c->stream, bytes_of(p->local), bytes_of(p->peer->domain)))
		return;
	while (c->n_sent < CONN_SENT_MAX && link_queued(&c->link) < CONN_QUEUE_HIGH && (i = queue_take(&p->queue))) {
		s2s_tap_out(c, bytes_of(p->peer->domain), i->stanza);
		stream_send_stanza(&c->stream, i->stanza, conn_now(c), &out);
		i->sent_ms = conn_now(c);
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
	stream_batch_end(&c->stream, conn_now(c), &out);
	if (!c->stream.sm.is_on)
		(void)loop_timer_set(c->s2s->loop, &c->settle, CONN_SETTLE_MS); /* without it they go again */
	conn_after(c);
}

void sent_flush(struct conn *c)
{
	struct peer *peer = s2s_find_peer(c->s2s, bytes_of(c->stream.remote));

	if (!peer)
		return;
	LIST_EACH(it, &peer->pairs) {
		struct pair *p = LIST_OWNER(it, struct pair, node);
		if (p->conn == c->id && p->queue.n)
			sent_flush_pair(c, p);
	}
}

static void settle_item(struct conn *c, struct queue_item *i)
{
	struct jid from = jid_of_normal(i->from);
	struct peer *peer = s2s_find_peer(c->s2s, bytes_of(c->stream.remote));
	struct pair *p = peer ? peer_find_pair(peer, jid_domain(&from)) : NULL;

	list_del(&i->node);
	c->n_sent--;
	if (p)
		p->n_done++;
	handover_done(c->s2s, i);
}

void sent_acked(struct conn *c, uint32_t h)
{
	LIST_EACH(it, &c->sent) {
		struct queue_item *i = LIST_OWNER(it, struct queue_item, node);
		if (!i->has_seq)
			continue;
		if ((int32_t)(h - i->seq) < 0)
			break;
		settle_item(c, i);
	}
	sent_flush(c);
}

void sent_written(struct conn *c)
{
	uint64_t now = loop_now(c->s2s->loop);

	LIST_EACH(it, &c->sent) {
		struct queue_item *i = LIST_OWNER(it, struct queue_item, node);
		if (!i->has_seq && now >= i->sent_ms + CONN_SETTLE_MS)
			settle_item(c, i);
	}
	sent_flush(c);
}

void sent_take_back(struct conn *c, const struct reason *why)
{
	while (!list_is_empty(&c->sent)) {
		struct queue_item *i = LIST_OWNER(c->sent.prev, struct queue_item, node);
		struct jid from = jid_of_normal(i->from);
		struct pair *p = pair_of(c->s2s, jid_domain(&from), bytes_of(c->stream.remote));
		list_del(&i->node);
		c->n_sent--;
		if (!p || i->is_retried) {
			bounce_item(c->s2s, NULL, i, why);
			continue;
		}
		i->is_retried = true;
		c->s2s->counts[STAT_STANZAS_RETRIED]++;
		queue_put_back(&p->queue, i);
	}
}
