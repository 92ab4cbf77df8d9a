/* jwt.h - signed tokens of an identity provider (RFC 7519, RFC 7515), read as a resource server: one issuer, one audience, keys
 * that an administrator named. No key or address that stands in a token counts. Pure. */
#ifndef IM_JWT_H
#define IM_JWT_H

#include "base/bytes.h"

#include <openssl/evp.h>

enum { JWT_BYTES_MAX = 8192, JWT_KEYS_MAX = 8, JWT_USER_MAX = 1023, JWT_LEEWAY_S = 60 /* clocks that are not one */ };

/* Public keys: RSA of 2048 bits or more, P-256, Ed25519. */
struct jwt_keys {
	EVP_PKEY *keys[JWT_KEYS_MAX];
	unsigned n;
};
/* From "PUBLIC KEY" blocks in PEM. ERR_SYNTAX: one cannot be read; ERR_UNSUPPORTED: one is of another kind or too short;
 * ERR_LIMIT: too many. Nothing is left then. */
int jwt_keys_read(struct jwt_keys *k, struct bytes pem);
void jwt_keys_free(struct jwt_keys *k);

struct jwt_rules {
	const struct jwt_keys *keys;
	struct bytes issuer, audience, claim; /* claim: which one names the user */
	uint64_t now_s;
};
/* Checks a compact serialisation signed with RS256, ES256 or EdDSA; user gets the claim's text and a NUL. On ERR_SYNTAX,
 * ERR_UNSUPPORTED, ERR_AUTH *why is a word for the log. */
int jwt_check(const struct jwt_rules *r, struct bytes token, char user[static JWT_USER_MAX + 1], const char **why);

#endif
