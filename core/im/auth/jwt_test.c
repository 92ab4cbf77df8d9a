#include "auth/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

static EVP_PKEY *rsa, *ec, *ed, *other;

/* ---- an identity provider ---- */

static void put_part(struct bytes in, struct buf *out)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	text_base64(in, &b);
	struct bytes v = buf_bytes(&b);
	for (size_t i = 0; i < v.n && v.p[i] != '='; i++)
		buf_put_u8(out, v.p[i] == '+' ? '-' : v.p[i] == '/' ? '_' : v.p[i]);
	buf_fini(&b);
}

/* DER to R and S side by side (RFC 7518 3.4). */
static size_t to_raw(uint8_t *sig, size_t n)
{
	const uint8_t *at = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)n);

	assert_non_null(s);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32), 32);
	ECDSA_SIG_free(s);
	return 64;
}

static void sign(EVP_PKEY *key, const char *header, const char *payload, struct buf *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t sig[512];
	size_t n = sizeof sig;

	buf_init(out, 1 << 16);
	put_part(bytes_of(header), out);
	buf_put_u8(out, '.');
	put_part(bytes_of(payload), out);
	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(c, sig, &n, buf_bytes(out).p, buf_len(out)), 1);
	if (EVP_PKEY_is_a(key, "EC"))
		n = to_raw(sig, n);
	buf_put_u8(out, '.');
	put_part(bytes_make(sig, n), out);
	EVP_MD_CTX_free(c);
}

static void read_keys(struct jwt_keys *k)
{
	EVP_PKEY *const all[] = { rsa, ec, ed };
	BIO *b = BIO_new(BIO_s_mem());
	char *p;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(PEM_write_bio_PUBKEY(b, all[i]), 1);
	long n = BIO_get_mem_data(b, &p);
	assert_int_equal(jwt_keys_read(k, bytes_make(p, (size_t)n)), 0);
	assert_int_equal(k->n, 3);
	BIO_free(b);
}

#define CLAIMS "\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":2000,\"sub\":\"alice\""
#define RS "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"1\"}"
#define ES "{\"alg\":\"ES256\"}"
#define ED "{\"alg\":\"EdDSA\"}"

/* NULL: it is believed, and says `alice`. */
static const char *check(struct bytes token)
{
	struct jwt_keys k;
	char user[JWT_USER_MAX + 1] = "";
	const char *why = "";

	read_keys(&k);
	const struct jwt_rules r = { &k, BYTES("https://id.example"), BYTES("xmpp"), BYTES("sub"), 1000 };
	int rc = jwt_check(&r, token, user, &why);
	jwt_keys_free(&k);
	if (rc)
		return why;
	assert_string_equal(user, "alice");
	return NULL;
}

static const char *check_signed(EVP_PKEY *key, const char *header, const char *payload)
{
	struct buf b;

	sign(key, header, payload, &b);
	const char *why = check(buf_bytes(&b));
	buf_fini(&b);
	return why;
}

/* ---- the tests ---- */

static void test_algorithms(void **state)
{
	(void)state;
	assert_null(check_signed(rsa, RS, "{" CLAIMS "}"));
	assert_null(check_signed(ec, ES, "{" CLAIMS "}"));
	assert_null(check_signed(ed, ED, "{" CLAIMS "}"));
	/* a key of another algorithm than the one named, and a stranger's key */
	assert_string_equal(check_signed(ec, RS, "{" CLAIMS "}"), "signature");
	assert_string_equal(check_signed(ed, ES, "{" CLAIMS "}"), "signature");
	assert_string_equal(check_signed(other, ED, "{" CLAIMS "}"), "signature");
	/* RFC 8725 3.1 */
	static const char *const bad[] = { "none", "HS256", "RS512", "PS256", "rs256", "" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char header[64];
		(void)snprintf(header, sizeof header, "{\"alg\":\"%s\"}", bad[i]);
		assert_string_equal(check_signed(ed, header, "{" CLAIMS "}"), "algorithm");
	}
	assert_string_equal(check_signed(ed, "{}", "{" CLAIMS "}"), "algorithm");
	assert_string_equal(check_signed(ed, "{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"b64\":false}", "{" CLAIMS "}"), "algorithm");
	assert_string_equal(check_signed(ed, "[1]", "{" CLAIMS "}"), "header");
	assert_string_equal(check_signed(ed, "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}", "{" CLAIMS "}"), "header");
}

static void test_claims(void **state)
{
	static const struct {
		const char *payload, *why;
	} rows[] = {
		{ "{\"iss\":\"https://id.example\",\"aud\":[\"other\",\"xmpp\"],\"exp\":2000.5,\"nbf\":900,\"sub\":\"alice\"}", NULL },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":950,\"nbf\":1050,\"sub\":\"alice\"}", NULL }, /* clocks */
		{ "{\"iss\":\"https://id.example/\",\"aud\":\"xmpp\",\"exp\":2000,\"sub\":\"alice\"}", "issuer" },
		{ "{\"aud\":\"xmpp\",\"exp\":2000,\"sub\":\"alice\"}", "issuer" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"other\",\"exp\":2000,\"sub\":\"alice\"}", "audience" },
		{ "{\"iss\":\"https://id.example\",\"aud\":[],\"exp\":2000,\"sub\":\"alice\"}", "audience" },
		{ "{\"iss\":\"https://id.example\",\"exp\":2000,\"sub\":\"alice\"}", "audience" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":940,\"sub\":\"alice\"}", "expired" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"sub\":\"alice\"}", "no-expiry" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":\"2000\",\"sub\":\"alice\"}", "no-expiry" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":-1,\"sub\":\"alice\"}", "no-expiry" },
		{ "{" CLAIMS ",\"nbf\":1061}", "not-yet" },
		{ "{" CLAIMS ",\"nbf\":\"0\"}", "not-yet" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":2000}", "claim" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":2000,\"sub\":\"\"}", "claim" },
		{ "{\"iss\":\"https://id.example\",\"aud\":\"xmpp\",\"exp\":2000,\"sub\":7}", "claim" },
		{ "{" CLAIMS ",\"sub\":\"bob\"}", "payload" },
		{ "[]", "payload" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *why = check_signed(ed, ED, rows[i].payload);
		if (rows[i].why)
			assert_string_equal(why ? why : "believed", rows[i].why);
		else
			assert_null(why);
	}
}

/* Every way of changing one byte, and forms that are none. */
static void test_forms(void **state)
{
	struct buf b;

	(void)state;
	sign(ed, ED, "{" CLAIMS "}", &b);
	for (size_t i = 0; i < buf_len(&b); i++) {
		uint8_t *at = (uint8_t *)(uintptr_t)buf_bytes(&b).p + i, was = *at;
		*at = was == 'A' ? 'B' : 'A';
		assert_non_null(check(buf_bytes(&b)));
		*at = was;
	}
	assert_null(check(buf_bytes(&b)));
	buf_put_u8(&b, '=');
	assert_non_null(check(buf_bytes(&b)));
	buf_fini(&b);
	static const char *const bad[] = { "", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.e30" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_non_null(check(bytes_of(bad[i])));
}

static int read_one(EVP_PKEY *key, unsigned times)
{
	BIO *b = BIO_new(BIO_s_mem());
	struct jwt_keys k;
	char *p;

	for (unsigned i = 0; i < times; i++)
		assert_int_equal(PEM_write_bio_PUBKEY(b, key), 1);
	long n = BIO_get_mem_data(b, &p);
	int rc = jwt_keys_read(&k, bytes_make(p, (size_t)n));
	jwt_keys_free(&k);
	BIO_free(b);
	return rc;
}

static void test_keys(void **state)
{
	EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-384");
	struct jwt_keys k;

	(void)state;
	assert_int_equal(read_one(ed, JWT_KEYS_MAX), 0);
	assert_int_equal(read_one(ed, JWT_KEYS_MAX + 1), ERR_LIMIT);
	assert_int_equal(read_one(small, 1), ERR_UNSUPPORTED);
	assert_int_equal(read_one(curve, 1), ERR_UNSUPPORTED);
	assert_int_equal(jwt_keys_read(&k, BYTES("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")), ERR_SYNTAX);
	assert_int_equal(k.n, 0);
	EVP_PKEY_free(small);
	EVP_PKEY_free(curve);
}

static int make_keys(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return rsa && ec && ed && other ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
