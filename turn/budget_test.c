#include "budget.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned taken(struct budget *b, struct stunaddr from, unsigned tries, uint64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += budget_take(b, &from, now_ms);
	return n;
}

static void a_prefix_has_so_many(void **state)
{
	struct budget *b = budget_new(10);
	const struct stunaddr a = { 4, 1, { 9, 9, 9, 1 } }, near = { 4, 77, { 9, 9, 9, 254 } }, far = { 4, 1, { 9, 9, 10, 1 } };
	const struct stunaddr six = { 6, 1, { 0x20, 1, 5, 5, 5, 5, 1 } }, six_near = { 6, 1, { 0x20, 1, 5, 5, 5, 5, 9, 9 } };

	(void)state;
	assert_int_equal(taken(b, a, 100, 1000), 20);
	assert_int_equal(taken(b, near, 100, 1000), 0);
	assert_int_equal(taken(b, far, 100, 1000), 20);
	assert_int_equal(taken(b, six, 100, 1000), 20);
	assert_int_equal(taken(b, six_near, 100, 1000), 0);
	assert_int_equal(taken(b, near, 100, 1500), 5);
	assert_int_equal(taken(b, a, 100, 1000000), 20);
	struct budget_saved saved;
	budget_refused(b, &saved);
	assert_int_equal(saved.answers, 80 + 100 + 80 + 80 + 100 + 95 + 80);
	budget_refused(b, &saved);
	assert_int_equal(saved.answers, 0);
	budget_free(b);
}

/* Who causes most of it is named, whatever else comes in between. */
static void the_loudest_is_named(void **state)
{
	static const struct stunaddr loud = { 4, 1, { 192, 0, 2, 77 } }, loud6 = { 6, 1, { 0x20, 1, 0xd, 0xb8, 0, 7, 9 } };
	struct budget *b = budget_new(1);
	struct budget_saved saved;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		taken(b, loud, 2, 5000);
		taken(b, (struct stunaddr){ 4, 1, { 50, (uint8_t)i } }, 3, 5000);
	}
	budget_refused(b, &saved);
	assert_true(saved.answers >= 198 + 100);
	assert_string_equal(saved.prefix, "192.0.2.0/24");
	taken(b, loud6, 100, 9000);
	taken(b, loud, 50, 5000);
	budget_refused(b, &saved);
	assert_string_equal(saved.prefix, "2001:db8:7::/48");
	budget_free(b);
}

static void zero_is_no_limit(void **state)
{
	struct budget *b = budget_new(0);

	(void)state;
	assert_int_equal(taken(b, (struct stunaddr){ .family = 4 }, 100000, 0), 100000);
	budget_free(b);
}

/* A flood of forged addresses fills few cells of others: a stranger is still answered mostly. */
static void a_flood_costs_few_others(void **state)
{
	struct budget *b = budget_new(10);
	unsigned answered = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		taken(b, (struct stunaddr){ 4, 1, { 100, (uint8_t)i, 3 } }, 1000, 5000);
	for (unsigned i = 0; i < 1000; i++)
		answered += taken(b, (struct stunaddr){ 4, 1, { 50, (uint8_t)(i >> 8), (uint8_t)i } }, 1, 5000);
	assert_true(answered > 950);
	budget_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_has_so_many),
		cmocka_unit_test(the_loudest_is_named),
		cmocka_unit_test(zero_is_no_limit),
		cmocka_unit_test(a_flood_costs_few_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
