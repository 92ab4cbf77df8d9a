#include "proto/hashed_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"

/* HMAC-SHA-256 of the draft's two messages, made with another implementation. */
static void test_hashes(void **state)
{
	static const struct {
		enum hashed_token_side side;
		const char *binding, *hash;
	} rows[] = {
		{ HASHED_TOKEN_INITIATOR, "", "8113a6dc8118e5e396a5a17ab8641c1da29ae9fa931bb0ef948b7f97a825880e" },
		{ HASHED_TOKEN_RESPONDER, "", "37cc81eda90fe849e7bc41d33e28c6d3ba4b3b86dd22fbdd1b370fce0bcabdfb" },
		{ HASHED_TOKEN_INITIATOR, "the binding", "9489b66fa2e77d640d42483774d5b3fbe99d462dfa039e0ec79cd77af4ae0e7c" },
	};
	uint8_t hash[HASHED_TOKEN_BYTES], long_one[65] = { 0 };
	char hex[2 * HASHED_TOKEN_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(hashed_token_make(BYTES("secret-token:fast-0123"), rows[i].side, bytes_of(rows[i].binding), hash), 0);
		text_hex(bytes_make(hash, sizeof hash), hex);
		assert_string_equal(hex, rows[i].hash);
	}
	assert_int_equal(hashed_token_make(BYTES("t"), HASHED_TOKEN_INITIATOR, bytes_make(long_one, sizeof long_one), hash), ERR_LIMIT);
}

static void test_message(void **state)
{
	static const char good[] = "alice\0" "0123456789abcdef0123456789abc\0ef";
	struct bytes authcid, hash;

	(void)state;
	assert_int_equal(hashed_token_read(bytes_make(good, 38), &authcid, &hash), 0);
	assert_true(bytes_eq_str(authcid, "alice"));
	assert_int_equal(hash.n, HASHED_TOKEN_BYTES); /* a NUL in it is a byte like others */
	for (size_t n = 0; n < 38; n++)
		assert_int_equal(hashed_token_read(bytes_make(good, n), &authcid, &hash), ERR_SYNTAX);
	assert_int_equal(hashed_token_read(bytes_make(good, 39), &authcid, &hash), ERR_SYNTAX);
	assert_int_equal(hashed_token_read(bytes_make(good + 5, 33), &authcid, &hash), ERR_SYNTAX); /* nobody */
	assert_int_equal(hashed_token_read(BYTES_NONE, &authcid, &hash), ERR_SYNTAX);
}

static void test_names(void **state)
{
	enum hashed_token_kind k = HASHED_TOKEN_COUNT;

	(void)state;
	for (int i = 0; i < HASHED_TOKEN_COUNT; i++) {
		assert_int_equal(hashed_token_find(bytes_of(hashed_token_name((enum hashed_token_kind)i)), &k), 0);
		assert_int_equal(k, i);
	}
	assert_string_equal(hashed_token_binding(HASHED_TOKEN_EXPORTER), "tls-exporter");
	assert_int_equal(hashed_token_find(BYTES("HT-SHA-256-none"), &k), ERR_NOT_FOUND);
	assert_int_equal(hashed_token_find(BYTES_NONE, &k), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
