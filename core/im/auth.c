#include "auth.h"

#include "base/err.h"
#include "base/random.h"
#include "run/session.h"
#include "domain.h"
#include "login.h"

static const struct mechanism mechanisms[] = {
	/* name                hash           plus   plain  first             known             final */
	{ "SCRAM-SHA-256-PLUS", SCRAM_SHA256, true,  false, auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-256",      SCRAM_SHA256, false, false, auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-1-PLUS",   SCRAM_SHA1,   true,  false, auth_scram_first, auth_scram_known, auth_scram_final },
	{ "SCRAM-SHA-1",        SCRAM_SHA1,   false, false, auth_scram_first, auth_scram_known, auth_scram_final },
	{ "PLAIN",              SCRAM_SHA256, false, true,  auth_plain_first, auth_plain_known, NULL },
};

static const struct mechanism *mechanism_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (bytes_eq_str(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
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
	} else if (!m || (m->is_plain && !im->config.has_plain)) {
		login_fail(im, l, "invalid-mechanism");
	} else if (m->is_plain && !(l->flags & AUTH_TLS)) {
		login_fail(im, l, "encryption-required");
	} else {
		l->mechanism = m;
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
	(void)wire_str(&w); /* the peer's address: gh-access logs it */
	if (wire_end(&w)) {
		login_free(im, l);
		return ERR_SYNTAX;
	}
	begin(im, l, mechanism_of(mechanism), initial);
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

	return l && l->state == LOGIN_OK ? bytes_of(l->jid) : BYTES_NONE;
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
