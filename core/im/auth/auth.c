#include "auth/auth.h"

#include "base/err.h"
#include "base/random.h"
#include "run/session.h"
#include "domain.h"
#include "auth/login.h"
#include "session.h"

#include <stdlib.h>

static bool has_plain(const struct im *im, const struct login *l)
{
	(void)l;
	return im->config.has_plain;
}

static bool has_oauth(const struct im *im, const struct login *l)
{
	return oauth_is_on(&im->oauth) && login_counts(im, l, CREDENTIAL_OAUTH);
}

static const struct mechanism mechanisms[] = {
	/* name                hash           plus   plain  is_on      first             known             final */
	{ "SCRAM-SHA-256-PLUS", SCRAM_SHA256, true,  false, NULL,      auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-256",      SCRAM_SHA256, false, false, NULL,      auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-1-PLUS",   SCRAM_SHA1,   true,  false, NULL,      auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-1",        SCRAM_SHA1,   false, false, NULL,      auth_scram_first, auth_scram_known, auth_scram_final },
	{ "PLAIN",              SCRAM_SHA256, false, true,  has_plain, auth_plain_first, auth_plain_known, NULL },
	{ "OAUTHBEARER",        SCRAM_SHA256, false, true,  has_oauth, auth_oauth_first, NULL,             auth_oauth_final },
};
static const struct mechanism by_token = { .name = "HT", .is_on = fast_is_possible, .first = auth_fast_first };

static const struct mechanism *mechanism_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (bytes_eq_str(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

static const struct mechanism *token_mechanism(struct login *l, struct bytes name)
{
	return hashed_token_find(name, &l->kind) ? NULL : &by_token;
}

/* ---- from gh-access ---- */

static void read_bindings(struct login *l, struct wire *w)
{
	for (uint8_t n = wire_u8(w); n && !wire_failed(w); n--) {
		struct bytes type = wire_str(w), data = wire_bytes(w);
		if (l->n_bindings == LOGIN_BINDINGS_MAX || data.n > LOGIN_BINDING_BYTES || wire_failed(w))
			continue;
		struct binding *b = &l->bindings[l->n_bindings++];
		login_copy(b->type, sizeof b->type, type);
		memcpy(b->data, data.p, data.n);
		b->n = (uint8_t)data.n;
	}
}

static void refuse_start(struct chan *c, uint64_t conn)
{
	struct buf *b = chan_begin(c, MSG_AUTH_FAILED, 0);

	wire_put_u64(b, conn);
	wire_put_str(b, BYTES("temporary-auth-failure"));
	wire_put_str(b, BYTES_NONE);
	(void)chan_end(c); /* a door that is gone has no stream either */
}

static void begin(struct im *im, struct login *l, const struct mechanism *m, struct bytes initial)
{
	if (!l->domain || !domain_of(im, bytes_of(l->domain))) {
		login_fail(im, l, "not-authorized");
	} else if (!m || (m->is_on && !m->is_on(im, l))) {
		login_fail(im, l, "invalid-mechanism");
	} else if (m->is_plain && !(l->flags & AUTH_TLS)) {
		login_fail(im, l, "encryption-required");
	} else if (m == &by_token && !im->has_box_secret) {
		login_fail(im, l, "temporary-auth-failure"); /* gh-store is not there yet: the token may be good */
	} else {
		l->mechanism = m;
		if (m != &by_token)
			scram_server_init(&l->scram, m->hash, m->is_plus, l->n_bindings > 0);
		if (l->flags & AUTH_HAS_INITIAL)
			m->first(im, l, initial);
		else
			login_challenge(im, l, BYTES_NONE); /* an empty one asks for it */
	}
}

int auth_on_start(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	struct bytes mechanism = wire_str(&w);
	uint8_t flags = wire_u8(&w);
	struct bytes initial = wire_bytes(&w);

	auth_forget(im, conn); /* another try */
	struct login *l = login_new(im, conn, from);
	if (!l) {
		im_stats[STAT_NO_MEMORY]++;
		refuse_start(from, conn);
		return 0;
	}
	l->flags = flags;
	read_bindings(l, &w);
	l->domain = login_dup(wire_str(&w));
	l->address = login_dup(wire_str(&w));
	fast_read_wishes(l, &w);
	if (wire_end(&w)) {
		login_free(im, l);
		return ERR_SYNTAX;
	}
	begin(im, l, flags & AUTH_FAST ? token_mechanism(l, mechanism) : mechanism_of(mechanism), initial);
	arena_reset(&im->arena);
	return 0;
}

int auth_on_response(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	struct login *l = login_of(im, wire_u64(&w));
	struct bytes data = wire_bytes(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (!l)
		return 0;
	if (l->state == LOGIN_FIRST)
		l->mechanism->first(im, l, data);
	else if (l->state == LOGIN_FINAL)
		l->mechanism->final(im, l, data);
	else
		login_fail(im, l, "malformed-request");
	arena_reset(&im->arena);
	return 0;
}

int auth_on_abort(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_SYNTAX;
	auth_forget(program, conn);
	return 0;
}

/* ---- life ---- */

struct bytes auth_of(const struct im *im, uint64_t conn)
{
	const struct login *l = login_of(im, conn);

	return l && l->state == LOGIN_OK && !l->is_revoked ? bytes_of(l->jid) : BYTES_NONE;
}

void auth_hand_over(struct im *im, uint64_t conn, struct session *s)
{
	struct login *l = login_of(im, conn);

	free(s->app);
	free(s->client);
	s->bits = (uint16_t)(l && l->flags & AUTH_OUTSIDE ? s->bits | SESSION_IS_OUTSIDE : s->bits & ~SESSION_IS_OUTSIDE);
	s->app = l ? l->app : NULL;
	s->client = l ? l->client : NULL;
	if (l)
		l->app = l->client = NULL;
}

/* Its proof will fit no more. */
static void drop_verifier(struct login *l, unsigned i)
{
	struct scram_verifier *v = &l->verifiers[i];

	random_bytes(v->stored_key, sizeof v->stored_key);
	random_bytes(v->server_key, sizeof v->server_key);
}

void auth_revoke_app(struct im *im, struct bytes jid, struct bytes label)
{
	size_t at = 0;

	for (struct login *l; (l = map_next(&im->logins, &at));) {
		if (!l->jid || !bytes_eq_str(jid, l->jid))
			continue;
		if (l->app && (!label.n || bytes_eq_str(label, l->app)))
			l->is_revoked = true;
		for (unsigned i = 1; i < l->n_verifiers; i++)
			if (!label.n || bytes_eq_str(label, l->labels[i]))
				drop_verifier(l, i);
	}
}

void auth_revoke_client(struct im *im, struct bytes jid, struct bytes client)
{
	size_t at = 0;

	for (struct login *l; (l = map_next(&im->logins, &at));)
		if (l->jid && l->client && bytes_eq_str(jid, l->jid) && bytes_eq_str(client, l->client))
			l->is_revoked = true;
}

void auth_forget(struct im *im, uint64_t conn)
{
	struct login *l = login_of(im, conn);

	if (l)
		login_free(im, l);
}

int auth_init(struct im *im)
{
	uint8_t random[32];

	random_bytes(random, sizeof random);
	return secret_set(&im->secret, bytes_make(random, sizeof random));
}

void auth_door_down(struct im *im, const struct chan *door)
{
	login_free_all(im, door);
}

void auth_fini(struct im *im)
{
	login_free_all(im, NULL);
	map_fini(&im->logins);
	secret_fini(&im->secret);
}
