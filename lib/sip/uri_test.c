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

static const struct {
	const char *a, *b;
	bool is_equal;
} pairs[] = { /* RFC 3261 19.1.4 */
	{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true },
	{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
	{ "sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true },
	{ "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true },
	{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
	  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
	{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
	{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
	{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
	{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
	{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
	{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false },
	{ "sip:a%3Bb@c", "sip:a;b@c", false },
	{ "sip:a@b", "sips:a@b", false },
	{ "sip:a@b;x=1;x=2", "sip:a@b;x=1;x=2", true },
	{ "tel:+1-201-555-0123", "tel:+12015550123", true }, /* RFC 3966 4 */
	{ "tel:+12015550123", "tel:+12015550124", false },
	{ "im:a@B.example", "im:a@b.example", true },
	{ "im:a@b.example", "pres:a@b.example", false },
};

static void equality(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct sipuri a, b;
		assert_int_equal(sipuri_parse(bytes_of(pairs[i].a), &a), 0);
		assert_int_equal(sipuri_parse(bytes_of(pairs[i].b), &b), 0);
		if (sipuri_equal(&a, &b) != pairs[i].is_equal || sipuri_equal(&b, &a) != pairs[i].is_equal)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
	}
}

static void printed_as_parsed(void **state)
{
	static const char *const texts[] = {
		"sip:alice@atlanta.com:5070;transport=tcp;lr?subject=x", "sips:[2001:db8::1]:5061", "im:a%40b@c.example",
		"tel:+1-201;phone-context=x", "msrps://b.example:9000/s1d;tcp", "msrp://u@b.example/sid;tcp;x=y",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct sipuri u;
		assert_int_equal(sipuri_parse(bytes_of(texts[i]), &u), 0);
		buf_clear(&out);
		sipuri_print(&u, &out);
		assert_string_equal(buf_cstr(&out), texts[i]);
	}
	buf_fini(&out);
}

static void escapes_are_undone(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(sipuri_decode(BYTES("a%20%C3%a9%00"), &out), 0);
	assert_memory_equal(buf_bytes(&out).p, "a \xc3\xa9\0", 5);
	assert_int_equal(sipuri_decode(BYTES("b%2"), &out), ERR_SYNTAX);
	assert_int_equal(sipuri_decode(BYTES("b%zz"), &out), ERR_SYNTAX);
	assert_int_equal(buf_len(&out), 5);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_as_written),
		cmocka_unit_test(refuses_what_is_no_uri),
		cmocka_unit_test(equality),
		cmocka_unit_test(printed_as_parsed),
		cmocka_unit_test(escapes_are_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
