/* The rule for a peer: who may come, and with which typed row. Which row governs is tested beside
 * run/peer_policy.c; here that its values arrive. */
#include "conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct settings *parse(const char *text)
{
	struct settings *s = NULL;
	unsigned line = 0;

	assert_int_equal(settings_parse(bytes_of(text), &s, &line), 0);
	return s;
}

static void test_rows(void **state)
{
	static const char *const text =
		"federation mode = allow-list\n"
		"federation peer b.example action = allow\n"
		"federation peer b.example auth = dialback-allowed\n"
		"federation peer b.example host = xmpp.b.example 5270\n"
		"federation peer b.example host-direct-tls = on\n"
		"federation peer bad.example action = deny\n"
		"federation peer *.corp.example stanza-size = 20000\n"
		"federation peer *.corp.example tls = optional\n";
	struct settings *s = parse(text);
	struct policy p;

	(void)state;
	assert_int_equal(policy_init(&p, s), 0);
	struct policy_rule r = policy_for(&p, BYTES("b.example"));
	assert_true(r.is_allowed);
	assert_true(policy_may_dialback(&r));
	assert_true(policy_may_certificate(&r));
	assert_string_equal(r.row->host, "xmpp.b.example");
	assert_int_equal(r.row->port, 5270);
	assert_true(r.row->is_direct_tls);
	r = policy_for(&p, BYTES("x.corp.example"));
	assert_true(r.is_allowed);
	assert_int_equal(r.row->stanza_bytes, 20000);
	assert_false(r.row->is_tls_required);
	assert_false(policy_for(&p, BYTES("bad.example")).is_allowed);
	assert_false(policy_for(&p, BYTES("else.example")).is_allowed);
	assert_true(p.has_dialback);
	policy_fini(&p);
	settings_free(s);
}

/* spec/xmpp.md 5: closed, TLS required, dialback off. */
static void test_defaults(void **state)
{
	struct settings *s = parse("");
	struct policy p;

	(void)state;
	assert_int_equal(policy_init(&p, s), 0);
	struct policy_rule r = policy_for(&p, BYTES("any.example"));
	assert_false(r.is_allowed);
	assert_true(r.row->is_tls_required);
	assert_true(r.row->may_wildcard);
	assert_true(policy_may_certificate(&r));
	assert_false(policy_may_dialback(&r));
	assert_false(p.has_dialback);
	assert_int_equal(r.row->stanza_bytes, 262144);
	policy_fini(&p);
	settings_free(s);
}

static void test_off_denies_all(void **state)
{
	struct settings *s = parse("federation mode = off\nfederation peer b.example action = allow\n");
	struct policy p;

	(void)state;
	assert_int_equal(policy_init(&p, s), 0);
	assert_false(policy_for(&p, BYTES("b.example")).is_allowed);
	policy_fini(&p);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_off_denies_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
