/* The rules of D-CIM-02 to D-CIM-07, D-REN-02 and D-CEX-02 to D-CEX-05. */
#include "bulk/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/csv.h"

enum { ARENA = 1 << 20 };

#define L63 "a23456789012345678901234567890123456789012345678901234567890123"
#define X128 L63 "." L63
#define TEN(x) x x x x x x x x x x
#define CHARS_132 TEN(TEN("u")) TEN("u") TEN("u") TEN("u") "uu"
#define CHARS_255 TEN(TEN("\xc3\xab")) TEN(TEN("\xc3\xab")) TEN("n") TEN("n") TEN("n") TEN("n") TEN("n") "nnnnn"

static void imports(void **state)
{
	static const struct {
		const char *fields[7]; /* NULL behind the last */
		enum bulk_result want;
	} rows[] = {
		{ { "u", "a.test", "c", "b.test", "", "G" }, BULK_DONE },
		{ { " u ", " a.test ", " c ", " b.test ", "N", "G" }, BULK_DONE },
		{ { CHARS_132, "a.test", CHARS_132, "b.test", CHARS_255, CHARS_255 }, BULK_DONE },
		{ { "", "a.test", "c", "b.test", "", "G" }, BULK_FORMAT },
		{ { " ", "a.test", "c", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", "", "c", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "", "", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "", "" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "", "  " }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "", "G", "more" }, BULK_FORMAT },
		{ { CHARS_132 "u", "a.test", "c", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", X128 ".aa", "c", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", "a.test", CHARS_132 "u", "b.test", "", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", CHARS_255 "n", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "", CHARS_255 "n" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "a\nb", "G" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "", "\xff" }, BULK_FORMAT },
		{ { "u", "a.test", "c", "b.test", "\xef\xbf\xbf", "G" }, BULK_FORMAT },
		{ { "u", "a..test", "c", "b.test", "", "G" }, BULK_FORMAT },
		/* D-CIM-05 */
		{ { "u", "a.test", "c", L63 ".test", "", "G" }, BULK_DONE },
		{ { "u", "a.test", "c", "a" L63 ".test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", X128 ".aa", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b-1.Test", "", "G" }, BULK_DONE },
		{ { "u", "a.test", "c", "-b.test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b-.test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b_c.test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b\xc3\xab.test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b..test", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b.test.", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b.t", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "b.t3st", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "192.0.2.1", "", "G" }, BULK_DOMAIN },
		{ { "u", "a.test", "c", "localhost", "", "G" }, BULK_DONE },
		/* D-CIM-13 (3), whatever the case */
		{ { "u", "a.test", "U", "A.Test", "", "G" }, BULK_SELF },
	};
	struct arena a;

	(void)state;
	arena_init(&a, ARENA);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bytes fields[7];
		struct bulk_row out;
		size_t n = 0;
		while (n < 7 && rows[i].fields[n]) {
			fields[n] = bytes_of(rows[i].fields[n]);
			n++;
		}
		if (bulk_row_import(fields, n, &a, &out) != rows[i].want)
			fail_msg("row %zu", i);
		arena_reset(&a);
	}
	arena_fini(&a);
}

static void what_a_row_says(void **state)
{
	const struct bytes fields[] = { BYTES("B Jones@usa"), BYTES("Example.COM"), BYTES("Ann"), BYTES("far.example"), BYTES(" Nick "), BYTES("General") };
	struct bulk_row r;
	struct arena a;

	(void)state;
	arena_init(&a, ARENA);
	assert_int_equal(bulk_row_import(fields, 6, &a, &r), BULK_DONE);
	assert_true(bytes_eq_str(r.user, "b\\20jones\\40usa@example.com"));
	assert_true(bytes_eq_str(r.contact, "ann@far.example"));
	assert_true(bytes_eq_str(r.name, " Nick "));
	assert_int_equal(r.group.n, 0);
	arena_fini(&a);
}

static void renames(void **state)
{
	static const struct {
		const char *old, *new;
		enum bulk_result want;
		const char *contact, *to;
	} rows[] = {
		{ "first.last@a.test", " flast@a.test", BULK_DONE, "first.last@a.test", "flast@a.test" },
		{ "bjones@usa@a.test", "b@A.test", BULK_DONE, "bjones\\40usa@a.test", "b@a.test" },
		{ "same@a.test", "SAME@a.test", BULK_FORMAT, NULL, NULL },
		{ "a.test", "x@a.test", BULK_FORMAT, NULL, NULL },
		{ "x@a.test", "a.test", BULK_FORMAT, NULL, NULL },
		{ "@a.test", "x@a.test", BULK_FORMAT, NULL, NULL },
		{ "x@a.test", "@a.test", BULK_FORMAT, NULL, NULL },
		{ "x@", "y@a.test", BULK_FORMAT, NULL, NULL },
		{ "x@a.test", "y@-a.test", BULK_DOMAIN, NULL, NULL },
		{ "x@10.0.0.1", "y@a.test", BULK_DONE, "x@10.0.0.1", "y@a.test" }, /* what is in the lists may be anything */
	};
	struct bulk_row r;
	struct arena a;

	(void)state;
	arena_init(&a, ARENA);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct bytes fields[] = { bytes_of(rows[i].old), bytes_of(rows[i].new) };
		if (bulk_row_rename(fields, 2, &a, &r) != rows[i].want)
			fail_msg("row %zu", i);
		if (rows[i].contact) {
			assert_true(bytes_eq_str(r.contact, rows[i].contact));
			assert_true(bytes_eq_str(r.to, rows[i].to));
		}
		assert_int_equal(bulk_row_rename(fields, 1, &a, &r), BULK_FORMAT);
	}
	arena_fini(&a);
}

static void heads(void **state)
{
	const struct bytes sample[] = { BYTES("<Contact ID>"), BYTES(" <New Contact ID>") }, plain[] = { BYTES("contact id"), BYTES("NEW CONTACT ID") };
	const struct bytes data[] = { BYTES("contact id"), BYTES("x@a.test") };

	(void)state;
	assert_true(bulk_row_is_head_rename(sample, 2));
	assert_true(bulk_row_is_head_rename(plain, 2));
	assert_false(bulk_row_is_head_rename(data, 2));
	assert_false(bulk_row_is_head_rename(plain, 1));
	assert_false(bulk_row_is_head_import(plain, 2));
}

/* What is written gives the same row again. */
static void there_and_back(void **state)
{
	static const char *const users[] = { "u@a.test", "b\\20jones\\40usa@a.test", "back\\5c40slash@a.test", "zo\xc3\xab@a.test" };
	struct bulk_row r;
	struct arena a;
	struct csv c;
	struct buf b;

	(void)state;
	arena_init(&a, ARENA);
	buf_init(&b, 4096);
	for (size_t i = 0; i < 4; i++) {
		buf_clear(&b);
		assert_true(bulk_row_put(&b, bytes_of(users[i]), BYTES("c@b.test"), BYTES("a, \"b\" "), i ? BYTES("G") : BYTES_NONE, &a));
		csv_init(&c, buf_bytes(&b), true, 1, 4096);
		assert_int_equal(csv_row(&c), 0);
		assert_int_equal(bulk_row_import(c.fields, c.n, &a, &r), BULK_DONE);
		assert_true(bytes_eq_str(r.user, users[i]) && bytes_eq_str(r.contact, "c@b.test"));
		assert_true(bytes_eq_str(r.name, "a, \"b\" ") && bytes_eq_str(r.group, i ? "G" : ""));
		csv_fini(&c);
	}
	/* D-CEX-05 */
	buf_clear(&b);
	assert_false(bulk_row_put(&b, BYTES("u@a.test"), BYTES("b.test"), BYTES_NONE, BYTES_NONE, &a));
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports), cmocka_unit_test(what_a_row_says), cmocka_unit_test(renames),
		cmocka_unit_test(heads),   cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
