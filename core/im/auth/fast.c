#include "auth/fast.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "auth/app_password.h"
#include "ask.h"
#include "auth/auth.h"
#include "session.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { RENEW_AFTER_MS = 24 * 3600 * 1000 }; /* a token in use longer than this is followed by another */

/* A token that gh-store writes down. */
struct fast_fresh {
	char token[AUTH_TOKEN_MAX + 1];
	uint64_t expires_ms;
	size_t additional_n;
	uint8_t additional[];
};

/* ---- what the door says ---- */

static char *text_of(struct bytes v, size_t max)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return NULL;
	return v.n && v.n <= max && text_is_utf8(v) ? login_dup(v) : NULL;
}

void fast_read_wishes(struct login *l, struct wire *w)
{
	l->client = text_of(wire_str(w), STORE_FAST_CLIENT_MAX);
	l->device = text_of(wire_str(w), STORE_FAST_NAME_MAX);
	l->wants_token = hashed_token_find(wire_str(w), &l->wanted) == 0;
	l->count = wire_u64(w);
}

bool fast_is_possible(const struct im *im, const struct login *l)
{
	return im->config.fast_life_ms && l->client && l->flags & AUTH_TLS && l->flags & AUTH_SASL2 && login_counts(im, l, CREDENTIAL_FAST);
}

/* ---- making one ---- */

int fast_token(struct im *im, const struct login *l, enum hashed_token_kind kind, struct bytes seed,
	       char out[static AUTH_TOKEN_MAX + 1])
{
	static const char prefix[] = "secret-token:fast-"; /* RFC 8959 */
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	buf_clear(&im->out);
	buf_put_bytes(&im->out, BYTES("fast"));
	buf_put_u8(&im->out, 0);
	buf_put_str(&im->out, l->jid);
	buf_put_u8(&im->out, 0);
	buf_put_str(&im->out, l->client);
	buf_put_u8(&im->out, 0);
	buf_put_u8(&im->out, (uint8_t)kind);
	buf_put_bytes(&im->out, seed);
	struct bytes what = buf_bytes(&im->out);
	if (buf_failed(&im->out) || !HMAC(EVP_sha256(), im->secret.p, (int)im->secret.n, what.p, what.n, mac, &n))
		return ERR_NOMEM;
	_Static_assert(sizeof prefix - 1 + 2 * HASHED_TOKEN_BYTES <= AUTH_TOKEN_MAX, "a token fits its message");
	memcpy(out, prefix, sizeof prefix - 1);
	text_hex(bytes_make(mac, HASHED_TOKEN_BYTES), out + sizeof prefix - 1);
	secret_wipe(mac, sizeof mac);
	return 0;
}

/* Does this login end with a new token, and for which mechanism? */
static bool is_due(struct im *im, const struct login *l, enum hashed_token_kind *kind)
{
	bool is_old = l->fast && loop_wall_ms(im->loop) >= l->fast->rows[l->fast->which].created_ms + RENEW_AFTER_MS;

	if (!fast_is_possible(im, l) || !im->has_box_secret || l->flags & AUTH_FAST_INVALIDATE)
		return false;
	if (!l->fast && !l->n_verifiers)
		return false; /* it stems from no password here: its provider gives out tokens */
	*kind = l->wants_token ? l->wanted : l->kind;
	return l->wants_token || is_old;
}

static void on_kept(struct im *im, struct ask *a, int rc)
{
	struct login *l = login_of(im, a->number);

	if (!l || l->state != LOGIN_TOKEN || !l->fresh)
		return; /* gave up meanwhile */
	struct fast_fresh *f = l->fresh;
	/* A token that is not kept is not given out: the login stands without it. */
	login_tell_ok(im, l, bytes_make(f->additional, f->additional_n), rc ? "" : f->token, rc ? 0 : f->expires_ms);
	fast_free(l);
}

/* What it stems from, which must still be so when gh-store writes it. */
static void put_basis(const struct login *l, struct buf *b)
{
	if (l->fast) {
		wire_put_u8(b, STORE_FAST_BY_TOKEN);
		wire_put_u8(b, 0);
		wire_put_bytes(b, bytes_make(l->fast->rows[l->fast->which].seed, STORE_FAST_SEED));
	} else {
		wire_put_u8(b, STORE_FAST_BY_SALT);
		wire_put_u8(b, (uint8_t)l->mechanism->hash);
		wire_put_bytes(b, bytes_make(l->verifiers[0].salt, l->verifiers[0].salt_n));
	}
}

static void keep(struct im *im, struct login *l, enum hashed_token_kind kind, struct bytes seed)
{
	struct buf *b = ask_begin(im, STORE_FAST_PUT);

	wire_put_str(b, bytes_of(l->jid));
	wire_put_str(b, bytes_of(l->client));
	wire_put_str(b, bytes_of(l->device ? l->device : ""));
	wire_put_str(b, bytes_of(l->app ? l->app : ""));
	wire_put_u8(b, (uint8_t)kind);
	wire_put_bytes(b, seed);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_u64(b, l->fresh->expires_ms);
	put_basis(l, b);
	l->state = LOGIN_TOKEN;
	ask_send_free(im, NULL, on_kept, NULL, l->conn);
}

bool fast_renew(struct im *im, struct login *l, struct bytes additional)
{
	enum hashed_token_kind kind;
	uint8_t seed[STORE_FAST_SEED];
	struct fast_fresh *f;

	if (!is_due(im, l, &kind) || !(f = calloc(1, sizeof *f + additional.n)))
		return false;
	random_bytes(seed, sizeof seed);
	if (fast_token(im, l, kind, bytes_make(seed, sizeof seed), f->token)) {
		free(f);
		return false;
	}
	f->expires_ms = loop_wall_ms(im->loop) + im->config.fast_life_ms;
	f->additional_n = additional.n;
	if (additional.n)
		memcpy(f->additional, additional.p, additional.n);
	l->fresh = f;
	keep(im, l, kind, bytes_make(seed, sizeof seed));
	return true;
}

void fast_free(struct login *l)
{
	if (l->fast)
		secret_wipe(l->fast, sizeof *l->fast);
	if (l->fresh)
		secret_wipe(l->fresh, sizeof *l->fresh);
	free(l->fast);
	free(l->fresh);
	l->fast = NULL;
	l->fresh = NULL;
}

/* ---- the end of some ---- */

static struct session *first_of(const struct user *u, struct bytes client)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s->client && bytes_eq_str(client, s->client))
			return s;
	}
	return NULL;
}

void fast_revoked(struct im *im, struct bytes jid, struct bytes client)
{
	struct user *u = user_find(im, jid);
	unsigned n = 0;

	auth_revoke_client(im, jid, client);
	if (u) {
		user_pin(u);
		for (struct session *s; (s = first_of(u, client)); n++)
			session_kick(im, s, "not-authorized", "This device was revoked");
		user_unpin(im, u);
	}
	log_info("im.device.revoked", LOG_BYTES("user", jid), LOG_BYTES("device", client), LOG_INT("sessions", n));
}
