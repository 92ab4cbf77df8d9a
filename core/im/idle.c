#include "idle.h"

#include "proto/hold.h"

struct release {
	struct im *im;
	struct session *session;
};

static void send_one(void *arg, struct bytes stanza)
{
	struct release *r = arg;
	bool is_presence = bytes_starts(stanza, BYTES("<presence"));
	const struct envelope e = { .kind = is_presence ? STANZA_PRESENCE : STANZA_MESSAGE,
				    .type = is_presence ? TYPE_AVAILABLE : TYPE_HEADLINE, .stanza = stanza };

	session_send_now(r->im, r->session, &e);
}

void idle_release(struct im *im, struct session *s)
{
	struct hold *h = s->held;
	struct release r = { im, s };

	if (!h)
		return;
	s->held = NULL;
	hold_each(h, send_one, &r);
	hold_free(h);
}

bool idle_takes(struct im *im, struct session *s, const struct envelope *e)
{
	bool waits = s->bits & SESSION_IS_INACTIVE && !item_is_urgent(e) && hold_can_wait(e->stanza);

	if (waits && !s->held)
		s->held = hold_new();
	if (waits && s->held && !hold_put(s->held, e->stanza, true)) {
		im_stats[STAT_CSI_HELD]++;
		im_stats[STAT_CSI_SAVED] += hold_take_saved(s->held);
		return true;
	}
	idle_release(im, s);
	return false;
}
