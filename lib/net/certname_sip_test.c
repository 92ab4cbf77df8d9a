#include "net/certname_sip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/pki_fixture.h"

/* RFC 5922 7.1 and 7.2 */
static void identities_match_by_kind(void **state)
{
	static const struct {
		const char *san, *cn, *domain;
		bool allow_common_name, want;
	} rows[] = {
		/* FED-01: URIs alone where there is one, else DNS names, else the CN by leave */
		{ "URI:sip:b.example", "x", "b.example", false, true },
		{ "URI:sip:a.example,DNS:b.example", "x", "b.example", false, false },
		{ "URI:sip:a.example,DNS:b.example", "x", "a.example", false, true },
		{ "DNS:b.example", "x", "b.example", false, true },
		{ "DNS:a.example,DNS:b.example", "x", "b.example", false, true },
		{ "URI:https://b.example,DNS:b.example", "x", "b.example", false, true },
		{ NULL, "b.example", "b.example", false, false },
		{ NULL, "b.example", "b.example", true, true },
		{ "DNS:a.example", "b.example", "b.example", true, false },
		{ "email:x@a.example", "b.example", "b.example", true, false },
		/* FED-02: wildcards, suffixes, case */
		{ "DNS:*.b.example", "x", "a.b.example", false, false },
		{ "DNS:*.b.example", "x", "*.b.example", false, false },
		{ "URI:sip:*.b.example", "x", "a.b.example", false, false },
		{ "DNS:b.example", "x", "a.b.example", false, false },
		{ "DNS:a.b.example", "x", "b.example", false, false },
		{ "DNS:B.Example", "x", "b.eXample", false, true },
		{ "URI:SIP:B.Example", "x", "b.example", false, true },
		/* FED-03: a user, another scheme, an address */
		{ "URI:sip:user@b.example", "x", "b.example", false, false },
		{ "URI:sip:user@b.example,DNS:b.example", "x", "b.example", false, true },
		{ "URI:sips:b.example", "x", "b.example", false, false },
		{ "URI:sip:b.example\\;x=@a.example", "x", "b.example", false, false },
		{ "IP:192.0.2.1", "x", "192.0.2.1", false, false },
		{ "DNS:192.0.2.1", "x", "192.0.2.1", false, false },
		{ "URI:sip:192.0.2.1", "x", "192.0.2.1", false, false },
		/* host part only */
		{ "URI:sip:b.example:5061", "x", "b.example", false, true },
		{ "URI:sip:b.example;transport=tls", "x", "b.example", false, true },
		{ "URI:sip:", "x", "", false, false },
		{ "DNS:b.example", "x", "", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_wish w = { .cn = rows[i].cn, .san = rows[i].san };
		struct pki_cert c = pki_make(&w, NULL);
		if (certname_sip_matches(c.x, rows[i].domain, rows[i].allow_common_name) != rows[i].want)
			fail_msg("row %zu: %s for %s", i, rows[i].san ? rows[i].san : "-", rows[i].domain);
		pki_free(&c);
	}
}

static void a_nul_inside_is_no_name(void **state)
{
	struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "x" }, NULL);
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	(void)state;
	ASN1_STRING_set(text, "b.example\0.a.example", 20);
	GENERAL_NAME_set0_value(g, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, g);
	assert_int_equal(X509_add1_ext_i2d(c.x, NID_subject_alt_name, names, 0, 0), 1);
	assert_false(certname_sip_matches(c.x, "b.example", true));
	GENERAL_NAMES_free(names);
	pki_free(&c);
}

static void the_list_is_for_a_log_line(void **state)
{
	static const struct {
		const char *san;
		size_t n;
		const char *text;
	} rows[] = {
		{ "URI:sip:a.example,URI:sip:b.example,DNS:c.example", 2, "a.example b.example" },
		{ "DNS:*.a.example,DNS:b\x01.example", 2, "*.a.example b?.example" },
		{ "IP:192.0.2.1", 0, "" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "x", .san = rows[i].san }, NULL);
		assert_int_equal(certname_sip_list(c.x, false, text, sizeof text), rows[i].n);
		assert_string_equal(text, rows[i].text);
		/* cut, never over */
		assert_int_equal(certname_sip_list(c.x, false, text, 5), rows[i].n);
		assert_true(strlen(text) <= 4);
		pki_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities_match_by_kind),
		cmocka_unit_test(a_nul_inside_is_no_name),
		cmocka_unit_test(the_list_is_for_a_log_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
