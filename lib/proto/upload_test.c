#include "proto/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

static void ask_goes_there_and_back(void **state)
{
	const struct upload_ask a = { UPLOAD_PUT, BYTES("/upload/x/a.txt"), BYTES("text/plain"), BYTES("bytes=0-1"), BYTES("\"x\""), BYTES("*"), 1ULL << 40 };
	struct upload_ask got;
	struct buf b;
	size_t used = 0;

	(void)state;
	buf_init(&b, 4096);
	upload_put_ask(&b, &a);
	size_t n = buf_len(&b);
	buf_put_str(&b, "more");
	for (size_t i = 0; i < n; i++)
		assert_int_equal(upload_take_ask(bytes_make(buf_bytes(&b).p, i), &got, &used), ERR_AGAIN);
	assert_int_equal(upload_take_ask(buf_bytes(&b), &got, &used), 0);
	assert_int_equal(used, n);
	assert_int_equal(got.op, UPLOAD_PUT);
	assert_true(bytes_eq(got.path, a.path) && bytes_eq(got.type, a.type) && bytes_eq(got.range, a.range));
	assert_true(bytes_eq(got.if_range, a.if_range) && bytes_eq(got.if_none_match, a.if_none_match) && got.size == a.size);
	buf_fini(&b);
}

static void answer_goes_there_and_back(void **state)
{
	struct upload_answer a = { .status = 206, .size = 17 }, got;
	struct buf b;
	size_t used;

	(void)state;
	buf_init(&b, 4096);
	for (int i = 0; i < UPLOAD_FIELDS_MAX + 3; i++)
		upload_add(&a, "ETag", BYTES("\"x\""));
	upload_put_answer(&b, &a);
	assert_int_equal(upload_take_answer(buf_bytes(&b), &got, &used), 0);
	assert_int_equal(used, buf_len(&b));
	assert_int_equal(got.status, 206);
	assert_int_equal(got.size, 17);
	assert_int_equal(got.n, UPLOAD_FIELDS_MAX);
	assert_true(bytes_eq_str(got.fields[UPLOAD_FIELDS_MAX - 1].value, "\"x\""));
	buf_fini(&b);
}

static void what_is_none_is_refused(void **state)
{
	static const uint8_t long_one[] = { 0, 0, 0x40, 1 }, bad_op[] = { 0, 0, 0, 19, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
	                     left_over[] = { 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct upload_answer odd = { .status = 99 };
	struct upload_answer answer;
	struct upload_ask ask;
	struct buf b;
	size_t used;

	(void)state;
	assert_int_equal(upload_take_ask(bytes_make(long_one, sizeof long_one), &ask, &used), ERR_LIMIT);
	assert_int_equal(upload_take_ask(bytes_make(bad_op, sizeof bad_op), &ask, &used), ERR_SYNTAX);
	assert_int_equal(upload_take_ask(bytes_make(left_over, sizeof left_over), &ask, &used), ERR_SYNTAX);
	buf_init(&b, 4096);
	upload_put_answer(&b, &odd);
	assert_int_equal(upload_take_answer(buf_bytes(&b), &answer, &used), ERR_SYNTAX);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_goes_there_and_back),
		cmocka_unit_test(answer_goes_there_and_back),
		cmocka_unit_test(what_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
