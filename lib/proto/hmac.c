#include "proto/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

static char *const names[HMAC_HASH_COUNT] = { "SHA1", "SHA256" };

static EVP_MAC_CTX *context_new(enum hmac_hash h)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, names[h], 0), OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	EVP_MAC_free(hmac);
	if (c && EVP_MAC_CTX_set_params(c, params) == 1)
		return c;
	EVP_MAC_CTX_free(c);
	return NULL;
}

/* Made at the first use; each message sets it up anew. */
static EVP_MAC_CTX *context_of(enum hmac_hash h)
{
	static EVP_MAC_CTX *contexts[HMAC_HASH_COUNT];

	if (!contexts[h])
		contexts[h] = context_new(h);
	return contexts[h];
}

bool hmac_make(enum hmac_hash h, struct bytes key, const struct bytes *parts, size_t n_parts,
               uint8_t out[static HMAC_BYTES_MAX])
{
	static const uint8_t none[1];
	EVP_MAC_CTX *c = context_of(h);
	size_t n;

	/* without a key pointer libcrypto would go on with the last key */
	if (!c || EVP_MAC_init(c, key.p ? key.p : none, key.n, NULL) != 1)
		return false;
	for (size_t i = 0; i < n_parts; i++)
		if (EVP_MAC_update(c, parts[i].p, parts[i].n) != 1)
			return false;
	return EVP_MAC_final(c, out, &n, HMAC_BYTES_MAX) == 1;
}
