#include "enrol_code.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const uint8_t here[ENROL_EXPORTER_BYTES] = { 1 }, there[ENROL_EXPORTER_BYTES] = { 2 };
static const char code[] = "2345-6789-ABCD-EFGH-JKLM";

static void test_code(void **state)
{
	char a[ENROL_CODE_BYTES], b[ENROL_CODE_BYTES];

	(void)state;
	enrol_code_make(a);
	assert_int_equal(strlen(a), ENROL_CODE_BYTES - 1);
	assert_int_equal(enrol_code_read(bytes_of(a), b), 0);
	assert_string_equal(a, b);
	enrol_code_make(b);
	assert_string_not_equal(a, b);
	assert_int_equal(enrol_code_read(BYTES(" 2345 67 89abcdEFGH-jklm"), b), 0);
	assert_string_equal(b, code);
	static const char *const bad[] = { "", "2345", "2345-6789-ABCD-EFGH-JKL", "2345-6789-ABCD-EFGH-JKLMN", "2345-6789-ABCD-EFGH-JKL0", "2345-6789-ABCD-EFGH-JKL!" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(enrol_code_read(bytes_of(bad[i]), b), ERR_SYNTAX);
}

static void test_message(void **state)
{
	enum enrol_message type;
	struct bytes payload;
	size_t used;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(enrol_put(&b, code, here, ENROL_REQUEST, BYTES("request")), 0);
	struct bytes all = buf_bytes(&b);
	for (size_t n = 0; n < all.n; n++)
		assert_int_equal(enrol_take(bytes_make(all.p, n), code, here, &type, &payload, &used), ERR_AGAIN);
	assert_int_equal(enrol_take(all, code, here, &type, &payload, &used), 0);
	assert_int_equal(type, ENROL_REQUEST);
	assert_true(bytes_eq_str(payload, "request"));
	assert_int_equal(used, all.n);
	/* Another code, another connection, any byte changed. */
	assert_int_equal(enrol_take(all, "2345-6789-ABCD-EFGH-JKLN", here, &type, &payload, &used), ERR_AUTH);
	assert_int_equal(enrol_take(all, code, there, &type, &payload, &used), ERR_AUTH);
	for (size_t i = 2; i < all.n; i++) {
		((uint8_t *)(uintptr_t)all.p)[i] ^= 1;
		assert_int_equal(enrol_take(all, code, here, &type, &payload, &used), ERR_AUTH);
		((uint8_t *)(uintptr_t)all.p)[i] ^= 1;
	}
	assert_int_equal(enrol_take(BYTES("\0\5abcde"), code, here, &type, &payload, &used), ERR_SYNTAX);
	assert_int_equal(enrol_take(BYTES("\xff\xff"), code, here, &type, &payload, &used), ERR_SYNTAX);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_code), cmocka_unit_test(test_message) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
