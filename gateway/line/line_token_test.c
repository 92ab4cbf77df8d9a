/* Flow tokens (RFC 5626 5.2) and the names of temporary GRUUs (RFC 5627 A.2). */
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static const uint8_t key[TOKEN_KEY_BYTES] = "one that only this gh-line knows";
static const struct token flow = { 0x0123456789abcdefull, 1700000000000ull };

static void comes_back_as_it_was(void **state)
{
	char text[TOKEN_CHARS + 1];
	struct token t;

	(void)state;
	assert_int_equal(token_seal(key, TOKEN_FLOW, &flow, text), 0);
	assert_int_equal(strlen(text), TOKEN_CHARS);
	assert_int_equal(token_open(key, TOKEN_FLOW, bytes_of(text), &t), 0);
	assert_int_equal(t.number, flow.number);
	assert_int_equal(t.mark, flow.mark);
}

static void no_two_are_alike(void **state)
{
	char a[TOKEN_CHARS + 1], b[TOKEN_CHARS + 1];

	(void)state;
	assert_int_equal(token_seal(key, TOKEN_CLIENT, &flow, a), 0);
	assert_int_equal(token_seal(key, TOKEN_CLIENT, &flow, b), 0);
	assert_string_not_equal(a, b);
}

/* Each character changed, and each left out: forged. */
static void changed_ones_are_none(void **state)
{
	char text[TOKEN_CHARS + 1], changed[TOKEN_CHARS + 1];
	struct token t = { 7, 7 };

	(void)state;
	assert_int_equal(token_seal(key, TOKEN_FLOW, &flow, text), 0);
	for (size_t i = 0; i < TOKEN_CHARS; i++) {
		memcpy(changed, text, sizeof changed);
		changed[i] = text[i] == '0' ? '1' : '0';
		assert_int_equal(token_open(key, TOKEN_FLOW, bytes_of(changed), &t), ERR_AUTH);
		changed[i] = 'g';
		assert_int_equal(token_open(key, TOKEN_FLOW, bytes_of(changed), &t), ERR_AUTH);
		assert_int_equal(token_open(key, TOKEN_FLOW, bytes_make(text, i), &t), ERR_AUTH);
	}
	for (size_t i = 0; i < TOKEN_CHARS; i++)
		changed[i] = text[i] >= 'a' ? (char)(text[i] - 32) : text[i];
	assert_int_equal(token_open(key, TOKEN_FLOW, bytes_make(changed, TOKEN_CHARS), &t), ERR_AUTH);
	assert_int_equal(t.number, 7);
}

static void kinds_and_keys_do_not_mix(void **state)
{
	uint8_t other[TOKEN_KEY_BYTES] = { 1 };
	char text[TOKEN_CHARS + 1];
	struct token t;

	(void)state;
	assert_int_equal(token_seal(key, TOKEN_FLOW, &flow, text), 0);
	assert_int_equal(token_open(key, TOKEN_CLIENT, bytes_of(text), &t), ERR_AUTH);
	assert_int_equal(token_open(other, TOKEN_FLOW, bytes_of(text), &t), ERR_AUTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was), cmocka_unit_test(no_two_are_alike),
		cmocka_unit_test(changed_ones_are_none), cmocka_unit_test(kinds_and_keys_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
