/* net/pki_fixture.h - certificates for tests, made on the spot. */
#ifndef NET_PKI_FIXTURE_H
#define NET_PKI_FIXTURE_H

#include "base/bytes.h"

#include <openssl/x509v3.h>

enum pki_key { PKI_P256, PKI_RSA, PKI_ED25519 };

struct pki_cert {
	X509 *x;
	EVP_PKEY *key;
	char *pem; /* certificate, then key */
	size_t pem_n;
};
struct pki_wish {
	const char *cn;
	const char *san; /* OpenSSL's words: "DNS:a.example"; NULL: none */
	const char *eku; /* "serverAuth"; NULL: none */
	const char *usage; /* NULL: none */
	const char *aia; /* "OCSP;URI:http://..."; NULL: none */
	const char *tls_feature; /* "status_request"; NULL: none */
	bool is_ca;
	enum pki_key key;
	int from_days, to_days; /* from today; both 0: -1 to 90 */
	EVP_PKEY *use_key; /* instead of a new one */
};
/* issuer NULL: self-signed. Ends the test when OpenSSL fails. */
struct pki_cert pki_make(const struct pki_wish *w, const struct pki_cert *issuer);
void pki_free(struct pki_cert *c);
struct bytes pki_pem(const struct pki_cert *c);
/* A revocation list of the issuer with `revoked` (may be NULL) in it, from ten days ago for `days` from
 * now (below 0: out of date); PEM, free() it. */
struct bytes pki_revoke(const struct pki_cert *issuer, const struct pki_cert *revoked, int days);
/* An OCSP response (DER) of `by` about a certificate of the issuer; free() it. */
struct bytes pki_ocsp(const struct pki_cert *by, const struct pki_cert *issuer, const struct pki_cert *about, bool is_revoked);
/* Several PEM texts in one; free() it. */
struct bytes pki_join(struct bytes a, struct bytes b);

#endif
