#include "net/certname.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "net/pki_fixture.h"

/* The identifier types of RFC 6120 13.7.1.2 in OpenSSL's configuration words. */
#define SRV "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:"
#define XMPP "otherName:1.3.6.1.5.5.7.8.5;UTF8:"

static bool matches(const char *san, const char *domain, bool allow_wildcard)
{
	struct pki_wish w = { .cn = "b.example", .san = san };
	struct pki_cert c = pki_make(&w, NULL);
	struct certname_demand d = { .domain_ascii = domain, .domain = bytes_of(domain),
		                     .srv_service = "_xmpp-server", .allow_wildcard = allow_wildcard };
	bool yes = certname_matches(c.x, &d);

	pki_free(&c);
	return yes;
}

static void names_match_by_kind(void **state)
{
	static const struct {
		const char *san, *domain;
		bool wild, want;
	} rows[] = {
		{ "DNS:b.example", "b.example", false, true },
		{ "DNS:B.Example", "b.example", false, true },
		{ "DNS:a.example,DNS:b.example", "b.example", false, true },
		{ "DNS:a.example", "b.example", true, false },
		{ NULL, "b.example", true, false }, /* the CN does not count (RFC 9525 2) */
		{ "DNS:*.x.example", "a.x.example", true, true },
		{ "DNS:*.x.example", "a.x.example", false, false },
		{ "DNS:*.x.example", "x.example", true, false },
		{ "DNS:*.x.example", "c.a.x.example", true, false }, /* lesson 5 */
		{ "DNS:*.example", "b.example", true, false }, /* last two labels */
		{ "DNS:b*.x.example", "ba.x.example", true, false }, /* whole label only */
		{ "DNS:a.*.example", "a.b.example", true, false },
		{ SRV "_xmpp-server.b.example", "b.example", false, true },
		{ SRV "_XMPP-Server.b.example", "b.example", false, true },
		{ SRV "_xmpp-client.b.example", "b.example", false, false },
		{ SRV "_xmpp-server.a.example", "b.example", false, false },
		{ SRV "b.example", "b.example", false, false },
		{ SRV "_xmpp-server.*.x.example", "a.x.example", true, false },
		{ XMPP "b.example", "b.example", false, true },
		{ XMPP "user@b.example", "b.example", false, false },
		{ "email:b.example@b.example", "b.example", true, false },
		{ "URI:xmpp:b.example", "b.example", true, false },
		{ "DNS:b.example.", "b.example", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (matches(rows[i].san, rows[i].domain, rows[i].wild) != rows[i].want)
			fail_msg("row %zu: %s for %s", i, rows[i].san ? rows[i].san : "-", rows[i].domain);
	}
}

/* A NUL inside would read as another name in careless code. */
static void nul_inside_matches_nothing(void **state)
{
	struct pki_wish w = { .cn = "x", .san = "DNS:b.example,DNS:b.exampleXevil.test" };
	struct pki_cert c = pki_make(&w, NULL);
	GENERAL_NAMES *names = X509_get_ext_d2i(c.x, NID_subject_alt_name, NULL, NULL);
	struct certname_demand d = { .domain_ascii = "b.example", .domain = BYTES("b.example") };

	(void)state;
	GENERAL_NAME_free(sk_GENERAL_NAME_shift(names));
	((uint8_t *)ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.dNSName))[9] = 0;
	assert_int_equal(X509_add1_ext_i2d(c.x, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE), 1);
	GENERAL_NAMES_free(names);
	assert_false(certname_matches(c.x, &d));
	pki_free(&c);
}

static void all_names_are_listed(void **state)
{
	struct pki_wish w = { .cn = "x", .san = "DNS:b.example,email:a@b.example," SRV "_xmpp-server.b.example," XMPP "b.example" };
	struct pki_cert c = pki_make(&w, NULL);
	const char *kind;
	char name[256];
	size_t at = 0;

	(void)state;
	assert_true(certname_next(c.x, &at, &kind, name));
	assert_string_equal(kind, "dns");
	assert_string_equal(name, "b.example");
	assert_true(certname_next(c.x, &at, &kind, name));
	assert_string_equal(kind, "srv");
	assert_string_equal(name, "_xmpp-server.b.example");
	assert_true(certname_next(c.x, &at, &kind, name));
	assert_string_equal(kind, "xmpp");
	assert_false(certname_next(c.x, &at, &kind, name));
	pki_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_by_kind),
		cmocka_unit_test(nul_inside_matches_nothing),
		cmocka_unit_test(all_names_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
