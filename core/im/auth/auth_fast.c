/* HT-SHA-256-*: a login by token (XEP-0484, draft-schmaus-kitten-sasl-ht 09). */
#include "auth/fast.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "ask.h"

#include <stdlib.h>

/* ---- the last step ---- */

static void succeed(struct im *im, struct login *l)
{
	const struct fast_row *r = &l->fast->rows[l->fast->which];

	log_info("im.login.token", LOG_STR("user", l->jid), LOG_STR("device", l->client), LOG_STR("label", r->label),
		 LOG_STR("address", l->address ? l->address : ""));
	login_succeed(im, l, r->label, bytes_make(l->fast->answer, HASHED_TOKEN_BYTES));
}

static struct login *waiting(struct im *im, const struct ask *a)
{
	struct login *l = login_of(im, a->number);

	return l && l->state == LOGIN_LOOKUP && l->fast ? l : NULL; /* else it gave up meanwhile */
}

static void on_invalidated(struct im *im, struct ask *a, int rc)
{
	struct login *l = waiting(im, a);

	if (l && rc && rc != ERR_NOT_FOUND)
		login_fail(im, l, "temporary-auth-failure"); /* as long as it is good, it must not seem to be none */
	else if (l)
		succeed(im, l);
}

static void invalidate(struct im *im, struct login *l)
{
	struct buf *b = ask_begin(im, STORE_FAST_DEL);

	wire_put_str(b, bytes_of(l->jid));
	wire_put_str(b, bytes_of(l->client));
	ask_send_free(im, NULL, on_invalidated, NULL, l->conn);
}

static void on_used(struct im *im, struct ask *a, int rc)
{
	struct login *l = waiting(im, a);

	if (!l)
		return;
	if (rc == ERR_EXISTS)
		login_refuse(im, l, "not-authorized", "replay");
	else if (rc == ERR_NOT_FOUND)
		login_refuse(im, l, "not-authorized", "revoked");
	else if (rc)
		login_fail(im, l, "temporary-auth-failure");
	else if (l->flags & AUTH_FAST_INVALIDATE)
		invalidate(im, l);
	else
		succeed(im, l);
}

static void use(struct im *im, struct login *l)
{
	struct buf *b = ask_begin(im, STORE_FAST_USE);

	random_bytes(&l->fast->login, sizeof l->fast->login);
	l->fast->login >>= 1; /* gh-store's numbers have a sign */
	wire_put_str(b, bytes_of(l->jid));
	wire_put_str(b, bytes_of(l->client));
	wire_put_bytes(b, bytes_make(l->fast->rows[l->fast->which].seed, STORE_FAST_SEED));
	wire_put_u64(b, l->fast->login);
	wire_put_u64(b, l->count);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_str(b, bytes_of(l->address ? l->address : ""));
	ask_send_free(im, NULL, on_used, NULL, l->conn);
}

/* ---- the proof ---- */

/* Is it this row's? The same work is done for rows that do not exist. */
static bool is_proved(struct im *im, struct login *l, unsigned i, struct bytes binding)
{
	struct fast *f = l->fast;
	const struct fast_row *r = &f->rows[i];
	char token[AUTH_TOKEN_MAX + 1];
	uint8_t want[HASHED_TOKEN_BYTES];
	struct bytes t = BYTES_NONE;

	int rc = fast_token(im, l, l->kind, bytes_make(r->seed, sizeof r->seed), token);
	if (!rc) {
		t = bytes_of(token);
		rc = hashed_token_make(t, HASHED_TOKEN_INITIATOR, binding, want);
	}
	bool is_it = !rc && secret_eq(bytes_make(want, sizeof want), bytes_make(f->proof, sizeof f->proof)) &&
		     i < f->n_rows && r->kind == l->kind;
	if (is_it)
		is_it = hashed_token_make(t, HASHED_TOKEN_RESPONDER, binding, f->answer) == 0;
	secret_wipe(token, sizeof token);
	secret_wipe(want, sizeof want);
	return is_it;
}

static bool find_proved(struct im *im, struct login *l)
{
	const char *type = hashed_token_binding(l->kind);
	struct bytes binding = login_binding(l, type);
	bool is_found = false;

	if (type[0] && !binding.n)
		return false; /* nothing to bind to */
	for (unsigned i = 0; i < STORE_FAST_TOKENS; i++) {
		if (is_proved(im, l, i, binding)) {
			l->fast->which = (uint8_t)i;
			is_found = true;
		}
	}
	return is_found;
}

/* Also by a life that was made shorter since. */
static bool is_expired(struct im *im, const struct fast_row *r)
{
	uint64_t now = loop_wall_ms(im->loop);

	return now >= r->expires_ms || now >= r->created_ms + im->config.fast_life_ms;
}

static void check(struct im *im, struct login *l)
{
	const struct fast_row *r = l->fast->rows;

	if (!find_proved(im, l)) {
		login_fail(im, l, "not-authorized");
		return;
	}
	r += l->fast->which;
	if (l->is_disabled)
		login_fail(im, l, "account-disabled");
	else if (is_expired(im, r))
		login_fail(im, l, "credentials-expired");
	else if (login_may(im, l, policy_password(r->label)))
		use(im, l);
}

/* ---- what gh-store knows ---- */

static void on_row(struct im *im, struct ask *a, struct wire *w)
{
	struct login *l = waiting(im, a);
	uint8_t i = wire_u8(w);
	struct bytes seed = wire_bytes(w);
	struct fast_row r = { .kind = wire_u8(w) };

	login_copy(r.label, sizeof r.label, wire_str(w));
	r.created_ms = wire_u64(w);
	r.expires_ms = wire_u64(w);
	bool is_disabled = wire_u8(w);
	if (!l || wire_failed(w) || i >= STORE_FAST_TOKENS || seed.n != sizeof r.seed)
		return;
	memcpy(r.seed, seed.p, sizeof r.seed);
	l->is_disabled = is_disabled;
	l->fast->rows[i] = r;
	l->fast->n_rows = (uint8_t)(i + 1); /* an ask that is sent again begins anew */
}

static void on_rows(struct im *im, struct ask *a, int rc)
{
	struct login *l = waiting(im, a);

	if (!l)
		return;
	l->is_unknown = rc == ERR_NOT_FOUND;
	if (rc && rc != ERR_NOT_FOUND)
		login_fail(im, l, "temporary-auth-failure");
	else
		check(im, l);
}

void auth_fast_first(struct im *im, struct login *l, struct bytes in)
{
	struct bytes authcid, hash;

	if (hashed_token_read(in, &authcid, &hash)) {
		login_fail(im, l, "malformed-request");
	} else if (login_name(im, l, authcid)) {
		login_fail(im, l, "not-authorized");
	} else if (!(l->fast = calloc(1, sizeof *l->fast))) {
		login_fail_by(im, l, ERR_NOMEM);
	} else {
		memcpy(l->fast->proof, hash.p, sizeof l->fast->proof);
		l->state = LOGIN_LOOKUP;
		struct buf *b = ask_begin(im, STORE_FAST_GET);
		wire_put_str(b, bytes_of(l->jid));
		wire_put_str(b, bytes_of(l->client));
		ask_send_free(im, on_row, on_rows, NULL, l->conn);
	}
}
