#include "link_clock.h"
#include "link_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_off(void **state)
{
	const uint64_t now = 1800000000000;

	(void)state;
	assert_int_equal(link_clock_off_ms(now, now), 0);
	assert_int_equal(link_clock_off_ms(now + 600000, now), 600000);
	assert_int_equal(link_clock_off_ms(now - 600000, now), -600000);
	assert_int_equal(link_clock_off_ms(0, now), 0); /* a box that says nothing */
	assert_int_equal(link_clock_off_ms(UINT64_MAX, 1), INT64_C(1) << 42); /* whatever a hostile one says */
	assert_int_equal(link_clock_off_ms(1, UINT64_MAX), -(INT64_C(1) << 42));
}

static void test_far(void **state)
{
	static const struct {
		int64_t off_ms;
		bool was_far, is_far;
	} rows[] = {
		{ 0, false, false },     { 60000, false, false },  { 60001, false, true },  { -60001, false, true },
		{ 45000, true, true },   { -45000, true, true },   { 30000, true, false },  { -30000, true, false },
		{ 600000, false, true }, { -(INT64_C(1) << 42), false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(link_clock_is_far(rows[i].off_ms, rows[i].was_far), rows[i].is_far);
}

static void test_stamp(void **state)
{
	const struct link_stamp rows[] = { { 0, false }, { 1800000000000, false }, { 1800000000000, true }, { (UINT64_C(1) << 56) - 1, true } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct link_stamp s = link_stamp_read(link_stamp_put(&rows[i]));
		assert_true(s.wall_ms == rows[i].wall_ms && s.is_drained == rows[i].is_drained);
	}
	assert_true(link_stamp_put(&rows[0]) == 0); /* as of a box that says nothing */
	struct link_stamp all = link_stamp_read(UINT64_MAX);
	assert_true(all.is_drained && all.wall_ms == (UINT64_C(1) << 56) - 1);
	assert_false(link_stamp_read(UINT64_MAX - (UINT64_C(1) << 56)).is_drained); /* flags of later boxes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
