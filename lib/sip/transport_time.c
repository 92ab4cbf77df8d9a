/* Silence has an end (FED-13). While a connection opens, the link's own timers run. */
#include "sip/transport_impl.h"

#include "base/err.h"

enum { TIDY_MS = 33000 }; /* an idle connection then keeps no word of what it sent */

static uint64_t deadline(const struct sipconn *c)
{
	const struct siptransport_config *g = &c->t->config;

	if (c->link.is_blocked) /* it takes nothing of what we send */
		return c->moved_ms + g->half_ms;
	if (c->was_inside)
		return c->begun_ms + g->half_ms;
	if (!c->has_spoken && !c->to)
		return c->opened_ms + g->first_ms;
	return c->active_ms + (c->idle_ms ? c->idle_ms : g->idle_ms);
}

static void note_movement(struct sipconn *c)
{
	if (c->link.is_blocked && c->link.bytes_out == c->moved_bytes)
		return;
	c->moved_bytes = c->link.bytes_out;
	c->moved_ms = loop_now(c->t->loop);
}

/* The timer is moved only when it would fire too late: when it fires too early it is set again. So the
 * usual message costs no change of the loop's heap. */
static void watch(struct sipconn *c)
{
	uint64_t now = loop_now(c->t->loop), at = deadline(c);

	if (buf_len(&c->tokens) && at > now + TIDY_MS)
		at = now + TIDY_MS;
	if (loop_timer_is_set(&c->timer) && c->timer.at_ms <= at)
		return;
	if (loop_timer_set(c->t->loop, &c->timer, at > now ? at - now : 0))
		sipconn_cut(c, ERR_NOMEM, "");
}

static void on_timer(void *arg)
{
	struct sipconn *c = arg;
	uint64_t now = loop_now(c->t->loop);

	if (c->state != SIPCONN_READY)
		return;
	note_movement(c);
	sipconn_forget_answered(c);
	if (c->t->is_paused) /* we are the one who is silent */
		c->active_ms = c->begun_ms = c->opened_ms = now;
	if (now < deadline(c))
		watch(c);
	else if (c->link.is_blocked)
		sipconn_cut(c, ERR_TIMEOUT, "the peer does not read");
	else
		sipconn_wind_down(c, ERR_TIMEOUT);
}

void siptime_init(struct sipconn *c)
{
	c->opened_ms = c->active_ms = c->begun_ms = c->moved_ms = loop_now(c->t->loop);
	loop_timer_init(&c->timer, on_timer, c);
}

void siptime_touch(struct sipconn *c)
{
	c->active_ms = loop_now(c->t->loop);
	note_movement(c);
	if (c->state == SIPCONN_READY)
		watch(c);
}
