#include "proto/stanza.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

static struct arena arena;
static struct buf out;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	buf_fini(&out);
	return 0;
}

static int read(const char *text, struct stanza *s)
{
	struct xml_node *n;

	assert_int_equal(xml_parse(bytes_of(text), NS_CLIENT, &xml_limits_default, &arena, &n), 0);
	return stanza_of_node(n, NS_CLIENT, s);
}

static void reads_types(void **state)
{
	static const struct {
		const char *in;
		int rc;
		enum stanza_type type;
	} rows[] = {
		{ "<message/>", 0, TYPE_NORMAL },
		{ "<message type='chat'/>", 0, TYPE_CHAT },
		{ "<message type='groupchat'/>", 0, TYPE_GROUPCHAT },
		{ "<message type='headline'/>", 0, TYPE_HEADLINE },
		{ "<message type='error'/>", 0, TYPE_ERROR },
		{ "<message type='x'/>", 0, TYPE_NORMAL }, /* RFC 6121 5.2.2 */
		{ "<message type=''/>", 0, TYPE_NORMAL },
		{ "<message type='get'/>", 0, TYPE_NORMAL },
		{ "<presence/>", 0, TYPE_AVAILABLE },
		{ "<presence type='unavailable'/>", 0, TYPE_UNAVAILABLE },
		{ "<presence type='subscribe'/>", 0, TYPE_SUBSCRIBE },
		{ "<presence type='unsubscribed'/>", 0, TYPE_UNSUBSCRIBED },
		{ "<presence type='probe'/>", 0, TYPE_PROBE },
		{ "<presence type=''/>", ERR_SYNTAX, 0 },
		{ "<presence type='chat'/>", ERR_SYNTAX, 0 },
		{ "<iq type='get' id='1'><q xmlns='u'/></iq>", 0, TYPE_GET },
		{ "<iq type='set' id='1'> <q xmlns='u'/> </iq>", 0, TYPE_SET },
		{ "<iq type='result' id='1'/>", 0, TYPE_RESULT },
		{ "<iq type='error' id='1'><q xmlns='u'/><error/></iq>", 0, TYPE_ERROR },
		/* RFC 6120 8.2.3 */
		{ "<iq type='get'><q xmlns='u'/></iq>", ERR_SYNTAX, 0 },
		{ "<iq type='get' id=''><q xmlns='u'/></iq>", ERR_SYNTAX, 0 },
		{ "<iq id='1'><q xmlns='u'/></iq>", ERR_SYNTAX, 0 },
		{ "<iq type='chat' id='1'><q xmlns='u'/></iq>", ERR_SYNTAX, 0 },
		{ "<iq type='get' id='1'/>", ERR_SYNTAX, 0 },
		{ "<iq type='set' id='1'><a/><b/></iq>", ERR_SYNTAX, 0 },
		{ "<iq type='result' id='1'><a/><b/></iq>", ERR_SYNTAX, 0 },
		{ "<foo/>", ERR_UNKNOWN, 0 },
		{ "<message xmlns='jabber:server'/>", ERR_XML_NAMESPACE, 0 },
		{ "<iq xmlns='urn:x'/>", ERR_XML_NAMESPACE, 0 },
	};
	struct stanza s;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int rc = read(rows[i].in, &s);
		if (rc != rows[i].rc)
			print_error("%s: %s\n", rows[i].in, err_name(rc));
		assert_int_equal(rc, rows[i].rc);
		if (rc == 0)
			assert_int_equal(s.type, rows[i].type);
	}
}

static void finds_facts(void **state)
{
	static const struct {
		const char *in;
		uint32_t facts;
	} rows[] = {
		{ "", 0 },
		{ "text", 0 },
		{ "<thread>t</thread>", 0 },
		{ "<body/>", FACT_BODY | FACT_PAYLOAD },
		{ "<subject/>", FACT_SUBJECT | FACT_PAYLOAD },
		{ "<body xmlns='urn:x'/>", FACT_PAYLOAD },
		{ "<active xmlns='" NS_CHATSTATES "'/>", FACT_CHAT_STATE },
		{ "<no-store xmlns='" NS_HINTS "'/>", FACT_NO_STORE },
		{ "<no-permanent-store xmlns='" NS_HINTS "'/>", FACT_NO_STORE },
		{ "<store xmlns='" NS_HINTS "'/>", FACT_STORE },
		{ "<no-copy xmlns='" NS_HINTS "'/>", FACT_NO_COPY },
		{ "<later xmlns='" NS_HINTS "'/>", 0 },
		{ "<private xmlns='" NS_CARBONS "'/>", FACT_NO_COPY },
		{ "<received xmlns='" NS_CARBONS "'/>", FACT_CARBON | FACT_PAYLOAD },
		{ "<request xmlns='" NS_RECEIPTS "'/>", FACT_RECEIPT | FACT_PAYLOAD },
		{ "<x xmlns='" NS_MUC_USER "'/>", FACT_MUC_USER | FACT_PAYLOAD },
		{ "<delay xmlns='" NS_DELAY "'/>", FACT_DELAYED | FACT_PAYLOAD },
		{ "<displayed xmlns='" NS_MARKERS "'/>", FACT_MARKER | FACT_PAYLOAD },
		{ "<body/><active xmlns='" NS_CHATSTATES "'/>", FACT_BODY | FACT_PAYLOAD | FACT_CHAT_STATE },
	};
	struct stanza s;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&out);
		buf_putf(&out, "<message to='a' xml:lang='de' x='y'>%s</message>", rows[i].in);
		assert_int_equal(read(buf_cstr(&out), &s), 0);
		assert_int_equal(s.facts, rows[i].facts);
		assert_true(bytes_eq_str(s.to, "a") && bytes_eq_str(s.lang, "de") && !s.from.p && !s.id.p);
	}
}

/* As it travels: no xmlns in the start tag, the given addresses, the rest as it was. */
static void writes_neutral_form(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "<message from='x' to='y' type='chat' id='1' xml:lang='de'><body>a&lt;b</body></message>",
		  "<message from='a@b' to='c' type='chat' id='1' xml:lang='de'><body>a&lt;b</body></message>" },
		{ "<presence/>", "<presence from='a@b' to='c'/>" },
		{ "<message xmlns:p='urn:p' p:a='1'><p:x/>t</message>",
		  "<message from='a@b' to='c' xmlns:a0='urn:p' a0:a='1'><x xmlns='urn:p'/>t</message>" },
		{ "<message><body xmlns='jabber:client'>b</body></message>",
		  "<message from='a@b' to='c'><body>b</body></message>" },
		/* Verbatim, where the bytes mean the same anywhere. */
		{ "<message><body  >b&#x41;</body ></message>",
		  "<message from='a@b' to='c'><body  >b&#x41;</body ></message>" },
		{ "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
		  "<iq from='a@b' to='c' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>" },
	};
	struct xml_pool *pool = xml_pool_new(1);
	struct xml_stream stream;
	struct xml_event ev;
	struct stanza s;

	(void)state;
	xml_stream_init(&stream, pool, &xml_limits_default);
	assert_int_equal(xml_stream_feed(&stream, BYTES("<stream:stream xmlns='jabber:client' "
	                                               "xmlns:stream='" NS_STREAM "'>")), 0);
	assert_int_equal(xml_stream_next(&stream, &arena, &ev), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&out);
		assert_int_equal(xml_stream_feed(&stream, bytes_of(rows[i].in)), 0);
		assert_int_equal(xml_stream_next(&stream, &arena, &ev), 0);
		assert_int_equal(ev.kind, XML_EVENT_STANZA);
		assert_int_equal(stanza_read(&ev, NS_CLIENT, &s), 0);
		stanza_write(&out, &s, BYTES("a@b"), BYTES("c"));
		assert_string_equal(buf_cstr(&out), rows[i].want);
	}
	xml_stream_fini(&stream);
	xml_pool_free(pool);
}

/* RFC 6120 8.3.1: errors and results are not answered. */
static void writes_errors(void **state)
{
	const struct stanza_refusal why = { STANZA_REMOTE_SERVER_TIMEOUT, "no <answer>", BYTES("b.example"), BYTES("<x/>") };
	const struct stanza_refusal bare = { STANZA_GONE, "", BYTES_NONE, BYTES_NONE };

	(void)state;
	buf_clear(&out);
	assert_true(stanza_write_error(&out, STANZA_MESSAGE, TYPE_CHAT, BYTES("i'd"), BYTES("b"), BYTES("a"), &why));
	assert_string_equal(buf_cstr(&out),
	                    "<message type='error' id='i&apos;d' from='b' to='a'><error type='wait' by='b.example'>"
	                    "<remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
	                    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &lt;answer&gt;</text><x/>"
	                    "</error></message>");
	buf_clear(&out);
	assert_true(stanza_write_error(&out, STANZA_IQ, TYPE_SET, BYTES("1"), BYTES_NONE, BYTES_NONE, &bare));
	assert_string_equal(buf_cstr(&out), "<iq type='error' id='1'><error type='cancel'>"
	                                    "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	buf_clear(&out);
	assert_false(stanza_write_error(&out, STANZA_IQ, TYPE_RESULT, BYTES("1"), BYTES("a"), BYTES("b"), &why));
	assert_false(stanza_write_error(&out, STANZA_MESSAGE, TYPE_ERROR, BYTES("1"), BYTES("a"), BYTES("b"), &why));
	assert_int_equal(buf_len(&out), 0);
}

/* Lesson 9 of the XMPP notes, and RFC 6120 4.9.3. */
static void maps_causes(void **state)
{
	static const struct {
		int err;
		enum stream_error stream;
		enum stanza_error stanza;
	} rows[] = {
		{ ERR_XML_SYNTAX, STREAM_NOT_WELL_FORMED, STANZA_BAD_REQUEST },
		{ ERR_XML_RESTRICTED, STREAM_RESTRICTED_XML, STANZA_BAD_REQUEST },
		{ ERR_XML_ENCODING, STREAM_UNSUPPORTED_ENCODING, STANZA_BAD_REQUEST },
		{ ERR_XML_NAMESPACE, STREAM_INVALID_NAMESPACE, STANZA_BAD_REQUEST },
		{ ERR_XML_TEXT, STREAM_BAD_FORMAT, STANZA_BAD_REQUEST },
		{ ERR_XML_SIZE, STREAM_POLICY_VIOLATION, STANZA_POLICY_VIOLATION },
		{ ERR_UNKNOWN, STREAM_UNSUPPORTED_STANZA_TYPE, STANZA_FEATURE_NOT_IMPLEMENTED },
		{ ERR_NOMEM, STREAM_RESOURCE_CONSTRAINT, STANZA_RESOURCE_CONSTRAINT },
		{ ERR_TIMEOUT, STREAM_CONNECTION_TIMEOUT, STANZA_REMOTE_SERVER_TIMEOUT },
		{ ERR_DNS_NXDOMAIN, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_NOT_FOUND },
		{ ERR_DNS_NODATA, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_NOT_FOUND },
		{ ERR_DNS_SERVFAIL, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
		{ ERR_CONN_REFUSED, STREAM_REMOTE_CONNECTION_FAILED, STANZA_REMOTE_SERVER_TIMEOUT },
		{ ERR_CERT_EXPIRED, STREAM_NOT_AUTHORIZED, STANZA_REMOTE_SERVER_TIMEOUT },
		{ ERR_DENIED, STREAM_POLICY_VIOLATION, STANZA_FORBIDDEN },
		{ -9999, STREAM_INTERNAL_SERVER_ERROR, STANZA_INTERNAL_SERVER_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(stream_error_for(rows[i].err), rows[i].stream);
		assert_int_equal(stanza_error_for(rows[i].err), rows[i].stanza);
	}
	for (int e = 0; e < STANZA_ERROR_COUNT; e++) {
		enum stanza_error back;
		assert_int_equal(stanza_error_of(bytes_of(stanza_error_name((enum stanza_error)e)), &back), 0);
		assert_int_equal(back, e);
	}
	for (int e = 0; e < STREAM_ERROR_COUNT; e++) {
		enum stream_error back;
		assert_int_equal(stream_error_of(bytes_of(stream_error_name((enum stream_error)e)), &back), 0);
		assert_int_equal(back, e);
	}
	enum stream_error none;
	assert_int_equal(stream_error_of(BYTES("nonsense"), &none), ERR_UNKNOWN);
	buf_clear(&out);
	stream_error_write(&out, STREAM_HOST_UNKNOWN, BYTES("a & b"));
	assert_string_equal(buf_cstr(&out), "<stream:error><host-unknown xmlns='" NS_STREAM_ERRORS "'/><text xmlns='"
	                                    NS_STREAM_ERRORS "' xml:lang='en'>a &amp; b</text></stream:error>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_types),   cmocka_unit_test(finds_facts),
		cmocka_unit_test(writes_errors), cmocka_unit_test(writes_neutral_form),
		cmocka_unit_test(maps_causes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
