#include "words.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void check(bool is_query, struct bytes text, const char *want)
{
	struct buf b;

	buf_init(&b, 2 * WORDS_BYTES_MAX);
	assert_int_equal(is_query ? words_query(text, 7, 4, &b) : words_vector(text, 7, &b), 0);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void test_vector(void **state)
{
	(void)state;
	check(false, BYTES("A quick red-FOX"), "'/7' 'a':1 'quick':2 'red':3 'fox':4");
	check(false, BYTES("Caf\xc3\xa9 cafe\xcc\x81 \xc3\x84rger"), "'/7' 'cafe':1 'cafe':2 'arger':3");
	check(false, BYTES("it's '\\x':1"), "'/7' 'it':1 's':2 'x':3 '1':4");
	check(false, BYTES("\xe6\x97\xa5\xe6\x9c\xac \xff""a\xff"), "'/7' '\xe6\x97\xa5\xe6\x9c\xac':1 'a':2");
	check(false, BYTES("..."), "'/7'");
	check(false, BYTES(""), "");
}

static void test_query(void **state)
{
	struct buf b;

	(void)state;
	check(true, BYTES(" red  fox "), "'/7' & ('red') & ('fox')");
	check(true, BYTES("red-fox"), "'/7' & ('red' <-> 'fox')");
	check(true, BYTES("fox | !x"), "'/7' & ('fox') & ('/') & ('x')");
	check(true, BYTES("/7"), "'/7' & ('7')");
	buf_init(&b, 4096);
	assert_int_equal(words_query(BYTES("a b c d e"), 7, 4, &b), ERR_LIMIT);
	buf_fini(&b);
}

/* Long words are cut between letters, and endless texts end. */
static void test_limits(void **state)
{
	static uint8_t text[3 << 20];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 600; i += 2)
		memcpy(text + i, "\xc3\x9f", 2);
	buf_init(&b, 2 * WORDS_BYTES_MAX);
	assert_int_equal(words_vector(bytes_make(text, 600), 7, &b), 0);
	assert_in_range(buf_len(&b), WORD_BYTES_MAX, WORD_BYTES_MAX + 12);
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof text; i += 3)
		text[i] = ' ';
	buf_clear(&b);
	assert_int_equal(words_vector(bytes_make(text, sizeof text), 7, &b), 0);
	assert_in_range(buf_len(&b), WORDS_BYTES_MAX, WORDS_BYTES_MAX + 300);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vector), cmocka_unit_test(test_query), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
