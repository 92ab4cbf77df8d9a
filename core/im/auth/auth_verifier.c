/* Where verifiers come from: gh-store, or, for people who do not exist, a keyed hash of the name. */
#include "auth/auth.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "ask.h"
#include "auth/login.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { FAKE_SALT_BYTES = 16 };

static void free_verifiers(struct scram_verifier *v, unsigned n)
{
	if (v)
		secret_wipe(v, n * sizeof *v);
	free(v);
}

void login_forget_verifiers(struct login *l)
{
	free_verifiers(l->verifiers, l->n_verifiers);
	free(l->labels);
	l->verifiers = NULL;
	l->labels = NULL;
	l->n_verifiers = 0;
}

/* Copied when they grow: realloc would leave keys behind. */
static int add_verifier(struct login *l, const struct scram_verifier *v, struct bytes label)
{
	unsigned n = l->n_verifiers;
	struct scram_verifier *more = calloc(n + 1u, sizeof *more);
	char(*labels)[STORE_APP_LABEL_MAX + 1] = realloc(l->labels, (n + 1u) * sizeof *labels);

	if (labels)
		l->labels = labels;
	if (!more || !labels) {
		free(more);
		return ERR_NOMEM;
	}
	if (n)
		memcpy(more, l->verifiers, n * sizeof *more);
	more[n] = *v;
	login_copy(labels[n], sizeof labels[n], label);
	free_verifiers(l->verifiers, n);
	l->verifiers = more;
	l->n_verifiers = (uint8_t)(n + 1);
	return 0;
}

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

static int add_fake(struct im *im, struct login *l)
{
	struct scram_verifier v;

	fake_verifier(im, l, &v);
	return add_verifier(l, &v, BYTES_NONE);
}

static void on_verifier(struct im *im, struct ask *a, struct wire *w)
{
	struct login *l = login_of(im, a->number);
	struct scram_verifier v = { .iterations = wire_u32(w) };
	struct bytes salt = wire_bytes(w), stored = wire_bytes(w), server = wire_bytes(w), label = wire_str(w);
	bool is_disabled = wire_u8(w);

	if (!l || l->state != LOGIN_LOOKUP || wire_failed(w) || salt.n > SCRAM_SALT_MAX || stored.n > SCRAM_DIGEST_MAX ||
	    server.n > SCRAM_DIGEST_MAX || label.n > STORE_APP_LABEL_MAX)
		return;
	if (!label.n)
		login_forget_verifiers(l); /* it comes first: also when the ask is sent again */
	else if (!l->n_verifiers || l->n_verifiers > STORE_APPS_MAX)
		return;
	if (l->mechanism->is_plain)
		l->hash = stored.n == SCRAM_DIGEST_MAX ? SCRAM_SHA256 : SCRAM_SHA1;
	v.salt_n = (uint8_t)salt.n;
	memcpy(v.salt, salt.p, salt.n);
	memcpy(v.stored_key, stored.p, stored.n);
	memcpy(v.server_key, server.p, server.n);
	if (add_verifier(l, &v, label))
		im_stats[STAT_NO_MEMORY]++;
	else
		l->is_unknown = false;
	l->is_disabled = is_disabled;
	secret_wipe(&v, sizeof v);
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
	if (l->is_unknown && add_fake(im, l))
		login_fail_by(im, l, ERR_NOMEM);
	else
		l->mechanism->known(im, l);
}

void login_look_up(struct im *im, struct login *l)
{
	l->state = LOGIN_LOOKUP;
	l->is_unknown = true;
	l->hash = l->mechanism->hash;
	struct buf *b = ask_begin(im, STORE_AUTH_GET);
	wire_put_str(b, bytes_of(l->jid));
	/* A password given in full fits whatever there is. */
	wire_put_u8(b, (uint8_t)(l->hash | (l->mechanism->is_plain ? STORE_HASH_OR_SHA1 : 0)));
	ask_send_free(im, on_verifier, on_looked_up, NULL, l->conn);
}

/* ---- what an account was imported without ---- */

void login_upgrade(struct im *im, const struct login *l, struct bytes password)
{
	const struct scram_verifier *has = l->verifiers;
	struct scram_verifier v;

	if (l->hash != SCRAM_SHA1 || scram_make_verifier(SCRAM_SHA256, password, bytes_make(has->salt, has->salt_n), has->iterations, &v))
		return;
	struct buf *b = ask_begin(im, STORE_VERIFIER_ADD);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_bytes(b, bytes_make(has->salt, has->salt_n));
	wire_put_u8(b, SCRAM_SHA256);
	wire_put_bytes(b, bytes_make(v.stored_key, SCRAM_DIGEST_MAX));
	wire_put_bytes(b, bytes_make(v.server_key, SCRAM_DIGEST_MAX));
	ask_send_free(im, NULL, NULL, NULL, 0);
	secret_wipe(&v, sizeof v);
	log_info("im.account.upgraded", LOG_STR("user", l->jid), LOG_STR("hash", "SHA-256"));
}

/* ---- the box's secret ---- */

static void on_secret(struct im *im, struct ask *a, struct wire *w)
{
	struct bytes v = wire_bytes(w);

	(void)a;
	/* Without memory the one of this life stays. */
	if (!wire_failed(w) && secret_set(&im->secret, v) == 0)
		im->has_box_secret = true;
}

void auth_ask_secret(struct im *im)
{
	ask_begin(im, STORE_SECRET);
	ask_send_free(im, on_secret, NULL, NULL, 0);
}
