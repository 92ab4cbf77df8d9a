#include "clock_watch.h"

#include "base/log.h"
#include "base/text.h"
#include "conf.h"
#include "run/clock.h"

#include <stdio.h>

static void judge(struct conf *c)
{
	uint64_t wall_ms = loop_wall_ms(c->loop);
	const char *why = clock_trouble(wall_ms / 1000);
	char at[TEXT_TIME_BYTES], text[ALARM_TEXT_MAX + 1];

	text_time(wall_ms, false, at);
	snprintf(text, sizeof text, "it says %.10s, %s", at, why ? why : ""); /* the day: the same after a restart */
	if (why && !c->clock.is_wrong)
		log_error("conf.clock.wrong", LOG_STR("says", at), LOG_STR("why", why));
	else if (!why && c->clock.is_wrong)
		log_info("conf.clock.right", LOG_STR("says", at));
	/* the text stays as it was when the alarm was raised: another day is no news */
	if (!why || !c->clock.is_wrong)
		alarm_set(ALARM_CLOCK, "", why != NULL, text);
	c->clock.is_wrong = why != NULL;
}

static void on_look(void *arg)
{
	struct conf *c = arg;
	int64_t ahead_ms = (int64_t)loop_wall_ms(c->loop) - (int64_t)loop_now(c->loop), by = ahead_ms - c->clock.ahead_ms;
	bool was_wrong = c->clock.is_wrong;

	c->clock.ahead_ms = ahead_ms;
	judge(c);
	if (was_wrong != c->clock.is_wrong || by > CLOCK_STEP_MS || by < -CLOCK_STEP_MS)
		expiry_look(&c->expiry);
	(void)loop_timer_set(c->loop, &c->clock.timer, CLOCK_LOOK_MS); /* it was set before */
}

void clock_watch_init(struct conf *c)
{
	loop_timer_init(&c->clock.timer, on_look, c);
	c->clock.ahead_ms = (int64_t)loop_wall_ms(c->loop) - (int64_t)loop_now(c->loop);
	judge(c);
	if (loop_timer_set(c->loop, &c->clock.timer, CLOCK_LOOK_MS) < 0)
		log_warn("conf.clock.unwatched", LOG_STR("why", "no memory: the clock is looked at again with the next start"));
}

void clock_watch_fini(struct conf *c)
{
	loop_timer_del(c->loop, &c->clock.timer);
}
