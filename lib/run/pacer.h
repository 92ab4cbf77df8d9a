/* run/pacer.h - a program rests for less than a millisecond when so much comes that a wake-up costs more than what it serves
 * (run/pace.h says when, loop_rest how). */
#ifndef RUN_PACER_H
#define RUN_PACER_H

#include "run/loop.h"
#include "run/pace.h"

struct pacer {
	struct loop *loop;
	struct pace pace;
	uint32_t served; /* in this turn */
	struct loop_defer rest;
};

/* Before the fence is up: the kernel is told not to add to rests. most_us: the longest rest; 0: none. */
void pacer_init(struct pacer *p, struct loop *l, uint32_t most_us);
void pacer_fini(struct pacer *p);
/* One packet, or one read of bytes, is served. */
void pacer_count(struct pacer *p);

#endif
