/* chain.h - what a certificate that runs, or that an authority has just given, says about itself. PEM, leaf first (RFC 8555
 * 9.1). OpenSSL reads it. */
#ifndef PKI_CHAIN_H
#define PKI_CHAIN_H

#include "base/bytes.h"

struct chain_about {
	int64_t from_s, until_s; /* of the leaf, since 1970 */
	bool is_self_signed;
};
/* ERR_SYNTAX: not PEM, or empty. */
int chain_read(struct bytes pem, struct chain_about *out);
/* Does the leaf have this name (A-labels)? */
bool chain_covers(struct bytes pem, const char *name);
/* What an authority calls it by (RFC 9773 4.1): its key's identifier and the serial number. ERR_NOT_FOUND: it names no key. */
enum { CHAIN_ID_BYTES = 128 };
int chain_identify(struct bytes pem, char out[static CHAIN_ID_BYTES]);
/* When it should be renewed: at two thirds of its life. */
int64_t chain_renewal_s(const struct chain_about *a);

/* A self-signed certificate, and its key, which proves a name to an authority and nothing else (RFC 8737 3). PEM into out.
 * answer: the key authorization. ERR_NOMEM. */
struct buf;
int chain_make_alpn(const char *name, struct bytes answer, struct buf *out);

#endif
