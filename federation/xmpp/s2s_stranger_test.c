/* Bad input, before a proof and after: the stream gets the error that RFC 6120 4.9.3 names, holds
 * little memory, and nothing of it is delivered. */
#include "s2s_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ALLOW "federation mode = open\n"
#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " \
	"xmlns:stream='http://etherx.jabber.org/streams' from='a.example' to='b.example' version='1.0'>"
#define FROM_TO "from='u@a.example' to='v@b.example'"

static struct party a, b;
static struct line l;

static void begin(void)
{
	party_init(&a, "a.example", ALLOW);
	party_init(&b, "b.example", ALLOW);
}

static void end(void)
{
	line_close(&l);
	party_fini(&a);
	party_fini(&b);
}

static void expect_error(const char *what, const char *error)
{
	if (!line_has(&l, error) || !line_has(&l, "</stream:stream>"))
		fail_msg("%s: no %s in %s", what, error, buf_cstr(&l.log));
	assert_int_equal(l.in.stream.state, SS_DEAD);
	assert_true(l.in.is_shut);
	assert_int_equal(b.n_delivered, 0);
}

static void test_strangers(void **state)
{
	static const struct {
		const char *what, *say, *error;
	} rows[] = {
		{ "a ClientHello on the STARTTLS port", "\x16\x03\x01\x02\x01", "<not-well-formed" },
		{ "a web browser", "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", "<not-well-formed" },
		{ "bad UTF-8", HEADER "<a>\xff\xfe</a>", "<not-well-formed" },
		{ "another encoding", "<?xml version='1.0' encoding='ISO-8859-1'?>" HEADER, "<unsupported-encoding" },
		{ "a DTD", "<!DOCTYPE x>" HEADER, "<restricted-xml" },
		{ "a predefined name is no entity of ours", HEADER "<a>&boo;</a>", "<" },
		{ "processing instruction", HEADER "<?x y?>", "<restricted-xml" },
		{ "another stream namespace", "<stream:stream xmlns='jabber:server' xmlns:stream='urn:x' to='b.example' version='1.0'>", "<invalid-namespace" },
		{ "no stream at all", "<message/>", "<bad-format" },
		{ "text between elements", HEADER "hello", "<bad-format" },
		{ "prefix that nobody declared", HEADER "<x:a/>", "<" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin();
		line_meet(&l, &a, &b, false);
		line_say(&l, rows[i].say);
		expect_error(rows[i].what, rows[i].error);
		end();
	}
}

/* What a stream holds of a stranger: the bytes of a stanza at most, in the form that Expat and we
 * keep them. */
enum { HELD_MAX = (3 * 16 + 24) << 10 };

static void flood(bool is_secure, const char *start, const char *unit)
{
	begin();
	line_meet(&l, &a, &b, is_secure);
	line_say(&l, start);
	for (int i = 0; i < 300000 && l.in.stream.state != SS_DEAD; i++) {
		line_say(&l, unit);
		assert_true(xml_stream_held(&l.in.stream.xml) <= HELD_MAX);
	}
	expect_error(unit, "<policy-violation");
	end();
}

static void test_floods(void **state)
{
	(void)state;
	for (int is_secure = 0; is_secure < 2; is_secure++) {
		flood(is_secure, "", " ");                           /* slow drip of nothing */
		flood(is_secure, "<stream:stream ", "a");            /* a header without end */
		flood(is_secure, HEADER, "<a>");                     /* depth bomb */
		flood(is_secure, HEADER "<a x='", "yyyyyyyyyyyyyyyy"); /* huge attribute */
		flood(is_secure, HEADER "<a>", "<b/>");              /* elements */
		flood(is_secure, HEADER "<db:result>", "kkkkkkkkkkkkkkkk");
	}
}

static void test_attribute_flood(void **state)
{
	static char say[8192] = HEADER "<a";
	size_t n = strlen(say);

	(void)state;
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(say + n, sizeof say - n, " a%d='1'", i);
	(void)snprintf(say + n, sizeof say - n, "/>");
	begin();
	line_meet(&l, &a, &b, false);
	line_say(&l, say);
	expect_error("attributes", "<policy-violation");
	assert_true(line_has(&l, "too many XML attributes")); /* lesson 8: which of the limits */
	end();
}

/* A partner that has proved itself may send larger stanzas, and no nonsense. */
static void test_proven(void **state)
{
	static const struct {
		const char *say, *error;
	} rows[] = {
		{ "<message " FROM_TO "><!-- x --></message>", "<restricted-xml" },
		{ "<message " FROM_TO "><?x y?></message>", "<restricted-xml" },
		{ "<message " FROM_TO "></iq>", "<not-well-formed" },
		{ "<message " FROM_TO "><body>\xff</body></message>", "<not-well-formed" },
		{ "<stream:stream to='b.example' version='1.0'/>", "<bad-format" },
		{ "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", "<unsupported-stanza-type" },
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<unsupported-stanza-type" },
		{ "</message>", "<not-well-formed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		begin();
		line_open(&l, &a, &b, false, false);
		assert_int_equal(l.in.stream.state, SS_READY);
		line_say(&l, rows[i].say);
		expect_error(rows[i].say, rows[i].error);
		end();
	}
}

static void test_stanza_size(void **state)
{
	static const uint32_t sizes[] = { 200000, 300000 };
	static char body[300001];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin();
		line_open(&l, &a, &b, false, false);
		memset(body, 'x', sizes[i]);
		body[sizes[i]] = '\0';
		line_say(&l, "<message " FROM_TO "><body>");
		line_say(&l, body);
		line_say(&l, "</body></message>");
		assert_int_equal(b.n_delivered, i == 0);
		assert_int_equal(line_has(&l, "<policy-violation"), i == 1);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_attribute_flood),
		cmocka_unit_test(test_proven),
		cmocka_unit_test(test_stanza_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
