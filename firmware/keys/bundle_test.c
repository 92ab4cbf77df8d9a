#include "bundle.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

/* A root, two authorities below it, and a certificate of the last. */
enum who { ROOT, UPPER, LOWER, LEAF, WHO_COUNT };
struct pki {
	EVP_PKEY *keys[WHO_COUNT];
	X509 *certs[WHO_COUNT];
};

static X509 *issue(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *by, const EVP_MD *digest, long until_s)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	static long serial = 1;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
	X509_gmtime_adj(X509_getm_notBefore(cert), -864000);
	X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
	X509_set_pubkey(cert, key);
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, strcmp(name, "leaf") == 0 ? "CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(cert, ca, -1);
	X509_EXTENSION_free(ca);
	assert_true(X509_sign(cert, by, digest) > 0);
	return cert;
}

static EVP_PKEY *ec_key(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static struct pki *pki_new(void)
{
	static const char *const names[] = { "root", "upper", "lower", "leaf" };
	struct pki *p = test_calloc(1, sizeof *p);

	for (int i = 0; i < WHO_COUNT; i++) {
		p->keys[i] = ec_key();
		p->certs[i] = issue(p->keys[i], names[i], i ? p->certs[i - 1] : NULL, p->keys[i ? i - 1 : 0], EVP_sha256(), 864000);
	}
	return p;
}

static void pki_free(struct pki *p)
{
	for (int i = 0; i < WHO_COUNT; i++) {
		X509_free(p->certs[i]);
		EVP_PKEY_free(p->keys[i]);
	}
	test_free(p);
}

static struct bytes content(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return bytes_make(p, (size_t)n);
}

static void expect_chain(struct bundle *b, const struct pki *p)
{
	assert_int_equal(bundle_sort(b, NULL, time(NULL)), 0);
	assert_int_equal(b->n_chain, WHO_COUNT);
	for (int i = 0; i < WHO_COUNT; i++)
		assert_int_equal(X509_cmp(b->certs[i], p->certs[WHO_COUNT - 1 - i]), 0);
}

/* Surprise 2: services want the issuer first, mail wants the root first, and people do whatever. */
static void any_order_is_sorted(void **state)
{
	static const int orders[][WHO_COUNT] = { { LEAF, LOWER, UPPER, ROOT }, { ROOT, UPPER, LOWER, LEAF }, { UPPER, LEAF, ROOT, LOWER } };
	struct pki *p = pki_new();

	(void)state;
	for (int with_key = 0; with_key < 2; with_key++) {
		for (size_t o = 0; o < 3; o++) {
			struct bundle b = { 0 };
			BIO *bio = BIO_new(BIO_s_mem());
			for (int i = 0; i < WHO_COUNT; i++) {
				BIO_puts(bio, "Bag Attributes\r\n  anything\r\n");
				PEM_write_bio_X509(bio, p->certs[orders[o][i]]);
				if (i == 1 && with_key)
					PEM_write_bio_PrivateKey(bio, p->keys[LEAF], NULL, NULL, 0, NULL, NULL);
			}
			assert_int_equal(bundle_add(&b, content(bio), BYTES_NONE), 0);
			assert_int_equal(b.key != NULL, with_key);
			expect_chain(&b, p);
			bundle_fini(&b);
			BIO_free(bio);
		}
	}
	pki_free(p);
}

static void forms_in_several_files(void **state)
{
	struct pki *p = pki_new();
	struct bundle b = { 0 };
	BIO *cert = BIO_new(BIO_s_mem()), *p7 = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	PKCS7 *bag = PKCS7_new();

	(void)state;
	i2d_X509_bio(cert, p->certs[LEAF]);
	PKCS7_set_type(bag, NID_pkcs7_signed);
	PKCS7_content_new(bag, NID_pkcs7_data);
	for (int i = 0; i < LEAF; i++)
		PKCS7_add_certificate(bag, p->certs[i]);
	i2d_PKCS7_bio(p7, bag);
	i2d_PKCS8PrivateKey_bio(key, p->keys[LEAF], EVP_aes_256_cbc(), "open sesame", 11, NULL, NULL);
	assert_int_equal(bundle_add(&b, content(cert), BYTES_NONE), 0);
	assert_int_equal(bundle_add(&b, content(p7), BYTES_NONE), 0);
	assert_int_equal(bundle_add(&b, content(key), BYTES("open sesame")), 0);
	expect_chain(&b, p);
	bundle_fini(&b);

	assert_int_equal(bundle_add(&b, content(key), BYTES_NONE), ERR_AUTH);
	assert_true(b.wants_password);
	assert_string_equal(b.why, "it is encrypted: give its password");
	bundle_fini(&b);
	assert_int_equal(bundle_add(&b, content(key), BYTES("wrong")), ERR_AUTH);
	assert_string_equal(b.why, "the password does not open it");
	bundle_fini(&b);
	PKCS7_free(bag);
	BIO_free(cert);
	BIO_free(p7);
	BIO_free(key);
	pki_free(p);
}

static BIO *p12_of(const struct pki *p, const char *password, int iterations)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	BIO *bio = BIO_new(BIO_s_mem());

	for (int i = 0; i < LEAF; i++)
		sk_X509_push(others, p->certs[i]);
	PKCS12 *p12 = PKCS12_create(password, "name", p->keys[LEAF], p->certs[LEAF], others, 0, 0, iterations, iterations, 0);
	assert_non_null(p12);
	i2d_PKCS12_bio(bio, p12);
	PKCS12_free(p12);
	sk_X509_free(others);
	return bio;
}

static void pkcs12_wants_its_password(void **state)
{
	static const struct {
		const char *made, *given;
		int iterations, rc;
	} rows[] = {
		{ "word", "word", 2048, 0 },	  { "word", "", 2048, ERR_AUTH },  { "word", "other", 2048, ERR_AUTH },
		{ "", "", 2048, 0 },		  { "word", "word", 5000000, ERR_LIMIT },
		{ "word", "word", 1500000, ERR_LIMIT }, /* each alone would do, but not all of them */
	};
	struct pki *p = pki_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bundle b = { 0 };
		/* To make one costs as much as to open it: the large ones are only made with a small MAC. */
		BIO *bio = p12_of(p, rows[i].made, rows[i].iterations);
		int rc = bundle_add(&b, content(bio), bytes_of(rows[i].given));
		if (rc != rows[i].rc)
			fail_msg("row %zu: %d %s", i, rc, b.why);
		if (!rc)
			expect_chain(&b, p);
		bundle_fini(&b);
		BIO_free(bio);
	}
	pki_free(p);
}

static void another_key_is_refused(void **state)
{
	struct pki *p = pki_new();
	struct bundle b = { 0 };
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *other = ec_key();

	(void)state;
	PEM_write_bio_X509(bio, p->certs[LEAF]);
	PEM_write_bio_PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL);
	assert_int_equal(bundle_add(&b, content(bio), BYTES_NONE), 0);
	assert_int_equal(bundle_sort(&b, NULL, time(NULL)), ERR_DENIED);
	PEM_write_bio_PrivateKey(bio, p->keys[LEAF], NULL, NULL, 0, NULL, NULL);
	assert_int_equal(bundle_add(&b, content(bio), BYTES_NONE), ERR_EXISTS);
	bundle_fini(&b);
	EVP_PKEY_free(other);
	BIO_free(bio);
	pki_free(p);
}

static void strangers_are_left_out(void **state)
{
	struct pki *p = pki_new(), *q = pki_new();
	struct bundle b = { 0 };
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	PEM_write_bio_X509(bio, q->certs[UPPER]); /* the same name, another key */
	PEM_write_bio_X509(bio, p->certs[LOWER]);
	PEM_write_bio_X509(bio, p->certs[LEAF]);
	PEM_write_bio_X509(bio, p->certs[LEAF]);
	assert_int_equal(bundle_add(&b, content(bio), BYTES_NONE), 0);
	assert_int_equal(b.n_certs, 3);
	assert_int_equal(bundle_sort(&b, NULL, time(NULL)), 0);
	assert_int_equal(b.n_chain, 2);
	assert_int_equal(X509_cmp(b.certs[2], q->certs[UPPER]), 0);
	PEM_write_bio_X509(bio, q->certs[LEAF]); /* two that are nobody's issuers */
	assert_int_equal(bundle_add(&b, content(bio), BYTES_NONE), 0);
	assert_int_equal(bundle_sort(&b, NULL, time(NULL)), ERR_SYNTAX);
	assert_int_equal(bundle_sort(&b, q->keys[LEAF], time(NULL)), 0);
	assert_int_equal(b.n_chain, 1);
	bundle_fini(&b);
	BIO_free(bio);
	pki_free(p);
	pki_free(q);
}

static void weak_ones_are_named(void **state)
{
	EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), *good = ec_key();
	X509 *root = issue(good, "root", NULL, good, EVP_sha1(), 864000);
	X509 *old = issue(good, "leaf", root, good, EVP_sha1(), 864000), *short_key = issue(small, "leaf", root, good, EVP_sha256(), 864000);
	char why[256];

	(void)state;
	assert_false(bundle_weakness(root, why, sizeof why)); /* nobody checks a root's own signature */
	assert_true(bundle_weakness(old, why, sizeof why));
	assert_string_equal(why, "CN=leaf: its signature is made with SHA-1 or older, which can be forged");
	assert_true(bundle_weakness(short_key, why, sizeof why));
	assert_string_equal(why, "CN=leaf: an RSA key of less than 2048 bits can be broken");
	assert_non_null(bundle_key_weakness(small));
	assert_null(bundle_key_weakness(good));
	X509_free(root);
	X509_free(old);
	X509_free(short_key);
	EVP_PKEY_free(small);
	EVP_PKEY_free(good);
}

static void what_is_no_bundle(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "neither certificates nor a private key: the file is empty" },
		{ "hello", "neither certificates nor a private key in PEM, DER, PKCS#7 or PKCS#12" },
		{ "-----BEGIN X-----\nAAAA\n-----END X-----\n", "neither certificates nor a private key in PEM" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate cannot be read" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n", "neither certificates nor a private key in PEM" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the private key cannot be read" },
		{ "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
		  "this is a certificate request: give what the authority made of it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bundle b = { 0 };
		assert_int_equal(bundle_add(&b, bytes_of(rows[i].text), BYTES_NONE), ERR_SYNTAX);
		assert_string_equal(b.why, rows[i].why);
		bundle_fini(&b);
	}
	struct bundle b = { 0 };
	char *large = test_calloc(1, BUNDLE_FILE_MAX_BYTES + 1);
	assert_int_equal(bundle_add(&b, bytes_make(large, BUNDLE_FILE_MAX_BYTES + 1), BYTES_NONE), ERR_LIMIT);
	test_free(large);
	bundle_fini(&b);
}

static void not_more_than_its_places(void **state)
{
	struct pki *p = pki_new();
	struct bundle b = { 0 };
	int rc = 0, n = 0;

	(void)state;
	for (; !rc && n < 40; n++)
		rc = bundle_take_cert(&b, issue(p->keys[LEAF], "leaf", p->certs[LOWER], p->keys[LOWER], EVP_sha256(), 864000));
	assert_int_equal(rc, ERR_LIMIT);
	assert_int_equal(n, BUNDLE_CERTS_MAX + 1);
	bundle_fini(&b);
	pki_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_is_sorted),	     cmocka_unit_test(forms_in_several_files),
		cmocka_unit_test(pkcs12_wants_its_password), cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(strangers_are_left_out),    cmocka_unit_test(weak_ones_are_named),
		cmocka_unit_test(what_is_no_bundle),	     cmocka_unit_test(not_more_than_its_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
