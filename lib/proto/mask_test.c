#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "proto/mask.h"

static const struct mask plain = { { NULL, 0 } };
static const struct mask hashed = { { (const uint8_t *)"key of this trace", 17 } };

/* Masked text of a stanza, in static memory. */
static const char *xml(const struct mask *m, const char *text)
{
	static char out[8192];
	struct xml_node *n;
	struct arena a;
	struct buf b;

	arena_init(&a, 1 << 20);
	buf_init(&b, sizeof out - 1);
	assert_int_equal(xml_parse(bytes_of(text), "jabber:server", &xml_limits_default, &a, &n), 0);
	assert_int_equal(mask_xml(m, n, "jabber:server", &a, &b), 0);
	memcpy(out, buf_bytes(&b).p, buf_len(&b));
	out[buf_len(&b)] = 0;
	buf_fini(&b);
	arena_fini(&a);
	return out;
}

static const char *sip(const struct mask *m, const char *text)
{
	static char out[8192];
	struct buf b;

	buf_init(&b, sizeof out - 1);
	assert_int_equal(mask_sip(m, bytes_of(text), &b), 0);
	snprintf(out, sizeof out, "%s", buf_cstr(&b));
	buf_fini(&b);
	return out;
}

static void what_routes_is_shown(void **state)
{
	(void)state;
	assert_string_equal(xml(&plain, "<message from='a@x.example/r' to='b@y.example' type='chat' id='7'><body>hello</body>"
	                                "<thread>t1</thread></message>"),
	                    "<message from='a@x.example/r' to='b@y.example' type='chat' id='7'><body>[5]</body>"
	                    "<thread>t1</thread></message>");
	assert_string_equal(xml(&plain, "<presence from='a@x.example/r'><show>away</show><status>at lunch</status></presence>"),
	                    "<presence from='a@x.example/r'><show>away</show><status>[8]</status></presence>");
}

/* Wherever it stands, what people wrote does not come out. */
static void no_secret_survives(void **state)
{
	static const char *const stanzas[] = {
		"<message><body>SeCrEt</body></message>",
		"<message><body>a<b>SeCrEt</b>SeCrEt</body></message>",
		"<message><subject>SeCrEt</subject></message>",
		"<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p "
		"style='SeCrEt' title='SeCrEt'>SeCrEt <em>SeCrEt</em><img alt='SeCrEt' src='SeCrEt'/></p></body></html></message>",
		"<message><x xmlns='urn:unknown' data='SeCrEt' SeCr='SeCrEt'>SeCrEt</x></message>",
		"<message><x xmlns='urn:unknown'><show>SeCrEt</show><thread>SeCrEt</thread></x></message>",
		"<message><show xmlns='urn:unknown'>SeCrEt</show></message>",
		"<message id='SeCrEt and more words'/>",
		"<message><x xmlns='u' from='not SeCrEt @@ address'/></message>",
		"<message><body><![CDATA[SeCrEt]]></body></message>",
		"<presence><status>SeCrEt</status><priority>SeCrEt and more</priority></presence>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>SeCrEt</username><password>SeCrEt</password></query></iq>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b' name='SeCrEt'><group>SeCrEt</group></item></query></iq>",
		"<iq type='error' id='1'><error type='cancel'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>SeCrEt</text></error></iq>",
		"<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>SeCrEt</body></message></forwarded></message>",
		"<result xmlns='jabber:server:dialback' from='a' to='b'>SeCrEt</result>",
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SeCrEt'>SeCrEt</auth>",
	};
	(void)state;
	for (size_t i = 0; i < sizeof stanzas / sizeof stanzas[0]; i++) {
		assert_null(strstr(xml(&plain, stanzas[i]), "SeCrEt"));
		assert_null(strstr(xml(&hashed, stanzas[i]), "SeCrEt"));
	}
}

static void addresses_can_be_hashed(void **state)
{
	char first[200];

	(void)state;
	snprintf(first, sizeof first, "%s", xml(&hashed, "<iq from='alice@x.example/phone' to='y.example' type='get' id='1'/>"));
	assert_null(strstr(first, "alice"));
	assert_null(strstr(first, "phone"));
	assert_non_null(strstr(first, "@x.example'"));
	assert_non_null(strstr(first, "to='y.example'"));
	assert_string_equal(first, xml(&hashed, "<iq from='alice@x.example/other' to='y.example' type='get' id='1'/>"));
	assert_string_not_equal(first, xml(&hashed, "<iq from='bob@x.example/phone' to='y.example' type='get' id='1'/>"));
}

static const char message[] =
	"MESSAGE sip:bob:SeCrEt@y.example;transport=tls?Subject=SeCrEt SIP/2.0\r\n"
	"Via: SIP/2.0/TLS x.example:5061;branch=z9hG4bK1 (SeCrEt)\r\n"
	"From: \"SeCrEt \\\"SeCrEt\" <sip:alice@x.example>;tag=1\r\n"
	"To: SeCrEt SeCrEt <sip:bob@y.example>\r\n"
	"f: SeCrEt<sip:alice:SeCrEt@x.example?body=SeCrEt>\r\n"
	"Call-ID: 1@x.example\r\n"
	"CSeq: 1 MESSAGE\r\n"
	"Subject: SeCrEt\r\n"
	"s: SeCrEt\r\n"
	"Authorization: Digest username=\"alice\", response=\"SeCrEt\",\r\n"
	" nonce=SeCrEt\r\n"
	"Proxy-Authorization: Digest response=SeCrEt\r\n"
	"WWW-Authenticate: Digest nonce=\"SeCrEt\"\r\n"
	"Call-Info: <data:text/plain,SeCrEt>\r\n"
	"Alert-Info: SeCrEt\r\n"
	"P-Asserted-Identity: \"SeCrEt\" <sip:alice@x.example>\r\n"
	"Reason: SIP;cause=200;text=\"SeCrEt\"\r\n"
	"X-Any: SeCrEt\r\n"
	"SeCrEt without a colon\r\n"
	"Contact: <data:,SeCrEt>\r\n"
	"Content-Type: text/plain\r\n"
	"Content-Length: 12\r\n"
	"\r\n"
	"SeCrEt\r\n\r\nSeCrEt";

static void no_secret_survives_in_sip(void **state)
{
	const char *out;

	(void)state;
	assert_null(strstr(sip(&hashed, message), "SeCrEt"));
	assert_null(strstr(sip(&hashed, message), "alice"));
	out = sip(&plain, message);
	assert_null(strstr(out, "SeCrEt"));
	assert_non_null(strstr(out, "MESSAGE sip:bob:[6]@y.example;transport=tls?[14] SIP/2.0\n"));
	assert_non_null(strstr(out, "To: [13] <sip:bob@y.example>\n"));
	assert_non_null(strstr(out, "From: \"[15]\" <sip:alice@x.example>;tag=1\n"));
	assert_non_null(strstr(out, "Call-ID: 1@x.example\n"));
	assert_non_null(strstr(out, "Content-Type: text/plain\n"));
	assert_non_null(strstr(out, "Authorization: [")); /* its name, not its value */
	assert_non_null(strstr(out, "\n\n[16]\n"));
	assert_string_equal(sip(&plain, "SIP/2.0 200 SeCrEt words\r\nl: 0\r\n\r\n"), "SIP/2.0 200 [12]\nl: 0\n");
}

static void anything_is_text(void **state)
{
	(void)state;
	assert_string_equal(sip(&plain, ""), "");
	assert_string_equal(sip(&plain, "\r\n\r\n"), "");
	assert_string_equal(sip(&plain, "A b SIP/2.0\r\nv: \x1b[2J\r\n"), "A b SIP/2.0\nv: ?[2J\n");
	assert_string_equal(sip(&plain, "A b SIP/2.0\nf: \"open"), "A b SIP/2.0\nf: \"[3]\"\n");
	assert_string_equal(sip(&plain, "A b SIP/2.0\nf: <sip:a@b"), "A b SIP/2.0\nf: <sip:a@b>\n");
}

static void a_full_buffer_is_said(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 16);
	assert_int_equal(mask_sip(&plain, bytes_of(message), &b), ERR_LIMIT);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_routes_is_shown),      cmocka_unit_test(no_secret_survives),
		cmocka_unit_test(addresses_can_be_hashed),   cmocka_unit_test(no_secret_survives_in_sip),
		cmocka_unit_test(anything_is_text),          cmocka_unit_test(a_full_buffer_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
