/* Paths and their seals, ranges, and what a file is answered with. */
#include "files.h"
#include "range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/upload.h"

static const struct bytes key = { (const uint8_t *)"0123456789abcdef0123456789abcdef", 32 };

static struct slot slot_of(enum slot_kind kind)
{
	struct slot s = { .kind = kind, .id = "0123456789abcde", .hour = 495000, .until_s = 1800000000, .size = 1ULL << 33 };

	snprintf(s.owner, sizeof s.owner, "juliet@near.example");
	snprintf(s.type, sizeof s.type, "image/png");
	snprintf(s.name, sizeof s.name, "a \xe9\x9b\xaa & b%%.png");
	return s;
}

static void path_of(const struct slot *s, struct buf *b)
{
	buf_clear(b);
	assert_int_equal(slot_put_path(key, s, b), 0);
}

static void a_path_carries_all(void **state)
{
	struct slot s = slot_of(SLOT_FILL), got;
	struct buf b;

	(void)state;
	buf_init(&b, SLOT_PATH_MAX + 1);
	path_of(&s, &b);
	assert_int_equal(slot_read_path(key, buf_bytes(&b), &got), 0);
	assert_int_equal(got.kind, SLOT_FILL);
	assert_memory_equal(got.id, s.id, sizeof s.id);
	assert_true(got.hour == s.hour && got.until_s == s.until_s && got.size == s.size);
	assert_string_equal(got.owner, s.owner);
	assert_string_equal(got.type, s.type);
	assert_string_equal(got.name, s.name);
	s.kind = SLOT_FETCH;
	path_of(&s, &b);
	assert_null(strstr(buf_cstr(&b), "anVsaWV0")); /* whom it belongs to is not in a link that others get */
	assert_int_equal(slot_read_path(key, buf_bytes(&b), &got), 0);
	assert_int_equal(got.kind, SLOT_FETCH);
	assert_string_equal(got.owner, "");
	buf_fini(&b);
}

static void nothing_in_a_path_can_be_changed(void **state)
{
	const struct bytes other = { (const uint8_t *)"0123456789abcdef0123456789abcdeg", 32 };
	struct slot s = slot_of(SLOT_FILL), got;
	struct buf b;

	(void)state;
	buf_init(&b, SLOT_PATH_MAX + 1);
	path_of(&s, &b);
	size_t n = buf_len(&b);
	char *text = (char *)(uintptr_t)buf_cstr(&b);
	assert_int_equal(slot_read_path(other, buf_bytes(&b), &got), ERR_AUTH);
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		text[i] = c == 'A' ? 'B' : 'A';
		assert_int_not_equal(slot_read_path(key, bytes_make(text, n), &got), 0);
		text[i] = c;
	}
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(slot_read_path(key, bytes_make(text, i), &got), 0);
	assert_int_equal(slot_read_path(key, bytes_make(text, n), &got), 0);
	buf_fini(&b);
}

static void the_longest_fits(void **state)
{
	struct slot s = slot_of(SLOT_FILL), got;
	struct buf b;

	(void)state;
	memset(s.owner, 'o', SLOT_OWNER_MAX);
	memset(s.type, 't', SLOT_TYPE_MAX);
	memset(s.name, ' ', SLOT_NAME_MAX);
	buf_init(&b, SLOT_PATH_MAX + 1);
	path_of(&s, &b);
	assert_int_equal(slot_read_path(key, buf_bytes(&b), &got), 0);
	buf_fini(&b);
}

static void names(void **state)
{
	static const char *const good[] = { "a", "...", "a b.txt", "\xe9\x9b\xaa", ".hidden" },
	                  *const bad[] = { "", ".", "..", "a/b", "/", "a\\b", "a\nb", "\x7f", "\xff", "a\xe2\x80\xae" "b" };
	char name[SLOT_NAME_MAX + 2] = "";

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(slot_is_name(bytes_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(slot_is_name(bytes_of(bad[i])));
	memset(name, 'x', SLOT_NAME_MAX);
	assert_true(slot_is_name(bytes_of(name)));
	name[SLOT_NAME_MAX] = 'x';
	assert_false(slot_is_name(bytes_make(name, sizeof name - 1)));
}

static void types(void **state)
{
	static const char *const good[] = { "a/b", "text/plain; charset=utf-8", "image/svg+xml", "application/x.y-z" },
	                  *const bad[] = { "", "a", "a/", "/b", "a/b\r\nX: y", "a b/c", "a/b/c", "a/b\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(slot_is_type(bytes_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(slot_is_type(bytes_of(bad[i])));
}

static void ranges(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum range_kind kind;
		uint64_t from, n;
	} rows[] = {
		{ "bytes=0-499", 10000, RANGE_PART, 0, 500 },      /* RFC 9110 14.1.2 */
		{ "bytes=500-999", 10000, RANGE_PART, 500, 500 },
		{ "bytes=-500", 10000, RANGE_PART, 9500, 500 },
		{ "bytes=9500-", 10000, RANGE_PART, 9500, 500 },
		{ "bytes=0-0,-1", 10000, RANGE_NONE, 0, 0 },
		{ "BYTES=0-0", 1, RANGE_PART, 0, 1 },
		{ "bytes=0-18446744073709551615", 5, RANGE_PART, 0, 5 },
		{ "bytes=0-18446744073709551616", 5, RANGE_NONE, 0, 0 },
		{ "bytes=5-", 5, RANGE_OUT, 0, 0 },
		{ "bytes=-0", 5, RANGE_OUT, 0, 0 },
		{ "bytes=0-0", 0, RANGE_OUT, 0, 0 },
		{ "bytes=-1", 0, RANGE_OUT, 0, 0 },
		{ "bytes=2-1", 5, RANGE_NONE, 0, 0 },
		{ "bytes=", 5, RANGE_NONE, 0, 0 },
		{ "bytes=-", 5, RANGE_NONE, 0, 0 },
		{ "bytes= 0-1", 5, RANGE_NONE, 0, 0 },
		{ "", 5, RANGE_NONE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t from = 0, n = 0;
		assert_int_equal(range_read(bytes_of(rows[i].value), rows[i].size, &from, &n), rows[i].kind);
		assert_true(from == rows[i].from && n == rows[i].n);
	}
}

static struct bytes field(const struct upload_answer *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (bytes_eq_str(a->fields[i].name, name))
			return a->fields[i].value;
	return BYTES_NONE;
}

static void replies(void **state)
{
	const struct slot s = slot_of(SLOT_FETCH);
	struct shelf_label l = { .size = 100, .type = "text/html", .name = "a\"b" };
	struct upload_ask ask = { .op = UPLOAD_GET };
	struct upload_answer a;
	struct buf text;
	uint64_t from;

	(void)state;
	buf_init(&text, 2048);
	reply_file(&ask, &s, &l, &text, &a, &from);
	assert_true(a.status == 200 && a.size == 100 && from == 0);
	assert_true(bytes_eq_str(field(&a, "Content-Disposition"), "attachment; filename*=UTF-8''a%22b"));
	ask.range = BYTES("bytes=10-19");
	reply_file(&ask, &s, &l, &text, &a, &from);
	assert_true(a.status == 206 && a.size == 10 && from == 10);
	assert_true(bytes_eq_str(field(&a, "Content-Range"), "bytes 10-19/100"));
	ask.if_range = BYTES("\"another\"");
	reply_file(&ask, &s, &l, &text, &a, &from);
	assert_true(a.status == 200 && a.size == 100 && from == 0);
	ask = (struct upload_ask){ .op = UPLOAD_HEAD, .range = BYTES("bytes=10-19") };
	reply_file(&ask, &s, &l, &text, &a, &from);
	assert_true(a.status == 200 && a.size == 100);
	ask = (struct upload_ask){ .op = UPLOAD_GET, .if_none_match = BYTES("\"a\", W/\"30313233343536373839616263646500\"") };
	reply_file(&ask, &s, &l, &text, &a, &from);
	assert_true(a.status == 304 && a.size == 0);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_carries_all),
		cmocka_unit_test(nothing_in_a_path_can_be_changed),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(names),
		cmocka_unit_test(types),
		cmocka_unit_test(ranges),
		cmocka_unit_test(replies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
