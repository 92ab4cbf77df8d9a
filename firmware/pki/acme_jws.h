/* acme_jws.h - requests as ACME has them: flattened JWS (RFC 7515 7.2.2, RFC 8555 6.2), signed elsewhere. Pure. */
#ifndef PKI_ACME_JWS_H
#define PKI_ACME_JWS_H

#include "base/buf.h"
#include "run/acme.h"

/* The account's key: the coordinates of its public half (RFC 7518 6.2.1). */
struct acme_key {
	uint8_t x[ACME_COORDINATE_BYTES], y[ACME_COORDINATE_BYTES];
};
enum { ACME_THUMBPRINT_BYTES = 44 }; /* 43 letters and a NUL */

/* base64url without padding (RFC 7515 2), appended. */
void acme_base64url(struct bytes in, struct buf *out);
/* The key as JWK, its members in the order of the thumbprint (RFC 7638 3). */
void acme_jwk(const struct acme_key *k, struct buf *out);
/* RFC 7638. ERR_NOMEM. */
int acme_thumbprint(const struct acme_key *k, char out[static ACME_THUMBPRINT_BYTES]);

/* The protected header. kid NULL: the key itself is in it, as the server does not know it yet. nonce NULL: none, and the
 * algorithm is HS256 (RFC 8555 7.3.4). */
struct acme_header {
	const char *kid, *nonce, *url;
	const struct acme_key *key;
};
/* What is to be signed, "protected.payload". An empty payload is a POST-as-GET (RFC 8555 6.3). ERR_NOMEM. */
int acme_jws_input(const struct acme_header *h, struct bytes payload, struct buf *out);
/* The whole, of what was signed and its signature. */
void acme_jws_put(struct bytes input, struct bytes signature, struct buf *out);

/* ---- payloads ---- */
/* contact "", binding empty: none. */
int acme_put_new_account(const char *contact, bool is_agreed, struct bytes binding, struct buf *out);
/* replaces: chain_identify of the certificate that it comes in place of (RFC 9773 5); NULL none. */
int acme_put_new_order(const char *const *names, size_t n, const char *replaces, struct buf *out);
/* The certificate request in DER. */
void acme_put_finalize(struct bytes request, struct buf *out);

#endif
