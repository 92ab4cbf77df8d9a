/* The one policy point: exact row, wildcard row, mode. */
#include "policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

struct given {
	enum policy_mode mode;
	const char *domain;
	bool is_allowed;
	const char *why;
	const char *key; /* of the row that decided; NULL: the fall-back */
};

static const struct given rows[] = {
	{ POLICY_ALLOW_LIST, "b.example", true, NULL, "b.example" },
	{ POLICY_ALLOW_LIST, "c.example", false, "not-in-allow-list", NULL },
	{ POLICY_ALLOW_LIST, "bad.example", false, "denied", "bad.example" },
	{ POLICY_OPEN, "c.example", true, NULL, NULL },
	{ POLICY_OPEN, "bad.example", false, "denied", "bad.example" },
	{ POLICY_OFF, "b.example", false, "mode-off", "b.example" },
	/* a wildcard is an explicit row, and covers subdomains only */
	{ POLICY_ALLOW_LIST, "corp.example", false, "not-in-allow-list", NULL },
	{ POLICY_ALLOW_LIST, "x.corp.example", true, NULL, "*.corp.example" },
	{ POLICY_ALLOW_LIST, "a.b.corp.example", true, NULL, "*.corp.example" },
	{ POLICY_ALLOW_LIST, "notcorp.example", false, "not-in-allow-list", NULL },
	/* the longer wildcard and the exact row win */
	{ POLICY_ALLOW_LIST, "x.lab.corp.example", false, "denied", "*.lab.corp.example" },
	{ POLICY_ALLOW_LIST, "good.lab.corp.example", true, NULL, "good.lab.corp.example" },
};

static void fill(struct policy *p)
{
	static const char *const keys[] = { "b.example", "*.corp.example", "good.lab.corp.example" };
	struct policy_row *r;

	policy_init(p);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(policy_add(p, bytes_of(keys[i]), &r), 0);
	assert_int_equal(policy_add(p, BYTES("bad.example"), &r), 0);
	r->is_denied = true;
	assert_int_equal(policy_add(p, BYTES("*.lab.corp.example"), &r), 0);
	r->is_denied = true;
	assert_int_equal(policy_add(p, BYTES("b.example"), &r), ERR_EXISTS);
}

static void test_rows(void **state)
{
	struct policy p;

	(void)state;
	fill(&p);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		p.mode = rows[i].mode;
		struct policy_rule r = policy_for(&p, bytes_of(rows[i].domain));
		assert_int_equal(r.is_allowed, rows[i].is_allowed);
		if (rows[i].why)
			assert_string_equal(r.why, rows[i].why);
		if (rows[i].key)
			assert_string_equal(r.row->key, rows[i].key);
		else
			assert_ptr_equal(r.row, &p.fallback);
	}
	policy_fini(&p);
}

static void test_defaults(void **state)
{
	struct policy p;

	(void)state;
	policy_init(&p);
	struct policy_rule r = policy_for(&p, BYTES("any.example"));
	assert_false(r.is_allowed); /* federation starts closed */
	assert_true(r.row->is_tls_required);
	assert_true(policy_may_certificate(&r));
	assert_false(policy_may_dialback(&r)); /* dialback is off unless a row allows it */
	assert_false(policy_has_dialback(&p));
	policy_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
