#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum { INFO_MAX_BYTES = 128 };

static int hkdf(struct bytes master, struct bytes info, uint8_t out[static DERIVED_BYTES])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)master.p, master.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.n),
		OSSL_PARAM_END,
	};
	int rc = ctx && EVP_KDF_derive(ctx, out, DERIVED_BYTES, params) > 0 ? 0 : ERR_NOMEM;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}

int derive(const struct vault *v, struct bytes prog, struct bytes purpose, uint8_t out[static DERIVED_BYTES])
{
	uint8_t master[MASTER_BYTES];
	char info[INFO_MAX_BYTES];
	int n = snprintf(info, sizeof info, "%.*s %.*s", BYTES_FMT(prog), BYTES_FMT(purpose));

	if (n < 0 || (size_t)n >= sizeof info)
		return ERR_LIMIT;
	int rc = vault_master(v, master);
	if (!rc)
		rc = hkdf(bytes_make(master, sizeof master), bytes_make(info, (size_t)n), out);
	secret_wipe(master, sizeof master);
	return rc;
}

int on_key_derive(void *program, struct chan *from, const struct frame *f)
{
	struct keys *k = program;
	struct wire w = wire_of(f->body);
	struct bytes purpose = wire_str(&w), prog = bytes_of(prog_name(chan_prog(from)));
	uint8_t secret[DERIVED_BYTES];

	if (wire_end(&w))
		return ERR_PROTOCOL;
	int rc = derive(&k->vault, prog, purpose, secret);
	if (rc) {
		log_error("keys.derive.failed", LOG_BYTES("door", prog), LOG_BYTES("purpose", purpose), LOG_STR("reason", err_name(rc)),
			  LOG_STR("advice", "is the disk full or read-only?"));
		return 0;
	}
	wire_put_bytes(chan_begin(from, MSG_KEY_DERIVED, f->id), bytes_make(secret, sizeof secret));
	(void)chan_end(from); /* a door that has gone asks again */
	secret_wipe(secret, sizeof secret);
	return 0;
}
