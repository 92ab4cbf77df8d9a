/* A bundle's chain: which certificate is the one that is served, and who issued it. */
#include "bundle.h"

#include "base/err.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

void bundle_put_name(X509_NAME *name, char *out, size_t out_n)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	out[0] = 0;
	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		long n = BIO_get_mem_data(bio, &text);
		snprintf(out, out_n, "%.*s", (int)(n > 1024 ? 1024 : n), n > 0 ? text : "");
	}
	BIO_free(bio);
}

bool bundle_is_self_signed(X509 *cert)
{
	bool is_it = X509_self_signed(cert, 0) == 1;

	ERR_clear_error();
	return is_it;
}

/* By name and key identifier, and really by its key. */
static bool has_issued(X509 *issuer, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool has = issuer != cert && key && X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, key) == 1;

	ERR_clear_error();
	return has;
}

static bool is_of_key(X509 *cert, EVP_PKEY *key)
{
	EVP_PKEY *public = X509_get0_pubkey(cert);
	bool is_it = public && EVP_PKEY_eq(public, key) == 1;

	ERR_clear_error();
	return is_it;
}

static bool is_in_time(X509 *cert, int64_t wall_s)
{
	time_t now = (time_t)wall_s;

	return X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 && X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
}

/* Of several with the key, one that is in its time, and of those the one that ends last. */
static bool is_better(X509 *a, X509 *b, int64_t wall_s)
{
	int days = 0, seconds = 0;

	if (is_in_time(a, wall_s) != is_in_time(b, wall_s))
		return is_in_time(a, wall_s);
	return ASN1_TIME_diff(&days, &seconds, X509_get0_notAfter(b), X509_get0_notAfter(a)) && (days > 0 || seconds > 0);
}

static void move(struct bundle *b, size_t from, size_t to)
{
	X509 *cert = b->certs[from];

	b->certs[from] = b->certs[to];
	b->certs[to] = cert;
}

static int first_by_key(struct bundle *b, EVP_PKEY *key, int64_t wall_s)
{
	size_t best = b->n_certs;

	for (size_t i = 0; i < b->n_certs; i++) {
		if (is_of_key(b->certs[i], key) && (best == b->n_certs || is_better(b->certs[i], b->certs[best], wall_s)))
			best = i;
	}
	if (best == b->n_certs)
		return bundle_fail(b, ERR_DENIED, "the private key belongs to another certificate");
	move(b, best, 0);
	return 0;
}

static bool has_issued_any(const struct bundle *b, X509 *issuer)
{
	for (size_t i = 0; i < b->n_certs; i++) {
		if (has_issued(issuer, b->certs[i]))
			return true;
	}
	return false;
}

static int first_by_place(struct bundle *b)
{
	size_t found = b->n_certs, n_leaves = 0;

	for (int is_ca = 0; is_ca < 2 && n_leaves == 0; is_ca++) {
		for (size_t i = 0; i < b->n_certs; i++) {
			if ((X509_check_ca(b->certs[i]) == 1) != is_ca || has_issued_any(b, b->certs[i]))
				continue;
			found = i;
			n_leaves++;
		}
	}
	if (n_leaves == 0)
		found = 0; /* a circle of authorities: any may be the first */
	if (n_leaves > 1)
		return bundle_fail(b, ERR_SYNTAX, "several certificates that issued none of the others: give the private key in the same command, or fewer files");
	move(b, found, 0);
	return 0;
}

/* The place of the issuer of certs[n_chain - 1] among those behind it; n_certs: none. */
static size_t issuer_at(const struct bundle *b, int64_t wall_s)
{
	size_t best = b->n_certs;

	for (size_t i = b->n_chain; i < b->n_certs; i++) {
		if (has_issued(b->certs[i], b->certs[b->n_chain - 1]) && (best == b->n_certs || is_better(b->certs[i], b->certs[best], wall_s)))
			best = i;
	}
	return best;
}

int bundle_sort(struct bundle *b, EVP_PKEY *key, int64_t wall_s)
{
	if (!key)
		key = b->key;
	b->n_chain = 0;
	if (b->n_certs == 0)
		return bundle_fail(b, ERR_SYNTAX, "no certificate");
	int rc = key ? first_by_key(b, key, wall_s) : first_by_place(b);
	if (rc)
		return rc;
	b->n_chain = 1;
	while (b->n_chain < b->n_certs && !bundle_is_self_signed(b->certs[b->n_chain - 1])) {
		size_t at = issuer_at(b, wall_s);
		if (at == b->n_certs)
			break;
		move(b, at, b->n_chain++);
	}
	return 0;
}

const char *bundle_key_weakness(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return bits < 2048 ? "an RSA key of less than 2048 bits can be broken" : bits > 8192 ? "an RSA key of more than 8192 bits is too slow" : NULL;
	case EVP_PKEY_EC:
		return bits < 256 ? "a curve of less than 256 bits can be broken" : NULL;
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return NULL;
	}
	return "only RSA, ECDSA and Ed25519 keys are known here";
}

bool bundle_weakness(X509 *cert, char *why, size_t why_n)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const char *weak = key ? bundle_key_weakness(key) : "its key cannot be read";
	int digest = NID_undef;
	char name[160];

	if (!weak && !bundle_is_self_signed(cert) && X509_get_signature_info(cert, &digest, NULL, NULL, NULL) &&
	    (digest == NID_sha1 || digest == NID_md5 || digest == NID_md4 || digest == NID_md2 || digest == NID_md5_sha1))
		weak = "its signature is made with SHA-1 or older, which can be forged";
	ERR_clear_error();
	if (!weak)
		return false;
	bundle_put_name(X509_get_subject_name(cert), name, sizeof name);
	snprintf(why, why_n, "%s: %s", name, weak);
	return true;
}

int bundle_put_chain(const struct bundle *b, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = bio ? 0 : ERR_NOMEM;
	char *text;

	for (size_t i = 0; !rc && i < b->n_chain; i++)
		rc = PEM_write_bio_X509(bio, b->certs[i]) ? 0 : ERR_NOMEM;
	long n = rc ? 0 : BIO_get_mem_data(bio, &text);
	if (n > 0)
		buf_put(out, text, (size_t)n);
	BIO_free(bio);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}
