/* Evenly, until the time is over, and nobody twice. */
#include "run/drain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct {
	size_t n, waiting; /* there are; of them, who may wait until the end */
	unsigned over;
} crowd;

static size_t left(void *arg)
{
	(void)arg;
	return crowd.n;
}

static bool end_one(void *arg, bool is_last)
{
	(void)arg;
	assert_true(crowd.n > 0);
	if (crowd.n == crowd.waiting && !is_last)
		return false;
	crowd.n--;
	return true;
}

static void over(void *arg)
{
	(void)arg;
	crowd.over++;
}

static const struct drain_owner owner = { left, end_one, over };

static struct loop *begin(struct drain *d, size_t n, size_t waiting)
{
	struct loop *l = loop_new(LOOP_FAKE);

	assert_non_null(l);
	crowd.n = n;
	crowd.waiting = waiting;
	crowd.over = 0;
	drain_init(d, l, &owner, NULL);
	return l;
}

static void evenly(void **state)
{
	struct drain d;
	struct loop *l = begin(&d, 1000, 0);
	size_t before = 1000;

	(void)state;
	assert_int_equal(drain_begin(&d, 10000), 0);
	assert_int_equal(crowd.n, 1000);
	for (int i = 1; i < 40; i++) {
		loop_fake_advance(l, DRAIN_STEP_MS);
		assert_int_equal(before - crowd.n, 25);
		before = crowd.n;
		assert_true(drain_is_on(&d));
	}
	loop_fake_advance(l, DRAIN_STEP_MS);
	assert_int_equal(crowd.n, 0);
	assert_int_equal(crowd.over, 1);
	assert_false(drain_is_on(&d));
	assert_int_equal(drain_left_ms(&d), 0);
	loop_free(l);
}

static void who_leaves_by_himself_counts(void **state)
{
	struct drain d;
	struct loop *l = begin(&d, 100, 0);

	(void)state;
	assert_int_equal(drain_begin(&d, 10000), 0);
	crowd.n = 40;
	loop_fake_advance(l, 6000);
	assert_int_equal(crowd.n, 40);
	loop_fake_advance(l, 2000);
	assert_int_equal(crowd.n, 20);
	drain_end(&d);
	loop_fake_advance(l, 20000);
	assert_int_equal(crowd.n, 20);
	assert_int_equal(crowd.over, 0);
	loop_free(l);
}

static void some_wait_until_the_end(void **state)
{
	struct drain d;
	struct loop *l = begin(&d, 10, 6);

	(void)state;
	assert_int_equal(drain_begin(&d, 1000), 0);
	loop_fake_advance(l, 999);
	assert_int_equal(crowd.n, 6);
	loop_fake_advance(l, 251);
	assert_int_equal(crowd.n, 0);
	assert_int_equal(crowd.over, 1);
	loop_free(l);
}

static void at_once(void **state)
{
	struct drain d;
	struct loop *l = begin(&d, 10, 10);

	(void)state;
	assert_int_equal(drain_begin(&d, 0), 0);
	loop_fake_advance(l, 1);
	assert_int_equal(crowd.n, 0);
	assert_int_equal(crowd.over, 1);
	assert_int_equal(drain_begin(&d, 5000), 0); /* nobody is there */
	loop_fake_advance(l, 6000);
	assert_int_equal(crowd.over, 2);
	loop_free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(evenly),
		cmocka_unit_test(who_leaves_by_himself_counts),
		cmocka_unit_test(some_wait_until_the_end),
		cmocka_unit_test(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
