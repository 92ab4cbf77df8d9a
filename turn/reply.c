#include "base/log.h"
#include "server_impl.h"

void reply_begin(struct request *r, struct stunmsg_writer *w, enum stunmsg_class c)
{
	stunmsg_begin(w, r->s->reply + TURN_HEADROOM, REPLY_MAX, c, r->m->method, r->m->id);
}

size_t reply_end_bytes(const struct request *r)
{
	size_t n = r->m->has_fingerprint ? 4 + 4 : 0;

	return r->is_authenticated ? n + 4 + (r->is_sha256 ? 32 : 20) : n;
}

struct bytes reply_finish(struct request *r, struct stunmsg_writer *w)
{
	if (r->is_authenticated)
		stunmsg_put_integrity(w, bytes_make(r->who.key, r->who.key_n), r->is_sha256);
	if (r->m->has_fingerprint)
		stunmsg_put_fingerprint(w);
	return stunmsg_end(w);
}

void reply_send(struct request *r, struct stunmsg_writer *w)
{
	struct bytes b = reply_finish(r, w);

	if (b.n)
		r->s->io->to_client(r->s->io_arg, r->path, b);
}

/* A connection or association has proved its address, and on a stream nobody asks again for an answer that was left out. */
bool stranger_is_answered(struct request *r)
{
	return r->path->transport != TURN_UDP || answer_may_go(r->s, &r->path->from);
}

void reply_error(struct request *r, unsigned code)
{
	struct stunmsg_writer w;

	if (r->m->class != STUN_REQUEST)
		return;
	if (!r->is_authenticated && !stranger_is_answered(r))
		return;
	reply_begin(r, &w, STUN_ERROR);
	stunmsg_put_error(&w, code);
	if (code == 420)
		stunmsg_put_unknown(&w, r->m->unknown, r->m->n_unknown);
	if (code == 300)
		stunmsg_put_address(&w, STUN_ALTERNATE_SERVER, &r->s->conf->alternate);
	reply_send(r, &w);
}

/* No phrase and no SOFTWARE: the answer to a bare Allocate stays small (turn.md 4, reflection). */
void reply_challenge(struct request *r, unsigned code)
{
	const struct turn_conf *c = r->s->conf;
	const uint8_t bare[4] = { 0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100) };
	bool offers = c->algorithms & 1 << STUN_ALGORITHM_SHA256;
	char nonce[NONCE_TEXT_MAX];
	struct stunmsg_writer w;

	r->is_authenticated = false;
	if (!stranger_is_answered(r))
		return;
	size_t n = nonce_make(&r->s->key, &r->path->from, r->path->transport, offers, loop_wall_ms(r->s->loop) / 1000, nonce);
	if (n == 0)
		return;
	reply_begin(r, &w, STUN_ERROR);
	stunmsg_put(&w, STUN_ERROR_CODE, bytes_make(bare, sizeof bare));
	stunmsg_put(&w, STUN_REALM, c->realm);
	stunmsg_put(&w, STUN_NONCE, bytes_make(nonce, n));
	if (offers)
		stunmsg_put_algorithms(&w, c->algorithms);
	if (c->server_name.n && code == 401) /* RFC 7635 4.1 */
		stunmsg_put(&w, STUN_THIRD_PARTY_AUTHORIZATION, c->server_name);
	reply_send(r, &w);
}

bool answer_may_go(struct turn_server *s, const struct stunaddr *to)
{
	if (budget_take(s->budget, to, loop_now(s->loop)))
		return true;
	s->stats[TURN_STAT_BUDGET]++;
	if (!loop_timer_is_set(&s->saved))
		(void)loop_timer_set(s->loop, &s->saved, SAVED_MS); /* without memory: the counter tells */
	return false;
}

void answers_saved(void *server)
{
	struct turn_server *s = server;
	struct budget_saved saved;

	budget_refused(s->budget, &saved);
	if (saved.answers)
		log_warn("turn.answers.saved", LOG_STR("prefix", saved.prefix), LOG_INT("answers", saved.answers),
		         LOG_INT("seconds", SAVED_MS / 1000),
		         LOG_STR("do", "forged or hostile: filter the prefix before this box; many clients behind one NAT: raise turn answers"));
}

void note_refused(struct request *r, const char *what, const char *why)
{
	r->s->stats[TURN_STAT_REFUSED]++;
	r->s->io->refused(r->s->io_arg, r->path, bytes_make(r->who.user, r->who.user_n), what, why);
}
