/* gateway/link/link_clock.h - whether both sides of a link have the same time of day. Each says its own (link_stamp.h); where they
 * are far apart both raise an alarm (mra.md test 30), as tokens and certificates that one of them makes are then judged wrongly by the other.
 * Which of them is wrong neither can know. Link thread. */
#ifndef LINK_CLOCK_H
#define LINK_CLOCK_H

#include "base/bytes.h"

struct trunk;

enum {
	LINK_CLOCK_FAR_MS = 60000, /* what judges of tokens forgive (auth/jwt.c, turn/oauth.c) */
	LINK_CLOCK_NEAR_MS = 30000, /* from far apart back to the same: no alarm that comes and goes */
};

/* Theirs less ours, from their PING: what they can say at all, bounded to years. 0: they say nothing (an older box). */
int64_t link_clock_off_ms(uint64_t theirs_ms, uint64_t ours_ms);
/* Is that far apart, given whether it was before? */
bool link_clock_is_far(int64_t off_ms, bool was_far);

/* The other side has said its time of day (link_stamp.h). */
void link_clock_heard(struct trunk *t, uint64_t wall_ms);
/* The connection is going: with the last one to that side its alarm ends, too. */
void link_clock_forget(struct trunk *t);

#endif
