#include "proto/scram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/text.h"

/* RFC 5802 5 and RFC 7677 3. */
static const struct example {
	enum scram_hash hash;
	const char *salt, *client_first, *nonce, *server_first, *client_final, *server_final;
} examples[] = {
	{ SCRAM_SHA1, "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
	  "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
	  "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ SCRAM_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	  "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	  "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static void make_verifier(const struct example *e, struct scram_verifier *v)
{
	struct buf salt;

	buf_init(&salt, 64);
	assert_int_equal(text_unbase64(bytes_of(e->salt), &salt), 0);
	assert_int_equal(scram_make_verifier(e->hash, BYTES("pencil"), buf_bytes(&salt), 4096, v), 0);
	buf_fini(&salt);
}

/* Runs an exchange with this final message; what comes back is its result. */
static int exchange(const struct example *e, const struct scram_verifier *v, const char *client_final,
                    struct buf *out)
{
	struct scram_server s;
	struct bytes authzid, cb;
	size_t which = 1;

	scram_server_init(&s, e->hash, false, false);
	assert_int_equal(scram_server_first(&s, bytes_of(e->client_first), &authzid, &cb), 0);
	assert_true(bytes_eq_str(s.username, "user"));
	assert_int_equal(authzid.n + cb.n, 0);
	assert_int_equal(scram_server_final(&s, v, 1, bytes_of(client_final), BYTES_NONE, out, &which), ERR_BAD_STATE);
	assert_int_equal(scram_server_challenge(&s, v, e->nonce, out), 0);
	assert_string_equal(buf_cstr(out), e->server_first);
	buf_clear(out);
	int rc = scram_server_final(&s, v, 1, bytes_of(client_final), BYTES_NONE, out, &which);
	assert_int_equal(scram_server_final(&s, v, 1, bytes_of(client_final), BYTES_NONE, out, &which), ERR_BAD_STATE);
	scram_server_fini(&s);
	return rc;
}

static void runs_examples(void **state)
{
	size_t which;
	struct scram_verifier v;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < 2; i++) {
		make_verifier(&examples[i], &v);
		buf_clear(&out);
		assert_int_equal(exchange(&examples[i], &v, examples[i].client_final, &out), 0);
		assert_string_equal(buf_cstr(&out), examples[i].server_final);
		assert_true(scram_check_password(examples[i].hash, &v, 1, BYTES("pencil"), &which));
		assert_false(scram_check_password(examples[i].hash, &v, 1, BYTES("pencils"), &which));
		assert_false(scram_check_password(examples[i].hash, &v, 1, BYTES(""), &which));
	}
	buf_fini(&out);
}

static void refuses_wrong_finals(void **state)
{
#define NONCE "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
	static const struct {
		const char *in;
		int rc;
	} rows[] = {
		{ "c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tw=", ERR_AUTH },
		{ "c=biws," NONCE "x,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_AUTH },
		{ "c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_AUTH },
		{ "c=eSws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_AUTH },
		{ "c=biws," NONCE ",x=1,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_AUTH },
		{ "c=biws," NONCE, ERR_SYNTAX },
		{ "c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts", ERR_SYNTAX },
		{ "c=biws," NONCE ",p=v0X8", ERR_SYNTAX },
		{ "c=bi!s," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_SYNTAX },
		{ NONCE ",c=biws,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ERR_SYNTAX },
		{ "", ERR_SYNTAX },
		{ ",", ERR_SYNTAX },
		{ ",,,", ERR_SYNTAX },
		{ "c=,r=,p=", ERR_SYNTAX },
	};
	struct scram_verifier v;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	make_verifier(&examples[0], &v);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&out);
		assert_int_equal(exchange(&examples[0], &v, rows[i].in, &out), rows[i].rc);
		assert_int_equal(buf_len(&out), 0);
	}
	buf_fini(&out);
}

/* RFC 5802 5.1, 6, 7: headers, names, and which use of channel binding goes with which offer. */
static void reads_first_messages(void **state)
{
	static const struct {
		const char *in;
		bool is_plus, can_plus;
		int rc;
		const char *user, *authzid, *cb;
	} rows[] = {
		{ "n,,n=user,r=abc", false, false, 0, "user", "", "" },
		{ "n,,n=user,r=abc", false, true, 0, "user", "", "" },
		{ "y,,n=user,r=abc", false, false, 0, "user", "", "" },
		{ "y,,n=user,r=abc", false, true, ERR_DENIED, NULL, NULL, NULL },
		{ "y,,n=user,r=abc", true, true, ERR_DENIED, NULL, NULL, NULL },
		{ "n,,n=user,r=abc", true, true, ERR_DENIED, NULL, NULL, NULL },
		{ "p=tls-exporter,,n=user,r=abc", true, true, 0, "user", "", "tls-exporter" },
		{ "p=tls-exporter,,n=user,r=abc", false, true, ERR_DENIED, NULL, NULL, NULL },
		{ "p=,,n=user,r=abc", true, true, ERR_SYNTAX, NULL, NULL, NULL },
		{ "p=a b,,n=user,r=abc", true, true, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,a=o=2Cther=3D,n=u=3Ds=2Cer,r=abc", false, false, 0, "u=s,er", "o,ther=", "" },
		{ "n,,n=user,r=abc,x=ext", false, false, 0, "user", "", "" },
		{ "n,,n=\xc3\xa4,r=abc", false, false, 0, "\xc3\xa4", "", "" },
		{ "n,,m=ext,n=user,r=abc", false, false, ERR_UNSUPPORTED, NULL, NULL, NULL },
		{ "n,,n=us=er,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,n=us=2c,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,n=\xff,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,n=,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,n=user,r=", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,n=user,r=a c", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,,r=abc,n=user", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,a=,n=user,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,user,n=user,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "x,,n=user,r=abc", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "n,", false, false, ERR_SYNTAX, NULL, NULL, NULL },
		{ "", false, false, ERR_SYNTAX, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes authzid, cb;
		struct scram_server s;
		scram_server_init(&s, SCRAM_SHA256, rows[i].is_plus, rows[i].can_plus);
		int rc = scram_server_first(&s, bytes_of(rows[i].in), &authzid, &cb);
		if (rc != rows[i].rc)
			print_error("%s\n", rows[i].in);
		assert_int_equal(rc, rows[i].rc);
		if (rc == 0) {
			assert_true(bytes_eq_str(s.username, rows[i].user));
			assert_true(bytes_eq_str(authzid, rows[i].authzid));
			assert_true(bytes_eq_str(cb, rows[i].cb));
		}
		scram_server_fini(&s);
	}
}

/* The client's half (RFC 5802 3), by the library alone: c=... ,r=... as given, proof appended. */
static void put_client_final(struct buf *out, const struct scram_verifier *v, const char *bare,
                             const char *server_first, const char *without_proof)
{
	uint8_t salted[32], key[32], signature[32];
	struct buf message;
	unsigned n;

	buf_init(&message, 4096);
	buf_putf(&message, "%s,%s,%s", bare, server_first, without_proof);
	assert_int_equal(PKCS5_PBKDF2_HMAC("pencil", 6, v->salt, v->salt_n, (int)v->iterations,
	                                   EVP_sha256(), 32, salted), 1);
	assert_non_null(HMAC(EVP_sha256(), salted, 32, (const uint8_t *)"Client Key", 10, key, &n));
	struct bytes text = buf_bytes(&message);
	assert_non_null(HMAC(EVP_sha256(), v->stored_key, 32, text.p, text.n, signature, &n));
	for (int i = 0; i < 32; i++)
		key[i] ^= signature[i];
	buf_putf(out, "%s,p=", without_proof);
	text_base64(bytes_make(key, 32), out);
	buf_fini(&message);
}

/* What the client says the channel is, and what we see of it. */
static void binds_channels(void **state)
{
	static const struct {
		const char *said, *seen;
		int rc;
	} rows[] = {
		{ "p=tls-exporter,,binding-bytes", "binding-bytes", 0 },
		{ "p=tls-exporter,,binding-bytes", "other", ERR_AUTH },
		{ "p=tls-exporter,,binding-bytes", "", ERR_AUTH },
		{ "p=tls-exporter,,", "", ERR_AUTH },
		{ "p=tls-unique,,binding-bytes", "binding-bytes", ERR_AUTH },
		{ "n,,", "binding-bytes", ERR_AUTH },
	};
	size_t which;
	struct scram_verifier v;
	struct buf challenge, final, out, without;

	(void)state;
	make_verifier(&examples[1], &v);
	buf_init(&challenge, 4096);
	buf_init(&final, 4096);
	buf_init(&out, 4096);
	buf_init(&without, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct scram_server s;
		struct bytes authzid, cb;
		buf_clear(&challenge);
		buf_clear(&final);
		buf_clear(&without);
		scram_server_init(&s, SCRAM_SHA256, true, true);
		assert_int_equal(scram_server_first(&s, BYTES("p=tls-exporter,,n=user,r=abc"), &authzid, &cb), 0);
		assert_int_equal(scram_server_challenge(&s, &v, "def", &challenge), 0);
		buf_put_str(&without, "c=");
		text_base64(bytes_of(rows[i].said), &without);
		buf_put_str(&without, ",r=abcdef");
		put_client_final(&final, &v, "n=user,r=abc", buf_cstr(&challenge), buf_cstr(&without));
		assert_int_equal(scram_server_final(&s, &v, 1, buf_bytes(&final), bytes_of(rows[i].seen), &out, &which),
		                 rows[i].rc);
		scram_server_fini(&s);
	}
	buf_fini(&challenge);
	buf_fini(&final);
	buf_fini(&out);
	buf_fini(&without);
}

static void prepares_passwords(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "pencil", "pencil" },
		{ " Pass word ", " Pass word " },
		{ "a\xc2\xa0"
		  "b",
		  "a b" }, /* RFC 8265 4.2.2: spaces */
		{ "e\xcc\x81", "\xc3\xa9" },
		{ "\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5" }, /* RFC 8265 4.3, example 2 */
		{ "Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s" },     /* 3 */
		{ "my cat is a \x09"
		  "by",
		  NULL }, /* 5: a control */
		{ "", NULL },
		{ "\xff", NULL },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes out;
		int rc = scram_saslprep(bytes_of(rows[i].in), &a, &out);
		assert_int_equal(rc, rows[i].out ? 0 : ERR_SYNTAX);
		assert_true(rc || bytes_eq_str(out, rows[i].out));
	}
	arena_fini(&a);
}

static void checks_limits(void **state)
{
	struct scram_verifier v;
	struct scram_server s;
	struct bytes authzid, cb;
	uint8_t big[5000];

	(void)state;
	memset(big, 'a', sizeof big);
	assert_int_equal(scram_make_verifier(SCRAM_SHA1, BYTES("x"), bytes_make(big, 65), 1, &v), ERR_LIMIT);
	assert_int_equal(scram_make_verifier(SCRAM_SHA1, BYTES("x"), BYTES(""), 1, &v), ERR_LIMIT);
	assert_int_equal(scram_make_verifier(SCRAM_SHA1, BYTES("x"), BYTES("s"), 0, &v), ERR_RANGE);
	scram_server_init(&s, SCRAM_SHA1, false, false);
	memcpy(big, "n,,n=u,r=", 9);
	assert_int_equal(scram_server_first(&s, bytes_make(big, 5000), &authzid, &cb), ERR_LIMIT);
	assert_int_equal(scram_server_first(&s, bytes_make(big, 600), &authzid, &cb), ERR_SYNTAX);
	assert_int_equal(scram_server_first(&s, bytes_make(big, 500), &authzid, &cb), 0);
	assert_int_equal(scram_server_first(&s, bytes_make(big, 500), &authzid, &cb), ERR_BAD_STATE);
	scram_server_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_examples),        cmocka_unit_test(refuses_wrong_finals),
		cmocka_unit_test(reads_first_messages), cmocka_unit_test(binds_channels),
		cmocka_unit_test(prepares_passwords),   cmocka_unit_test(checks_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
