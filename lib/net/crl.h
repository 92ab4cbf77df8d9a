/* net/crl.h - an authority's revocation list as it is published (RFC 5280 5), made into what doors hold (net/revoked.h).
 * Whole lists only: no delta lists, no indirect ones. */
#ifndef NET_CRL_H
#define NET_CRL_H

#include "net/revoked.h"
#include "net/tls.h"

enum { CRL_WHY_BYTES = 96, CRL_TEXT_BYTES = 256 };

struct crl_about {
	char issuer[CRL_TEXT_BYTES];
	char why[CRL_WHY_BYTES]; /* what is wrong, for the administrator; "" */
};

/* file: DER or PEM. It must be signed by an authority that s trusts, directly or by way of certificates of `pool` (may be
 * NULL), and be from before now_s. A list whose next update is over is taken, too: what it names is revoked.
 * *out: the caller's, without a name. ERR_SYNTAX, ERR_UNSUPPORTED, ERR_LIMIT, ERR_CERT_UNKNOWN_CA, ERR_CERT_OTHER (signature),
 * ERR_CERT_NOT_YET, ERR_NOMEM; `about` is filled in as far as it was read. */
int crl_read(struct tls_store *s, STACK_OF(X509) *pool, struct bytes file, int64_t now_s, struct revoked_list **out, struct crl_about *about);
/* Adds a chain's certificates (PEM) to a pool. ERR_SYNTAX, ERR_NOMEM. */
int crl_pool_add(STACK_OF(X509) *pool, struct bytes pem);

#endif
