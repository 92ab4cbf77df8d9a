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

/* Is there work that no descriptor announces? Doing it may write to one. */
static bool has_work(const struct loop *l)
{
	uint64_t at;

	return !list_is_empty(&l->deferred) || !list_is_empty(&l->last) || (loop_next_timer(l, &at) && at <= l->now_ms);
}

/* Turns at one moment until nothing moves. */
static void settle(struct loop *l)
{
	bool is_moving = true;

	for (unsigned i = 0; is_moving && i < FAKE_SETTLE_TURNS; i++) {
		is_moving = loop_poll_once(l, 0) > 0;
		is_moving |= has_work(l);
		loop_timers_fire(l);
		loop_deferred_run(l);
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
