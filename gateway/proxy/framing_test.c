#include "framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/xmpp.h"

#define OPEN "<open xmlns='" NS_FRAMING "' to='a.example' version='1.0'/>"
#define HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAM "'"

struct world {
	struct xml_pool *pool;
	struct framing f;
	struct arena arena;
	struct buf out;
};

static void world_open(struct world *w)
{
	w->pool = xml_pool_new(4);
	framing_init(&w->f, w->pool, &xml_limits_default);
	arena_init(&w->arena, 1 << 20);
	buf_init(&w->out, 1 << 20);
}

static void world_close(struct world *w)
{
	framing_fini(&w->f);
	xml_pool_free(w->pool);
	arena_fini(&w->arena);
	buf_fini(&w->out);
}

static const char *from_client(struct world *w, const char *message)
{
	const char *why = "";

	buf_clear(&w->out);
	int rc = framing_from_client(&w->f, bytes_of(message), &w->arena, &w->out, &why);
	return rc ? why : buf_cstr(&w->out);
}

/* All messages that come out of these bytes, with a bar behind each. */
static const char *to_client(struct world *w, const char *text)
{
	static char all[2048];
	struct bytes in = bytes_of(text);
	size_t n = 0;
	int rc = 0;

	all[0] = 0;
	for (; in.n; in = bytes_skip(in, 1)) {
		assert_int_equal(framing_feed(&w->f, bytes_make(in.p, 1)), 0);
		while (framing_to_client(&w->f, &w->arena, &w->out, &rc))
			n += (size_t)snprintf(all + n, sizeof all - n, "%s|", buf_cstr(&w->out));
		assert_int_equal(rc, 0);
	}
	return all;
}

/* RFC 7395 3.3, 3.4, 3.6. */
static void turns_messages_into_a_stream(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_string_equal(from_client(&w, "<presence xmlns='jabber:client'/>"), "a stanza before <open/>");
	assert_string_equal(from_client(&w, "<close xmlns='" NS_FRAMING "'/>"), "closed before it was opened");
	assert_string_equal(from_client(&w, OPEN), HEADER " to='a.example' version='1.0'>");
	assert_string_equal(from_client(&w, "<f:open xmlns:f='" NS_FRAMING "' to='a&amp;b' xml:lang='ja' version='1.0'/>"),
			    HEADER " to='a&amp;b' version='1.0' xml:lang='ja'>");
	assert_string_equal(from_client(&w, "<presence xmlns='jabber:client'><x/></presence>"), "<presence xmlns='jabber:client'><x/></presence>");
	assert_string_equal(from_client(&w, "<close xmlns='" NS_FRAMING "'/>"), "</stream:stream>");
	world_close(&w);
}

static void refuses_what_is_no_message(void **state)
{
	static const char *const bad[] = { "", " ", "<", "x", " <presence/>", "</stream:stream>", "<!-- -->", "<?xml version='1.0'?>", "<stream:stream>",
		"<stream xmlns='" NS_STREAM "'>", "<open/>", "<open xmlns='" NS_FRAMING "'>", "<open xmlns='" NS_FRAMING "'><x/></open>",
		"<open xmlns='" NS_FRAMING "'/><presence/>", "<close xmlns='jabber:client'/>" };
	struct world w;

	(void)state;
	world_open(&w);
	(void)from_client(&w, OPEN); /* so that being closed is not why */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *why = "";
		buf_clear(&w.out);
		if (framing_from_client(&w.f, bytes_of(bad[i]), &w.arena, &w.out, &why) != ERR_SYNTAX || buf_len(&w.out))
			fail_msg("taken: %s", bad[i]);
		assert_true(why[0]);
	}
	world_close(&w);
}

/* RFC 7395 3.3.3, 3.5: each message is one whole element. */
static void refuses_what_is_not_one_element(void **state)
{
	static const struct {
		const char *message;
		int rc;
	} bad[] = {
		{ "<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>", ERR_XML_SYNTAX },
		{ "<presence/></stream:stream>", ERR_XML_SYNTAX },
		{ "<presence/>x", ERR_XML_TEXT },
		{ "<message><body>half", ERR_XML_SYNTAX },
		{ "<message><body>half</body>", ERR_XML_SYNTAX },
		{ "<a></b>", ERR_XML_SYNTAX },
		{ "<a>&b;</a>", ERR_XML_RESTRICTED },
		{ "<a><!-- --></a>", ERR_XML_RESTRICTED },
		{ "<a:b/>", ERR_XML_SYNTAX },
	};
	struct world w;

	(void)state;
	world_open(&w);
	(void)from_client(&w, OPEN);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *why = "";
		buf_clear(&w.out);
		int rc = framing_from_client(&w.f, bytes_of(bad[i].message), &w.arena, &w.out, &why);
		if (rc != bad[i].rc || buf_len(&w.out))
			fail_msg("%s: %s", bad[i].message, err_name(rc));
		assert_true(why[0]);
	}
	assert_string_equal(from_client(&w, "<presence/> \n"), "<presence/> \n");
	world_close(&w);
}

static void ends_with_an_error(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_false(framing_put_error(&w.f, 0, STREAM_BAD_FORMAT, &w.out)); /* there is no stream yet */
	(void)from_client(&w, OPEN);
	assert_true(framing_put_error(&w.f, 0, STREAM_BAD_FORMAT, &w.out));
	assert_string_equal(buf_cstr(&w.out), "<stream:error xmlns:stream='" NS_STREAM "'><bad-format xmlns='" NS_STREAM_ERRORS "'/></stream:error>");
	assert_true(framing_put_error(&w.f, 1, STREAM_BAD_FORMAT, &w.out));
	assert_string_equal(buf_cstr(&w.out), "<close xmlns='" NS_FRAMING "'/>");
	assert_false(framing_put_error(&w.f, 2, STREAM_BAD_FORMAT, &w.out));
	world_close(&w);
}

static void turns_a_stream_into_messages(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_string_equal(to_client(&w, HEADER " version='1.0' xml:lang='en' id='i' from='a.example'>"
				      "<stream:features><mechanisms xmlns='" NS_SASL "'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"),
			    "<open xmlns='" NS_FRAMING "' from='a.example' id='i' version='1.0' xml:lang='en'/>|"
			    "<stream:features xmlns:stream='" NS_STREAM "'><mechanisms xmlns='" NS_SASL "'><mechanism>PLAIN</mechanism></mechanisms></stream:features>|");
	assert_string_equal(to_client(&w, "<success xmlns='" NS_SASL "'/>"), "<success xmlns='" NS_SASL "'/>|");
	assert_string_equal(to_client(&w, HEADER " version='1.0' id='j'><stream:features/>"),
			    "<open xmlns='" NS_FRAMING "' id='j' version='1.0'/>|<stream:features xmlns:stream='" NS_STREAM "'></stream:features>|");
	assert_string_equal(to_client(&w, " <message from='b@a.example'><body>x &lt; y</body></message> <r xmlns='" NS_SM "'/>"),
			    "<message xmlns='jabber:client' from='b@a.example'><body>x &lt; y</body></message>|<r xmlns='" NS_SM "'/>|");
	assert_false(w.f.is_over);
	assert_string_equal(to_client(&w, "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>x"),
			    "<stream:error xmlns:stream='" NS_STREAM "'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>|"
			    "<close xmlns='" NS_FRAMING "'/>|");
	assert_true(w.f.is_over);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_messages_into_a_stream),
		cmocka_unit_test(refuses_what_is_no_message),
		cmocka_unit_test(refuses_what_is_not_one_element),
		cmocka_unit_test(ends_with_an_error),
		cmocka_unit_test(turns_a_stream_into_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
