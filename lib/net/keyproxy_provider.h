/* net/keyproxy_provider.h - the OpenSSL provider itself: keys whose private half is elsewhere.
 * Knows OpenSSL, knows no process: a signature is asked of a `signer`. For net/keyproxy.c only.
 *
 * Its algorithms are named as the default provider's, so that TLS recognises the keys; the process's
 * default property query is "?provider=default", so that everything else (public operations,
 * ephemeral keys) stays with the default provider. */
#ifndef NET_KEYPROXY_PROVIDER_H
#define NET_KEYPROXY_PROVIDER_H

#include "base/bytes.h"

#include <openssl/provider.h>
#include <openssl/x509.h>

enum { KEYPROXY_NAME_MAX = 63, KEYPROXY_SIGNATURE_MAX = 1024 };

struct keyproxy_request {
	const char *name;   /* of the key */
	const char *digest; /* OpenSSL's name; "" for EdDSA */
	uint8_t padding;    /* 0 none, 1 PKCS#1, 6 PSS: OpenSSL's numbers */
	uint8_t salt_len;   /* PSS */
	struct bytes data;  /* the digest; for EdDSA the message */
};
/* Signs into out (at most KEYPROXY_SIGNATURE_MAX bytes) and says how many. 0 or an ERR_ code. */
struct keyproxy_signer {
	int (*sign)(struct keyproxy_signer *s, const struct keyproxy_request *r,
	            uint8_t out[static KEYPROXY_SIGNATURE_MAX], size_t *n);
};

/* Makes the provider known to this process. 0 or ERR_TLS. */
int keyproxy_provider_load(OSSL_PROVIDER **out);
void keyproxy_provider_unload(OSSL_PROVIDER *p);
/* A key object: the public half of pub, the private half asked of s (which outlives it). */
EVP_PKEY *keyproxy_provider_key(struct keyproxy_signer *s, struct bytes name, EVP_PKEY *pub);

#endif
