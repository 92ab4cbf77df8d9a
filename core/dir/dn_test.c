/* Distinguished names (RFC 4514): what is one name in other spellings has one key, and what is another has another. */
#include "dn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_key(const char *dn, const char *want)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	struct bytes key = dn_key(bytes_of(dn), &a);
	assert_int_equal(key.n, strlen(want));
	assert_memory_equal(key.p, want, key.n);
	arena_fini(&a);
}

static void test_spellings(void **state)
{
	(void)state;
	assert_key("cn=alice,ou=people,dc=a,dc=example", "cn=alice,ou=people,dc=a,dc=example");
	assert_key("CN = Alice , OU=people;dc=a,DC=Example ", "cn=alice,ou=people,dc=a,dc=example");
	assert_key("cn=Alice  Smith ,dc=a", "cn=alice  smith,dc=a"); /* spaces inside of a value are its own */
	assert_key("cn=a+uid=b,dc=a", "cn=a+uid=b,dc=a");
}

static void test_escapes(void **state)
{
	(void)state;
	assert_key("cn=Smith\\, Alice,dc=a", "cn=smith\\, alice,dc=a");
	assert_key("cn=Smith\\2C Alice,dc=a", "cn=smith\\, alice,dc=a");
	assert_key("cn=Smith\\2c\\20Alice,dc=a", "cn=smith\\, alice,dc=a");
	assert_key("cn=a\\\\b,dc=a", "cn=a\\\\b,dc=a");
	assert_key("cn=a\\5cb,dc=a", "cn=a\\\\b,dc=a");
	assert_key("cn=J\\C3\\BCrgen", "cn=j\xc3\xbcrgen");
	assert_key("cn=a\\ ,dc=a", "cn=a ,dc=a"); /* an escaped space at a value's end stays */
	assert_key("cn=\\ a,dc=a", "cn= a,dc=a");
	assert_key("cn=a\\", "cn=a\\\\"); /* no DN */
}

static void test_limits(void **state)
{
	static char longest[DN_MAX + 2];
	struct arena a;

	(void)state;
	assert_key("", "");
	memset(longest, ',', DN_MAX + 1);
	arena_init(&a, 1 << 16);
	assert_int_equal(dn_key(bytes_make(longest, DN_MAX + 1), &a).n, 0);
	assert_int_equal(dn_key(bytes_make(longest, DN_MAX), &a).n, DN_MAX);
	for (int i = 0; i < DN_MAX; i += 4)
		memcpy(longest + i, "\\2c\\", 4); /* each of three and one of two bytes become two */
	struct bytes key = dn_key(bytes_make(longest, DN_MAX), &a);
	assert_true(key.n > 0 && key.n <= 2 * DN_MAX);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_spellings), cmocka_unit_test(test_escapes), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
