#include "keys.h"

#include "base/err.h"
#include "base/random.h"
#include "proto/jid.h"

#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* A wildcard keeps its star; the rest goes to A-labels. */
static int to_ascii(struct bytes domain, char out[static 256])
{
	bool is_wild = domain.n > 2 && domain.p[0] == '*' && domain.p[1] == '.';
	struct bytes rest = is_wild ? bytes_skip(domain, 2) : domain, normal;
	struct arena a;
	char ascii[254];

	arena_init(&a, 16384);
	int rc = jid_parse_domain(rest, &a, &normal);
	if (!rc)
		rc = jid_domain_to_ascii(normal, ascii);
	arena_fini(&a);
	if (!rc)
		snprintf(out, 256, "%s%s", is_wild ? "*." : "", ascii);
	return rc ? ERR_SYNTAX : 0;
}

/* subjectAltName with a dNSName for each domain (RFC 6120 13.7.1.2). */
static int make_names(const struct bytes *domains, size_t n, GENERAL_NAMES **out)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	int rc = names && n && n <= CERT_DOMAINS_MAX ? 0 : ERR_SYNTAX;

	for (size_t i = 0; !rc && i < n; i++) {
		char ascii[256];
		rc = to_ascii(domains[i], ascii);
		GENERAL_NAME *name = rc ? NULL : GENERAL_NAME_new();
		ASN1_IA5STRING *text = name ? ASN1_IA5STRING_new() : NULL;
		if (rc)
			break;
		if (!text || !ASN1_STRING_set(text, ascii, -1)) {
			ASN1_IA5STRING_free(text);
			GENERAL_NAME_free(name);
			rc = ERR_NOMEM;
			break;
		}
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		if (!sk_GENERAL_NAME_push(names, name)) {
			GENERAL_NAME_free(name);
			rc = ERR_NOMEM;
		}
	}
	if (rc)
		GENERAL_NAMES_free(names);
	else
		*out = names;
	return rc;
}

static int set_subject(X509_NAME *name, struct bytes domain)
{
	char ascii[256];

	if (to_ascii(domain, ascii))
		return ERR_SYNTAX;
	ascii[64] = 0; /* a common name is 64 characters at most (RFC 5280 A.1); nobody matches on it */
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)ascii, -1, -1, 0) ? 0 : ERR_NOMEM;
}

static const EVP_MD *digest_for(EVP_PKEY *pkey)
{
	return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static int bio_to_buf(BIO *bio, struct buf *out)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	buf_put(out, text, n > 0 ? (size_t)n : 0);
	return n > 0 && !buf_failed(out) ? 0 : ERR_NOMEM;
}

int cert_request(EVP_PKEY *pkey, const struct bytes *domains, size_t n, struct buf *out)
{
	GENERAL_NAMES *names = NULL;
	int rc = make_names(domains, n, &names);
	X509_REQ *req = rc ? NULL : X509_REQ_new();
	STACK_OF(X509_EXTENSION) *exts = NULL;
	BIO *bio = BIO_new(BIO_s_mem());

	if (!rc)
		rc = req && bio ? set_subject(X509_REQ_get_subject_name(req), domains[0]) : ERR_NOMEM;
	if (!rc && (X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, 0) <= 0 || !X509_REQ_add_extensions(req, exts) ||
		    !X509_REQ_set_pubkey(req, pkey) || X509_REQ_sign(req, pkey, digest_for(pkey)) <= 0 ||
		    !PEM_write_bio_X509_REQ(bio, req)))
		rc = ERR_NOMEM;
	if (!rc)
		rc = bio_to_buf(bio, out);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	GENERAL_NAMES_free(names);
	X509_REQ_free(req);
	BIO_free(bio);
	return rc;
}

static int fill(X509 *cert, EVP_PKEY *pkey, const struct bytes *domains, GENERAL_NAMES *names)
{
	uint8_t serial[16];

	random_bytes(serial, sizeof serial);
	serial[0] &= 0x7f;
	BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
	int rc = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) ? 0 : ERR_NOMEM;
	BN_free(number);
	if (!rc)
		rc = set_subject(X509_get_subject_name(cert), domains[0]);
	if (!rc && (!X509_set_version(cert, X509_VERSION_3) || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
		    !X509_gmtime_adj(X509_getm_notBefore(cert), -300) ||
		    !X509_gmtime_adj(X509_getm_notAfter(cert), (long)CERT_SELF_SIGNED_DAYS * 86400) ||
		    !X509_set_pubkey(cert, pkey) || X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) <= 0 ||
		    X509_sign(cert, pkey, digest_for(pkey)) <= 0))
		rc = ERR_NOMEM;
	return rc;
}

int cert_self_signed(EVP_PKEY *pkey, const struct bytes *domains, size_t n, struct buf *out)
{
	GENERAL_NAMES *names = NULL;
	int rc = make_names(domains, n, &names);
	X509 *cert = rc ? NULL : X509_new();
	BIO *bio = BIO_new(BIO_s_mem());

	if (!rc)
		rc = cert && bio ? fill(cert, pkey, domains, names) : ERR_NOMEM;
	if (!rc && !PEM_write_bio_X509(bio, cert))
		rc = ERR_NOMEM;
	if (!rc)
		rc = bio_to_buf(bio, out);
	GENERAL_NAMES_free(names);
	X509_free(cert);
	BIO_free(bio);
	return rc;
}

static void run(struct keys *k, struct proc_ask *ask, const struct bytes *args, size_t n,
		int (*make)(EVP_PKEY *, const struct bytes *, size_t, struct buf *))
{
	EVP_PKEY *pkey = n >= 2 ? vault_get(&k->vault, args[0]) : NULL;
	struct buf pem;

	if (!pkey) {
		proc_done(ask, n < 2 ? ERR_SYNTAX : ERR_NOT_FOUND, n < 2 ? "wants a key's name and domains" : "there is no key of this name");
		return;
	}
	buf_init(&pem, 65536);
	int rc = make(pkey, args + 1, n - 1, &pem);
	if (!rc) {
		proc_record_begin(ask);
		proc_record_text(ask, "pem", buf_bytes(&pem));
		proc_record_end(ask);
	}
	buf_fini(&pem);
	proc_done(ask, rc, rc == ERR_SYNTAX ? "one of the domains is not a domain name" : rc ? err_text(rc) : "");
}

void cmd_csr(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, cert_request);
}

void cmd_self_signed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	run(program, ask, args, n, cert_self_signed);
}
