#include "conn.h"

#include "base/log.h"

/* Who is kept out by address (mra.md M-20). */

bool proxy_is_banned(struct proxy *p, const struct sockaddr *from)
{
	if (!bans_refuse(&p->bans, from, loop_now(p->loop)))
		return false;
	p->stats[STAT_REFUSED_BAN]++;
	return true;
}

static void log_out(uint64_t id, const struct peer_address *peer)
{
	char text[PEER_TEXT_BYTES];

	peer_address_text(peer, text);
	log_info("proxy.banned", LOG_ID("id", id), LOG_STR("address", text));
}

size_t proxy_put_out(struct proxy *p)
{
	uint64_t now = loop_now(p->loop);
	size_t n = 0;

	if (!p->bans.n)
		return 0;
	LIST_EACH (it, &p->conns) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		if (!bans_has(&p->bans, &c->peer, now))
			continue;
		log_out(c->x.id, &c->peer);
		conn_drop(c, "banned");
		n++;
	}
	LIST_EACH (it, &p->bosh_sessions) {
		struct bosh_session *s = LIST_OWNER(it, struct bosh_session, node);
		if (!bans_has(&p->bans, &s->peer, now))
			continue;
		log_out(s->id, &s->peer);
		bosh_session_end(s, BOSH_POLICY_VIOLATION);
		n++;
	}
	return n;
}
