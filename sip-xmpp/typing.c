#include "typing.h"

#include "message_out.h"

static void arm(struct conversation *c, struct typing *t)
{
	uint64_t now = loop_now(c->x->loop), at = UINT64_MAX;

	if (t->is_wanted != t->is_shown)
		at = t->told_ms + CONVERSATION_STATE_MS;
	if (t->is_wanted && t->until_ms < at)
		at = t->until_ms;
	if (at == UINT64_MAX)
		loop_timer_del(c->x->loop, &t->timer);
	else
		(void)loop_timer_set(c->x->loop, &t->timer, at > now ? at - now : 0); /* without memory it stays */
}

/* Is the rate's time over? Then the last state that was wanted is told (CMP-11). */
static bool take_turn(struct conversation *c, struct typing *t)
{
	uint64_t now = loop_now(c->x->loop);

	if (t->is_told && (t->is_wanted == t->is_shown || t->told_ms + CONVERSATION_STATE_MS > now))
		return false;
	t->is_shown = t->is_wanted;
	t->is_told = true;
	t->told_ms = now;
	return true;
}

static void expire(struct conversation *c, struct typing *t)
{
	if (t->is_wanted && t->until_ms <= loop_now(c->x->loop))
		t->is_wanted = false;
}

static void on_to_sip(void *arg)
{
	struct conversation *c = arg;

	xlate_begin(c->x);
	expire(c, &c->to_sip);
	if (take_turn(c, &c->to_sip) && capability_is_on(c, &c->takes_composing)) /* CMP-08: it may have refused since */
		message_out_state(c, c->to_sip.is_shown);
	arm(c, &c->to_sip);
}

static void on_to_xmpp(void *arg)
{
	struct conversation *c = arg;

	xlate_begin(c->x);
	expire(c, &c->to_xmpp);
	if (take_turn(c, &c->to_xmpp))
		message_in_state(c, c->to_xmpp.is_shown, 0);
	arm(c, &c->to_xmpp);
}

void typing_init(struct conversation *c)
{
	loop_timer_init(&c->to_sip.timer, on_to_sip, c);
	loop_timer_init(&c->to_xmpp.timer, on_to_xmpp, c);
}

static bool want(struct conversation *c, struct typing *t, bool is_active, uint64_t for_s)
{
	t->is_wanted = is_active;
	t->until_ms = loop_now(c->x->loop) + for_s * 1000;
	bool is_told = take_turn(c, t);
	arm(c, t);
	return is_told;
}

void typing_to_sip(struct conversation *c, enum chat_state s)
{
	bool is_active;

	if (!settings_bool(c->x->settings, SET_GATEWAY_STATES) || !capability_is_on(c, &c->takes_composing) ||
	    !composing_of_state(s, &is_active))
		return;
	if (want(c, &c->to_sip, is_active, COMPOSING_IDLE_S))
		message_out_state(c, is_active);
}

bool typing_to_xmpp(struct conversation *c, bool is_active, uint32_t refresh_s)
{
	return want(c, &c->to_xmpp, is_active, refresh_s);
}

static void text_went(struct conversation *c, struct typing *t)
{
	t->is_shown = t->is_wanted = false;
	arm(c, t);
}

void typing_text_to_sip(struct conversation *c)
{
	text_went(c, &c->to_sip);
}

void typing_text_to_xmpp(struct conversation *c)
{
	text_went(c, &c->to_xmpp);
}
