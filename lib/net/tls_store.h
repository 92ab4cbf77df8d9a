/* net/tls_store.h - inside of the TLS store, for lib/net only. */
#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

#include "base/map.h"
#include "net/tls.h"
#include "net/tls_news.h"
#include "net/tls_ticket.h"

#include <openssl/ssl.h>

enum { TLS_CHAIN_MAX = 10, TLS_NAME_MAX = 63, TLS_DOMAIN_MAX = 253 };

/* A hosted domain has a context of its own, which holds its certificates: one of each key type. */
struct tls_domain {
	char name[TLS_DOMAIN_MAX + 1];
	SSL_CTX *ctx;
	int key_types[3]; /* EVP_PKEY_*, of the certificates in it; 0: free */
};

struct tls_certificate {
	char name[TLS_NAME_MAX + 1];
	X509 *leaf;
	uint8_t leaf_sha256[TLS_LEAF_BYTES];
	STACK_OF(X509) *chain; /* what is sent behind the leaf: no root */
	EVP_PKEY *key;
};

struct tls_anchor {
	char name[TLS_NAME_MAX + 1];
	X509_STORE *only; /* trusts nothing but this anchor */
};

struct tls_store {
	unsigned refs; /* the maker and each connection */
	struct keyproxy *keys;
	int version_min; /* TLS1_2_VERSION, TLS1_3_VERSION */
	SSL_CTX *base; /* no certificate: clients without one, and what a server begins with */
	SSL_CTX *datagram; /* the same for DTLS servers; NULL until the first */
	X509_STORE *trust;
	struct tls_tickets tickets;
	const struct tls_news *news; /* NULL: none */
	bool needs_lists; /* no verdict without a revocation list in force */
	struct map certificates, domains, anchors;
	struct tls_domain *first;
};

struct tls_store *tls_store_hold(struct tls_store *s);
/* By A-labels in any case; NULL when not hosted. */
struct tls_domain *tls_store_domain(struct tls_store *s, const char *name);
/* The domain of a store that has one only; NULL with several: who names none of them gets no other's
 * certificate. */
struct tls_domain *tls_store_only_domain(struct tls_store *s);
/* What a DTLS server begins with; the domains' contexts are those of TLS. NULL without memory and when
 * the store demands TLS 1.3. */
SSL_CTX *tls_store_datagram(struct tls_store *s);
/* Up to TLS_CHAIN_MAX certificates of a PEM text; NULL when there is none or it is damaged. */
STACK_OF(X509) *tls_pem_certificates(struct bytes pem);
/* Takes the leaf out of them: the one that issued none of the others; the caller's. NULL: a circle. */
X509 *tls_take_leaf(STACK_OF(X509) *all);
/* The callbacks that net/tls.c gives every context. */
void tls_context_hooks(SSL_CTX *ctx);

#endif
