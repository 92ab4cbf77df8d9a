#include "net/pki_fixture.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static EVP_PKEY *key_make(enum pki_key k)
{
	switch (k) {
	case PKI_RSA:
		return EVP_RSA_gen(2048);
	case PKI_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	default:
		return EVP_EC_gen("P-256");
	}
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void to_pem(struct pki_cert *c)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p;

	MUST(PEM_write_bio_X509(b, c->x) == 1);
	MUST(PEM_write_bio_PKCS8PrivateKey(b, c->key, NULL, NULL, 0, NULL, NULL) == 1);
	c->pem_n = (size_t)BIO_get_mem_data(b, &p);
	c->pem = malloc(c->pem_n);
	MUST(c->pem);
	memcpy(c->pem, p, c->pem_n);
	BIO_free(b);
}

struct pki_cert pki_make(const struct pki_wish *w, const struct pki_cert *issuer)
{
	static long serial;
	struct pki_cert c = { .x = X509_new(), .key = w->use_key ? w->use_key : key_make(w->key) };
	bool is_default = !w->from_days && !w->to_days;
	EVP_PKEY *signer = issuer ? issuer->key : c.key;

	MUST(c.x && c.key);
	if (w->use_key)
		EVP_PKEY_up_ref(c.key);
	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.x), 86400L * (is_default ? -1 : w->from_days));
	X509_gmtime_adj(X509_getm_notAfter(c.x), 86400L * (is_default ? 90 : w->to_days));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x), "CN", MBSTRING_ASC, (const uint8_t *)w->cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer ? issuer->x : c.x));
	X509_set_pubkey(c.x, c.key);
	if (w->is_ca)
		extend(c.x, c.x, NID_basic_constraints, "critical,CA:TRUE");
	extend(c.x, c.x, NID_subject_key_identifier, "hash");
	extend(c.x, c.x, NID_subject_alt_name, w->san);
	extend(c.x, c.x, NID_ext_key_usage, w->eku);
	extend(c.x, c.x, NID_key_usage, w->usage);
	extend(c.x, c.x, NID_info_access, w->aia);
	extend(c.x, c.x, NID_tlsfeature, w->tls_feature);
	MUST(X509_sign(c.x, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256()) > 0);
	to_pem(&c);
	return c;
}

void pki_free(struct pki_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
	free(c->pem);
	*c = (struct pki_cert){ 0 };
}

struct bytes pki_pem(const struct pki_cert *c)
{
	return bytes_make(c->pem, c->pem_n);
}

static void revoke_one(X509_CRL *crl, const struct pki_cert *c)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *at = X509_gmtime_adj(NULL, -3600);

	MUST(r && at && X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(c->x)) == 1);
	MUST(X509_REVOKED_set_revocationDate(r, at) == 1 && X509_CRL_add0_revoked(crl, r) == 1);
	ASN1_TIME_free(at);
}

struct bytes pki_revoke(const struct pki_cert *issuer, const struct pki_cert *revoked, int days)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -86400L * 10), *to = X509_gmtime_adj(NULL, 86400L * days);
	BIO *b = BIO_new(BIO_s_mem());
	char *p;

	MUST(crl && from && to && b && X509_CRL_set_version(crl, 1) == 1);
	MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)) == 1);
	MUST(X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1);
	if (revoked)
		revoke_one(crl, revoked);
	MUST(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0 && PEM_write_bio_X509_CRL(b, crl) == 1);
	size_t n = (size_t)BIO_get_mem_data(b, &p);
	struct bytes pem = pki_join(bytes_make((uint8_t *)p, n), BYTES_NONE);
	BIO_free(b);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
	return pem;
}

struct bytes pki_ocsp(const struct pki_cert *by, const struct pki_cert *issuer, const struct pki_cert *about, bool is_revoked)
{
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, about->x, issuer->x);
	ASN1_TIME *at = X509_gmtime_adj(NULL, -3600), *next = X509_gmtime_adj(NULL, 86400);
	unsigned char *der = NULL;

	MUST(b && id && at && next);
	MUST(OCSP_basic_add1_status(b, id, is_revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
	                            OCSP_REVOKED_STATUS_KEYCOMPROMISE, is_revoked ? at : NULL, at, next));
	MUST(OCSP_basic_sign(b, by->x, by->key, EVP_sha256(), NULL, 0) == 1);
	OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	int n = i2d_OCSP_RESPONSE(r, &der);
	MUST(n > 0);
	struct bytes copy = pki_join(bytes_make(der, (size_t)n), BYTES_NONE);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(b);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(at);
	ASN1_TIME_free(next);
	return copy;
}

struct bytes pki_join(struct bytes a, struct bytes b)
{
	uint8_t *p = malloc(a.n + b.n);

	MUST(p);
	if (a.n)
		memcpy(p, a.p, a.n);
	if (b.n)
		memcpy(p + a.n, b.p, b.n);
	return bytes_make(p, a.n + b.n);
}
