/* keyring.h - the public halves of what gh-keys holds, fetched for one check: does a certificate have
 * its key? */
#ifndef CONF_KEYRING_H
#define CONF_KEYRING_H

#include "base/bytes.h"

enum { KEYRING_MAX = 200 }; /* as many as gh-keys keeps */

struct keyring {
	struct keyring_key *v;
	size_t n;
	bool is_known; /* gh-keys has answered */
};

/* An all-zero struct is an empty ring. */
void keyring_fini(struct keyring *k);
/* der: SubjectPublicKeyInfo (RFC 5280 4.1). ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int keyring_add(struct keyring *k, struct bytes name, struct bytes der);
/* Is it the key of the first certificate in pem? 0; ERR_NOT_FOUND: no key of this name; ERR_DENIED:
 * another key; ERR_SYNTAX: pem cannot be read. */
int keyring_match(const struct keyring *k, struct bytes name, struct bytes pem);

#endif
