/* The grammar of RFC 4180 2, and texts that come in pieces. */
#include "proto/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

enum { ROW_MAX = 64 };

static void expect(struct csv *c, unsigned line, size_t n, const char *const *fields)
{
	assert_int_equal(csv_row(c), 0);
	assert_int_equal(c->line, line);
	assert_int_equal(c->n, n);
	for (size_t i = 0; i < n; i++)
		assert_true(bytes_eq_str(c->fields[i], fields[i]));
}

static void rows_as_in_the_standard(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "aaa,bbb,ccc\r\n"   /* 2.1 */
				   "\n"
				   "\"a,a\",\"b \"\"b\"\"\r\nb\", c \n" /* 2.5, 2.6, 2.7, and blanks are part of a field (2.4) */
				   ",,\r"
				   "zzz,yyy";                          /* 2.2 */
	struct csv c;

	(void)state;
	csv_init(&c, BYTES(text), true, 1, ROW_MAX);
	csv_pass_mark(&c);
	expect(&c, 1, 3, (const char *const[]){ "aaa", "bbb", "ccc" });
	expect(&c, 2, 1, (const char *const[]){ "" });
	expect(&c, 3, 3, (const char *const[]){ "a,a", "b \"b\"\r\nb", " c " });
	expect(&c, 5, 3, (const char *const[]){ "", "", "" });
	expect(&c, 6, 2, (const char *const[]){ "zzz", "yyy" });
	assert_int_equal(csv_row(&c), ERR_NOT_FOUND);
	csv_fini(&c);
}

static void a_bad_row_costs_its_line_alone(void **state)
{
	static const char text[] = "a\"b,c\n"
				   "ok,1\n"
				   "\"x\"y,c\r\n"
				   "ok,2\r\n"
				   "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\r"
				   "ok,3\n"
				   "\"never ends\n"
				   "ok,4\n";
	struct csv c;

	(void)state;
	csv_init(&c, BYTES(text), true, 1, ROW_MAX);
	assert_int_equal(csv_row(&c), ERR_SYNTAX);
	assert_string_equal(c.why, "a quote inside a field that is not quoted");
	assert_int_equal(c.line, 1);
	expect(&c, 2, 2, (const char *const[]){ "ok", "1" });
	assert_int_equal(csv_row(&c), ERR_SYNTAX);
	expect(&c, 4, 2, (const char *const[]){ "ok", "2" });
	assert_int_equal(csv_row(&c), ERR_LIMIT);
	expect(&c, 6, 2, (const char *const[]){ "ok", "3" });
	assert_int_equal(csv_row(&c), ERR_SYNTAX);
	assert_int_equal(c.line, 7);
	expect(&c, 8, 2, (const char *const[]){ "ok", "4" });
	assert_int_equal(csv_row(&c), ERR_NOT_FOUND);
	csv_fini(&c);
}

/* Every way to cut the text in two gives the same rows. */
static void a_text_in_two_pieces(void **state)
{
	static const char text[] = "a,\"b\"\"\nb\"\r\nc,d\r\ne\"e,f\r\n\"g\",h\n";
	static const char *const first[] = { "a", "b\"\nb" }, *const second[] = { "c", "d" }, *const last[] = { "g", "h" };

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++) {
		struct bytes all = BYTES(text);
		unsigned rows = 0, bad = 0, line = 1;
		struct csv c;

		csv_init(&c, bytes_make(text, cut), false, line, ROW_MAX);
		for (int half = 0, rc = 0; half < 2;) {
			rc = csv_row(&c);
			if (rc == ERR_TRUNCATED || rc == ERR_NOT_FOUND) {
				size_t at = half ? all.n : cut - c.rest.n;
				bool is_skipping = c.is_skipping;
				line = c.next_line;
				csv_fini(&c);
				half++;
				csv_init(&c, bytes_skip(all, at), true, line, ROW_MAX);
				c.is_skipping = is_skipping;
				continue;
			}
			if (rc) {
				bad++;
				assert_int_equal(c.line, 4);
				continue;
			}
			const char *const *want = rows == 0 ? first : rows == 1 ? second : last;
			assert_true(bytes_eq_str(c.fields[0], want[0]) && bytes_eq_str(c.fields[1], want[1]));
			assert_int_equal(c.line, rows == 0 ? 1 : rows == 1 ? 3 : 5);
			rows++;
		}
		csv_fini(&c);
		assert_int_equal(rows, 3);
		assert_int_equal(bad, 1);
	}
}

/* Neither a long line nor a quote that does not end takes more than row_max, nor what follows its line. */
static void a_row_without_an_end(void **state)
{
	char text[400];
	struct csv c;

	(void)state;
	memset(text, 'x', sizeof text);
	csv_init(&c, bytes_make(text, ROW_MAX), false, 7, ROW_MAX);
	assert_int_equal(csv_row(&c), ERR_TRUNCATED);
	assert_int_equal(c.rest.n, ROW_MAX);
	csv_fini(&c);
	csv_init(&c, bytes_make(text, sizeof text), false, 7, ROW_MAX);
	assert_int_equal(csv_row(&c), ERR_LIMIT);
	assert_int_equal(c.line, 7);
	assert_true(c.is_skipping);
	assert_int_equal(csv_row(&c), ERR_NOT_FOUND);
	assert_int_equal(c.rest.n, 0);
	csv_fini(&c);
	csv_init(&c, BYTES("yyy\nok\n"), true, 7, ROW_MAX);
	c.is_skipping = true;
	expect(&c, 8, 1, (const char *const[]){ "ok" });
	csv_fini(&c);
	text[0] = '"';
	text[20] = '\n';
	csv_init(&c, bytes_make(text, sizeof text), true, 1, ROW_MAX);
	assert_int_equal(csv_row(&c), ERR_LIMIT);
	assert_int_equal(csv_row(&c), ERR_LIMIT); /* line 2 is too long as well */
	assert_int_equal(c.line, 2);
	assert_int_equal(csv_row(&c), ERR_NOT_FOUND);
	csv_fini(&c);
}

static void what_is_written_is_read(void **state)
{
	static const char *const fields[] = { "plain", "a,b", "\"", "two\nlines", " x", "x ", "", "cr\r" };
	struct buf b;
	struct csv c;

	(void)state;
	buf_init(&b, 1024);
	for (size_t i = 0; i < 8; i++)
		csv_put(&b, bytes_of(fields[i]), i < 7 ? ',' : '\n');
	csv_init(&c, buf_bytes(&b), true, 1, 1024);
	expect(&c, 1, 8, fields);
	csv_fini(&c);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_as_in_the_standard),
		cmocka_unit_test(a_bad_row_costs_its_line_alone),
		cmocka_unit_test(a_text_in_two_pieces),
		cmocka_unit_test(a_row_without_an_end),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
