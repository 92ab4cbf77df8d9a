#include "quota.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static struct stunaddr client(unsigned n)
{
	return (struct stunaddr){ 4, 1, { 9, 9, (uint8_t)(n >> 8), (uint8_t)n } };
}

static int enter(struct quota *q, const char *user, unsigned from, struct quota_hold *h)
{
	struct stunaddr a = client(from);

	return quota_enter(q, bytes_of(user), &a, 0, h);
}

/* coturn#243: a user's quota was counted as everybody's. */
static void two_users_do_not_share_a_limit(void **state)
{
	struct quota *q = quota_new(0);
	struct quota_hold h[6] = { 0 };

	(void)state;
	quota_set(q, &(struct quota_limits){ .allocations = 5, .allocations_user = 2 }, 0);
	assert_int_equal(enter(q, "romeo", 1, &h[0]), 0);
	assert_int_equal(enter(q, "romeo", 2, &h[1]), 0);
	assert_int_equal(enter(q, "romeo", 3, &h[2]), ERR_LIMIT);
	assert_int_equal(enter(q, "juliet", 1, &h[2]), 0);
	assert_int_equal(enter(q, "juliet", 1, &h[3]), 0);
	assert_int_equal(enter(q, "nurse", 1, &h[4]), 0);
	assert_int_equal(enter(q, "friar", 1, &h[5]), ERR_FULL);
	quota_leave(q, &h[0]);
	assert_int_equal(enter(q, "romeo", 9, &h[0]), 0);
	assert_int_equal(quota_user_count(q, h[0].user), 2);
	for (unsigned i = 0; i < 5; i++)
		quota_leave(q, &h[i]);
	quota_leave(q, &h[5]); /* never entered */
	size_t at = 0;
	assert_null(quota_next(q, &at));
	quota_free(q);
}

static void an_address_has_its_part(void **state)
{
	struct quota *q = quota_new(1);
	struct quota_hold h[4];

	(void)state;
	quota_set(q, &(struct quota_limits){ .allocations_address = 3, .workers = 2 }, 0);
	assert_int_equal(enter(q, "a", 7, &h[0]), 0);
	assert_int_equal(enter(q, "b", 7, &h[1]), 0);
	assert_int_equal(enter(q, "c", 7, &h[2]), ERR_LIMIT);
	assert_int_equal(enter(q, "c", 8, &h[2]), 0);
	quota_leave(q, &h[0]);
	assert_int_equal(enter(q, "d", 7, &h[3]), 0);
	quota_free(q);
}

static void others_count_too(void **state)
{
	struct quota *q = quota_new(0);
	struct quota_hold h;

	(void)state;
	quota_set(q, &(struct quota_limits){ .allocations = 100, .allocations_user = 3 }, 0);
	assert_int_equal(quota_hear(q, 1, BYTES("romeo"), 2), 0);
	assert_int_equal(quota_hear(q, 2, BYTES("romeo"), 1), 0);
	assert_int_equal(quota_hear(q, 0, BYTES("romeo"), 1), ERR_RANGE);
	assert_int_equal(quota_hear(q, QUOTA_WORKERS_MAX, BYTES("romeo"), 1), ERR_RANGE);
	assert_int_equal(enter(q, "romeo", 1, &h), ERR_LIMIT);
	assert_int_equal(quota_hear(q, 2, BYTES("romeo"), 0), 0);
	assert_int_equal(enter(q, "romeo", 1, &h), 0);
	assert_int_equal(quota_hear(q, 1, BYTES("juliet"), 97), 0);
	struct quota_hold g;
	assert_int_equal(enter(q, "nurse", 1, &g), ERR_FULL);
	quota_worker_gone(q, 1);
	assert_int_equal(enter(q, "nurse", 1, &g), 0);
	assert_int_equal(quota_user_count(q, h.user), 1);
	quota_leave(q, &h);
	quota_leave(q, &g);
	quota_free(q);
}

static uint32_t passed(struct quota *q, const struct quota_hold *h, uint64_t from_ms, uint64_t to_ms)
{
	uint32_t n = 0;

	for (uint64_t t = from_ms; t < to_ms; t++)
		for (unsigned i = 0; i < 10; i++)
			n += quota_pass(q, h, 1000, t) ? 1000 : 0;
	return n;
}

static void bandwidth_is_bounded_and_shared(void **state)
{
	struct quota *q = quota_new(0);
	struct quota_hold h, g;

	(void)state;
	quota_set(q, &(struct quota_limits){ .bytes_user = 1000000 }, 0);
	assert_int_equal(enter(q, "romeo", 1, &h), 0);
	assert_int_equal(enter(q, "juliet", 1, &g), 0);
	(void)passed(q, &h, 0, 1000); /* the burst */
	uint32_t n = passed(q, &h, 1000, 2000);
	assert_true(n >= 990000 && n <= 1001000);
	assert_int_equal(quota_hear(q, 3, BYTES("romeo"), 1), 0);
	assert_int_equal(quota_share_user(q, h.user), 500000);
	assert_int_equal(quota_share_user(q, g.user), 1000000);
	(void)passed(q, &h, 2000, 3000);
	n = passed(q, &h, 3000, 4000);
	assert_true(n >= 490000 && n <= 501000);
	quota_set(q, &(struct quota_limits){ .bytes_total = 200000 }, 4000);
	(void)passed(q, &h, 4000, 5000);
	n = passed(q, &h, 5000, 6000) + passed(q, &g, 6000, 7000);
	assert_true(n >= 190000 && n <= 210000);
	quota_set(q, &(struct quota_limits){ .workers = 1 }, 7000);
	assert_int_equal(passed(q, &h, 7000, 7100), 1000000);
	quota_leave(q, &h);
	quota_leave(q, &g);
	quota_free(q);
}

/* Packets of any size, and bytes by address; the kernel's path knows neither. */
static void packets_and_addresses_are_bounded(void **state)
{
	struct quota *q = quota_new(0);
	struct quota_hold h, g, k;

	(void)state;
	quota_set(q, &(struct quota_limits){ .packets_user = 200, .workers = 1 }, 0);
	assert_true(quota_wants_each(q));
	assert_int_equal(enter(q, "romeo", 1, &h), 0);
	assert_int_equal(enter(q, "juliet", 1, &g), 0);
	assert_int_equal(enter(q, "romeo", 2, &k), 0);
	(void)passed(q, &h, 0, 1000); /* the burst */
	assert_int_equal(passed(q, &h, 1000, 2000) + passed(q, &k, 2000, 3000), 2 * 200 * 1000);
	assert_true(quota_pass_bytes(q, &h, 1000, 3000)); /* a stream has none */
	quota_set(q, &(struct quota_limits){ .packets_address = 100, .workers = 2 }, 3000);
	(void)passed(q, &h, 3000, 4000);
	assert_int_equal(passed(q, &h, 4000, 5000) + passed(q, &g, 5000, 6000), 2 * 50 * 1000); /* one address, its part of two */
	assert_true(passed(q, &k, 5000, 6000) >= 50 * 1000);                                    /* another */
	quota_set(q, &(struct quota_limits){ .packets_total = 300, .workers = 1 }, 6000);
	(void)passed(q, &h, 6000, 7000);
	assert_int_equal(passed(q, &h, 7000, 8000) + passed(q, &k, 8000, 9000), 2 * 300 * 1000);
	quota_set(q, &(struct quota_limits){ .bytes_address = 400000, .workers = 1 }, 9000);
	(void)passed(q, &h, 9000, 10000);
	uint32_t n = passed(q, &h, 10000, 11000) + passed(q, &g, 11000, 12000);
	assert_true(n >= 790000 && n <= 810000);
	assert_true(quota_wants_each(q));
	quota_set(q, &(struct quota_limits){ .bytes_user = 1, .bytes_total = 1, .workers = 1 }, 12000);
	assert_false(quota_wants_each(q));
	quota_leave(q, &h);
	quota_leave(q, &g);
	quota_leave(q, &k);
	quota_free(q);
}

/* Who has one address of a /64 has 2^64 of them. */
static void an_ipv6_address_is_its_64(void **state)
{
	struct stunaddr a = { 6, 1, { 0x2a, 0, 0, 1, 0, 2, 0, 3, 9 } };
	struct quota *q = quota_new(0);
	struct quota_hold h, g;

	(void)state;
	quota_set(q, &(struct quota_limits){ .allocations_address = 1, .workers = 1 }, 0);
	assert_int_equal(quota_enter(q, BYTES("romeo"), &a, 0, &h), 0);
	a.ip[8] = 10;
	assert_int_equal(quota_enter(q, BYTES("juliet"), &a, 0, &g), ERR_LIMIT);
	a.ip[7] = 4;
	assert_int_equal(quota_enter(q, BYTES("juliet"), &a, 0, &g), 0);
	quota_leave(q, &h);
	quota_leave(q, &g);
	quota_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_users_do_not_share_a_limit),
		cmocka_unit_test(an_address_has_its_part),
		cmocka_unit_test(others_count_too),
		cmocka_unit_test(bandwidth_is_bounded_and_shared),
		cmocka_unit_test(packets_and_addresses_are_bounded),
		cmocka_unit_test(an_ipv6_address_is_its_64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
