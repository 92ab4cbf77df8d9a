/* scrypt.h - passwords at rest: scrypt (RFC 7914) with its parameters kept beside the hash, so that new passwords
 * may cost more without old ones becoming void. Pure. */
#ifndef CONF_SCRYPT_H
#define CONF_SCRYPT_H

#include "base/bytes.h"

enum {
	SCRYPT_SALT_BYTES = 16,
	SCRYPT_HASH_BYTES = 32,
	/* New passwords: 32 MiB and about a tenth of a second (RFC 7914 2 with N for log-ins) */
	SCRYPT_LOG2_N = 15,
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	SCRYPT_LOG2_N_MAX = 17, /* what is believed of a file */
	SCRYPT_R_MAX = 16,
	SCRYPT_P_MAX = 4,
};

struct scrypt {
	uint8_t log2_n, r, p;
	uint8_t salt[SCRYPT_SALT_BYTES];
	uint8_t hash[SCRYPT_HASH_BYTES];
};

/* A fresh salt and the parameters of new passwords; the hash is not there yet. */
void scrypt_fresh(struct scrypt *s);
/* Are the parameters ones that this box may be asked to compute? */
bool scrypt_is_sane(const struct scrypt *s);
/* The hash of a password with the parameters and salt of s. Takes long. ERR_NOMEM. */
int scrypt_compute(const struct scrypt *s, struct bytes password, uint8_t out[static SCRYPT_HASH_BYTES]);

#endif
