#include "when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

static void before_the_end(void **state)
{
	static const struct {
		int64_t from, until, now;
		uint32_t every;
		int64_t next;
	} rows[] = {
		{ 0, 7 * DAY, 0, 30 * DAY, 3 * DAY + 12 * HOUR },       /* half of its life */
		{ 0, 7 * DAY, 0, 4 * HOUR, 4 * HOUR },                  /* or when it is set so */
		{ 0, 7 * DAY, 6 * DAY, 30 * DAY, 6 * DAY + 12 * HOUR }, /* late: half of what is left */
		{ 0, 12, 0, HOUR, 10 },                                 /* never all the time */
		{ 0, DAY, 2 * DAY, 4 * HOUR, 2 * DAY + HOUR / 2 },      /* old when it came */
		{ 0, DAY, 2 * DAY, 300, 2 * DAY + 300 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct when w = { .failures = 3 };
		when_fetched(&w, rows[i].from, rows[i].until, rows[i].now, rows[i].every);
		assert_int_equal(w.next_s, rows[i].next);
		assert_int_equal(w.failures, 0);
		assert_int_equal(when_is_good(&w, rows[i].now), rows[i].until > rows[i].now);
	}
}

static void failures_make_longer_pauses(void **state)
{
	static const int64_t pauses[] = { 30, 60, 120, 240, 480, 960, 1800, 1800 };
	struct when w = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
		when_failed(&w, 1000);
		assert_int_equal(w.next_s, 1000 + pauses[i]);
	}
	assert_false(when_is_good(&w, 1000));
}

/* The last quarter is late, and something is looked at when it begins and when all is over. */
static void late(void **state)
{
	struct when w = { .from_s = 0, .until_s = 4 * DAY, .next_s = 10 * DAY };

	(void)state;
	assert_false(when_is_late(&w, 3 * DAY - 1));
	assert_true(when_is_late(&w, 3 * DAY)); /* when when_next says */
	assert_int_equal(when_next(&w, 0), 3 * DAY);
	assert_int_equal(when_next(&w, 3 * DAY), 4 * DAY);
	assert_int_equal(when_next(&w, 4 * DAY), 10 * DAY);
	w.next_s = HOUR;
	assert_int_equal(when_next(&w, 0), HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_end), cmocka_unit_test(failures_make_longer_pauses), cmocka_unit_test(late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
