#include "run/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Half a second of so many datagrams a second, each waking the worker; the last answer. */
static uint32_t flow(struct pace *p, uint32_t per_s, uint64_t *now_ms)
{
	uint64_t start = *now_ms;
	uint32_t us = 0;

	for (uint32_t i = 0; i < per_s / 2; i++) {
		*now_ms = start + (uint64_t)i * 1000 / per_s;
		us = pace_rest(p, 1, *now_ms);
	}
	return us;
}

static void test_few_are_not_delayed(void **state)
{
	struct pace p = { .most_us = 400 };
	uint64_t now_ms = 5000;

	(void)state;
	assert_int_equal(flow(&p, 50, &now_ms), 0);
	assert_int_equal(flow(&p, 1000, &now_ms), 0);
	assert_int_equal(flow(&p, 4000, &now_ms), 0);
}

static void test_many_gather(void **state)
{
	struct pace p = { .most_us = 400 };
	uint64_t now_ms = 5000;

	(void)state;
	assert_int_equal(flow(&p, 10000, &now_ms), 400);
	uint32_t us = flow(&p, 50000, &now_ms);
	assert_in_range(us, 200, 280); /* 12 take 240 us */
}

static void test_a_turn_with_much_goes_on(void **state)
{
	struct pace p = { .most_us = 400 };
	uint64_t now_ms = 5000;

	(void)state;
	(void)flow(&p, 10000, &now_ms);
	assert_int_equal(pace_rest(&p, PACE_MUCH, now_ms), 0);
	assert_int_equal(pace_rest(&p, PACE_MUCH - 1, now_ms), 400);
}

static void test_after_silence_the_first_is_not_delayed(void **state)
{
	struct pace p = { .most_us = 400 };
	uint64_t now_ms = 5000;

	(void)state;
	(void)flow(&p, 10000, &now_ms);
	assert_int_equal(pace_rest(&p, 1, now_ms + 300), 0);
}

static void test_off(void **state)
{
	struct pace p = { 0 };
	uint64_t now_ms = 5000;

	(void)state;
	assert_int_equal(flow(&p, 50000, &now_ms), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_are_not_delayed),
		cmocka_unit_test(test_many_gather),
		cmocka_unit_test(test_a_turn_with_much_goes_on),
		cmocka_unit_test(test_after_silence_the_first_is_not_delayed),
		cmocka_unit_test(test_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
