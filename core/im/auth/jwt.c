#include "auth/jwt.h"

#include <math.h>
#include <string.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

enum { RSA_BITS_MIN = 2048, RAW_SIGNATURE = 64 /* ES256 (RFC 7518 3.4), Ed25519 */ };

/* ---- keys ---- */

static bool is_p256(const EVP_PKEY *key)
{
	char group[32];
	size_t n;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 && strcmp(group, "prime256v1") == 0;
}

static bool is_rsa(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
}

static bool is_ed25519(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519");
}

static int add_key(struct jwt_keys *k, EVP_PKEY *key)
{
	if (k->n == JWT_KEYS_MAX)
		return ERR_LIMIT;
	if (!is_rsa(key) && !is_p256(key) && !is_ed25519(key))
		return ERR_UNSUPPORTED;
	k->keys[k->n++] = key;
	return 0;
}

int jwt_keys_read(struct jwt_keys *k, struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	int rc = bio ? 0 : ERR_NOMEM;

	k->n = 0;
	while (!rc && BIO_ctrl_pending(bio)) {
		EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
		rc = key ? add_key(k, key) : ERR_SYNTAX;
		if (rc)
			EVP_PKEY_free(key);
	}
	BIO_free(bio);
	if (rc)
		jwt_keys_free(k);
	return rc;
}

void jwt_keys_free(struct jwt_keys *k)
{
	while (k->n)
		EVP_PKEY_free(k->keys[--k->n]);
}

/* ---- base64url (RFC 7515 2) ---- */

static int unbase64url(struct bytes in, struct buf *out)
{
	struct buf b;
	size_t pad = (4 - in.n % 4) % 4;

	if (!in.n || pad == 3)
		return ERR_SYNTAX;
	buf_init(&b, JWT_BYTES_MAX + 4);
	int rc = 0;
	for (size_t i = 0; i < in.n && !rc; i++) {
		uint8_t c = in.p[i];
		rc = c == '+' || c == '/' || c == '=' ? ERR_SYNTAX : 0;
		buf_put_u8(&b, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	for (; pad; pad--)
		buf_put_u8(&b, '=');
	if (!rc)
		rc = buf_failed(&b) ? ERR_LIMIT : text_unbase64(buf_bytes(&b), out);
	buf_fini(&b);
	return rc;
}

/* An object, or NULL. */
static json_t *read_object(struct bytes part)
{
	struct buf b;
	json_error_t where;
	json_t *o = NULL;

	buf_init(&b, JWT_BYTES_MAX);
	if (unbase64url(part, &b) == 0)
		o = json_loadb((const char *)buf_bytes(&b).p, buf_len(&b), JSON_REJECT_DUPLICATES, &where);
	buf_fini(&b);
	if (o && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* ---- the signature ---- */

static const struct algorithm {
	const char *name;
	bool (*fits)(const EVP_PKEY *key);
	const char *digest;
	bool is_raw_ecdsa;
} algorithms[] = {
	{ "RS256", is_rsa, "SHA256", false },
	{ "ES256", is_p256, "SHA256", true },
	{ "EdDSA", is_ed25519, NULL, false },
};

/* What must be understood is not (RFC 7515 4.1.11), and "none" is no algorithm. */
static const struct algorithm *algorithm_of(const json_t *header)
{
	const char *name = json_string_value(json_object_get(header, "alg"));

	if (!name || json_object_get(header, "crit"))
		return NULL;
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
		if (strcmp(name, algorithms[i].name) == 0)
			return &algorithms[i];
	return NULL;
}

/* R and S side by side become what OpenSSL wants. NULL: no memory. */
static uint8_t *to_der(struct bytes raw, size_t *n)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.p, RAW_SIGNATURE / 2, NULL), *s = BN_bin2bn(raw.p + RAW_SIGNATURE / 2, RAW_SIGNATURE / 2, NULL);
	uint8_t *der = NULL;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL; /* the signature's now */
		int len = i2d_ECDSA_SIG(sig, &der);
		*n = len > 0 ? (size_t)len : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return der;
}

static bool is_signed_by(EVP_PKEY *key, const char *digest, struct bytes text, struct bytes signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool is_good = c && EVP_DigestVerifyInit_ex(c, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		       EVP_DigestVerify(c, signature.p, signature.n, text.p, text.n) == 1;

	EVP_MD_CTX_free(c);
	return is_good;
}

static bool is_signed(const struct jwt_keys *k, const struct algorithm *a, struct bytes text, struct bytes raw)
{
	uint8_t *der = NULL;
	struct bytes signature = raw;
	bool is_good = false;

	if (a->is_raw_ecdsa) {
		if (raw.n != RAW_SIGNATURE || !(der = to_der(raw, &signature.n)))
			return false;
		signature.p = der;
	}
	for (unsigned i = 0; i < k->n && !is_good; i++)
		is_good = a->fits(k->keys[i]) && is_signed_by(k->keys[i], a->digest, text, signature);
	OPENSSL_free(der);
	return is_good;
}

/* ---- the claims (RFC 7519 4.1) ---- */

static bool is_text(const json_t *v, struct bytes want)
{
	return json_is_string(v) && bytes_eq(bytes_make(json_string_value(v), json_string_length(v)), want);
}

static bool has_audience(const json_t *aud, struct bytes want)
{
	if (!json_is_array(aud))
		return is_text(aud, want);
	for (size_t i = 0; i < json_array_size(aud); i++)
		if (is_text(json_array_get(aud, i), want))
			return true;
	return false;
}

/* Seconds since 1970; false: there is none that is a time. */
static bool read_time(const json_t *o, const char *name, double *out)
{
	const json_t *v = json_object_get(o, name);

	*out = json_number_value(v);
	return json_is_number(v) && isfinite(*out) && *out >= 0;
}

static const char *wrong_claim(const struct jwt_rules *r, const json_t *o)
{
	double exp, nbf, now = (double)r->now_s;

	if (!is_text(json_object_get(o, "iss"), r->issuer))
		return "issuer";
	if (!has_audience(json_object_get(o, "aud"), r->audience))
		return "audience";
	if (!read_time(o, "exp", &exp))
		return "no-expiry";
	if (exp + JWT_LEEWAY_S <= now)
		return "expired";
	if (json_object_get(o, "nbf") && (!read_time(o, "nbf", &nbf) || nbf > now + JWT_LEEWAY_S))
		return "not-yet";
	return NULL;
}

static bool take_user(const struct jwt_rules *r, const json_t *o, char *user)
{
	const json_t *v = json_object_getn(o, (const char *)r->claim.p, r->claim.n);
	size_t n = json_string_length(v);

	if (!json_is_string(v) || !n || n > JWT_USER_MAX || memchr(json_string_value(v), 0, n))
		return false;
	memcpy(user, json_string_value(v), n + 1);
	return true;
}

static int check_claims(const struct jwt_rules *r, struct bytes payload, char *user, const char **why)
{
	json_t *o = read_object(payload);

	if (!o) {
		*why = "payload";
		return ERR_SYNTAX;
	}
	*why = wrong_claim(r, o);
	if (!*why && !take_user(r, o, user))
		*why = "claim";
	json_decref(o);
	return *why ? ERR_AUTH : 0;
}

static int check_signature(const struct jwt_rules *r, struct bytes head, struct bytes text, struct bytes signature, const char **why)
{
	json_t *o = read_object(head);
	const struct algorithm *a = o ? algorithm_of(o) : NULL;
	struct buf raw;
	int rc = ERR_AUTH;

	*why = !o ? "header" : !a ? "algorithm" : "signature";
	buf_init(&raw, JWT_BYTES_MAX);
	if (!a)
		rc = o ? ERR_UNSUPPORTED : ERR_SYNTAX;
	else if (unbase64url(signature, &raw) == 0 && is_signed(r->keys, a, text, buf_bytes(&raw)))
		rc = 0;
	buf_fini(&raw);
	json_decref(o);
	return rc;
}

int jwt_check(const struct jwt_rules *r, struct bytes token, char user[static JWT_USER_MAX + 1], const char **why)
{
	size_t a = bytes_find(token, '.');
	struct bytes rest = bytes_skip(token, a + 1);
	size_t b = bytes_find(rest, '.');
	struct bytes payload = bytes_make(rest.p, b < rest.n ? b : rest.n), signature = bytes_skip(rest, b + 1);

	*why = "form";
	if (token.n > JWT_BYTES_MAX || b >= rest.n || bytes_find(signature, '.') < signature.n)
		return ERR_SYNTAX;
	/* Nothing of the claims is looked at before they are proved. */
	int rc = check_signature(r, bytes_make(token.p, a), bytes_make(token.p, a + 1 + b), signature, why);
	return rc ? rc : check_claims(r, payload, user, why);
}
