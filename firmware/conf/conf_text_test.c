/* Settings as text: round trip, errors with their line, limits. */
#include "base/err.h"
#include "conf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define CERT "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"

static void text_round_trips(void **state)
{
	static const char in[] = "# a comment\n\n"
				 "set federation mode   open  # another\n"
				 "set system name \"two  spaces \\\" \\\\ end\"\n"
				 "set federation listen main 127.0.0.1:5269\n"
				 "set trust anchor b \"" CERT "\"\n"
				 "set federation peer B.Example. action deny\n"
				 "set federation peer *.C.example rate 5\n"
				 "set federation peer * action allow\n"
				 "set domain b\xc3\xbc" "cher.example certificate x\n"
				 "set domain xn--bcher-kva.example contact mailto:a@b.example\n";
	static const char want[] = "set domain b\xc3\xbc" "cher.example certificate x\n"
				   "set domain b\xc3\xbc" "cher.example contact mailto:a@b.example\n"
				   "set federation listen main 127.0.0.1 5269\n"
				   "set federation mode open\n"
				   "set federation peer * action allow\n"
				   "set federation peer *.c.example rate 5\n"
				   "set federation peer b.example action deny\n"
				   "set system name \"two  spaces \\\" \\\\ end\"\n"
				   "set trust anchor b \"" CERT "\"\n";
	struct conf_text_error e;
	struct rows r = { 0 }, again = { 0 };
	struct buf out, out2;

	(void)state;
	buf_init(&out, 4096);
	buf_init(&out2, 4096);
	assert_int_equal(conf_text_parse(BYTES(in), &r, &e), 0);
	conf_text_print(&r, &out);
	assert_string_equal(buf_cstr(&out), want);
	assert_int_equal(conf_text_parse(buf_bytes(&out), &again, &e), 0);
	conf_text_print(&again, &out2);
	assert_string_equal(buf_cstr(&out2), want);
	assert_int_equal(rows_diff(&r, &again, NULL, NULL), 0);
	buf_fini(&out);
	buf_fini(&out2);
	rows_fini(&r);
	rows_fini(&again);
}

static void errors_name_line_and_setting(void **state)
{
	static const struct {
		const char *in, *text;
		int rc;
	} rows[] = {
		{ "set im resume 5\nset federation mod open\n", "line 2: federation mod: no such setting", ERR_UNKNOWN },
		{ "\n\nset federation mode closed", "line 3: federation mode: off|allow-list|open", ERR_SYNTAX },
		{ "set federation mode", "line 1: federation mode: a value is missing", ERR_SYNTAX },
		{ "set im resume 1\nset im resume 1\n", "line 2: im resume: set twice", ERR_EXISTS },
		{ "set federation peer A.example rate 1\nset federation peer a.example rate 2",
		  "line 2: federation peer a.example rate: set twice", ERR_EXISTS },
		{ "delete im resume", "line 1: delete: only lines that begin with set", ERR_SYNTAX },
		{ "set system name \"abc\n\n", "line 1: a quote does not end", ERR_TRUNCATED },
		{ "set system name a\"bc", "line 1: malformed", ERR_SYNTAX },
		{ "set system name \"a\"b", "line 1: malformed", ERR_SYNTAX },
		{ "set system name a\001b", "line 1: malformed", ERR_SYNTAX },
		{ "set trust anchor a/b x", "line 1: trust anchor : a name has 1 to 63 letters, digits, "
		                            "dots, dashes and underscores", ERR_SYNTAX },
		{ "set certificate Own chain x", "line 1: certificate : a certificate's name has 1 to 63 letters a-z, "
		                                 "digits, dots and dashes, and no dot or dash at its ends", ERR_SYNTAX },
		{ "set certificate own. chain x", "line 1: certificate : a certificate's name has 1 to 63 letters a-z, "
		                                  "digits, dots and dashes, and no dot or dash at its ends", ERR_SYNTAX },
		{ "set domain a..b certificate x", "line 1: domain : not a domain", ERR_SYNTAX },
		{ "set access rate -1", "line 1: access rate: 0..10000000", ERR_SYNTAX },
		{ "set", "line 1: no such setting", ERR_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_text_error e;
		struct rows r = { 0 };
		assert_int_equal(conf_text_parse(bytes_of(rows[i].in), &r, &e), rows[i].rc);
		assert_string_equal(e.text, rows[i].text);
		rows_fini(&r);
	}
}

static void count_changes(void *arg, const struct row_item *old, const struct row_item *new)
{
	unsigned *n = arg;

	n[0] += !old;
	n[1] += !new;
	n[2] += old && new;
}

static void diff_and_delete_follow_words(void **state)
{
	struct conf_text_error e;
	struct rows a = { 0 }, b = { 0 };
	unsigned n[3] = { 0 };

	(void)state;
	assert_int_equal(conf_text_parse(BYTES("set federation peer b.example rate 1\n"
	                                       "set federation peer b.example action deny\n"
	                                       "set federation peer b.example.org rate 1\n"
	                                       "set im resume 1\n"), &a, &e), 0);
	assert_int_equal(rows_copy(&b, &a), 0);
	assert_int_equal(rows_del(&b, BYTES("federation peer b.exam")), 0);
	assert_int_equal(rows_del(&b, BYTES("federation peer b.example")), 2);
	assert_int_equal(rows_set(&b, BYTES("im resume"), BYTES("2")), 0);
	assert_int_equal(rows_set(&b, BYTES("im offline"), BYTES("off")), 0);
	assert_int_equal(rows_diff(&a, &b, count_changes, n), 4);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
	assert_true(rows_differ_for(&a, &b, PROG_IM));
	assert_true(rows_differ_for(&a, &b, PROG_S2S));
	assert_false(rows_differ_for(&a, &b, PROG_KEYS));
	assert_true(bytes_eq_str(rows_value(&b, SET_FED_PEER_RATE, BYTES("b.example.org")), "1"));
	assert_true(bytes_eq_str(rows_value(&b, SET_FED_PEER_RATE, BYTES("b.example")), "0"));
	assert_true(bytes_eq_str(rows_value(&b, SET_IM_OFFLINE, BYTES_NONE), "off"));
	rows_fini(&a);
	rows_fini(&b);
}

static void parse(struct rows *r, const char *text)
{
	struct conf_text_error e;

	*r = (struct rows){ 0 };
	assert_int_equal(conf_text_parse(bytes_of(text), r, &e), 0);
}

/* Two operators began with the same settings; the other one was first. */
static void changes_of_two_are_merged(void **state)
{
	static const char base[] = "set im resume 1\nset im roster-max 1\nset access ping 1\nset access rate 1\n";
	static const struct {
		const char *mine, *theirs, *result, *conflict;
	} rows[] = {
		{ "set im resume 2\nset im roster-max 1\nset access ping 1\n", /* changes one, deletes one */
		  "set im resume 1\nset im roster-max 2\nset access rate 1\nset system name n\n",
		  "set im resume 2\nset im roster-max 2\nset system name n\n", NULL },
		{ "", "set im resume 1\nset im roster-max 1\nset access ping 1\nset access rate 1\nset system name n\n",
		  "set system name n\n", NULL },
		{ "set im resume 2\n", "set im resume 2\n", "set im resume 2\n", NULL }, /* the same by both */
		{ "set im resume 2\n", "set im resume 3\n", NULL, "im resume" },
		{ "set im resume 1\nset im roster-max 1\nset access ping 1\n",
		  "set im resume 1\nset im roster-max 1\nset access ping 1\nset access rate 5\n", NULL, "access rate" },
		{ "set im resume 1\nset im roster-max 1\nset access ping 1\nset access rate 1\nset system name a\n",
		  "set im resume 1\nset im roster-max 1\nset access ping 1\nset access rate 1\nset system name b\n", NULL,
		  "system name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rows b, mine, theirs, want, out = { 0 };
		struct bytes conflict = BYTES_NONE;
		parse(&b, base);
		parse(&mine, rows[i].mine);
		parse(&theirs, rows[i].theirs);
		parse(&want, rows[i].result ? rows[i].result : "");
		assert_int_equal(rows_merge(&b, &mine, &theirs, &out, &conflict), rows[i].conflict ? ERR_EXISTS : 0);
		assert_int_equal(rows_diff(&want, &out, NULL, NULL), 0);
		if (rows[i].conflict)
			assert_true(bytes_eq_str(conflict, rows[i].conflict));
		rows_fini(&b);
		rows_fini(&mine);
		rows_fini(&theirs);
		rows_fini(&want);
		rows_fini(&out);
	}
}

static void a_set_has_a_limit_and_replacing_fits_in_it(void **state)
{
	struct rows r = { 0 };
	char path[64];
	uint8_t *value = test_malloc(1 << 20);
	struct bytes v = bytes_make(value, 1 << 20);
	int rc = 0;

	(void)state;
	memset(value, 'x', 1 << 20);
	for (unsigned i = 0; rc == 0 && i < 100; i++) {
		snprintf(path, sizeof path, "trust anchor a%u", i);
		rc = rows_set(&r, bytes_of(path), v);
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_int_equal(r.n, 5); /* the paths need some, too */
	assert_int_equal(rows_set(&r, BYTES("trust anchor a0"), v), 0);
	assert_int_equal(rows_set(&r, BYTES("trust anchor a0"), BYTES("short")), 0);
	assert_int_equal(rows_set(&r, BYTES("trust anchor b"), v), 0);
	test_free(value);
	rows_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_round_trips),
		cmocka_unit_test(errors_name_line_and_setting),
		cmocka_unit_test(diff_and_delete_follow_words),
		cmocka_unit_test(changes_of_two_are_merged),
		cmocka_unit_test(a_set_has_a_limit_and_replacing_fits_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
