/* bundle.h - certificates and a private key out of whatever people have: PEM or DER, PKCS#7 (RFC 2315), PKCS#12
 * (RFC 7292), PKCS#8 (RFC 5958) plain or encrypted; in one file or several, in any order (G-PKI-03, 08..12).
 * OpenSSL reads the forms; the limits are here. No files, no clock, no logging. */
#ifndef KEYS_BUNDLE_H
#define KEYS_BUNDLE_H

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

enum {
	BUNDLE_FILES_MAX = 8, BUNDLE_FILE_MAX_BYTES = 256 << 10, BUNDLE_CERTS_MAX = 32, BUNDLE_BLOCKS_MAX = 64,
	BUNDLE_PASSWORD_MAX_BYTES = 256,
	/* of password functions, in all: a file must not keep gh-keys busy for longer than about two seconds */
	BUNDLE_ITERATIONS_MAX = 4000000,
};

struct bundle {
	X509 *certs[BUNDLE_CERTS_MAX]; /* after bundle_sort the chain, issuer after issued, then those that are not of it */
	size_t n_certs, n_chain;
	EVP_PKEY *key; /* or NULL */
	uint64_t iterations;
	bool wants_password; /* something is encrypted, and no password was given, or a wrong one */
	char why[256];       /* after an error: what is wrong, for a person */
};

/* An all-zero struct is an empty bundle. */
void bundle_fini(struct bundle *b);
/* Takes what is in one file. password: empty when there is none; never kept. ERR_AUTH: wants_password; ERR_SYNTAX: nothing that
 * is known here; ERR_LIMIT; ERR_EXISTS: a second private key. On failure only bundle_fini is left. */
int bundle_add(struct bundle *b, struct bytes file, struct bytes password);
/* The chain in its order from the certificate of `key` (NULL: of the bundle's key, or without one of the only certificate that
 * issued none of the others). ERR_DENIED: the key is of none of them; ERR_SYNTAX: no certificate, or more than one could be meant. */
int bundle_sort(struct bundle *b, EVP_PKEY *key, int64_t wall_s);
/* Why a certificate is too weak to be taken; false: it is not. The signature of a root counts for nothing, so it may be old. */
bool bundle_weakness(X509 *cert, char *why, size_t why_n);
/* Why a private or public key is too weak, or of a kind that is not served. NULL: it is good. */
const char *bundle_key_weakness(EVP_PKEY *key);
/* The chain as PEM, appended. ERR_NOMEM, ERR_LIMIT. */
int bundle_put_chain(const struct bundle *b, struct buf *out);

bool bundle_is_self_signed(X509 *cert);
/* "CN=a.example,O=A" (RFC 2253), cut to out_n. */
void bundle_put_name(X509_NAME *name, char *out, size_t out_n);

/* bundle_p12.c */
int bundle_add_p12(struct bundle *b, PKCS12 *p12, struct bytes password);
/* Counts what a password function would cost. ERR_LIMIT, ERR_UNSUPPORTED. */
int bundle_spend(struct bundle *b, const X509_ALGOR *alg);
/* For both: takes over one of them, also on failure. */
int bundle_take_cert(struct bundle *b, X509 *cert);
int bundle_take_key(struct bundle *b, EVP_PKEY *key);
int bundle_fail(struct bundle *b, int rc, const char *why);

#endif
