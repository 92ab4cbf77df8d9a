/* net/ocsp.h - asking an authority how a certificate of ours stands, and reading its answer (RFC 6960, in the small form of
 * RFC 5019: one certificate, no nonce, so that authorities can sign ahead). The answer is stapled into handshakes. Pure. */
#ifndef NET_OCSP_H
#define NET_OCSP_H

#include "base/buf.h"
#include "base/bytes.h"

#include <openssl/x509.h>

enum { OCSP_URL_MAX = 1024, OCSP_ANSWER_MAX = 16 << 10, OCSP_LEAF_BYTES = 32 };

/* A certificate of ours. */
struct ocsp_subject {
	X509 *leaf, *issuer;                   /* owned */
	char url[OCSP_URL_MAX + 1];            /* of the responder: the first http or https one (RFC 5280 4.2.2.1); "" none */
	bool must_staple;                      /* RFC 7633: clients may refuse it without an answer */
	uint8_t leaf_sha256[OCSP_LEAF_BYTES];  /* of the whole certificate */
};
/* From a chain in PEM whose order does not matter. ERR_SYNTAX; ERR_NOT_FOUND: its issuer is not in it (the rest is filled in
 * but for `issuer`). */
int ocsp_subject_read(struct ocsp_subject *s, struct bytes pem);
/* Looks for the issuer among whom we trust. ERR_NOT_FOUND. */
struct tls_store;
int ocsp_subject_complete(struct ocsp_subject *s, struct tls_store *trust);
void ocsp_subject_fini(struct ocsp_subject *s);

/* The request, DER. ERR_NOMEM. */
int ocsp_ask(const struct ocsp_subject *s, struct buf *out);

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };
struct ocsp_answer {
	enum ocsp_status status;
	int64_t from_s, until_s; /* this update; when it is no longer to be shown. Since 1970 */
	const char *why;         /* of an error: what is wrong with it; static */
};
/* Is der the answer to ocsp_ask, signed by the issuer or by whom it has appointed for that (RFC 6960 4.2.2.2), and in force at
 * now_s? ERR_SYNTAX; ERR_AGAIN: the responder has none now; ERR_CERT_OTHER: not signed by who may; ERR_NOT_FOUND: of another
 * certificate; ERR_CERT_NOT_YET, ERR_CERT_EXPIRED; ERR_NOMEM. Only `why` is set on errors. */
int ocsp_read(const struct ocsp_subject *s, struct bytes der, int64_t now_s, struct ocsp_answer *out);

#endif
