#include "chain.h"

#include "acme_jws.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/random.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31" /* RFC 8737 6.1 */
enum { ALPN_LIFE_S = 86400, SKEW_S = 3600 };

static X509 *leaf_of(struct bytes pem)
{
	BIO *in = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(in);
	ERR_clear_error();
	return x;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

int chain_read(struct bytes pem, struct chain_about *out)
{
	X509 *x = leaf_of(pem);

	if (!x)
		return ERR_SYNTAX;
	*out = (struct chain_about){ seconds_of(X509_get0_notBefore(x)), seconds_of(X509_get0_notAfter(x)), X509_self_signed(x, 0) == 1 };
	X509_free(x);
	return 0;
}

bool chain_covers(struct bytes pem, const char *name)
{
	X509 *x = leaf_of(pem);
	bool is_covered = x && X509_check_host(x, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;

	X509_free(x);
	ERR_clear_error();
	return is_covered;
}

int chain_identify(struct bytes pem, char out[static CHAIN_ID_BYTES])
{
	X509 *x = leaf_of(pem);
	const ASN1_OCTET_STRING *key = x ? X509_get0_authority_key_id(x) : NULL;
	uint8_t *der = NULL;
	int n = key && key->length > 0 ? i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der) : 0;
	struct buf b;

	buf_init(&b, CHAIN_ID_BYTES);
	if (n > 2 && n < 128) { /* two bytes of tag and length */
		acme_base64url(bytes_make(key->data, (size_t)key->length), &b);
		buf_put_u8(&b, '.');
		acme_base64url(bytes_make(der + 2, (size_t)n - 2), &b);
	}
	bool is_done = !buf_failed(&b) && buf_len(&b) > 0 && buf_len(&b) < CHAIN_ID_BYTES;
	(void)snprintf(out, CHAIN_ID_BYTES, "%s", is_done ? buf_cstr(&b) : "");
	buf_fini(&b);
	OPENSSL_free(der);
	X509_free(x);
	ERR_clear_error();
	return is_done ? 0 : ERR_NOT_FOUND;
}

int64_t chain_renewal_s(const struct chain_about *a)
{
	return a->from_s + (a->until_s - a->from_s) / 3 * 2;
}

/* ---- tls-alpn-01 ---- */

static bool add_name(X509 *x, const char *name)
{
	char text[300];

	(void)snprintf(text, sizeof text, "DNS:%s", name); /* letters, digits, '-' and '.' */
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	bool is_added = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return is_added;
}

/* RFC 8737 3: the digest of the key authorization, an OCTET STRING, critical. */
static bool add_identifier(X509 *x, struct bytes answer)
{
	uint8_t der[2 + 32] = { 0x04, 0x20 };
	ASN1_OBJECT *id = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e = NULL;
	unsigned n = 0;

	if (id && value && EVP_Digest(answer.p, answer.n, der + 2, &n, EVP_sha256(), NULL) && ASN1_OCTET_STRING_set(value, der, sizeof der))
		e = X509_EXTENSION_create_by_OBJ(NULL, id, 1, value);
	bool is_added = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(id);
	return is_added;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *name, struct bytes answer)
{
	uint64_t serial;

	random_bytes((uint8_t *)&serial, sizeof serial);
	return X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) &&
	       X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"acme-tls/1", -1, -1, 0) &&
	       X509_set_issuer_name(x, X509_get_subject_name(x)) && X509_gmtime_adj(X509_getm_notBefore(x), -SKEW_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), ALPN_LIFE_S) && X509_set_pubkey(x, key) && add_name(x, name) && add_identifier(x, answer) &&
	       X509_sign(x, key, EVP_sha256()) > 0;
}

int chain_make_alpn(const char *name, struct bytes answer, struct buf *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *pem = BIO_new(BIO_s_mem());
	char *text = NULL;
	int rc = key && x && pem && fill(x, key, name, answer) && PEM_write_bio_X509(pem, x) &&
				 PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL)
		     ? 0
		     : ERR_NOMEM;

	if (!rc) {
		long n = BIO_get_mem_data(pem, &text);
		buf_put(out, text, n > 0 ? (size_t)n : 0);
	}
	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(pem);
	ERR_clear_error();
	return rc ? rc : buf_failed(out) ? ERR_NOMEM : 0;
}
