#include "discovery.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static struct discovery_door door(uint8_t last, uint16_t port, uint8_t seen)
{
	return (struct discovery_door){ { 4, port, { 10, 0, 0, last } }, { 4, port, { 198, 51, 100, seen } } };
}

static void four_doors_among_others(void **state)
{
	const struct discovery_door doors[] = {
		{ { 6, 3478, { 0x2a } }, { 6, 3478, { 0x2a } } }, { { 4, 3478, { 0 } }, { 4, 3478, { 0 } } },
		door(1, 3478, 1), door(1, 80, 1), door(2, 3479, 2), door(1, 3479, 1), door(2, 3478, 2), door(3, 3478, 3),
	};
	struct discovery d;
	struct stunaddr where;
	const char *why;

	(void)state;
	assert_int_equal(discovery_find(doors, 8, &d, &where, &why), 0);
	assert_true(d.is_on);
	assert_true(stunaddr_eq(&d.door[0][0].at, &doors[2].at));
	assert_true(stunaddr_eq(&d.door[0][1].at, &doors[5].at));
	assert_true(stunaddr_eq(&d.door[1][0].at, &doors[6].at));
	assert_true(stunaddr_eq(&d.door[1][1].seen, &doors[4].seen));
}

static void what_is_missing_is_said(void **state)
{
	const struct {
		size_t n;
		struct discovery_door doors[4];
		uint8_t last;
		uint16_t port;
		const char *why;
	} rows[] = {
		{ 0, { { { 0 }, { 0 } } }, 0, 0, "two addresses of one family" },
		{ 2, { door(1, 3478, 1), door(1, 3479, 1) }, 0, 0, "two addresses of one family" },
		{ 2, { door(1, 3478, 1), { { 6, 3478, { 0x2a } }, { 6, 3478, { 0x2a } } } }, 0, 0, "two addresses of one family" },
		{ 2, { door(1, 3478, 1), { { 4, 3478, { 0 } }, { 4, 3478, { 0 } } } }, 0, 0, "two addresses of one family" },
		{ 2, { door(1, 3478, 1), door(2, 3478, 2) }, 2, 3478, "a second port" },
		{ 3, { door(1, 3478, 1), door(2, 3478, 2), door(1, 3479, 1) }, 2, 3479, "this turn listen-udp row is missing" },
		{ 3, { door(1, 3478, 1), door(2, 3478, 2), door(2, 3479, 2) }, 1, 3479, "this turn listen-udp row is missing" },
		/* static NAT with one public address, and with one row that was forgotten */
		{ 4, { door(1, 3478, 9), door(1, 3479, 9), door(2, 3478, 9), door(2, 3479, 9) }, 2, 3479, "behind static NAT" },
		{ 4, { door(1, 3478, 1), door(1, 3479, 1), door(2, 3478, 2), door(2, 3479, 9) }, 2, 3479, "one public address" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct discovery d = { .is_on = false };
		struct stunaddr where;
		const char *why;
		assert_int_equal(discovery_find(rows[i].doors, rows[i].n, &d, &where, &why), ERR_NOT_FOUND);
		assert_false(d.is_on);
		if (!strstr(why, rows[i].why) || where.port != rows[i].port || where.ip[3] != rows[i].last)
			fail_msg("row %zu: %s at .%u:%u", i, why, where.ip[3], where.port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(four_doors_among_others), cmocka_unit_test(what_is_missing_is_said) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
