#include "proto/allow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

static void paths_have_one_form(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/b/", "/a/b/" },
		{ "/%61/%7e%2D", "/a/~-" },
		{ "//a///b//", "/a/b/" },
		{ "/a/./b/.", "/a/b/" },
		{ "/a/../b", "/b" },
		{ "/a/%2e%2E/b", "/b" },
		{ "/a/b/..", "/a/" },
		{ "/a/..", "/" },
		{ "/%e9%9b%aa/x", "/%E9%9B%AA/x" },
		{ "/a%20b", "/a%20b" },
		{ "/a%5b1%5d", "/a%5B1%5D" },
		{ "/a,b=c&d:@(e)", "/a,b=c&d:@(e)" },
		{ "/%2C", "/," },
		{ "/..", NULL },
		{ "/a/../..", NULL },
		{ "/allowed/..%2fadmin", NULL },
		{ "/allowed/..%2Fadmin", NULL },
		{ "/allowed/..%5cadmin", NULL },
		{ "/allowed/..\\admin", NULL },
		{ "/allowed/%252e%252e/admin", NULL },
		{ "/a;x", NULL },
		{ "/a%3bx", NULL },
		{ "/a%00", NULL },
		{ "/a%0d%0a", NULL },
		{ "/a%7f", NULL },
		{ "/a%3f", NULL },
		{ "/a%23", NULL },
		{ "/%c0%af", NULL },
		{ "/%ff", NULL },
		{ "/%4", NULL },
		{ "/%zz", NULL },
		{ "/a|b", NULL },
		{ "/a b", NULL },
		{ "/\xe9\x9b\xaa", NULL },
		{ "*", NULL },
		{ "", NULL },
		{ "http://h/a", NULL },
	};
	struct buf out;
	const char *why;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&out);
		buf_put_str(&out, "before");
		int rc = allow_path(bytes_of(rows[i].in), &out, &why);
		if (!rows[i].out) {
			if (rc != ERR_SYNTAX || !why[0] || buf_len(&out) != 6)
				fail_msg("%s: %d %s", rows[i].in, rc, buf_cstr(&out));
			continue;
		}
		if (rc || strcmp(buf_cstr(&out) + 6, rows[i].out) != 0)
			fail_msg("%s: %d %s", rows[i].in, rc, buf_cstr(&out));
	}
	char longest[ALLOW_PATH_MAX + 2];
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	buf_clear(&out);
	assert_int_equal(allow_path(bytes_make(longest, ALLOW_PATH_MAX + 1), &out, &why), ERR_LIMIT);
	assert_int_equal(allow_path(bytes_make(longest, ALLOW_PATH_MAX), &out, &why), 0);
	buf_fini(&out);
}

static void add(struct allow_list *l, const char *url, const char *match, const char *methods, const char *deployment)
{
	struct allow_words w = { BYTES("r"), bytes_of(url), bytes_of(deployment), bytes_of(methods), bytes_of(match), BYTES_NONE };
	const char *why;

	assert_int_equal(allow_add_rule(l, &w, &why), 0);
}

static void longest_match_decides(void **state)
{
	static const struct {
		const char *method, *url;
		enum allow_verdict verdict;
		const char *rule; /* its path; NULL: none */
	} rows[] = {
		{ "GET", "https://wiki.example/wiki", ALLOW_YES, "/wiki" },
		{ "GET", "https://WIKI.example:443/wiki/a?b=/c", ALLOW_YES, "/wiki" },
		{ "GET", "https://wiki.example/wikileaks", ALLOW_NO_RULE, NULL },
		{ "GET", "https://wiki.example/Wiki", ALLOW_NO_RULE, NULL },
		{ "POST", "https://wiki.example/wiki", ALLOW_NO_METHOD, "/wiki" },
		{ "POST", "https://wiki.example/wiki/edit/x", ALLOW_YES, "/wiki/edit/" },
		{ "GET", "https://wiki.example/wiki/edit/x", ALLOW_NO_METHOD, "/wiki/edit/" },
		{ "GET", "https://wiki.example/wiki/edit", ALLOW_YES, "/wiki" },
		{ "DELETE", "https://wiki.example/wiki/one", ALLOW_YES, "/wiki/one" },
		{ "DELETE", "https://wiki.example/wiki/one/x", ALLOW_NO_METHOD, "/wiki" },
		{ "GET", "https://wiki.example:8443/", ALLOW_YES, "/" },
		{ "GET", "https://wiki.example:8443/any", ALLOW_YES, "/" },
		{ "GET", "https://wiki.example/", ALLOW_NO_RULE, NULL },
		{ "GET", "https://other.example/wiki", ALLOW_NO_SITE, NULL },
		{ "GET", "https://wiki.example/wiki/../admin", ALLOW_NO_RULE, NULL },
		{ "GET", "https://wiki.example/admin/../wiki/", ALLOW_YES, "/wiki" },
		{ "TRACE", "https://wiki.example/wiki", ALLOW_NO_METHOD, "/wiki" },
		{ "get", "https://wiki.example/wiki", ALLOW_NO_METHOD, "/wiki" },
		{ "GET", "https://wiki.example/x", ALLOW_YES, "/x" },
		{ "GET", "https://wiki.example/y", ALLOW_NO_RULE, NULL },
	};
	struct allow_answer a;
	struct allow_list l;
	const char *why;

	(void)state;
	allow_init(&l);
	assert_int_equal(allow_add_site(&l, BYTES("w"), BYTES("Wiki.example"), BYTES("staff")), 0);
	assert_int_equal(allow_add_site(&l, BYTES("v"), BYTES("wiki.example"), BYTES_NONE), ERR_EXISTS);
	assert_int_equal(allow_add_site(&l, BYTES("v"), BYTES("wiki.example:1"), BYTES_NONE), ERR_SYNTAX);
	add(&l, "https://wiki.example/wiki", "", "", "");
	add(&l, "https://wiki.example/wiki/edit/", "prefix", "POST", "");
	add(&l, "https://wiki.example/wiki/one", "Exact", "GET, DELETE", "");
	add(&l, "https://wiki.example:8443/", "", "GET", "");
	add(&l, "https://wiki.example/x", "", "", "staff");
	add(&l, "https://wiki.example/y", "", "", "guests");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool is = allow_try(&l, bytes_of(rows[i].url), bytes_of(rows[i].method), BYTES_NONE, &a, &why);
		if (is != (rows[i].verdict == ALLOW_YES) || a.verdict != rows[i].verdict || !why[0] ||
		    (rows[i].rule ? !a.rule || !bytes_eq_str(a.rule->path, rows[i].rule) : a.rule != NULL))
			fail_msg("%s %s: %s", rows[i].method, rows[i].url, why);
	}
	assert_true(allow_try(&l, BYTES("https://wiki.example/wiki"), BYTES("GET"), BYTES("staff"), &a, &why));
	assert_false(allow_try(&l, BYTES("https://wiki.example/wiki"), BYTES("GET"), BYTES("guests"), &a, &why));
	assert_false(allow_try(&l, BYTES("http://wiki.example/wiki"), BYTES("GET"), BYTES_NONE, &a, &why));
	allow_fini(&l);
}

static void rules_that_are_none(void **state)
{
	static const struct allow_words rows[] = {
		{ .url = BYTES("http://h/x") },
		{ .url = BYTES("https://h/x?y") },
		{ .url = BYTES("https://h?y") },
		{ .url = BYTES("https:///x") },
		{ .url = BYTES("https://u@h/x") },
		{ .url = BYTES("https://[::1]/x") },
		{ .url = BYTES("https://h:0/x") },
		{ .url = BYTES("https://h:65536/x") },
		{ .url = BYTES("https://h..i/x") },
		{ .url = BYTES("https://h/x#y") },
		{ .url = BYTES("https://h/a%2fb") },
		{ .url = BYTES("https://h/x"), .methods = BYTES("CONNECT") },
		{ .url = BYTES("https://h/x"), .methods = BYTES("get") },
		{ .url = BYTES("https://h/x"), .match = BYTES("regex") },
		{ .url = BYTES("https://h/x"), .description = BYTES("\xff") },
		{ .url = BYTES("https://h/x"), .deployment = BYTES("a\nb") },
	};
	const struct allow_words good = { .url = BYTES("https://h/x") }, same = { .url = BYTES("https://H:443/%78") };
	struct allow_list l;
	const char *why;

	(void)state;
	allow_init(&l);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (allow_add_rule(&l, &rows[i], &why) != ERR_SYNTAX || !why[0])
			fail_msg("%.*s", BYTES_FMT(rows[i].url));
	assert_int_equal(l.n_rules, 0);
	assert_int_equal(allow_add_rule(&l, &good, &why), 0);
	assert_int_equal(allow_add_rule(&l, &same, &why), ERR_EXISTS);
	char url[64];
	for (int i = 1; i <= ALLOW_RULES_MAX; i++) {
		snprintf(url, sizeof url, "https://h/%d", i);
		const struct allow_words w = { .url = bytes_of(url) };
		assert_int_equal(allow_add_rule(&l, &w, &why), i < ALLOW_RULES_MAX ? 0 : ERR_LIMIT);
	}
	allow_fini(&l);
}

static int into_list(void *arg, const struct allow_words *w, const char **why)
{
	return allow_add_rule(arg, w, why);
}

static void rules_of_csv(void **state)
{
	static const char text[] = "\xef\xbb\xbfUrl,Deployment,HttpMethods,MatchType,Description\r\n"
				   "https://h:8443/a,staff,GET,,First\r\n"
				   "\n"
				   "https://h/b,,\"GET,POST\",exact,\"with \"\"quotes\"\", a comma\"\n"
				   "https://h/c,\"guests, too\"";
	static const char printed[] = "Url,Deployment,HttpMethods,MatchType,Description\n"
				      "https://h:8443/a,staff,GET,prefix,First\n"
				      "https://h/b,,\"GET,POST\",exact,\"with \"\"quotes\"\", a comma\"\n"
				      "https://h/c,\"guests, too\",\"GET,HEAD,OPTIONS\",prefix,\n";
	struct allow_error error;
	struct allow_list l, again;
	struct buf out;

	(void)state;
	allow_init(&l);
	allow_init(&again);
	buf_init(&out, 4096);
	assert_int_equal(allow_read_rules(bytes_of(text), into_list, &l, &error), 0);
	assert_int_equal(l.n_rules, 3);
	allow_write_head(&out);
	for (size_t i = 0; i < l.n_rules; i++)
		allow_write_rule(&out, &l.rules[i]);
	assert_string_equal(buf_cstr(&out), printed);
	assert_int_equal(allow_read_rules(buf_bytes(&out), into_list, &again, &error), 0);
	assert_int_equal(again.n_rules, 3);
	buf_fini(&out);
	allow_fini(&l);
	allow_fini(&again);
}

static void csv_that_is_none(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} rows[] = {
		{ "", 1 },
		{ "Deployment\nx", 1 },
		{ "Url,Url\n", 1 },
		{ "Url,Color\n", 1 },
		{ "Url\nhttps://h/a\nftp://h/a\n", 3 },
		{ "Url\n\"https://h/a", 2 },
		{ "Url\n\"https://h/a\"x\n", 2 },
		{ "Url\nhttps://h/\"a\n", 2 },
		{ "Url\nhttps://h/a,b\n", 2 },
		{ "Url,Description\nhttps://h/a,\"b\nc\"\n", 2 },
		{ "Url\nhttps://h/a\nhttps://h/a\n", 3 },
		{ "Url,,,,,,,,,,,,,,,,,\n", 1 },
	};
	struct allow_error error;
	struct allow_list l;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		allow_init(&l);
		int rc = allow_read_rules(bytes_of(rows[i].text), into_list, &l, &error);
		if (!rc || error.line != rows[i].line || !error.why[0])
			fail_msg("%s: %d line %u %s", rows[i].text, rc, error.line, error.why);
		allow_fini(&l);
	}
}

static int count_tests(void *arg, const struct allow_test *t, const char **why)
{
	unsigned *counts = arg;

	(void)why;
	counts[t->is_allowed]++;
	assert_true(bytes_eq_str(t->method, t->line == 2 ? "POST" : "GET"));
	return 0;
}

static void tests_of_csv(void **state)
{
	unsigned counts[2] = { 0, 0 };
	struct allow_error error;

	(void)state;
	assert_int_equal(allow_read_tests(BYTES("Url,ExpectedResult,Deployment,Description,HttpMethod\n"
						"https://h/a,allow,,\"a comment\",POST\nhttps://h/b,Block\n"),
	                                  count_tests, counts, &error), 0);
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 1);
	assert_int_equal(allow_read_tests(BYTES("Url,ExpectedResult\nhttps://h/a,maybe\n"), count_tests, counts, &error), ERR_SYNTAX);
	assert_int_equal(allow_read_tests(BYTES("Url\nhttps://h/a\n"), count_tests, counts, &error), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_have_one_form), cmocka_unit_test(longest_match_decides), cmocka_unit_test(rules_that_are_none),
		cmocka_unit_test(rules_of_csv),        cmocka_unit_test(csv_that_is_none),      cmocka_unit_test(tests_of_csv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
