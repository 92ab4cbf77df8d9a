#include "scrypt.h"

#include "base/err.h"
#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

void scrypt_fresh(struct scrypt *s)
{
	*s = (struct scrypt){ .log2_n = SCRYPT_LOG2_N, .r = SCRYPT_R, .p = SCRYPT_P };
	random_bytes(s->salt, sizeof s->salt);
}

bool scrypt_is_sane(const struct scrypt *s)
{
	return s->log2_n >= 1 && s->log2_n <= SCRYPT_LOG2_N_MAX && s->r >= 1 && s->r <= SCRYPT_R_MAX && s->p >= 1 &&
	       s->p <= SCRYPT_P_MAX;
}

int scrypt_compute(const struct scrypt *s, struct bytes password, uint8_t out[static SCRYPT_HASH_BYTES])
{
	uint64_t n = (uint64_t)1 << s->log2_n, most = (uint64_t)1 << 30;
	uint32_t r = s->r, p = s->p;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password.p, password.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)s->salt, sizeof s->salt),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = scrypt_is_sane(s) ? EVP_KDF_fetch(NULL, "SCRYPT", NULL) : NULL;
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int rc = ctx && EVP_KDF_derive(ctx, out, SCRYPT_HASH_BYTES, params) == 1 ? 0 : ERR_NOMEM;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}
