#include "auth.h"
#include "call.h"
#include "registered.h"

/* Flows leave over a time (mra.md M-21): a connection is closed, and its client registers by another door (RFC 5626 4.5); by
 * UDP there is nothing to close, and the next REGISTER is refused with Retry-After. Whoever talks may talk on until the
 * time is over. */

static size_t left(void *arg)
{
	const struct line *l = arg;
	size_t n = 0;

	LIST_EACH (it, &l->location.all) {
		const struct binding *b = LIST_OWNER(it, struct binding, all);
		for (size_t i = 0; i < b->n; i++)
			n += !b->flows[i].is_drained;
	}
	return n;
}

static void end_flow(struct line *l, struct binding *b, size_t i)
{
	line_stats[STAT_FLOWS_DRAINED]++;
	if (b->flows[i].from.flow)
		(void)registered_end_flow(l, b, i); /* b may be gone */
	else
		b->flows[i].is_drained = true;
}

/* The oldest flow first: the newest is the one that is used. */
static bool end_of(struct line *l, struct binding *b)
{
	for (size_t i = b->n; i-- > 0;)
		if (!b->flows[i].is_drained) {
			end_flow(l, b, i);
			return true;
		}
	return false;
}

static bool end_one(void *arg, bool is_last)
{
	struct line *l = arg;

	/* Who is not ended goes to the end of the list: the next look begins with those that have not been looked at. */
	for (size_t n = l->location.regs.count; n-- > 0;) {
		struct binding *b = LIST_OWNER(l->location.all.next, struct binding, all);
		list_del(&b->all);
		list_add_tail(&l->location.all, &b->all);
		if ((is_last || !call_is_talking(l, b->reg)) && end_of(l, b))
			return true;
	}
	return false;
}

static void over(void *arg)
{
	(void)arg;
	log_info("line.drained", LOG_INT("flows", line_stats[STAT_FLOWS_DRAINED]));
}

const struct drain_owner line_drain_owner = { left, end_one, over };
