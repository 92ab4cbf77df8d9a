#include "conn.h"

#include "base/log.h"

/* Who is kept out by address (mra.md M-20). */

bool door_is_banned(struct door *d, const struct sockaddr *from)
{
	if (!bans_refuse(&d->bans, from, loop_now(d->loop)))
		return false;
	d->stats[STAT_REFUSED_BAN]++;
	return true;
}

bool door_is_shut_out(struct door *d, const struct peer_address *who)
{
	struct sockaddr_storage from;

	peer_address_sockaddr(who, &from);
	if (!stranger_is_out(&d->strangers, (struct sockaddr *)&from, loop_now(d->loop)))
		return false;
	d->stats[STAT_REFUSED_PENALTY]++;
	return true;
}

void door_guessed(struct door *d, const struct peer_address *who, struct bytes condition)
{
	char text[PEER_TEXT_BYTES];
	struct sockaddr_storage from;

	peer_address_sockaddr(who, &from);
	/* RFC 6120 6.5.10: what else fails is no guess. */
	if (!bytes_eq_str(condition, "not-authorized") || !who->family || !stranger_failed(&d->strangers, (struct sockaddr *)&from, loop_now(d->loop)))
		return;
	peer_address_text(who, text);
	log_warn("c2s.auth.penalty", LOG_STR("address", text), LOG_INT("seconds", d->strangers.penalty_ms / 1000));
}

void door_proved(struct door *d, const struct peer_address *who)
{
	struct sockaddr_storage from;

	peer_address_sockaddr(who, &from);
	stranger_proved(&d->strangers, (struct sockaddr *)&from);
}

size_t door_put_out(struct door *d)
{
	uint64_t now = loop_now(d->loop);
	uint32_t at = 0;
	size_t n = 0;

	for (struct conn *c; d->bans.n && (c = conn_next(d, &at));) {
		if (c->is_gone || c->is_shut || !bans_has(&d->bans, &c->peer, now))
			continue;
		conn_kick(c);
		n++;
	}
	return n;
}
