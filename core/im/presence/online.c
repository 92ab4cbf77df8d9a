#include "presence/online.h"

#include "proto/xmpp.h"
#include "run/session.h"
#include "session.h"

static bool is_online(const struct user *u)
{
	LIST_EACH (it, &u->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (session_is_available(s) && !(s->bits & SESSION_IS_PHONE))
			return true;
	}
	return false;
}

static void tell(struct im *im, struct user *u, bool is_now, uint8_t flags)
{
	struct chan *c = bus_chan(im->bus, PROG_XLATE, 0);

	u->is_told_online = is_now;
	struct buf *b = chan_begin(c, MSG_USER_ONLINE, 0);
	wire_put_str(b, user_jid(u));
	wire_put_u8(b, (uint8_t)(flags | (is_now ? ONLINE_NOW : 0)));
	(void)chan_end(c); /* not there: it hears of all when it comes */
}

void online_check(struct im *im, struct user *u)
{
	bool is_now = im->config.tells_online && is_online(u);

	if (is_now != u->is_told_online)
		tell(im, u, is_now, 0);
}

void online_tell_all(struct im *im)
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));)
		if (u->is_told_online)
			tell(im, u, true, ONLINE_AMONG);
}

void online_apply(struct im *im)
{
	size_t at = 0;

	for (struct user *u; (u = map_next(&im->users, &at));) {
		bool is_now = im->config.tells_online && is_online(u);
		if (is_now != u->is_told_online)
			tell(im, u, is_now, ONLINE_AMONG);
	}
}

const char *const online_how_names[] = { "offline", "idle", "active" };

static bool is_away(struct im *im, const struct session *s)
{
	struct bytes stanza = bytes_make(s->presence, s->presence_n);
	struct xml_node *n;

	if (!memmem(stanza.p, stanza.n, "<show", 5) || xml_pool_parse(im->parsers, stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return false;
	struct bytes show = xml_text(xml_child(n, "show", NS_CLIENT));
	return bytes_eq_str(show, "away") || bytes_eq_str(show, "xa");
}

enum online_how online_how(struct im *im, const struct user *u)
{
	enum online_how how = ONLINE_HOW_OFFLINE;

	if (!u)
		return how;
	LIST_EACH (it, &u->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (!session_is_available(s) || s->bits & SESSION_IS_PHONE)
			continue;
		if (!is_away(im, s))
			return ONLINE_HOW_ACTIVE;
		how = ONLINE_HOW_IDLE;
	}
	return how;
}
