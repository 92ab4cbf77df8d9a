/* cert.h - what a certificate chain in the settings says. The administrator's input, not a
 * stranger's. OpenSSL reads it; no key is here. */
#ifndef CONF_CERT_H
#define CONF_CERT_H

#include "base/buf.h"
#include "run/settings.h"

#include <openssl/types.h>

struct cert_about {
	char subject[256], issuer[256];
	char not_after[32];
	int64_t not_before_s, not_after_s; /* since 1970 */
	unsigned n;                        /* certificates in the chain */
	char sha256[65];                   /* fingerprint of the first, hex */
};

/* Days from which on an end is near: who renews in time has done so by then. */
enum { CERT_SOON_DAYS = 30 };
/* Does this setting name a certificate that is served? */
bool cert_is_used_by(enum setting id);
/* Whole days, rounded down: negative after the end. */
int64_t cert_days_left(const struct cert_about *a, int64_t wall_s);

/* About the first certificate; reads all. ERR_SYNTAX with *why. */
int cert_read(struct bytes pem, struct cert_about *out, char *why, size_t why_n);
/* Revocation lists; reads all. *next_update_s: when the first of them is out of date, since 1970;
 * INT64_MAX: none says. ERR_SYNTAX with *why. */
int cert_read_revocation(struct bytes pem, int64_t *next_update_s, char *why, size_t why_n);
struct cert_life {
	int64_t from_s, until_s; /* since 1970 */
};
/* Of the certificate in a chain that ends first. ERR_SYNTAX: none can be read. */
int cert_life(struct bytes pem, struct cert_life *out);
/* Of the revocation list that is out of date first. ERR_SYNTAX: none says when. */
int cert_list_life(struct bytes pem, struct cert_life *out);
/* Does the first certificate prove the (normalised) domain to clients or partners? */
bool cert_covers(struct bytes pem, struct bytes domain);
/* The key in the first certificate, the caller's; NULL when it cannot be read. */
EVP_PKEY *cert_public_key(struct bytes pem);
/* The names in the first certificate, "dns:a.example xmpp:b.example", appended. */
void cert_put_names(struct bytes pem, struct buf *out);

#endif
