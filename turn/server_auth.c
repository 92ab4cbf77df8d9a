#include "server_impl.h"

/* The long-term credential mechanism (RFC 8489 9.2.4), in the standard's order. */

static bool has_integrity(const struct stunmsg *m)
{
	return m->integrity_at || m->sha256_at;
}

static bool is_complete(const struct stunmsg *m)
{
	uint64_t user = m->has & (STUN_HAS_USERNAME | STUN_HAS_USERHASH);

	return user && m->has & STUN_HAS_NONCE && (m->has & STUN_HAS_REALM || m->has & STUN_HAS_ACCESS_TOKEN);
}

/* Bidding down: a client that was offered algorithms and names one must have seen our offer, and chosen
 * from it; one that names none is taken for an old one, which speaks MD5. */
static bool algorithm_is_right(const struct turn_conf *c, const struct stunmsg *m, bool is_token)
{
	const uint64_t both = STUN_HAS_ALGORITHM | STUN_HAS_ALGORITHMS;
	struct stunmsg_writer w;
	uint8_t room[64];
	static const uint8_t id[16];

	if (!nonce_offers_algorithms(m->nonce) || !(m->has & both))
		return c->algorithms & 1 << STUN_ALGORITHM_MD5 || is_token;
	if ((m->has & both) != both || m->algorithm > 31 || !(c->algorithms & 1u << m->algorithm))
		return false;
	stunmsg_begin(&w, room, sizeof room, STUN_ERROR, STUN_ALLOCATE, id);
	stunmsg_put_algorithms(&w, c->algorithms);
	struct bytes offer = bytes_skip(stunmsg_end(&w), STUNMSG_HEADER + 4);
	return bytes_eq(offer, m->password_algorithms);
}

/* A client begins with an Allocate, which has an attribute at least. Who sends less forges somebody's address, to
 * have him sent a challenge four times as long: he is sent 400 (turn.md 4, reflection). */
static bool is_too_short(const struct stunmsg *m)
{
	return m->method != STUN_BINDING && m->raw.n < STUNMSG_HEADER + 8;
}

static bool challenge(struct request *r, enum turn_stat stat, unsigned code)
{
	r->s->stats[stat]++;
	reply_challenge(r, code);
	return false;
}

static bool malformed(struct request *r)
{
	r->s->stats[TURN_STAT_MALFORMED]++;
	reply_error(r, 400);
	return false;
}

/* RFC 7635 4.2: a token comes with Allocate and Refresh; its key signs the requests in between. */
static bool goes_on_with_token(struct request *r)
{
	const struct allocation *a = r->a;

	if (!a || !a->token_ends_s || r->m->has & STUN_HAS_ACCESS_TOKEN || !stunmsg_verify(r->m, bytes_make(a->key, a->key_n)))
		return false;
	struct bytes name = quota_user_name(a->hold.user);
	r->who = (struct credentials_result){ .user_n = (uint16_t)name.n, .key_n = a->key_n, .is_token = true, .expires_s = a->token_ends_s };
	memcpy(r->who.user, name.p, name.n);
	memcpy(r->who.key, a->key, a->key_n);
	return true;
}

/* A name for the log of one who could not prove it: as it was sent, cut. */
static void note_failed_login(struct request *r, const char *why)
{
	const struct stunmsg *m = r->m;
	struct bytes name = m->has & STUN_HAS_USERNAME ? m->username : bytes_make(r->who.user, r->who.user_n);

	r->s->stats[TURN_STAT_REFUSED]++;
	r->s->io->refused(r->s->io_arg, r->path, bytes_make(name.p, name.n < CLAIMED_NAME_MAX ? name.n : CLAIMED_NAME_MAX), "login", why);
	r->who.user_n = 0;
}

bool request_authenticate(struct request *r)
{
	const struct turn_conf *c = r->s->conf;
	const struct stunmsg *m = r->m;
	uint64_t now_s = loop_wall_ms(r->s->loop) / 1000;
	const char *why;
	bool goes_on;

	if (!has_integrity(m))
		return is_too_short(m) ? malformed(r) : challenge(r, TURN_STAT_CHALLENGED, 401);
	if (!is_complete(m))
		return malformed(r);
	if (nonce_check(&r->s->key, m->nonce, &r->path->from, r->path->transport, now_s) != NONCE_GOOD)
		return challenge(r, TURN_STAT_STALE, 438);
	goes_on = goes_on_with_token(r);
	if (!algorithm_is_right(c, m, goes_on || m->has & STUN_HAS_ACCESS_TOKEN))
		return malformed(r);
	if ((!(m->has & STUN_HAS_ACCESS_TOKEN) && !bytes_eq(m->realm, c->realm)) ||
	    (!goes_on && credentials_check(c->credentials, m, now_s, &r->who, &why) < 0)) {
		why = bytes_eq(m->realm, c->realm) || m->has & STUN_HAS_ACCESS_TOKEN ? why : "wrong realm";
		note_failed_login(r, why);
		return challenge(r, TURN_STAT_AUTH_FAILED, 401);
	}
	r->is_authenticated = true;
	r->is_sha256 = m->sha256_at != 0;
	return true;
}
