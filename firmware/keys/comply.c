#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/wire.h"
#include "run/complyseal.h"

#include <openssl/err.h>
#include <openssl/x509.h>

/* Signatures of the compliance archive: over its records alone, by a key that is made when it is first needed. */

static int key_of(struct vault *v, EVP_PKEY **out)
{
	*out = vault_get(v, BYTES(COMPLY_KEY));
	if (*out)
		return EVP_PKEY_get_base_id(*out) == EVP_PKEY_ED25519 ? 0 : ERR_UNSUPPORTED;
	EVP_PKEY *made = key_generate(BYTES("ed25519"));
	int rc = made ? vault_put(v, BYTES(COMPLY_KEY), made) : ERR_NOMEM;
	if (rc) {
		EVP_PKEY_free(made);
		return rc;
	}
	log_info("keys.generated", LOG_STR("key", COMPLY_KEY), LOG_STR("kind", key_kind(made)), LOG_STR("for", "compliance"));
	*out = made;
	return 0;
}

static int put_public(EVP_PKEY *pkey, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	if (n > 0)
		wire_put_str(out, bytes_make(der, (size_t)n));
	OPENSSL_free(der);
	ERR_clear_error();
	return n > 0 ? 0 : ERR_NOMEM;
}

static int put_signature(EVP_PKEY *pkey, struct bytes message, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[COMPLY_SIGNATURE_MAX];
	size_t n = sizeof sig;
	bool is_signed = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) > 0 && EVP_DigestSign(ctx, sig, &n, message.p, message.n) > 0;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (is_signed)
		wire_put_str(out, bytes_make(sig, n));
	return is_signed ? 0 : ERR_NOMEM;
}

int comply_sign(struct vault *v, uint64_t number, struct bytes hash, struct buf *out)
{
	EVP_PKEY *pkey;
	struct buf message;
	int rc = hash.n == COMPLY_SEAL_HASH ? key_of(v, &pkey) : ERR_PROTOCOL;

	if (rc)
		return rc;
	buf_init(&message, COMPLY_SEAL_BYTES);
	buf_put(&message, COMPLY_SEAL_PREFIX, sizeof COMPLY_SEAL_PREFIX);
	wire_put_u64(&message, number);
	buf_put_bytes(&message, hash);
	rc = buf_failed(&message) ? ERR_NOMEM : put_signature(pkey, buf_bytes(&message), out);
	buf_fini(&message);
	return rc ? rc : put_public(pkey, out);
}

int on_comply_sign(void *program, struct chan *from, const struct frame *f)
{
	struct keys *k = program;
	struct wire w = wire_of(f->body);
	uint64_t number = wire_u64(&w);
	struct bytes hash = wire_bytes(&w);
	struct buf answer;

	if (wire_end(&w) || hash.n != COMPLY_SEAL_HASH)
		return ERR_PROTOCOL;
	buf_init(&answer, COMPLY_SIGNATURE_MAX + COMPLY_KEY_MAX + 64);
	int rc = comply_sign(&k->vault, number, hash, &answer);
	if (!rc && buf_failed(&answer))
		rc = ERR_NOMEM;
	if (rc) {
		k->failed_n++;
		log_warn("keys.sign.failed", LOG_STR("key", COMPLY_KEY), LOG_STR("door", prog_name(chan_prog(from))), LOG_STR("reason", err_name(rc)));
	} else {
		k->signed_n++;
	}
	struct buf *b = chan_begin(from, MSG_COMPLY_SIGNED, f->id);
	wire_put_u32(b, (uint32_t)rc);
	if (!rc)
		buf_put_bytes(b, buf_bytes(&answer));
	(void)chan_end(from); /* a gh-comply that has gone asks again */
	buf_fini(&answer);
	return 0;
}
