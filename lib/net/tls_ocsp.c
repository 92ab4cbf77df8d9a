/* What an authority says of a certificate during the handshake (OCSP stapling, RFC 6066 8). */
#include "net/tls_conn.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

/* The answer, when it is signed by who may speak for the certificate's issuer. */
static OCSP_BASICRESP *read_answer(SSL *ssl, STACK_OF(X509) *chain, X509_STORE *trust)
{
	const unsigned char *der = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	OCSP_RESPONSE *r = der && n > 0 ? d2i_OCSP_RESPONSE(NULL, &der, n) : NULL;
	OCSP_BASICRESP *b = NULL;

	if (r && OCSP_response_status(r) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		b = OCSP_response_get1_basic(r);
	if (b && OCSP_basic_verify(b, chain, trust, 0) != 1) {
		OCSP_BASICRESP_free(b);
		b = NULL;
	}
	OCSP_RESPONSE_free(r);
	return b;
}

bool tls_ocsp_says_revoked(SSL *ssl, STACK_OF(X509) *chain, X509_STORE *trust)
{
	int status = V_OCSP_CERTSTATUS_UNKNOWN;
	OCSP_BASICRESP *b = sk_X509_num(chain) > 1 ? read_answer(ssl, chain, trust) : NULL;
	OCSP_CERTID *id = b ? OCSP_cert_to_id(NULL, sk_X509_value(chain, 0), sk_X509_value(chain, 1)) : NULL;

	/* However old the answer is: what is revoked stays so. */
	bool is_revoked = id && OCSP_resp_find_status(b, id, &status, NULL, NULL, NULL, NULL) == 1 &&
	                  status == V_OCSP_CERTSTATUS_REVOKED;
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(b);
	ERR_clear_error();
	return is_revoked;
}
