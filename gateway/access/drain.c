#include "conn.h"

#include "base/log.h"

/* Sessions leave over a time (mra.md M-21): with system-shutdown (RFC 6120 4.9.3.20), so that they can be resumed where
 * their clients come again. */

static bool is_to_end(const struct conn *c)
{
	return stream_has_session(&c->stream) && !c->is_shut && !c->is_gone;
}

static size_t left(void *arg)
{
	struct door *d = arg;
	uint32_t at = 0;
	size_t n = 0;

	for (struct conn *c; (c = conn_next(d, &at));)
		n += is_to_end(c);
	return n;
}

/* Goes round: those behind the place have had their turn, and new ones may be there. */
static struct conn *next_to_end(struct door *d)
{
	struct conn *c;

	for (int round = 0; round < 2; round++, d->drain_at = 0)
		while ((c = conn_next(d, &d->drain_at)))
			if (is_to_end(c))
				return c;
	return NULL;
}

static bool end_one(void *arg, bool is_last)
{
	struct door *d = arg;
	struct conn *c = next_to_end(d);

	(void)is_last;
	if (!c)
		return false;
	d->stats[STAT_DRAINED]++;
	conn_event(c, &(struct stream_input){ .event = E_KILL, .error = STREAM_SYSTEM_SHUTDOWN });
	return true;
}

static void over(void *arg)
{
	const struct door *d = arg;

	log_info("c2s.drained", LOG_INT("sessions", d->stats[STAT_DRAINED]));
}

const struct drain_owner door_drain_owner = { left, end_one, over };
