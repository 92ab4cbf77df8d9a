/* Where verifiers come from: gh-store, or, for people who do not exist, a keyed hash of the name. */
#include "auth.h"

#include "base/err.h"
#include "base/random.h"
#include "ask.h"
#include "login.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { FAKE_SALT_BYTES = 16 };

/* Always the same for the same name and hash, and like a real one (RFC 5802 9): real accounts have a
 * salt of their own for each hash. */
static void fake_verifier(struct im *im, const struct login *l, struct scram_verifier *v)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memset(v, 0, sizeof *v);
	v->iterations = im->config.scram_iterations;
	v->salt_n = FAKE_SALT_BYTES;
	buf_clear(&im->out);
	buf_put_u8(&im->out, (uint8_t)l->mechanism->hash);
	buf_put_str(&im->out, l->jid);
	struct bytes name = buf_bytes(&im->out);
	if (HMAC(EVP_sha256(), im->secret.p, (int)im->secret.n, name.p, name.n, out, &n))
		memcpy(v->salt, out, FAKE_SALT_BYTES);
	random_bytes(v->stored_key, sizeof v->stored_key);
	random_bytes(v->server_key, sizeof v->server_key);
}

static void on_verifier(struct im *im, struct ask *a, struct wire *w)
{
	struct login *l = login_of(im, a->number);
	uint32_t iterations = wire_u32(w);
	struct bytes salt = wire_bytes(w), stored = wire_bytes(w), server = wire_bytes(w);

	if (!l || wire_failed(w) || salt.n > SCRAM_SALT_MAX || stored.n > SCRAM_DIGEST_MAX || server.n > SCRAM_DIGEST_MAX)
		return;
	l->verifier.iterations = iterations;
	l->verifier.salt_n = (uint8_t)salt.n;
	memcpy(l->verifier.salt, salt.p, salt.n);
	memcpy(l->verifier.stored_key, stored.p, stored.n);
	memcpy(l->verifier.server_key, server.p, server.n);
	l->is_unknown = false;
}

static void on_looked_up(struct im *im, struct ask *a, int rc)
{
	struct login *l = login_of(im, a->number);

	if (!l || l->state != LOGIN_LOOKUP)
		return; /* gave up meanwhile */
	if (rc && rc != ERR_NOT_FOUND) {
		login_fail(im, l, "temporary-auth-failure");
		return;
	}
	if (l->is_unknown)
		fake_verifier(im, l, &l->verifier);
	l->mechanism->known(im, l);
}

void login_look_up(struct im *im, struct login *l)
{
	l->state = LOGIN_LOOKUP;
	l->is_unknown = true;
	struct buf *b = ask_begin(im, STORE_AUTH_GET);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_u8(b, (uint8_t)l->mechanism->hash);
	ask_send_free(im, on_verifier, on_looked_up, NULL, l->conn);
}

/* ---- the box's secret ---- */

static void on_secret(struct im *im, struct ask *a, struct wire *w)
{
	struct bytes v = wire_bytes(w);

	(void)a;
	if (!wire_failed(w))
		(void)secret_set(&im->secret, v); /* without memory the one of this life stays */
}

void auth_ask_secret(struct im *im)
{
	ask_begin(im, STORE_SECRET);
	ask_send_free(im, on_secret, NULL, NULL, 0);
}
