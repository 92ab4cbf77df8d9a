#include "run/drain.h"

/* How many may be left at this time; all of them at the beginning. */
static size_t may_stay(const struct drain *d, uint64_t now)
{
	const uint64_t whole = d->over_ms - d->begin_ms, left = d->over_ms - now;

	return (size_t)((d->n * left + whole - 1) / whole);
}

static void step(void *arg)
{
	struct drain *d = arg;
	uint64_t now = loop_now(d->loop);
	bool is_last = now >= d->over_ms;
	size_t stay = is_last ? 0 : may_stay(d, now);

	for (size_t left = d->owner->left(d->arg); left > stay && d->owner->end(d->arg, is_last); left--)
		;
	if (!is_last && loop_timer_set(d->loop, &d->timer, DRAIN_STEP_MS) == 0)
		return;
	d->over_ms = 0;
	if (d->owner->over)
		d->owner->over(d->arg);
}

void drain_init(struct drain *d, struct loop *l, const struct drain_owner *o, void *arg)
{
	*d = (struct drain){ .loop = l, .owner = o, .arg = arg };
	loop_timer_init(&d->timer, step, d);
}

int drain_begin(struct drain *d, uint64_t ms)
{
	d->begin_ms = loop_now(d->loop);
	d->over_ms = d->begin_ms + ms;
	d->n = d->owner->left(d->arg);
	return loop_timer_set(d->loop, &d->timer, ms < DRAIN_STEP_MS ? ms : DRAIN_STEP_MS);
}

void drain_end(struct drain *d)
{
	d->over_ms = 0;
	loop_timer_del(d->loop, &d->timer);
}

bool drain_is_on(const struct drain *d)
{
	return d->over_ms != 0;
}

uint64_t drain_left_ms(const struct drain *d)
{
	uint64_t now = loop_now(d->loop);

	return d->over_ms > now ? d->over_ms - now : 0;
}
