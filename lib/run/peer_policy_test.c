#include "run/peer_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROWS                                                                                       \
	"federation peer b.example action = allow\n"                                               \
	"federation peer bad.example action = deny\n"                                              \
	"federation peer rated.example rate = 5\n"                                                 \
	"federation peer *.c.example action = allow\n"                                             \
	"federation peer *.dmz.c.example action = deny\n"                                          \
	"federation peer open.dmz.c.example action = allow\n"

static const struct policy_case {
	const char *mode, *rows, *domain, *key, *why;
	bool is_allowed;
} cases[] = {
	/* a row of the very domain */
	{ "allow-list", ROWS, "b.example", "b.example", "row-allows", true },
	{ "allow-list", ROWS, "bad.example", "bad.example", "row-denies", false },
	{ "open", ROWS, "bad.example", "bad.example", "row-denies", false },
	/* any setting makes a row, and a row allows */
	{ "allow-list", ROWS, "rated.example", "rated.example", "row-allows", true },
	/* no row: the mode decides */
	{ "allow-list", ROWS, "d.example", "", "no-row", false },
	{ "open", ROWS, "d.example", "", "mode-open", true },
	/* nobody at all */
	{ "off", ROWS, "b.example", "b.example", "mode-off", false },
	{ "off", ROWS, "d.example", "", "mode-off", false },
	/* wildcards stand for subdomains only, at any depth, the nearest first */
	{ "allow-list", ROWS, "x.c.example", "*.c.example", "row-allows", true },
	{ "allow-list", ROWS, "y.x.c.example", "*.c.example", "row-allows", true },
	{ "allow-list", ROWS, "c.example", "", "no-row", false },
	{ "allow-list", ROWS, "xc.example", "", "no-row", false },
	{ "allow-list", ROWS, "dmz.c.example", "*.c.example", "row-allows", true },
	{ "allow-list", ROWS, "x.dmz.c.example", "*.dmz.c.example", "row-denies", false },
	{ "open", ROWS, "x.dmz.c.example", "*.dmz.c.example", "row-denies", false },
	/* exact before wildcard */
	{ "allow-list", ROWS, "open.dmz.c.example", "open.dmz.c.example", "row-allows", true },
	/* the row for everybody governs, but opens only when it says so */
	{ "allow-list", "federation peer * rate = 5\n", "d.example", "*", "no-row", false },
	{ "open", "federation peer * rate = 5\n", "d.example", "*", "mode-open", true },
	{ "allow-list", "federation peer * action = allow\n", "d.example", "*", "row-allows", true },
	{ "open", "federation peer * action = deny\n", "d.example", "*", "row-denies", false },
	{ "allow-list", ROWS "federation peer * action = deny\n", "b.example", "b.example", "row-allows", true },
	/* odd names do no harm */
	{ "allow-list", ROWS, "localhost", "", "no-row", false },
	{ "allow-list", ROWS, ".", "", "no-row", false },
	{ "allow-list", ROWS, "b.example.", "", "no-row", false },
};

/* The same rows as lines of the other protocol. */
static void put_rows(struct buf *text, const char *rows, const char *word)
{
	for (const char *end; *rows; rows = end + 1) {
		end = strchr(rows, '\n');
		buf_put_str(text, word);
		buf_put_bytes(text, bytes_make(rows + strlen("federation"), (size_t)(end + 1 - rows) - strlen("federation")));
	}
}

static void judge_cases(enum peer_policy_kind kind, const char *word)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct policy_case *c = &cases[i];
		struct settings *s;
		struct peer_policy *p;
		struct peer_verdict v;
		struct buf text;
		unsigned line;

		buf_init(&text, 4096);
		buf_putf(&text, "%s mode = %s\n", word, c->mode);
		put_rows(&text, c->rows, word);
		assert_int_equal(settings_parse(buf_bytes(&text), &s, &line), 0);
		assert_int_equal(peer_policy_new(s, kind, &p), 0);
		peer_policy_judge(p, bytes_of(c->domain), &v);
		assert_string_equal(v.why, c->why);
		assert_int_equal(v.is_allowed, c->is_allowed);
		assert_true(bytes_eq_str(v.key, c->key));
		peer_policy_free(p);
		settings_free(s);
		buf_fini(&text);
	}
}

static void xmpp_table(void **state)
{
	(void)state;
	judge_cases(PEER_POLICY_XMPP, "federation");
}

static void sip_table(void **state)
{
	(void)state;
	judge_cases(PEER_POLICY_SIP, "sip");
}

/* The rows of one protocol say nothing about the other. */
static void tables_are_apart(void **state)
{
	struct settings *s;
	struct peer_policy *p;
	struct peer_verdict v;
	unsigned line;

	(void)state;
	assert_int_equal(settings_parse(BYTES("federation mode = open\nfederation peer b.example action = allow\n"), &s, &line), 0);
	assert_int_equal(peer_policy_new(s, PEER_POLICY_SIP, &p), 0);
	peer_policy_judge(p, BYTES("b.example"), &v);
	assert_string_equal(v.why, "no-row");
	assert_int_equal(v.key.n, 0);
	peer_policy_free(p);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xmpp_table),
		cmocka_unit_test(sip_table),
		cmocka_unit_test(tables_are_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
