#include "link_clock.h"

#include "trunk.h"

#include "run/alarm.h"

#include <stdio.h>
#include <string.h>

/* One side has several connections, and one alarm. */
static bool is_same_side(const struct trunk *a, const struct trunk *b)
{
	return a->edge == b->edge && strcmp(a->name, b->name) == 0;
}

static bool is_known_far(const struct trunk *except)
{
	LIST_EACH (it, &except->joint->trunks) {
		const struct trunk *t = LIST_OWNER(it, struct trunk, node);
		if (t != except && t->is_clock_far && is_same_side(t, except))
			return true;
	}
	return false;
}

static void is_far_now(struct trunk *t)
{
	int64_t off_s = t->clock_off_ms / 1000;
	char text[ALARM_TEXT_MAX + 1];

	if (is_known_far(t))
		return;
	log_warn("link.clock", LOG_STR("with", t->name), LOG_INT("seconds", off_s),
	         LOG_STR("do", "show time on both boxes: one of them is wrong; give both a time server (time server NAME address)"));
	snprintf(text, sizeof text, "the clock of %s is %lld s %s ours", t->name, (long long)(off_s < 0 ? -off_s : off_s), off_s < 0 ? "behind" : "ahead of");
	alarm_raise(ALARM_LINK_CLOCK, t->name, ALARM_USUAL, text);
}

static void is_near_now(struct trunk *t)
{
	if (is_known_far(t))
		return;
	log_info("link.clock.right", LOG_STR("with", t->name), LOG_INT("seconds", t->clock_off_ms / 1000));
	alarm_clear(ALARM_LINK_CLOCK, t->name);
}

void link_clock_heard(struct trunk *t, uint64_t wall_ms)
{
	bool was_far = t->is_clock_far;

	t->clock_off_ms = link_clock_off_ms(wall_ms, loop_wall_ms(t->joint->loop));
	t->is_clock_far = link_clock_is_far(t->clock_off_ms, was_far);
	if (t->is_clock_far && !was_far)
		is_far_now(t);
	else if (!t->is_clock_far && was_far)
		is_near_now(t);
}

void link_clock_forget(struct trunk *t)
{
	if (t->is_clock_far && !is_known_far(t))
		alarm_clear(ALARM_LINK_CLOCK, t->name);
	t->is_clock_far = false;
}
