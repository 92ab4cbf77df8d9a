#include "delivery/deliver.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "delivery/answered.h"
#include "archive/archive.h"
#include "iq/blocking.h"
#include "delivery/carbons.h"
#include "delivery/offline.h"
#include "push/push.h"

/* Columns: no account, no resource, only negative ones, available ones. */
#define ROW(a, b, c, d) { DELIVER_##a, DELIVER_##b, DELIVER_##c, DELIVER_##d }
static const uint8_t rules[][TARGET_COUNT][REACH_COUNT] = {
	/* RFC 6121 8.5.4, table 1. "Silently ignore" may be an error by 8.5.1 to 8.5.3: a sender
	 * should learn that nobody got it. "Most available" may be all of them by 8.5.2.1.1. */
	[TYPE_NORMAL] = {
		[TARGET_BARE] = ROW(REFUSE, STORE, STORE, ALL),
		[TARGET_FULL_MATCH] = ROW(REFUSE, EXACT, EXACT, EXACT),
		[TARGET_FULL_NO_MATCH] = ROW(REFUSE, REFUSE, REFUSE, REFUSE),
	},
	[TYPE_CHAT] = {
		[TARGET_BARE] = ROW(REFUSE, STORE, STORE, ALL),
		[TARGET_FULL_MATCH] = ROW(REFUSE, EXACT, EXACT, EXACT),
		[TARGET_FULL_NO_MATCH] = ROW(REFUSE, STORE, STORE, ALL),
	},
	[TYPE_GROUPCHAT] = {
		[TARGET_BARE] = ROW(REFUSE, REFUSE, REFUSE, REFUSE),
		[TARGET_FULL_MATCH] = ROW(REFUSE, EXACT, EXACT, EXACT),
		[TARGET_FULL_NO_MATCH] = ROW(REFUSE, REFUSE, REFUSE, REFUSE),
	},
	[TYPE_HEADLINE] = {
		[TARGET_BARE] = ROW(REFUSE, IGNORE, IGNORE, ALL),
		[TARGET_FULL_MATCH] = ROW(REFUSE, EXACT, EXACT, EXACT),
		[TARGET_FULL_NO_MATCH] = ROW(REFUSE, IGNORE, IGNORE, IGNORE),
	},
};
#undef ROW
_Static_assert(sizeof rules / sizeof rules[0] == TYPE_HEADLINE + 1, "rules for each type of message");

enum deliver_act deliver_rule(enum stanza_type type, enum target target, enum reach reach)
{
	if (type <= TYPE_HEADLINE)
		return (enum deliver_act)rules[type][target][reach];
	/* Errors go to whom they are for, and are never answered (8.5.2.1.1, 8.5.3.2.1). */
	return target == TARGET_FULL_MATCH ? DELIVER_EXACT : DELIVER_IGNORE;
}

enum reach deliver_reach(const struct user *u)
{
	enum reach r = u->state == USER_NONE ? REACH_NO_ACCOUNT : REACH_NONE;

	LIST_EACH (it, &u->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (session_takes_messages(s))
			return REACH_AVAILABLE;
		if (session_is_available(s))
			r = REACH_NEGATIVE;
	}
	return r;
}

struct session *deliver_best(const struct user *u)
{
	struct session *best = NULL;

	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (session_takes_messages(s) && (!best || s->priority > best->priority || (!best->conn && s->conn)))
			best = s;
	}
	return best;
}

/* Sessions that got it are marked by their place in the list (A-06.03: all of them). */
static bool to_all(struct im *im, struct user *u, struct item *it)
{
	unsigned n = 0, sent = 0;

	LIST_EACH (a, &u->sessions)
		n += session_takes_messages(LIST_OWNER(a, struct session, node));
	LIST_EACH (b, &u->sessions) {
		struct session *s = LIST_OWNER(b, struct session, node);
		if (session_takes_messages(s))
			sent += session_send_item(im, s, it, n > 1 ? QUEUED_FORKED : 0);
	}
	if (it->parcel)
		it->parcel->has_arrived |= it->was_written;
	return sent;
}

/* None of its queues takes it: it waits on disk until one of them has room (session_confirm). */
static void store_for_later(struct im *im, struct user *u, struct item *it)
{
	offline_store(im, u, it);
	u->has_offline_more = true;
}

static void act(struct im *im, struct user *u, struct item *it, enum deliver_act what, struct session *exact)
{
	switch (what) {
	case DELIVER_REFUSE:
		item_refuse(im, it, STANZA_SERVICE_UNAVAILABLE, NULL);
		break;
	case DELIVER_STORE:
		offline_store(im, u, it);
		break;
	case DELIVER_EXACT:
		if (!session_send_item(im, exact, it, 0))
			store_for_later(im, u, it);
		carbons_received(im, u, it, exact);
		break;
	case DELIVER_ALL:
		exact = answered_by(u, it);
		if (exact ? !session_send_item(im, exact, it, 0) : !to_all(im, u, it))
			store_for_later(im, u, it);
		carbons_received(im, u, it, exact);
		break;
	default:
		break;
	}
}

void deliver_message(struct im *im, struct user *u, struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);
	struct session *exact = to.resource_n ? session_by_resource(u, jid_resource(&to)) : NULL;
	enum target target = exact ? TARGET_FULL_MATCH : to.resource_n ? TARGET_FULL_NO_MATCH : TARGET_BARE;

	if (blocking_refuses(im, u, it))
		return;
	enum reach reach = exact ? REACH_AVAILABLE : deliver_reach(u);
	enum deliver_act what = deliver_rule((enum stanza_type)it->e.type, target, reach);
	if (what != DELIVER_IGNORE && what != DELIVER_REFUSE)
		archive_received(im, u, it); /* what is refused is not in it (XEP-0313 6.1) */
	act(im, u, it, what, exact);
	if (what != DELIVER_IGNORE && what != DELIVER_REFUSE)
		push_message(im, u, &it->e);
}

void deliver_again(struct im *im, struct user *u, struct item *it)
{
	act(im, u, it, deliver_rule(TYPE_CHAT, TARGET_BARE, deliver_reach(u)), NULL);
}
