#include "bundle.h"

#include "base/err.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <stdio.h>

int bundle_fail(struct bundle *b, int rc, const char *why)
{
	ERR_clear_error();
	if (!b->why[0])
		snprintf(b->why, sizeof b->why, "%s", why);
	return rc;
}

void bundle_fini(struct bundle *b)
{
	for (size_t i = 0; i < b->n_certs; i++)
		X509_free(b->certs[i]);
	EVP_PKEY_free(b->key); /* OpenSSL wipes it */
	ERR_clear_error();
	*b = (struct bundle){ 0 };
}

int bundle_take_cert(struct bundle *b, X509 *cert)
{
	if (!cert)
		return bundle_fail(b, ERR_SYNTAX, "a certificate cannot be read");
	for (size_t i = 0; i < b->n_certs; i++) {
		if (X509_cmp(b->certs[i], cert) == 0) {
			X509_free(cert); /* twice the same */
			return 0;
		}
	}
	if (b->n_certs == BUNDLE_CERTS_MAX) {
		X509_free(cert);
		return bundle_fail(b, ERR_LIMIT, "more than 32 certificates");
	}
	b->certs[b->n_certs++] = cert;
	return 0;
}

int bundle_take_key(struct bundle *b, EVP_PKEY *key)
{
	if (!key)
		return bundle_fail(b, ERR_SYNTAX, "the private key cannot be read");
	if (b->key && EVP_PKEY_eq(b->key, key) != 1) {
		EVP_PKEY_free(key);
		return bundle_fail(b, ERR_EXISTS, "two different private keys: give one certificate with its own key");
	}
	EVP_PKEY_free(b->key);
	b->key = key;
	return 0;
}

static int want_password(struct bundle *b, bool was_given)
{
	b->wants_password = true;
	return bundle_fail(b, ERR_AUTH, was_given ? "the password does not open it" : "it is encrypted: give its password");
}

/* ---- PKCS#7 ---- */

static int add_pkcs7(struct bundle *b, PKCS7 *p7)
{
	STACK_OF(X509) *certs = NULL;
	int rc = 0;

	if (PKCS7_type_is_signed(p7) && p7->d.sign)
		certs = p7->d.sign->cert;
	else if (PKCS7_type_is_signedAndEnveloped(p7) && p7->d.signed_and_enveloped)
		certs = p7->d.signed_and_enveloped->cert;
	if (sk_X509_num(certs) <= 0)
		return bundle_fail(b, ERR_SYNTAX, "a PKCS#7 file without certificates");
	for (int i = 0; !rc && i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		rc = X509_up_ref(cert) ? bundle_take_cert(b, cert) : ERR_NOMEM;
	}
	return rc;
}

/* ---- PKCS#8 ---- */

static int add_encrypted_key(struct bundle *b, X509_SIG *sealed, struct bytes password)
{
	const X509_ALGOR *alg;

	X509_SIG_get0(sealed, &alg, NULL);
	if (password.n == 0)
		return want_password(b, false);
	int rc = bundle_spend(b, alg);
	if (rc)
		return rc;
	PKCS8_PRIV_KEY_INFO *plain = PKCS8_decrypt(sealed, (const char *)password.p, (int)password.n);
	if (!plain)
		return want_password(b, true);
	rc = bundle_take_key(b, EVP_PKCS82PKEY(plain));
	PKCS8_PRIV_KEY_INFO_free(plain); /* wiped: OpenSSL clears its octets */
	return rc;
}

/* ---- DER ---- */

static bool is_whole(const uint8_t *p, struct bytes der)
{
	return p == der.p + der.n;
}

/* Each form is tried in turn; *is_taken: it was this one. */
static int try_cert(struct bundle *b, struct bytes der, bool *is_taken)
{
	const uint8_t *p = der.p;
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);

	*is_taken = cert && is_whole(p, der);
	if (*is_taken)
		return bundle_take_cert(b, cert);
	X509_free(cert);
	return 0;
}

static int try_pkcs7(struct bundle *b, struct bytes der, bool *is_taken)
{
	const uint8_t *p = der.p;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);

	*is_taken = p7 && is_whole(p, der);
	int rc = *is_taken ? add_pkcs7(b, p7) : 0;
	PKCS7_free(p7);
	return rc;
}

static int try_p12(struct bundle *b, struct bytes der, struct bytes password, bool *is_taken)
{
	const uint8_t *p = der.p;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)der.n);

	*is_taken = p12 && is_whole(p, der);
	int rc = *is_taken ? bundle_add_p12(b, p12, password) : 0;
	PKCS12_free(p12);
	return rc;
}

static int try_sealed_key(struct bundle *b, struct bytes der, struct bytes password, bool *is_taken)
{
	const uint8_t *p = der.p;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &p, (long)der.n);

	*is_taken = sealed && is_whole(p, der);
	int rc = *is_taken ? add_encrypted_key(b, sealed, password) : 0;
	X509_SIG_free(sealed);
	return rc;
}

static int try_key(struct bundle *b, struct bytes der, bool *is_taken)
{
	const uint8_t *p = der.p;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.n);

	*is_taken = key != NULL;
	return key ? bundle_take_key(b, key) : 0;
}

static int add_der(struct bundle *b, struct bytes der, struct bytes password)
{
	bool is_taken = false;
	int rc = try_cert(b, der, &is_taken);

	if (!is_taken)
		rc = try_p12(b, der, password, &is_taken);
	if (!is_taken)
		rc = try_pkcs7(b, der, &is_taken);
	if (!is_taken)
		rc = try_sealed_key(b, der, password, &is_taken);
	if (!is_taken)
		rc = try_key(b, der, &is_taken);
	ERR_clear_error();
	return is_taken ? rc : bundle_fail(b, ERR_SYNTAX, "neither certificates nor a private key in PEM, DER, PKCS#7 or PKCS#12");
}

/* ---- PEM (RFC 7468) ---- */

enum block { BLOCK_CERT, BLOCK_DER, BLOCK_KEY, BLOCK_SEALED, BLOCK_PKCS7, BLOCK_REQUEST, BLOCK_SKIPPED };

static enum block block_of(const char *label)
{
	static const struct {
		const char *label;
		enum block block;
	} rows[] = {
		{ "CERTIFICATE", BLOCK_CERT },       { "X509 CERTIFICATE", BLOCK_CERT }, { "PRIVATE KEY", BLOCK_KEY },
		{ "RSA PRIVATE KEY", BLOCK_KEY },    { "EC PRIVATE KEY", BLOCK_KEY },	 { "ENCRYPTED PRIVATE KEY", BLOCK_SEALED },
		{ "PKCS7", BLOCK_PKCS7 },	     { "CMS", BLOCK_PKCS7 },		 { "CERTIFICATE REQUEST", BLOCK_REQUEST },
		{ "NEW CERTIFICATE REQUEST", BLOCK_REQUEST },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(label, rows[i].label) == 0)
			return rows[i].block;
	}
	return BLOCK_SKIPPED;
}

static int give_password(char *out, int size, int writing, void *arg)
{
	struct bytes *password = arg;

	(void)writing;
	if (password->n == 0 || (int)password->n > size)
		return -1;
	memcpy(out, password->p, password->n);
	return (int)password->n;
}

/* The old encryption inside PEM (RFC 1421): one round of MD5, which costs nothing. */
static int open_header(struct bundle *b, char *header, uint8_t *data, long *n, struct bytes password)
{
	EVP_CIPHER_INFO cipher;

	if (!PEM_get_EVP_CIPHER_INFO(header, &cipher))
		return bundle_fail(b, ERR_SYNTAX, "the encryption of the private key is not known here");
	if (!cipher.cipher)
		return 0;
	return PEM_do_header(&cipher, data, n, give_password, &password) ? 0 : want_password(b, password.n > 0);
}

static int add_block(struct bundle *b, const char *label, struct bytes der, struct bytes password)
{
	static const char *const texts[] = { "a certificate cannot be read", "", "the private key cannot be read", "the private key cannot be read",
		                             "the PKCS#7 text cannot be read" };
	enum block block = block_of(label);
	bool is_taken = true;
	int rc = 0;

	if (block == BLOCK_CERT)
		rc = try_cert(b, der, &is_taken);
	else if (block == BLOCK_KEY)
		rc = try_key(b, der, &is_taken);
	else if (block == BLOCK_SEALED)
		rc = try_sealed_key(b, der, password, &is_taken);
	else if (block == BLOCK_PKCS7)
		rc = try_pkcs7(b, der, &is_taken);
	else if (block == BLOCK_REQUEST)
		return bundle_fail(b, ERR_SYNTAX, "this is a certificate request: give what the authority made of it");
	return is_taken ? rc : bundle_fail(b, ERR_SYNTAX, texts[block]);
}

static int add_pem(struct bundle *b, BIO *in, struct bytes password)
{
	char *label, *header;
	uint8_t *data;
	size_t before = b->n_certs + (b->key != NULL);
	unsigned n_blocks = 0;
	long n;
	int rc = 0;

	while (!rc && PEM_read_bio(in, &label, &header, &data, &n)) {
		long whole = n;
		if (n_blocks++ == BUNDLE_BLOCKS_MAX)
			rc = bundle_fail(b, ERR_LIMIT, "more than 64 parts in one file");
		if (!rc)
			rc = open_header(b, header, data, &n, password);
		if (!rc)
			rc = add_block(b, label, bytes_make(data, (size_t)n), password);
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)whole);
	}
	if (rc)
		return rc;
	unsigned long last = ERR_peek_last_error();
	if (n_blocks == 0 || (last && ERR_GET_REASON(last) != PEM_R_NO_START_LINE))
		return bundle_fail(b, ERR_SYNTAX, n_blocks ? "a part of the file is no whole PEM" : "neither certificates nor a private key in PEM");
	ERR_clear_error();
	/* The same again is fine, too. */
	return before == 0 && b->n_certs == 0 && !b->key ? bundle_fail(b, ERR_SYNTAX, "neither certificates nor a private key in PEM") : 0;
}

int bundle_add(struct bundle *b, struct bytes file, struct bytes password)
{
	static const char begin[] = "-----BEGIN ";

	ERR_clear_error();
	if (file.n == 0)
		return bundle_fail(b, ERR_SYNTAX, "neither certificates nor a private key: the file is empty");
	if (file.n > BUNDLE_FILE_MAX_BYTES || password.n > BUNDLE_PASSWORD_MAX_BYTES)
		return bundle_fail(b, ERR_LIMIT, "larger than 256 KiB");
	if (!memmem(file.p, file.n, begin, sizeof begin - 1))
		return add_der(b, file, password);
	BIO *in = BIO_new_mem_buf(file.p, (int)file.n);
	int rc = in ? add_pem(b, in, password) : ERR_NOMEM;
	BIO_free(in);
	return rc;
}
