#include "net/ocsp.h"

#include "base/err.h"
#include "net/tls_store.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

/* Without a next update newer knowledge is always to be had (RFC 6960 4.2.2.1): it is shown for an hour. */
enum { NO_NEXT_S = 3600, SKEW_S = 300 };

/* ---- the certificate ---- */

/* TLS features (RFC 7633): a sequence of numbers of TLS extensions; 5 is status_request. */
static bool wants_staple(const X509 *x)
{
	TLS_FEATURE *f = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);
	bool wants = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(f) && !wants; i++)
		wants = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(f, i)) == 5;
	TLS_FEATURE_free(f);
	return wants;
}

static void read_url(X509 *leaf, char out[static OCSP_URL_MAX + 1])
{
	STACK_OF(OPENSSL_STRING) *all = X509_get1_ocsp(leaf);

	out[0] = '\0';
	for (int i = 0; i < sk_OPENSSL_STRING_num(all) && !out[0]; i++) {
		struct bytes url = bytes_of(sk_OPENSSL_STRING_value(all, i));
		if (url.n <= OCSP_URL_MAX && (bytes_starts(url, BYTES("http://")) || bytes_starts(url, BYTES("https://"))))
			memcpy(out, url.p, url.n + 1);
	}
	X509_email_free(all);
}

int ocsp_subject_read(struct ocsp_subject *s, struct bytes pem)
{
	STACK_OF(X509) *all = tls_pem_certificates(pem);
	X509 *leaf = all ? tls_take_leaf(all) : NULL;

	*s = (struct ocsp_subject){ .leaf = leaf };
	if (!leaf || X509_digest(leaf, EVP_sha256(), s->leaf_sha256, NULL) != 1) {
		sk_X509_pop_free(all, X509_free);
		ocsp_subject_fini(s);
		return ERR_SYNTAX;
	}
	for (int i = 0; i < sk_X509_num(all) && !s->issuer; i++)
		if (X509_check_issued(sk_X509_value(all, i), leaf) == X509_V_OK)
			s->issuer = sk_X509_delete(all, i);
	sk_X509_pop_free(all, X509_free);
	read_url(leaf, s->url);
	s->must_staple = wants_staple(leaf);
	ERR_clear_error();
	return s->issuer ? 0 : ERR_NOT_FOUND;
}

int ocsp_subject_complete(struct ocsp_subject *s, struct tls_store *trust)
{
	X509_STORE_CTX *c = s->issuer ? NULL : X509_STORE_CTX_new();

	if (c && X509_STORE_CTX_init(c, trust->trust, s->leaf, NULL) == 1)
		(void)X509_STORE_CTX_get1_issuer(&s->issuer, c, s->leaf); /* none: it stays NULL */
	X509_STORE_CTX_free(c);
	ERR_clear_error();
	return s->issuer ? 0 : ERR_NOT_FOUND;
}

void ocsp_subject_fini(struct ocsp_subject *s)
{
	X509_free(s->leaf);
	X509_free(s->issuer);
	*s = (struct ocsp_subject){ .leaf = NULL };
}

/* ---- the question ---- */

int ocsp_ask(const struct ocsp_subject *s, struct buf *out)
{
	OCSP_REQUEST *r = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, s->leaf, s->issuer); /* SHA-1, as RFC 5019 2.1.1 wants: a name, no proof */
	unsigned char *der = NULL;
	int n = 0;

	if (r && id && OCSP_request_add0_id(r, id)) {
		id = NULL; /* r's */
		n = i2d_OCSP_REQUEST(r, &der);
	}
	if (n > 0)
		buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(r);
	ERR_clear_error();
	return n > 0 && !buf_failed(out) ? 0 : ERR_NOMEM;
}

/* ---- the answer ---- */

static OCSP_RESPONSE *parse(struct bytes der)
{
	const unsigned char *p = der.p;
	OCSP_RESPONSE *r = der.n && der.n <= OCSP_ANSWER_MAX ? d2i_OCSP_RESPONSE(NULL, &p, (long)der.n) : NULL;

	if (r && p != der.p + der.n) {
		OCSP_RESPONSE_free(r);
		r = NULL;
	}
	return r;
}

/* Nobody but the issuer, and whom it has appointed: what else is trusted does not matter here. */
static bool is_signed(OCSP_BASICRESP *b, X509 *issuer)
{
	X509_STORE *only = X509_STORE_new();
	STACK_OF(X509) *certs = sk_X509_new_null();
	bool ok = only && certs && X509_STORE_add_cert(only, issuer) == 1 && X509_STORE_set_flags(only, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
	          sk_X509_push(certs, issuer) > 0 && OCSP_basic_verify(b, certs, only, 0) == 1;

	sk_X509_free(certs);
	X509_STORE_free(only);
	return ok;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

static int refuse(struct ocsp_answer *out, int rc, const char *why)
{
	out->why = why;
	return rc;
}

static int read_single(OCSP_BASICRESP *b, const struct ocsp_subject *s, int64_t now_s, struct ocsp_answer *out)
{
	ASN1_GENERALIZEDTIME *this = NULL, *next = NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, s->leaf, s->issuer);
	int status = V_OCSP_CERTSTATUS_UNKNOWN;

	if (!id)
		return ERR_NOMEM;
	bool is_there = OCSP_resp_find_status(b, id, &status, NULL, NULL, &this, &next) == 1;
	OCSP_CERTID_free(id);
	if (!is_there)
		return refuse(out, ERR_NOT_FOUND, "it is about another certificate");
	int64_t from = seconds_of(this), until = next ? seconds_of(next) : from + NO_NEXT_S;
	if (from < 0 || until < from)
		return refuse(out, ERR_SYNTAX, "its times make no sense");
	if (from > now_s + SKEW_S)
		return refuse(out, ERR_CERT_NOT_YET, "it is from the future: compare the clocks");
	if (until <= now_s)
		return refuse(out, ERR_CERT_EXPIRED, "it is out of date");
	out->from_s = from;
	out->until_s = until;
	out->status = status == V_OCSP_CERTSTATUS_GOOD ? OCSP_GOOD : status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_REVOKED : OCSP_UNKNOWN;
	return 0;
}

static int read_basic(OCSP_RESPONSE *r, const struct ocsp_subject *s, int64_t now_s, struct ocsp_answer *out)
{
	OCSP_BASICRESP *b = OCSP_response_get1_basic(r);
	int rc;

	if (!b)
		return refuse(out, ERR_SYNTAX, "it is no OCSP response that we know");
	if (!is_signed(b, s->issuer))
		rc = refuse(out, ERR_CERT_OTHER, "it is not signed by the certificate's authority");
	else
		rc = read_single(b, s, now_s, out);
	OCSP_BASICRESP_free(b);
	return rc;
}

int ocsp_read(const struct ocsp_subject *s, struct bytes der, int64_t now_s, struct ocsp_answer *out)
{
	OCSP_RESPONSE *r = parse(der);
	int rc;

	out->why = "";
	if (!r)
		rc = refuse(out, ERR_SYNTAX, "it is no OCSP response");
	else if (OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		rc = refuse(out, ERR_AGAIN, OCSP_response_status_str(OCSP_response_status(r)));
	else
		rc = read_basic(r, s, now_s, out);
	OCSP_RESPONSE_free(r);
	ERR_clear_error();
	return rc;
}
