#include "trouble.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>

/* Our own refusals say nothing of the partner. */
static bool is_of_partner(const struct reason *why)
{
	return why->rung != RUNG_NONE && why->rung != RUNG_POLICY && (why->rung != RUNG_QUEUE || why->rc == ERR_TIMEOUT);
}

static bool has_row(const struct s2s *s, const struct peer *p)
{
	return policy_for(&s->conf.policy, bytes_of(p->domain)).row->key.n > 0;
}

void trouble_bounced(struct s2s *s, const struct peer *p, const struct reason *why)
{
	char text[ALARM_TEXT_MAX];

	if (!is_of_partner(why) || !has_row(s, p))
		return;
	(void)snprintf(text, sizeof text, "stanzas went back to their senders: %s, %s", rung_name(why->rung), err_text(why->rc));
	alarm_raise(ALARM_PARTNER_UNREACHABLE, p->domain, ALARM_USUAL, text);
}

void trouble_over(struct s2s *s, const struct peer *p)
{
	(void)s;
	alarm_clear(ALARM_PARTNER_UNREACHABLE, p->domain);
}

void trouble_queue_full(struct s2s *s, struct pair *p)
{
	if (!has_row(s, p->peer))
		return;
	p->is_full = true;
	alarm_raise(ALARM_QUEUE_FULL, p->peer->domain, ALARM_USUAL, NULL);
}

void trouble_queue_tick(struct s2s *s, struct pair *p)
{
	(void)s;
	if (!p->is_full || p->queue.n)
		return;
	p->is_full = false;
	alarm_clear(ALARM_QUEUE_FULL, p->peer->domain);
}

void trouble_streams(struct s2s *s)
{
	if (s->conns.count < s->conf.streams_max)
		return;
	s->is_at_limit = true;
	alarm_raise(ALARM_STREAMS_LIMIT, "federation streams-max", ALARM_USUAL, NULL);
}

/* A tenth below, so that it does not come and go with each stream. */
void trouble_streams_tick(struct s2s *s)
{
	if (!s->is_at_limit || s->conns.count > s->conf.streams_max - s->conf.streams_max / 10)
		return;
	s->is_at_limit = false;
	alarm_clear(ALARM_STREAMS_LIMIT, "federation streams-max");
}
