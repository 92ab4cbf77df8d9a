#include "renew.h"

#include "net/pki_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

static void test_due(void **state)
{
	static const struct {
		int from, to;
		bool is_due;
	} rows[] = { { -1, 89, false }, { -59, 31, false }, { -61, 29, true }, { -91, -1, true }, { -6, 2, true }, { -5, 5, false } };
	uint64_t now = (uint64_t)time(NULL) * 1000;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "link", .from_days = rows[i].from, .to_days = rows[i].to }, NULL);
		assert_int_equal(renew_is_due(pki_pem(&c), now), rows[i].is_due);
		pki_free(&c);
	}
	assert_false(renew_is_due(BYTES_NONE, now));
	assert_false(renew_is_due(BYTES("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), now));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_due) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
