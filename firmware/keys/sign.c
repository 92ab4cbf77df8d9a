#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "run/acme.h"
#include "run/complyseal.h"
#include "run/linkkeys.h"

#include <stdio.h>

#include <openssl/rsa.h>

enum { SIGNATURE_MAX_BYTES = 1024, DATA_MAX_BYTES = 4096 };

static int finish(EVP_PKEY_CTX *ctx, struct bytes data, struct buf *out)
{
	uint8_t sig[SIGNATURE_MAX_BYTES];
	size_t n = sizeof sig;

	if (EVP_PKEY_sign(ctx, sig, &n, data.p, data.n) <= 0)
		return ERR_SYNTAX;
	buf_put(out, sig, n);
	return buf_failed(out) ? ERR_NOMEM : 0;
}

static bool set_rsa(EVP_PKEY_CTX *ctx, const struct sign_request *r)
{
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, r->padding) <= 0)
		return false;
	return r->padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, r->salt_len) > 0;
}

static int sign_digest(EVP_PKEY *pkey, const struct sign_request *r, struct buf *out)
{
	char name[32];
	snprintf(name, sizeof name, "%.*s", BYTES_FMT(r->digest));
	const EVP_MD *md = EVP_get_digestbyname(name);
	bool is_rsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;

	/* Only PKCS#1 v1.5 and PSS of a real digest: a raw RSA operation is no signature. */
	if (!md || (is_rsa && r->padding != RSA_PKCS1_PADDING && r->padding != RSA_PKCS1_PSS_PADDING))
		return ERR_SYNTAX;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	int rc = ctx && EVP_PKEY_sign_init(ctx) > 0 && (!is_rsa || set_rsa(ctx, r)) && EVP_PKEY_CTX_set_signature_md(ctx, md) > 0
		     ? finish(ctx, r->data, out)
		     : ERR_SYNTAX;
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

static int sign_message(EVP_PKEY *pkey, struct bytes data, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[SIGNATURE_MAX_BYTES];
	size_t n = sizeof sig;
	int rc = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) > 0 && EVP_DigestSign(ctx, sig, &n, data.p, data.n) > 0 ? 0 : ERR_SYNTAX;

	EVP_MD_CTX_free(ctx);
	if (!rc)
		buf_put(out, sig, n);
	return rc;
}

bool key_is_reserved(struct bytes name)
{
	return bytes_eq_str(name, ACME_ACCOUNT_KEY) || bytes_eq_str(name, LINK_AUTHORITY_KEY) || bytes_eq_str(name, COMPLY_KEY);
}

/* A door that is taken over cannot stand at the end of a link. */
static bool is_of_another(struct bytes name, enum prog door)
{
	return bytes_eq_str(name, LINK_KEY) && door != PROG_LINK;
}

int sign(const struct vault *v, const struct sign_request *r, struct buf *out)
{
	EVP_PKEY *pkey = vault_get(v, r->key);

	if (!pkey || key_is_reserved(r->key)) /* those are not for doors */
		return ERR_NOT_FOUND;
	if (r->data.n == 0 || r->data.n > DATA_MAX_BYTES)
		return ERR_SYNTAX;
	bool is_eddsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519;
	if (is_eddsa != (r->digest.n == 0))
		return ERR_SYNTAX;
	return is_eddsa ? sign_message(pkey, r->data, out) : sign_digest(pkey, r, out);
}

int on_key_sign(void *program, struct chan *from, const struct frame *f)
{
	struct keys *k = program;
	struct wire w = wire_of(f->body);
	struct sign_request r = { .key = wire_str(&w), .digest = wire_str(&w) };
	struct buf sig;

	r.padding = wire_u8(&w);
	r.salt_len = wire_u8(&w);
	r.data = wire_bytes(&w);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	buf_init(&sig, SIGNATURE_MAX_BYTES);
	int rc = is_of_another(r.key, chan_prog(from)) ? ERR_NOT_FOUND : sign(&k->vault, &r, &sig);
	if (rc) {
		k->failed_n++;
		log_warn("keys.sign.failed", LOG_BYTES("key", r.key), LOG_STR("door", prog_name(chan_prog(from))), LOG_STR("reason", err_name(rc)));
		wire_put_u32(chan_begin(from, MSG_KEY_FAILED, f->id), (uint32_t)rc);
	} else {
		k->signed_n++;
		wire_put_bytes(chan_begin(from, MSG_KEY_SIGNED, f->id), buf_bytes(&sig));
	}
	(void)chan_end(from); /* a door that has gone needs no signature */
	buf_fini(&sig);
	return 0;
}
