#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "run/acme.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>

enum { ANSWER_MAX_BYTES = 64 << 10 };

/* ---- `acme external-account key` ---- */

/* base64url without padding (RFC 4648 5), as base64 with it. */
static void to_base64(struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++)
		buf_put_u8(out, in.p[i] == '-' ? '+' : in.p[i] == '_' ? '/' : in.p[i]);
	for (size_t n = in.n; n % 4; n++)
		buf_put_u8(out, '=');
}

int acme_secret_set(struct acme_secret *s, struct bytes text)
{
	struct buf b64, raw;

	while (text.n && text.p[text.n - 1] == '=') /* some authorities give it with padding */
		text.n--;
	secret_wipe(s->key, sizeof s->key);
	s->n = 0;
	buf_init(&b64, ACME_SECRET_MAX * 2);
	buf_init(&raw, ACME_SECRET_MAX);
	to_base64(text, &b64);
	int rc = buf_failed(&b64) ? ERR_SYNTAX : text_unbase64(buf_bytes(&b64), &raw);
	if (!rc) {
		s->n = buf_len(&raw);
		memcpy(s->key, buf_bytes(&raw).p ? buf_bytes(&raw).p : (const uint8_t *)"", s->n);
	}
	secret_wipe(b64.p, b64.cap);
	secret_wipe(raw.p, raw.cap);
	buf_fini(&b64);
	buf_fini(&raw);
	return rc;
}

/* ---- keys ---- */

/* The key of that name, or a new one. */
static int key_of(struct keys *k, struct bytes name, struct bytes kind, EVP_PKEY **out)
{
	*out = vault_get(&k->vault, name);
	if (*out)
		return 0;
	if (k->n_acme_keys == ACME_KEYS_MAX)
		return ERR_LIMIT;
	EVP_PKEY *made = key_generate(kind);
	if (!made)
		return ERR_SYNTAX;
	int rc = vault_put(&k->vault, name, made);
	if (rc) {
		EVP_PKEY_free(made);
		return rc;
	}
	k->n_acme_keys++;
	log_info("keys.generated", LOG_BYTES("key", name), LOG_STR("kind", key_kind(made)), LOG_STR("for", "acme"));
	*out = made;
	return 0;
}

static int account_key(struct keys *k, EVP_PKEY **out)
{
	int rc = key_of(k, BYTES(ACME_ACCOUNT_KEY), BYTES("ecdsa-p256"), out);

	if (!rc && (EVP_PKEY_get_base_id(*out) != EVP_PKEY_EC || EVP_PKEY_get_bits(*out) != 256))
		return ERR_UNSUPPORTED;
	return rc;
}

static int put_coordinate(EVP_PKEY *pkey, const char *which, struct buf *out)
{
	uint8_t bytes[ACME_COORDINATE_BYTES];
	BIGNUM *n = NULL;
	int rc = EVP_PKEY_get_bn_param(pkey, which, &n) && BN_bn2binpad(n, bytes, sizeof bytes) == sizeof bytes ? 0 : ERR_NOMEM;

	BN_free(n);
	if (!rc)
		wire_put_bytes(out, bytes_make(bytes, sizeof bytes));
	return rc;
}

/* ---- the ops ---- */

static int do_account(struct keys *k, struct wire *w, struct buf *out)
{
	EVP_PKEY *pkey;
	int rc = account_key(k, &pkey);

	(void)w;
	if (!rc)
		rc = put_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, out);
	return rc ? rc : put_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, out);
}

/* R and S one after the other in place of OpenSSL's DER (RFC 7518 3.4). */
static int put_signature(const uint8_t *der, size_t n, struct buf *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	uint8_t raw[ACME_SIGNATURE_BYTES];
	int half = sizeof raw / 2;
	int rc = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half
		     ? 0
		     : ERR_NOMEM;

	ECDSA_SIG_free(sig);
	if (!rc)
		wire_put_bytes(out, bytes_make(raw, sizeof raw));
	return rc;
}

static int do_sign(struct keys *k, struct wire *w, struct buf *out)
{
	struct bytes data = wire_bytes(w);
	uint8_t der[128];
	size_t n = sizeof der;
	EVP_PKEY *pkey;
	int rc = wire_failed(w) ? ERR_PROTOCOL : data.n > ACME_DATA_MAX ? ERR_LIMIT : account_key(k, &pkey);

	if (rc)
		return rc;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	rc = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) > 0 && EVP_DigestSign(ctx, der, &n, data.p, data.n) > 0 ? 0 : ERR_NOMEM;
	EVP_MD_CTX_free(ctx);
	k->signed_n += rc == 0;
	return rc ? rc : put_signature(der, n, out);
}

static int do_bind(struct keys *k, struct wire *w, struct buf *out)
{
	struct bytes data = wire_bytes(w);
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (wire_failed(w))
		return ERR_PROTOCOL;
	if (!k->acme.n || data.n > ACME_DATA_MAX)
		return k->acme.n ? ERR_LIMIT : ERR_NOT_FOUND;
	if (!HMAC(EVP_sha256(), k->acme.key, (int)k->acme.n, data.p, data.n, mac, &n) || n != ACME_MAC_BYTES)
		return ERR_NOMEM;
	wire_put_bytes(out, bytes_make(mac, n));
	return 0;
}

static int do_request(struct keys *k, struct wire *w, struct buf *out)
{
	struct bytes name = wire_str(w), kind = wire_str(w), names[ACME_NAMES_MAX];
	unsigned n = wire_u16(w);
	struct buf der;
	EVP_PKEY *pkey;

	if (wire_failed(w) || n > ACME_NAMES_MAX)
		return ERR_PROTOCOL;
	for (unsigned i = 0; i < n; i++)
		names[i] = wire_str(w);
	if (wire_failed(w) || key_is_reserved(name))
		return wire_failed(w) ? ERR_PROTOCOL : ERR_DENIED;
	int rc = key_of(k, name, kind, &pkey);
	buf_init(&der, ANSWER_MAX_BYTES / 2);
	if (!rc)
		rc = cert_request_names(pkey, names, n, &der);
	if (!rc)
		wire_put_bytes(out, buf_bytes(&der));
	buf_fini(&der);
	return rc;
}

static int (*const ops[])(struct keys *k, struct wire *w, struct buf *out) = {
	[ACME_ACCOUNT] = do_account, [ACME_SIGN] = do_sign, [ACME_BIND] = do_bind, [ACME_REQUEST] = do_request,
};
_Static_assert(sizeof ops / sizeof ops[0] == ACME_OP_COUNT, "one function an op");

static const char *words(unsigned op, int rc)
{
	if (rc == ERR_NOT_FOUND && op == ACME_BIND)
		return "acme external-account key is not set, or not base64url";
	if (rc == ERR_UNSUPPORTED)
		return "the key " ACME_ACCOUNT_KEY " is not of kind ecdsa-p256: key delete " ACME_ACCOUNT_KEY;
	return err_text(rc);
}

int on_acme_ask(void *program, struct chan *from, const struct frame *f)
{
	struct keys *k = program;
	struct wire w = wire_of(f->body);
	unsigned op = wire_u8(&w);
	struct buf answer;

	if (wire_failed(&w) || op >= ACME_OP_COUNT)
		return ERR_PROTOCOL;
	buf_init(&answer, ANSWER_MAX_BYTES);
	int rc = ops[op](k, &w, &answer);
	if (!rc && wire_end(&w))
		rc = ERR_PROTOCOL;
	if (rc != ERR_PROTOCOL) {
		struct buf *b = chan_begin(from, MSG_ACME_ANSWER, f->id);
		wire_put_u32(b, (uint32_t)rc);
		wire_put_str(b, bytes_of(rc ? words(op, rc) : ""));
		if (!rc)
			buf_put_bytes(b, buf_bytes(&answer));
		(void)chan_end(from); /* a gh-pki that has gone asks again */
	}
	if (rc && rc != ERR_PROTOCOL) {
		k->failed_n++;
		log_warn("keys.acme.failed", LOG_INT("op", op), LOG_STR("reason", err_name(rc)));
	}
	buf_fini(&answer);
	return rc == ERR_PROTOCOL ? rc : 0;
}
