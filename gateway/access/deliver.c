/* Stanzas of the core on their way to the client: held back while it sleeps, counted, and asked about
 * (XEP-0352, XEP-0198). */
#include "conn.h"

#include "run/session.h"

enum {
	/* How many deliveries an <r/> waits for, and how long for fewer. A client at full speed then
	 * answers once for many; a quiet one is asked soon enough for its partner to see it. */
	ASK_AFTER_STANZAS = 10,
	ASK_AFTER_MS = 200,
};

static void ask_later(struct conn *c)
{
	struct door *d = c->door;

	if (list_is_linked(&c->ack_node) || c->is_asked)
		return;
	c->ack_due_ms = loop_now(d->loop) + ASK_AFTER_MS;
	list_add_tail(&d->ack, &c->ack_node);
	if (!loop_timer_is_set(&d->ack_timer))
		(void)loop_timer_set(d->loop, &d->ack_timer, ASK_AFTER_MS); /* no memory: by count only */
}

/* At most one <r/> is under way, so that the faster it goes the more stanzas share one. */
void conn_ask(struct conn *c)
{
	if (c->is_gone || c->is_shut || c->is_asked || !c->unasked)
		return;
	c->is_asked = true;
	c->unasked = 0;
	list_del(&c->ack_node);
	(void)link_send(&c->link, BYTES("<r xmlns='" NS_SM "'/>")); /* full: the link says closed */
}

void conn_answered(struct conn *c)
{
	c->is_asked = false;
	if (c->unasked)
		ask_later(c);
}

static void sent(struct conn *c, uint32_t n)
{
	struct door *d = c->door;

	c->delivered += n;
	d->stats[STAT_STANZAS_OUT] += n;
	if (c->is_tell_due)
		conn_tell_later(c);
	if (!c->stream.is_sm)
		return;
	c->unasked += n;
	if (c->unasked >= ASK_AFTER_STANZAS)
		conn_ask(c);
	if (c->unasked)
		ask_later(c);
}

void conn_release(struct conn *c)
{
	if (!c->hold)
		return;
	hold_release(c->hold, link_out(&c->link));
	hold_free(c->hold);
	c->hold = NULL;
	uint32_t n = c->held;
	c->held = 0;
	if (buf_failed(link_out(&c->link))) {
		c->door->stats[STAT_QUEUE_FULL]++;
		conn_vanish(c, "queue-full", false);
		return;
	}
	link_kick(&c->link);
	sent(c, n);
}

/* True when the stanza was taken to wait for the client to look up. */
static bool hold_back(struct conn *c, struct bytes stanza)
{
	if (!c->hold)
		c->hold = hold_new();
	if (!c->hold || hold_put(c->hold, stanza, !c->stream.is_sm))
		return false;
	c->held++;
	c->door->stats[STAT_HELD]++;
	return true;
}

void conn_deliver(struct conn *c, uint8_t flags, struct bytes stanza)
{
	if (flags & DELIVER_TELL)
		c->is_tell_due = true;
	if (c->stream.is_inactive && !(flags & DELIVER_URGENT) && hold_can_wait(stanza)) {
		if (hold_back(c, stanza))
			return;
	}
	/* Order is kept: what was held goes first. */
	conn_release(c);
	if (c->is_gone || link_send(&c->link, stanza))
		return; /* over the queue's limit: the link says closed(ERR_FULL) */
	sent(c, 1);
}
