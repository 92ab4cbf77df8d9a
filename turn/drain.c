#include "base/log.h"
#include "server_impl.h"

/* Draining: no new allocation is made (request_allocate.c); here is when that is over. */

enum { BATCH = 256 }; /* allocations that end in one turn of the loop */

static void end_some(struct turn_server *s)
{
	struct allocation *a;

	for (size_t n = 0, at = 0; n < BATCH && (a = map_next(&s->table.by_number, &at)); n++) {
		allocation_end(s, a, "drain");
		at = 0;
	}
}

static void on_deadline(void *arg)
{
	struct turn_server *s = arg;

	if (!s->drain.is_ending && turn_server_count(s) > 0)
		log_info("turn.drain.deadline", LOG_INT("allocations", turn_server_count(s)));
	s->drain.is_ending = true;
	end_some(s);
	if (turn_server_count(s) > 0 && loop_timer_set(s->loop, &s->drain.deadline, 0) < 0)
		log_error("turn.timer.failed", LOG_STR("why", "out of memory: what drains lives on"));
}

static void set_deadline(struct turn_server *s)
{
	struct drain *d = &s->drain;
	uint64_t now = loop_now(s->loop), at = d->since_ms + (uint64_t)s->conf->drain_deadline_s * 1000;

	loop_timer_del(s->loop, &d->deadline);
	d->is_ending = false;
	if (s->conf->drain_deadline_s && loop_timer_set(s->loop, &d->deadline, at > now ? at - now : 0) < 0)
		log_error("turn.timer.failed", LOG_STR("why", "out of memory: the drain has no deadline"));
}

void drain_init(struct turn_server *s)
{
	loop_timer_init(&s->drain.deadline, on_deadline, s);
}

void drain_fini(struct turn_server *s)
{
	loop_timer_del(s->loop, &s->drain.deadline);
	s->drain.is_on = false;
}

void drain_set(struct turn_server *s)
{
	struct drain *d = &s->drain;

	if (!s->conf->is_draining) {
		drain_fini(s);
		return;
	}
	if (!d->is_on) {
		d->is_on = true;
		d->is_told = false;
		d->since_ms = loop_now(s->loop);
	}
	set_deadline(s);
	drain_check(s);
}

static bool is_done(const struct turn_server *s)
{
	return s->drain.is_on && quota_count(s->quota) <= s->conf->drain_threshold;
}

void drain_check(struct turn_server *s)
{
	if (!is_done(s) || s->drain.is_told)
		return;
	s->drain.is_told = true;
	s->io->drained(s->io_arg, quota_count(s->quota));
}

enum turn_drain turn_server_drain(const struct turn_server *s)
{
	return !s->drain.is_on ? TURN_DRAIN_OFF : is_done(s) ? TURN_DRAIN_DONE : TURN_DRAIN_ON;
}
