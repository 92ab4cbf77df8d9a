#include "sip/uri.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static const struct {
	const char *text, *user, *host;
	uint16_t port;
	const char *params, *headers;
	enum sipuri_scheme scheme;
} good[] = { /* RFC 3261 19.1.3 and RFC 4475 */
	{ "sip:alice@atlanta.com", "alice", "atlanta.com", 0, "", "", SIPURI_SIP },
	{ "sip:alice:secretword@atlanta.com;transport=tcp", "alice", "atlanta.com", 0, "transport=tcp", "", SIPURI_SIP },
	{ "sips:alice@atlanta.com?subject=project%20x&priority=urgent", "alice", "atlanta.com", 0, "",
	  "subject=project%20x&priority=urgent", SIPURI_SIPS },
	{ "sip:+1-212-555-1212:1234@gateway.com;user=phone", "+1-212-555-1212", "gateway.com", 0, "user=phone", "", SIPURI_SIP },
	{ "sip:alice@192.0.2.4", "alice", "192.0.2.4", 0, "", "", SIPURI_SIP },
	{ "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "", "atlanta.com", 0, "method=REGISTER",
	  "to=alice%40atlanta.com", SIPURI_SIP },
	{ "sip:alice;day=tuesday@atlanta.com", "alice;day=tuesday", "atlanta.com", 0, "", "", SIPURI_SIP },
	{ "sip:user;par=u%40example.net@example.com", "user;par=u%40example.net", "example.com", 0, "", "", SIPURI_SIP },
	{ "sip:sips%3Auser%40example.com@example.net", "sips%3Auser%40example.com", "example.net", 0, "", "", SIPURI_SIP },
	{ "SIP:null-%00-null@example.com:5070", "null-%00-null", "example.com", 5070, "", "", SIPURI_SIP },
	{ "sip:u@[2001:db8::10]:5070;lr", "u", "2001:db8::10", 5070, "lr", "", SIPURI_SIP },
	{ "sip:%61lice@Example.COM;gr=a%62c", "%61lice", "Example.COM", 0, "gr=a%62c", "", SIPURI_SIP },
	{ "im:juliet@example.com", "juliet", "example.com", 0, "", "", SIPURI_IM },
	{ "pres:juliet%23x@example.com", "juliet%23x", "example.com", 0, "", "", SIPURI_PRES },
	{ "tel:+1-201-555-0123;phone-context=x", "+1-201-555-0123", "", 0, "phone-context=x", "", SIPURI_TEL },
};

static void splits_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct sipuri u;
		assert_int_equal(sipuri_parse(bytes_of(good[i].text), &u), 0);
		assert_int_equal(u.scheme, good[i].scheme);
		assert_true(bytes_eq_str(u.user, good[i].user));
		assert_true(bytes_eq_str(u.host, good[i].host));
		assert_int_equal(u.port, good[i].port);
		assert_true(bytes_eq_str(u.params, good[i].params));
		assert_true(bytes_eq_str(u.headers, good[i].headers));
	}
}

static void refuses_what_is_no_uri(void **state)
{
	static const char *const bad[] = {
		"", "sip:", "sip", "alice@atlanta.com", "<sip:user@example.com>", "sip:user@example.com; lr", "sip:us er@a",
		"sip:a@b:99999", "sip:a@b:5x", "sip:@", "sip:a@", "sip:a%4@b.example", "sip:a\x01@b", "sip:a@b;x=\"y\"", "tel:",
		"sip:a@b_c/<d>", "im:alice",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct sipuri u;
		assert_int_equal(sipuri_parse(bytes_of(bad[i]), &u), ERR_SYNTAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_as_written),
		cmocka_unit_test(refuses_what_is_no_uri),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
