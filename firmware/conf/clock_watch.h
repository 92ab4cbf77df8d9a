/* clock_watch.h - the alarm about a clock that cannot be right (run/clock.h), on every box, and what hangs on the clock here: ends of
 * certificates are looked at again as soon as it is set. */
#ifndef CONF_CLOCK_WATCH_H
#define CONF_CLOCK_WATCH_H

#include "run/loop.h"

#include <stdbool.h>

enum { CLOCK_LOOK_MS = 5000, CLOCK_STEP_MS = 60000 };

struct conf;
struct clock_watch {
	struct loop_timer timer;
	int64_t ahead_ms; /* of the wall clock over the loop's, at the last look */
	bool is_wrong;
};

void clock_watch_init(struct conf *c);
void clock_watch_fini(struct conf *c);

#endif
