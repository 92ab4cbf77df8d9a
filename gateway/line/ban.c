#include "registered.h"

/* Who is kept out by address (mra.md M-20). */

bool line_is_banned(struct line *l, const struct sockaddr *from)
{
	if (!bans_refuse(&l->bans, from, loop_now(l->loop)))
		return false;
	line_stats[STAT_REFUSED_BAN]++;
	return true;
}

/* b may go with its last flow. */
static size_t put_out(struct line *l, struct binding *b)
{
	uint64_t now = loop_now(l->loop);
	size_t n = 0;

	for (size_t i = b->n; b && i-- > 0;) {
		struct peer_address who;
		if (i >= b->n)
			continue;
		peer_address_of(&b->flows[i].from.addr.any, &who);
		if (!bans_has(&l->bans, &who, now))
			continue;
		log_info("line.banned", LOG_BYTES("user", binding_jid(b)), LOG_STR("contact", b->flows[i].contact));
		b = registered_end_flow(l, b, i);
		n++;
	}
	return n;
}

size_t line_put_out(struct line *l)
{
	size_t n = 0;

	if (!l->bans.n)
		return 0;
	LIST_EACH (it, &l->location.all)
		n += put_out(l, LIST_OWNER(it, struct binding, all));
	return n;
}
