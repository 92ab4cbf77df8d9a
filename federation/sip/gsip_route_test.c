/* Static routes: rows B-STR-01 to B-STR-15. */
#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"

static void patterns(void **state)
{
	static const struct {
		enum pattern_kind kind;
		const char *pattern, *text;
		bool want;
	} rows[] = {
		/* B-STR-03, users: '.' one, '*' several at the end, "\*" an asterisk */
		{ PATTERN_USER, "19194762030", "19194762030", true },
		{ PATTERN_USER, "19194762030", "1919476203", false },
		{ PATTERN_USER, "19194762030", "191947620301", false },
		{ PATTERN_USER, "1919...", "1919476", true },
		{ PATTERN_USER, "1919...", "191947", false },
		{ PATTERN_USER, "1919*", "19194762030", true },
		{ PATTERN_USER, "1919*", "1919", true },
		{ PATTERN_USER, "1919*", "1918", false },
		{ PATTERN_USER, "74..78*", "741278999", true },
		{ PATTERN_USER, "74..78*", "741279999", false },
		{ PATTERN_USER, "\\*70", "*70", true },
		{ PATTERN_USER, "\\*70", "970", false },
		{ PATTERN_USER, "9\\*7*", "9*71", true },
		{ PATTERN_USER, "9\\*7*", "9171", false },
		{ PATTERN_USER, "Romeo", "romeo", false }, /* RFC 3261 19.1.4: users have case */
		/* domains: '*' anywhere, '.' is itself */
		{ PATTERN_DOMAIN, "myhost.com", "myhost.com", true },
		{ PATTERN_DOMAIN, "myhost.com", "MyHost.Com", true },
		{ PATTERN_DOMAIN, "myhost.com", "myhostxcom", false },
		{ PATTERN_DOMAIN, "*.myhost.com", "a.b.myhost.com", true },
		{ PATTERN_DOMAIN, "*.myhost.com", "myhost.com", false },
		{ PATTERN_DOMAIN, "sip*.example.*", "sip7.example.com", true },
		{ PATTERN_DOMAIN, "sip*.example.*", "sap7.example.com", false },
		{ PATTERN_DOMAIN, "192.0.2.*", "192.0.2.17", true },
		{ PATTERN_DOMAIN, "192.0.2.*", "192.0.3.17", false },
		{ PATTERN_DOMAIN, "*", "", true },
		{ PATTERN_DOMAIN, "*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pattern p;
		const char *why;
		assert_int_equal(pattern_parse(rows[i].kind, bytes_of(rows[i].pattern), &p, &why), 0);
		if (pattern_matches(&p, bytes_of(rows[i].text)) != rows[i].want)
			fail_msg("%s %s", rows[i].pattern, rows[i].text);
	}
}

static void bad_patterns(void **state)
{
	struct pattern p;
	const char *why;
	char text[300];

	(void)state;
	assert_int_equal(pattern_parse(PATTERN_USER, BYTES("19*19"), &p, &why), ERR_SYNTAX);
	assert_non_null(strstr(why, "at the end only"));
	assert_int_equal(pattern_parse(PATTERN_USER, BYTES("*."), &p, &why), ERR_SYNTAX);
	assert_int_equal(pattern_parse(PATTERN_USER, BYTES(""), &p, &why), ERR_LIMIT);
	memset(text, '1', sizeof text);
	assert_int_equal(pattern_parse(PATTERN_USER, bytes_make(text, 255), &p, &why), 0); /* B-STR-02 */
	assert_int_equal(pattern_parse(PATTERN_USER, bytes_make(text, 256), &p, &why), ERR_LIMIT);
}

/* B-STR-13, -14, -15, and the examples there. */
static void templates(void **state)
{
	static const struct {
		const char *template, *pattern;
		bool want;
	} rows[] = {
		{ "74..78xxxxx*", "74..7812345*", true },
		{ "74..78xxxxx*", "74..7867890*", true },
		{ "74..78xxxxx*", "74..7811993*", true },
		{ "74..78xxxxx*", "73..7812345*", false },
		{ "74..78xxxxx*", "74..781*", false },
		{ "74..78xxxxx*", "74...7812345*", false },
		{ "74..78xxxxx*", "74..78123a5*", false },
		{ "471....xx*", "471....34*", true },
		{ "471....xx*", "471....55*", true },
		{ "471....xx*", "47.....34*", false },
		{ "471....xx*", "471...4*", false },
		{ "471....xx*", "471.450*", false },
		{ "471....xx*", "471....34", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pattern p, t;
		const char *why;
		assert_int_equal(pattern_parse(PATTERN_USER, bytes_of(rows[i].pattern), &p, &why), 0);
		assert_int_equal(pattern_parse_template(bytes_of(rows[i].template), &t, &why), 0);
		assert_true(p.is_embedded || !rows[i].want);
		if (pattern_fits(&p, &t) != rows[i].want)
			fail_msg("%s %s", rows[i].template, rows[i].pattern);
	}
}

static void embedded_or_trailing(void **state)
{
	static const struct {
		const char *pattern;
		bool want;
	} rows[] = { { "1919...", false }, { "1919..*", false }, { "19..76", true }, { "19..7*", true }, { "1919*", false } };
	struct pattern p;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(pattern_parse(PATTERN_USER, bytes_of(rows[i].pattern), &p, &why), 0);
		assert_int_equal(p.is_embedded, rows[i].want);
	}
}

/* ---- the table ---- */

static struct settings *parse(const char *text)
{
	struct settings *s = NULL;
	unsigned line = 0;

	if (settings_parse(bytes_of(text), &s, &line) < 0)
		fail_msg("line %u", line);
	return s;
}

static uint32_t always_first(uint32_t bound)
{
	(void)bound;
	return 0;
}

/* Names of what is found, with spaces between; a blocking one in brackets. */
static const char *found(const struct routes *r, const char *method, const char *user, const char *host)
{
	static char out[1024];
	struct route_ask ask = { bytes_of(method), bytes_of(user), bytes_of(host), always_first };
	struct route_answer a;
	size_t n = 0;

	routes_find(r, &ask, &a);
	out[0] = '\0';
	for (size_t i = 0; i < a.n; i++)
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", i ? " " : "", BYTES_FMT(a.v[i]->name));
	if (a.blocked_by)
		(void)snprintf(out + n, sizeof out - n, "[%.*s]", BYTES_FMT(a.blocked_by->name));
	return out;
}

#define HOP(name) "sip route " name " next-hop = " name ".example\n"

static void finding(void **state)
{
	static const struct {
		const char *rows, *method, *user, *host, *want;
	} cases[] = {
		/* B-STR-07: the example there */
		{ HOP("u") "sip route u pattern = 19194762030\n", "MESSAGE", "19194762030", "myhost.com", "u" },
		{ HOP("u") "sip route u pattern = 19194762030\n", "MESSAGE", "19194762031", "myhost.com", "" },
		{ HOP("d") "sip route d pattern = myhost.com\nsip route d type = domain\n", "MESSAGE", "1", "myhost.com", "d" },
		{ HOP("d") "sip route d pattern = myhost.com\nsip route d type = domain\n", "MESSAGE", "", "MYHOST.com", "d" },
		{ HOP("d") "sip route d pattern = myhost.com\n", "MESSAGE", "1", "myhost.com", "" },
		/* the most specific first, less specific behind (B-STR-11) */
		{ HOP("a") HOP("b") HOP("c") "sip route a pattern = 1*\nsip route b pattern = 12*\nsip route c pattern = 123\n",
		  "MESSAGE", "123", "x", "c b a" },
		{ HOP("a") HOP("b") HOP("c") "sip route a pattern = 1*\nsip route b pattern = 12*\nsip route c pattern = 123\n"
		  "sip route b less-specific = off\n",
		  "MESSAGE", "123", "x", "c b" },
		{ HOP("a") HOP("b") "sip route a pattern = 12.\nsip route b pattern = 12*\n", "MESSAGE", "123", "x", "a b" },
		{ HOP("a") HOP("d") "sip route a pattern = 12*\nsip route d pattern = x\nsip route d type = domain\n",
		  "MESSAGE", "123", "x", "a d" },
		/* methods */
		{ HOP("a") HOP("m") "sip route a pattern = 1*\nsip route m pattern = 1*\nsip route m method = MESSAGE\n",
		  "MESSAGE", "123", "x", "m a" },
		{ HOP("a") HOP("m") "sip route a pattern = 1*\nsip route m pattern = 1*\nsip route m method = MESSAGE\n",
		  "INVITE", "123", "x", "a" },
		/* B-STR-09: lower priority first, at any weight */
		{ HOP("a") HOP("b") "sip route a pattern = 1*\nsip route a priority = 2\nsip route a weight = 50\nsip route b pattern = 1*\n",
		  "MESSAGE", "1", "x", "b a" },
		/* B-STR-12 */
		{ HOP("a") HOP("b") "sip route a pattern = 1*\nsip route b pattern = 12*\nsip route b in-service = off\n",
		  "MESSAGE", "12", "x", "a" },
		{ HOP("a") HOP("b") "sip route a pattern = 1*\nsip route b pattern = 12*\nsip route b block = on\n",
		  "MESSAGE", "12", "x", "[b]" },
		{ HOP("a") HOP("b") "sip route a pattern = 1*\nsip route a block = on\nsip route b pattern = 12*\n",
		  "MESSAGE", "12", "x", "b[a]" },
		{ HOP("a") "sip route b pattern = 1*\nsip route b block = on\nsip route b in-service = off\nsip route a pattern = 1*\n",
		  "MESSAGE", "12", "x", "a" },
		/* embedded wildcards need their template (B-STR-13) */
		{ HOP("a") "sip route a pattern = 74..7812345*\n", "MESSAGE", "74007812345", "x", "" },
		{ HOP("a") "sip route a pattern = 74..7812345*\nsip route-template t = 74..78xxxxx*\n", "MESSAGE", "74007812345", "x", "a" },
		{ HOP("a") "sip route a pattern = 1919...\n", "MESSAGE", "1919123", "x", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings *s = parse(cases[i].rows);
		struct routes r;
		assert_int_equal(routes_init(&r, s), 0);
		const char *got = found(&r, cases[i].method, cases[i].user, cases[i].host);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: '%s' wanted '%s'", i, got, cases[i].want);
		routes_fini(&r);
		settings_free(s);
	}
}

static uint32_t counter;
static uint32_t counting(uint32_t bound)
{
	return counter++ % bound;
}

/* B-STR-10: (1,20), (1,10), (2,50): two to one, the third always last. */
static void weights(void **state)
{
	struct settings *s = parse(HOP("a") HOP("b") HOP("c")
				   "sip route a pattern = 1*\nsip route a weight = 20\n"
				   "sip route b pattern = 1*\nsip route b weight = 10\n"
				   "sip route c pattern = 1*\nsip route c weight = 50\nsip route c priority = 2\n");
	struct route_ask ask = { BYTES("MESSAGE"), BYTES("12"), BYTES("x"), counting };
	struct routes r;
	struct route_answer a;
	unsigned n_first_a = 0;

	(void)state;
	assert_int_equal(routes_init(&r, s), 0);
	for (uint32_t i = 0; i < 30; i++) {
		counter = i;
		routes_find(&r, &ask, &a);
		assert_int_equal(a.n, 3);
		assert_true(bytes_eq_str(a.v[2]->name, "c"));
		n_first_a += bytes_eq_str(a.v[0]->name, "a");
	}
	assert_int_equal(n_first_a, 20);
	routes_fini(&r);
	settings_free(s);
}

/* B-STR-02: the 101st of one pattern is not used, and says so. */
static void same_pattern_limit(void **state)
{
	struct buf text;
	struct routes r;
	unsigned n_faults = 0;
	char path[ROUTE_PATH_BYTES];
	const char *why;

	(void)state;
	buf_init(&text, 1 << 16);
	for (unsigned i = 0; i < 101; i++)
		buf_putf(&text, "sip route r%03u pattern = %s.com\nsip route r%03u type = domain\nsip route r%03u next-hop = h\n",
		         i, i % 2 ? "a" : "A", i, i);
	struct settings *s = parse(buf_cstr(&text));
	assert_int_equal(routes_init(&r, s), 0);
	for (size_t i = 0; i < r.n; i++)
		n_faults += r.v[i].fault != NULL;
	assert_int_equal(n_faults, 1);
	assert_non_null(r.v[100].fault);
	assert_int_equal(routes_check(s, path, &why), 0);
	routes_fini(&r);
	settings_free(s);
	buf_fini(&text);
}

static void refused_rows(void **state)
{
	static const struct {
		const char *rows, *path, *why;
	} cases[] = {
		{ HOP("a") "sip route a pattern = 1*2\n", "sip route a", "at the end only" },
		{ HOP("a"), "sip route a", "needs a pattern" },
		{ "sip route a pattern = 1\n", "sip route a", "needs a next-hop" },
		{ "sip route a pattern = 1\nsip route a next-hop = h/ost\n", "sip route a", "no host name" },
		{ "sip route-template a = 1\nsip route-template b = 1\nsip route-template c = 1\nsip route-template d = 1\n"
		  "sip route-template e = 1\nsip route-template f = 1\n", "sip route-template f", "at most 5" },
		{ "sip route-template a = 1*x\n", "sip route-template a", "at the end only" },
		{ "sip route a pattern = 1\nsip route a block = on\n", NULL, NULL },
		{ HOP("a") "sip route a pattern = 7..8\n", NULL, NULL }, /* logged, not refused */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings *s = parse(cases[i].rows);
		char path[ROUTE_PATH_BYTES];
		const char *why;
		int rc = routes_check(s, path, &why);
		assert_int_equal(rc < 0, cases[i].path != NULL);
		if (cases[i].path) {
			assert_string_equal(path, cases[i].path);
			assert_non_null(strstr(why, cases[i].why));
		}
		settings_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),	  cmocka_unit_test(bad_patterns), cmocka_unit_test(templates),
		cmocka_unit_test(embedded_or_trailing), cmocka_unit_test(finding),	  cmocka_unit_test(weights),
		cmocka_unit_test(same_pattern_limit),   cmocka_unit_test(refused_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
