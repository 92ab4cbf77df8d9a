#include "keys.h"

#include "base/err.h"
#include "base/text.h"
#include "run/linkkeys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

struct world {
	char path[64];
	struct storage storage;
	struct vault vault;
};

static struct world *world_new(void)
{
	struct world *w = test_calloc(1, sizeof *w);

	snprintf(w->path, sizeof w->path, "/tmp/keys_test.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	assert_int_equal(storage_open(&w->storage, open(w->path, O_RDONLY | O_DIRECTORY), NULL), 0);
	assert_int_equal(vault_open(&w->vault, &w->storage), 0);
	return w;
}

static void reopen(struct world *w)
{
	vault_close(&w->vault);
	assert_int_equal(vault_open(&w->vault, &w->storage), 0);
}

static void world_free(struct world *w)
{
	char names[][8] = { "rsa", "ec", "ed", "a" }, path[128];

	vault_close(&w->vault);
	close(w->storage.folder);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s.pem", w->path, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/storage.key", w->path);
	unlink(path);
	assert_int_equal(rmdir(w->path), 0); /* nothing else was left behind */
	test_free(w);
}

static void names_are_file_names_and_nothing_more(void **state)
{
	static const char *const good[] = { "a", "example.com", "x-1", "0" };
	static const char *const bad[] = { "", ".", "..", "../a", "a/b", "A", "-a", "a.", "a b", "a\n",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(key_name_is_good(bytes_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(key_name_is_good(bytes_of(bad[i])));
	assert_false(key_name_is_good(bytes_make("a\0b", 3)));
}

static void keys_survive_a_restart_and_are_private(void **state)
{
	struct world *w = world_new();
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(vault_put(&w->vault, BYTES("ec"), key_generate(BYTES("ecdsa-p256"))), 0);
	snprintf(path, sizeof path, "%s/ec.pem", w->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	reopen(w);
	assert_string_equal(key_kind(vault_get(&w->vault, BYTES("ec"))), "ECDSA-P256");
	EVP_PKEY *other = key_generate(BYTES("ed25519"));
	assert_int_equal(vault_put(&w->vault, BYTES("../ec"), other), ERR_SYNTAX);
	EVP_PKEY_free(other);
	assert_int_equal(vault_del(&w->vault, BYTES("ec")), 0);
	assert_int_equal(vault_del(&w->vault, BYTES("ec")), ERR_NOT_FOUND);
	reopen(w);
	assert_null(vault_get(&w->vault, BYTES("ec")));
	world_free(w);
}

static size_t read_file(const struct world *w, const char *name, char *out, size_t room)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", w->path, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(out, 1, room, f);
	fclose(f);
	return n;
}

static void write_file(const struct world *w, const char *name, const void *p, size_t n)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", w->path, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static void keys_are_sealed_on_the_disk(void **state)
{
	struct world *w = world_new();
	char text[4096], again[4096], path[128], *pem;
	BIO *bio = BIO_new(BIO_s_mem());
	struct stat st;

	(void)state;
	assert_int_equal(vault_put(&w->vault, BYTES("ec"), key_generate(BYTES("ecdsa-p256"))), 0);
	size_t n = read_file(w, "ec.pem", text, sizeof text);
	assert_null(memmem(text, n, "PRIVATE", 7));
	snprintf(path, sizeof path, "%s/storage.key", w->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 32);

	/* One of an old version is taken over at the start, and is the same key afterwards. */
	PEM_write_bio_PrivateKey(bio, vault_get(&w->vault, BYTES("ec")), NULL, NULL, 0, NULL, NULL);
	long n_pem = BIO_get_mem_data(bio, &pem);
	write_file(w, "a.pem", pem, (size_t)n_pem);
	for (int i = 0; i < 2; i++) {
		reopen(w);
		assert_int_equal(EVP_PKEY_eq(vault_get(&w->vault, BYTES("a")), vault_get(&w->vault, BYTES("ec"))), 1);
		n = read_file(w, "a.pem", again, sizeof again);
		assert_null(memmem(again, n, "PRIVATE", 7));
	}

	/* Another name's, a bit that is wrong at each place, and one that is cut: none opens, and none is touched. */
	n = read_file(w, "ec.pem", text, sizeof text);
	write_file(w, "a.pem", text, n);
	reopen(w);
	assert_null(vault_get(&w->vault, BYTES("a")));
	for (size_t at = 8; at < n; at += 7) {
		memcpy(again, text, n);
		again[at] ^= 1;
		write_file(w, "a.pem", again, n);
		reopen(w);
		assert_null(vault_get(&w->vault, BYTES("a")));
		assert_int_equal(read_file(w, "a.pem", path, sizeof path), sizeof path);
		assert_memory_equal(path, again, sizeof path);
	}
	write_file(w, "a.pem", text, 20);
	reopen(w);
	assert_null(vault_get(&w->vault, BYTES("a")));
	assert_non_null(vault_get(&w->vault, BYTES("ec")));

	/* Without the box's key nothing opens; one that is damaged is not replaced. */
	write_file(w, "storage.key", text, 5);
	reopen(w);
	assert_null(vault_get(&w->vault, BYTES("ec")));
	EVP_PKEY *other = key_generate(BYTES("ed25519"));
	assert_int_equal(vault_put(&w->vault, BYTES("ed"), other), ERR_IO);
	EVP_PKEY_free(other);
	BIO_free(bio);
	world_free(w);
}

/* The same after a restart; another for each program and purpose. */
static void derived_secrets_outlive_the_process(void **state)
{
	struct world *w = world_new();
	uint8_t first[DERIVED_BYTES], again[DERIVED_BYTES];
	char path[128];
	struct stat st;

	(void)state;
	assert_int_equal(derive(&w->vault, BYTES("gh-sip"), BYTES("marks"), first), 0);
	snprintf(path, sizeof path, "%s/master.secret", w->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	reopen(w);
	assert_int_equal(derive(&w->vault, BYTES("gh-sip"), BYTES("marks"), again), 0);
	assert_memory_equal(first, again, sizeof first);
	assert_int_equal(derive(&w->vault, BYTES("gh-s2s"), BYTES("marks"), again), 0);
	assert_memory_not_equal(first, again, sizeof first);
	assert_int_equal(derive(&w->vault, BYTES("gh-sip"), BYTES("mark"), again), 0);
	assert_memory_not_equal(first, again, sizeof first);
	/* What is no master is not replaced. */
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(derive(&w->vault, BYTES("gh-sip"), BYTES("marks"), again), ERR_IO);
	assert_int_equal(unlink(path), 0);
	world_free(w);
}

static bool verifies(EVP_PKEY *pkey, const struct sign_request *r, struct bytes sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	bool is_rsa = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;

	assert_true(EVP_PKEY_verify_init(ctx) > 0);
	if (is_rsa)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, r->padding) > 0);
	if (is_rsa && r->padding == RSA_PKCS1_PSS_PADDING)
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, r->salt_len) > 0);
	assert_true(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0);
	int rc = EVP_PKEY_verify(ctx, sig.p, sig.n, r->data.p, r->data.n);
	EVP_PKEY_CTX_free(ctx);
	return rc == 1;
}

static void signatures_verify(void **state)
{
	static const struct {
		const char *name, *kind;
		uint8_t padding, salt_len;
	} rows[] = { { "rsa", "rsa-2048", RSA_PKCS1_PADDING, 0 }, { "rsa", "rsa-2048", RSA_PKCS1_PSS_PADDING, 32 }, { "ec", "ecdsa-p256", 0, 0 } };
	struct world *w = world_new();
	uint8_t digest[32] = "an honest digest of a handshake";

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sign_request r = { bytes_of(rows[i].name), BYTES("SHA256"), bytes_make(digest, 32), rows[i].padding, rows[i].salt_len };
		struct buf sig;
		buf_init(&sig, 1024);
		if (!vault_get(&w->vault, r.key))
			assert_int_equal(vault_put(&w->vault, r.key, key_generate(bytes_of(rows[i].kind))), 0);
		assert_int_equal(sign(&w->vault, &r, &sig), 0);
		assert_true(verifies(vault_get(&w->vault, r.key), &r, buf_bytes(&sig)));
		digest[0]++;
		assert_false(verifies(vault_get(&w->vault, r.key), &r, buf_bytes(&sig)));
		buf_fini(&sig);
	}
	world_free(w);
}

static void requests_that_are_no_signature_are_refused(void **state)
{
	struct world *w = world_new();
	uint8_t data[32] = { 0 };
	struct bytes d = { data, 32 };
	struct sign_request rows[] = {
		{ BYTES("none"), BYTES("SHA256"), d, RSA_PKCS1_PADDING, 0 }, /* no such key */
		{ BYTES("rsa"), BYTES("SHA256"), d, RSA_NO_PADDING, 0 },     /* raw RSA would decrypt for the asker */
		{ BYTES("rsa"), BYTES("SHA256"), d, 4, 0 },		     /* OAEP */
		{ BYTES("rsa"), BYTES("NOSUCH"), d, RSA_PKCS1_PADDING, 0 },
		{ BYTES("rsa"), BYTES_NONE, d, RSA_PKCS1_PADDING, 0 },
		{ BYTES("rsa"), BYTES("SHA256"), bytes_make(data, 31), RSA_PKCS1_PADDING, 0 },
		{ BYTES("rsa"), BYTES("SHA256"), BYTES_NONE, RSA_PKCS1_PADDING, 0 },
		{ BYTES("ed"), BYTES("SHA256"), d, 0, 0 },
	};
	struct buf sig;

	(void)state;
	assert_int_equal(vault_put(&w->vault, BYTES("rsa"), key_generate(BYTES("rsa-2048"))), 0);
	assert_int_equal(vault_put(&w->vault, BYTES("ed"), key_generate(BYTES("ed25519"))), 0);
	buf_init(&sig, 1024);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_not_equal(sign(&w->vault, &rows[i], &sig), 0);
		assert_int_equal(buf_len(&sig), 0);
	}
	struct sign_request good = { BYTES("ed"), BYTES_NONE, d, 0, 0 };
	assert_int_equal(sign(&w->vault, &good, &sig), 0);
	assert_int_equal(buf_len(&sig), 64);
	buf_fini(&sig);
	assert_null(key_generate(BYTES("rsa-1024")));
	world_free(w);
}

static void certificates_carry_the_domains(void **state)
{
	struct world *w = world_new();
	struct bytes domains[] = { BYTES("Example.com"), BYTES("b\xc3\xbc" "cher.example"), BYTES("*.example.com") };
	struct bytes bad[] = { BYTES("a b") };
	struct buf pem;

	(void)state;
	buf_init(&pem, 65536);
	assert_int_equal(vault_put(&w->vault, BYTES("a"), key_generate(BYTES("ecdsa-p256"))), 0);
	EVP_PKEY *pkey = vault_get(&w->vault, BYTES("a"));
	assert_int_equal(cert_self_signed(pkey, domains, 3, &pem), 0);
	BIO *bio = BIO_new_mem_buf(buf_bytes(&pem).p, (int)buf_len(&pem));
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(cert);
	assert_int_equal(X509_check_host(cert, "example.com", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "xn--bcher-kva.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "rooms.example.com", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "other.example", 0, 0, NULL), 0);
	assert_int_equal(X509_verify(cert, pkey), 1);
	X509_free(cert);
	BIO_free(bio);
	buf_clear(&pem);
	assert_int_equal(cert_request(pkey, domains, 3, &pem), 0);
	bio = BIO_new_mem_buf(buf_bytes(&pem).p, (int)buf_len(&pem));
	X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, pkey), 1);
	X509_REQ_free(req);
	BIO_free(bio);
	assert_int_equal(cert_request(pkey, bad, 1, &pem), ERR_SYNTAX);
	assert_int_equal(cert_request(pkey, NULL, 0, &pem), ERR_SYNTAX);
	buf_fini(&pem);
	world_free(w);
}

/* A partner computes it from the certificate; the two must agree. */
static void pins_are_those_of_the_certificate(void **state)
{
	static const char *const kinds[] = { "rsa-2048", "ecdsa-p384", "ed25519" };
	struct bytes domain = BYTES("a.example");
	uint8_t digest[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *pkey = key_generate(bytes_of(kinds[i]));
		char pin[65], wanted[65];
		struct buf pem;
		buf_init(&pem, 65536);
		assert_int_equal(cert_self_signed(pkey, &domain, 1, &pem), 0);
		BIO *bio = BIO_new_mem_buf(buf_bytes(&pem).p, (int)buf_len(&pem));
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		uint8_t *der = NULL;
		int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
		assert_true(n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL));
		text_hex(bytes_make(digest, 32), wanted);
		key_pin(pkey, pin);
		assert_string_equal(pin, wanted);
		OPENSSL_free(der);
		X509_free(cert);
		BIO_free(bio);
		EVP_PKEY_free(pkey);
		buf_fini(&pem);
	}
}

/* ---- what gh-pki may have signed ---- */

static void account_key_signs_nothing_for_doors(void **state)
{
	struct world *w = world_new();
	struct sign_request r = { .key = BYTES("acme-account"), .digest = BYTES("SHA256"), .data = BYTES("01234567890123456789012345678901") };
	struct buf out;

	(void)state;
	assert_int_equal(vault_put(&w->vault, BYTES("acme-account"), key_generate(BYTES("ecdsa-p256"))), 0);
	buf_init(&out, 1024);
	assert_int_equal(sign(&w->vault, &r, &out), ERR_NOT_FOUND);
	assert_int_equal(buf_len(&out), 0);
	r.key = BYTES("link-authority");
	assert_int_equal(vault_put(&w->vault, r.key, key_generate(BYTES("ecdsa-p256"))), 0);
	assert_int_equal(sign(&w->vault, &r, &out), ERR_NOT_FOUND);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
	assert_int_equal(vault_del(&w->vault, r.key), 0);
	assert_int_equal(vault_del(&w->vault, BYTES("acme-account")), 0);
	world_free(w);
}

/* RFC 8555 7.3.4: base64url; with padding too, as some authorities give it. */
static void external_account_secrets(void **state)
{
	struct acme_secret s;

	(void)state;
	assert_int_equal(acme_secret_set(&s, BYTES("_-8")), 0);
	assert_int_equal(s.n, 2);
	assert_memory_equal(s.key, "\xff\xef", 2);
	assert_int_equal(acme_secret_set(&s, BYTES("_-8=")), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(acme_secret_set(&s, BYTES("no secret!")), ERR_SYNTAX);
	assert_int_equal(s.n, 0);
	assert_int_equal(acme_secret_set(&s, BYTES_NONE), 0);
	assert_int_equal(s.n, 0);
}

static void requests_for_an_authority_name_hosts_alone(void **state)
{
	const struct bytes names[] = { BYTES("a.example"), BYTES("b.example"), BYTES("a.example") };
	const struct bytes bad[] = { BYTES("not a name") };
	EVP_PKEY *key = key_generate(BYTES("ecdsa-p256"));
	struct buf der;

	(void)state;
	buf_init(&der, 8192);
	assert_int_equal(cert_request_names(key, bad, 1, &der), ERR_SYNTAX);
	assert_int_equal(cert_request_names(key, names, 0, &der), ERR_SYNTAX);
	assert_int_equal(cert_request_names(key, names, 3, &der), 0);
	const uint8_t *p = buf_bytes(&der).p;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)buf_len(&der));
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, key), 1);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *all = X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(all), 2);
	GENERAL_NAMES_free(all);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	buf_fini(&der);
}

/* ---- the authority of links ---- */

/* The answer's one field; its memory lives until the next question. */
static int ask_link(struct world *w, const struct buf *question, struct bytes *got)
{
	static struct buf answer;

	buf_fini(&answer);
	buf_init(&answer, 65536);
	int rc = link_answer(&w->vault, buf_bytes(question), &answer);
	struct wire r = wire_of(buf_bytes(&answer));
	*got = wire_bytes(&r);
	if (rc)
		assert_int_equal(buf_len(&answer), 0);
	return rc;
}

static void put_sign(struct buf *b, struct bytes authority, struct bytes request, uint8_t role, const char *node)
{
	buf_clear(b);
	wire_put_u8(b, LINK_SIGN);
	wire_put_bytes(b, authority);
	wire_put_bytes(b, request);
	wire_put_u8(b, role);
	wire_put_str(b, bytes_of(node));
}

static X509 *read_certificate(struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static struct bytes copy(struct bytes b)
{
	uint8_t *p = test_malloc(b.n);

	memcpy(p, b.p, b.n);
	return bytes_make(p, b.n);
}

static void links_get_roles_and_nothing_else(void **state)
{
	struct world *w = world_new();
	struct bytes got, authority, request;
	struct buf q;

	(void)state;
	buf_init(&q, 65536);
	wire_put_u8(&q, LINK_AUTHORITY);
	wire_put_bytes(&q, BYTES_NONE);
	assert_int_equal(ask_link(w, &q, &got), 0);
	authority = copy(got);
	buf_clear(&q);
	wire_put_u8(&q, LINK_AUTHORITY);
	wire_put_bytes(&q, authority);
	assert_int_equal(ask_link(w, &q, &got), 0);
	assert_true(bytes_eq(got, authority)); /* it stays what it is */
	buf_clear(&q);
	wire_put_u8(&q, LINK_REQUEST);
	assert_int_equal(ask_link(w, &q, &got), 0);
	request = copy(got);

	put_sign(&q, authority, request, LINK_ROLE_IS_EDGE, "one");
	assert_int_equal(ask_link(w, &q, &got), 0);
	X509 *x = read_certificate(got), *ca = read_certificate(authority);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), vault_get(&w->vault, BYTES("link"))), 1);
	assert_int_equal(X509_check_host(x, "one.edge.link.invalid", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "edge.link.invalid", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "core.link.invalid", 0, 0, NULL), 0);
	X509_free(x);
	X509_free(ca);

	static const char *const bad[] = { "", "a.b", "ONE", "-a", "one,DNS:core.link.invalid", "one\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		put_sign(&q, authority, request, LINK_ROLE_IS_EDGE, bad[i]);
		assert_int_equal(ask_link(w, &q, &got), ERR_SYNTAX);
	}
	put_sign(&q, authority, request, LINK_ROLE_COUNT, "one");
	assert_int_equal(ask_link(w, &q, &got), ERR_PROTOCOL);
	((uint8_t *)(uintptr_t)request.p)[request.n - 1] ^= 1; /* who asks has not the key */
	put_sign(&q, authority, request, LINK_ROLE_IS_EDGE, "one");
	assert_int_equal(ask_link(w, &q, &got), ERR_SYNTAX);
	assert_int_equal(vault_del(&w->vault, BYTES("link-authority")), 0);
	put_sign(&q, authority, request, LINK_ROLE_IS_EDGE, "one");
	assert_int_equal(ask_link(w, &q, &got), ERR_NOT_FOUND);
	buf_clear(&q);
	wire_put_u8(&q, LINK_OP_COUNT);
	assert_int_equal(ask_link(w, &q, &got), ERR_PROTOCOL);
	assert_int_equal(vault_del(&w->vault, BYTES("link")), 0);
	test_free((void *)(uintptr_t)authority.p);
	test_free((void *)(uintptr_t)request.p);
	buf_fini(&q);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_get_roles_and_nothing_else),
		cmocka_unit_test(names_are_file_names_and_nothing_more),
		cmocka_unit_test(keys_survive_a_restart_and_are_private),
		cmocka_unit_test(keys_are_sealed_on_the_disk),
		cmocka_unit_test(derived_secrets_outlive_the_process),
		cmocka_unit_test(signatures_verify),
		cmocka_unit_test(requests_that_are_no_signature_are_refused),
		cmocka_unit_test(certificates_carry_the_domains),
		cmocka_unit_test(account_key_signs_nothing_for_doors),
		cmocka_unit_test(external_account_secrets),
		cmocka_unit_test(requests_for_an_authority_name_hosts_alone),
		cmocka_unit_test(pins_are_those_of_the_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
