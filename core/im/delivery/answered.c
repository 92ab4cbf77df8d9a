#include "delivery/answered.h"

enum { ANSWERED_MAX = 50 };

static struct bytes bare_of(struct bytes full)
{
	struct jid j = jid_of_normal(full);

	return jid_bare(&j);
}

static bool is_spoken(const struct envelope *e)
{
	return (e->type == TYPE_CHAT || e->type == TYPE_NORMAL) && e->facts & FACT_BODY;
}

void answered_sent(struct session *s, const struct item *it)
{
	struct bytes peer = bare_of(it->e.to);

	/* With one client there is no choice to be made. */
	if (s->user->n_sessions < 2 || !is_spoken(&it->e))
		return;
	LIST_EACH (n, &s->user->sessions) {
		struct session *other = LIST_OWNER(n, struct session, node);
		if (other != s)
			names_del(&other->answered, peer);
	}
	names_add(&s->answered, peer, ANSWERED_MAX);
}

void answered_presence(struct session *s)
{
	LIST_EACH (n, &s->user->sessions) {
		struct session *other = LIST_OWNER(n, struct session, node);
		if (other != s || !session_is_available(s))
			names_clear(&other->answered);
	}
}

struct session *answered_by(const struct user *u, const struct item *it)
{
	if (it->e.type != TYPE_CHAT && it->e.type != TYPE_NORMAL)
		return NULL;
	struct bytes peer = bare_of(it->e.from);
	LIST_EACH (n, &u->sessions) {
		struct session *s = LIST_OWNER(n, struct session, node);
		if (s->conn && session_takes_messages(s) && names_has(&s->answered, peer))
			return s;
	}
	return NULL;
}
