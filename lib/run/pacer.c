#include "run/pacer.h"

#include <sys/prctl.h>

static void rest(void *arg)
{
	struct pacer *p = arg;
	uint32_t served = p->served;

	p->served = 0;
	loop_rest(p->loop, pace_rest(&p->pace, served, loop_now(p->loop)));
}

void pacer_init(struct pacer *p, struct loop *l, uint32_t most_us)
{
	*p = (struct pacer){ .loop = l, .pace = { .most_us = most_us } };
	loop_defer_init(&p->rest, rest, p);
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* else the kernel adds 50 us to each rest */
}

void pacer_fini(struct pacer *p)
{
	loop_defer_cancel(&p->rest);
}

void pacer_count(struct pacer *p)
{
	p->served++;
	loop_defer_last(p->loop, &p->rest);
}
