/* A loop with a virtual clock: tests and plays see time pass only when they say so. Descriptors are
 * real (socket pairs) and are polled without waiting. */
#include "run/loop_impl.h"

#include "base/err.h"

enum {
	FAKE_START_MS = 1000, /* never 0: zero stamps mean "never" elsewhere */
	FAKE_IDLE_MS = 20, /* loop_run: real wait for a descriptor, so that it is no busy loop */
	FAKE_SETTLE_TURNS = 10000,
};
#define FAKE_WALL_START_MS 1700000001000ull

static int init_fake(struct loop *l)
{
	l->now_ms = FAKE_START_MS;
	l->wall_offset_ms = FAKE_WALL_START_MS - FAKE_START_MS;
	return loop_poll_init(l);
}

static void wait_fake(struct loop *l, uint64_t wait_ms)
{
	(void)loop_poll_once(l, wait_ms == UINT64_MAX ? FAKE_IDLE_MS : 0);
}

/* Turns at one moment until no descriptor has anything more to say. */
static void settle(struct loop *l)
{
	for (unsigned i = 0; i < FAKE_SETTLE_TURNS; i++) {
		unsigned calls = loop_poll_once(l, 0);
		loop_timers_fire(l);
		loop_deferred_run(l);
		if (!calls)
			return;
	}
}

void loop_fake_advance(struct loop *l, uint64_t ms)
{
	uint64_t end = l->now_ms + ms, at;

	settle(l);
	while (loop_next_timer(l, &at) && at <= end) {
		if (at > l->now_ms)
			l->now_ms = at;
		settle(l);
	}
	l->now_ms = end;
	settle(l);
}

const struct loop_ops loop_fake_ops = {
	.init = init_fake,
	.fini = loop_poll_fini,
	.watch_add = loop_poll_add,
	.watch_set = loop_poll_set,
	.watch_del = loop_poll_del,
	.wait = wait_fake,
};
