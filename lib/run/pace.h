/* run/pace.h - how long packets may gather before a program looks for more. At some thousand a second each
 * would wake the process, and a wake-up costs several times what it takes to relay a packet; a rest of less
 * than a millisecond lets one wake-up serve many. Below that rate (an idle box, a single call) nothing is
 * delayed; above it the worker is awake anyway. Pure. */
#ifndef RUN_PACE_H
#define RUN_PACE_H

#include <stdint.h>

struct pace {
	uint32_t most_us; /* longest rest; 0: none ever */
	uint32_t per_s;   /* packets, in the window before this one */
	uint32_t count;   /* in this window */
	uint64_t since_ms;
};

enum {
	PACE_WINDOW_MS = 10,
	PACE_WORTH = 2,   /* fewer than this many packets in the longest rest: none */
	PACE_GATHER = 12, /* that many share a wake-up well: a rest is no longer than they take */
	PACE_MUCH = 32,  /* after a turn with that many there is none */
};

/* A turn has served that many packets and emptied its sockets: microseconds to rest now. */
uint32_t pace_rest(struct pace *p, uint32_t served, uint64_t now_ms);

#endif
