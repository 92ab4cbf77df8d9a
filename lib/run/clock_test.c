/* When a clock cannot be right. */
#include "run/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { YEAR_2000_S = 946684800, YEAR_2027_S = 1798761600 };
static const uint64_t year_2060_s = 2840140800;

static void times_are_judged(void **state)
{
	(void)state;
	assert_string_equal(clock_trouble(0), "before this version was made");
	assert_non_null(clock_trouble(86400));
	assert_non_null(clock_trouble(YEAR_2000_S));
	assert_null(clock_trouble(YEAR_2027_S));
	assert_null(clock_trouble(YEAR_2027_S + (uint64_t)15 * 365 * 86400)); /* a box that has run for 15 years */
	assert_non_null(clock_trouble(year_2060_s));
	assert_non_null(clock_trouble(UINT64_MAX));
}

static void a_remark_names_the_clock(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	assert_string_equal(clock_remark(YEAR_2027_S, text), "");
	assert_string_equal(clock_remark(86400, text), " (by the clock of this box, which is wrong: it says 1970-01-02T00:00:00Z, before this version was made)");
	assert_non_null(strstr(clock_remark(year_2060_s, text), "2060-01-01T00:00:00Z, more than 20 years"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(times_are_judged), cmocka_unit_test(a_remark_names_the_clock) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
