#include "ca.h"

#include "base/err.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAYS = 30, CLOCK_SKEW_S = 3600 };

struct ca {
	EVP_PKEY *key;
	X509 *cert;
};

static int set_name(X509_NAME *name, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Gatehouse demo", -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

static int set_serial(X509 *cert)
{
	/* Random and positive (RFC 5280 4.1.2.2). */
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), random_u64() >> 1);
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	int ok = e && X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

/* Everything but the extensions and the signature. */
static X509 *new_certificate(const char *name, EVP_PKEY *key)
{
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -CLOCK_SKEW_S) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), DAYS * 86400L) &&
	    set_name(X509_get_subject_name(cert), name) && X509_set_pubkey(cert, key))
		return cert;
	X509_free(cert);
	return NULL;
}

struct ca *ca_new(const char *name)
{
	struct ca *ca = calloc(1, sizeof *ca);

	if (!ca)
		return NULL;
	ca->key = EVP_EC_gen("P-256");
	ca->cert = ca->key ? new_certificate(name, ca->key) : NULL;
	if (ca->cert && X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) &&
	    add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE") &&
	    add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash") &&
	    X509_sign(ca->cert, ca->key, EVP_sha256()))
		return ca;
	ca_free(ca);
	return NULL;
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	free(ca);
}

static int put_pem(X509 *cert, EVP_PKEY *key, struct buf *pem)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	int ok = out && PEM_write_bio_X509(out, cert) &&
		 (!key || PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL));
	long n = ok ? BIO_get_mem_data(out, &text) : 0;

	if (n > 0)
		buf_put(pem, text, (size_t)n);
	BIO_free(out);
	return n > 0 && !buf_failed(pem) ? 0 : ERR_NOMEM;
}

int ca_put_root(const struct ca *ca, struct buf *pem)
{
	return put_pem(ca->cert, NULL, pem);
}

int ca_issue(struct ca *ca, const char *domain, struct buf *pem)
{
	char names[300];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? new_certificate(domain, key) : NULL;
	int rc = ERR_NOMEM;

	snprintf(names, sizeof names, "DNS:%s", domain);
	if (cert && X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) &&
	    add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, ca->cert, NID_ext_key_usage, "serverAuth") &&
	    add_extension(cert, ca->cert, NID_subject_alt_name, names) &&
	    add_extension(cert, ca->cert, NID_authority_key_identifier, "keyid") &&
	    X509_sign(cert, ca->key, EVP_sha256()))
		rc = put_pem(cert, key, pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}
