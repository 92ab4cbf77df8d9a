#include "proto/dialback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SECRET BYTES("s3cr3tf0rd14lb4ck")

/* XEP-0185 3 and XEP-0220 2.1.1. */
static void makes_keys(void **state)
{
	char out[DIALBACK_KEY_BYTES];

	(void)state;
	dialback_key(SECRET, BYTES("xmpp.example.com"), BYTES("example.org"), BYTES("D60000229F"), out);
	assert_string_equal(out, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
	dialback_key(SECRET, BYTES("montague.example"), BYTES("capulet.example"), BYTES("D60000229F"), out);
	assert_string_equal(out, "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3");
}

static void checks_keys(void **state)
{
	char key[DIALBACK_KEY_BYTES];
	struct bytes a = BYTES("a.example"), b = BYTES("b.example"), id = BYTES("1");

	(void)state;
	dialback_key(SECRET, a, b, id, key);
	assert_true(dialback_check(SECRET, a, b, id, bytes_of(key)));
	assert_false(dialback_check(SECRET, b, a, id, bytes_of(key)));
	assert_false(dialback_check(SECRET, a, b, BYTES("2"), bytes_of(key)));
	assert_false(dialback_check(BYTES("other"), a, b, id, bytes_of(key)));
	assert_false(dialback_check(SECRET, a, b, id, bytes_make(key, 63)));
	assert_false(dialback_check(SECRET, a, b, id, BYTES("")));
	key[0] ^= 1;
	assert_false(dialback_check(SECRET, a, b, id, bytes_of(key)));
}

static void refuses_absurd_ids(void **state)
{
	static uint8_t big[20000];
	char key[DIALBACK_KEY_BYTES];

	(void)state;
	dialback_key(SECRET, BYTES("a"), BYTES("b"), bytes_make(big, sizeof big), key);
	assert_string_equal(key, "");
	assert_false(dialback_check(SECRET, BYTES("a"), BYTES("b"), bytes_make(big, sizeof big), BYTES("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_keys),
		cmocka_unit_test(checks_keys),
		cmocka_unit_test(refuses_absurd_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
