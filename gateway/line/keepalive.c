#include "keepalive.h"

static bool is_told(struct line *l, const struct sip_source *from)
{
	const uint64_t now = loop_now(l->loop);
	struct way *w = way_of(&l->location.ways, from);

	location_heard(&l->location, from, now);
	if (w)
		return way_may_tell(w, now);
	return l->settings && stranger_asks(&l->strangers, &from->addr.any, now) == STRANGER_WELCOME &&
	       stranger_may_hear(&l->strangers, &from->addr.any, now);
}

bool keepalive_heard(struct line *l, const struct sip_source *from, bool is_stun)
{
	if (!is_stun) {
		location_heard(&l->location, from, loop_now(l->loop));
		return false;
	}
	bool is_answered = is_told(l, from);
	line_stats[is_answered ? STAT_STUN : STAT_STUN_IGNORED]++;
	return is_answered;
}
