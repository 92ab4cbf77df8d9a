/* run/drain.h - who is in leaves, one after another and evenly over a time, so that those who come again elsewhere do not all
 * come at once (mra.md M-21). Whom it ends, and how, is the owner's matter. */
#ifndef RUN_DRAIN_H
#define RUN_DRAIN_H

#include "run/loop.h"

enum { DRAIN_STEP_MS = 250, DRAIN_MAX_S = 86400 };

struct drain_owner {
	/* Those that are still to end. */
	size_t (*left)(void *arg);
	/* Ends one of them. False: none can be ended now. is_last: the time is over, and whoever may wait until then has. */
	bool (*end)(void *arg, bool is_last);
	/* The time is over and all have been ended; optional. */
	void (*over)(void *arg);
};

struct drain {
	struct loop *loop;
	const struct drain_owner *owner;
	void *arg;
	struct loop_timer timer;
	uint64_t begin_ms, over_ms;
	size_t n; /* that there were */
};

void drain_init(struct drain *d, struct loop *l, const struct drain_owner *o, void *arg);
/* From now on, in ms; 0: at once. Begins anew when it is under way. ERR_NOMEM. */
int drain_begin(struct drain *d, uint64_t ms);
void drain_end(struct drain *d);
bool drain_is_on(const struct drain *d);
/* Until it is over, in ms; 0: it is not on. */
uint64_t drain_left_ms(const struct drain *d);

#endif
