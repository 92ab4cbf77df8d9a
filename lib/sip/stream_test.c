#include "sip/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"

#define FIELDS "Via: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\n"
#define START "MESSAGE sip:a@b SIP/2.0\r\n"
#define ONE START FIELDS "Content-Length: 5\r\n\r\nhello"
#define TWO START FIELDS "l:\r\n 3\r\n\r\n\r\n\r"

static struct sipstream s;

static int open_stream(void **state)
{
	(void)state;
	sipstream_init(&s);
	return 0;
}

static int close_stream(void **state)
{
	(void)state;
	sipstream_fini(&s);
	return 0;
}

static void feed(struct bytes in)
{
	assert_int_equal(sipstream_feed(&s, in), 0);
}

static void expect_body(const char *body)
{
	struct sipmsg *m;
	bool is_ping;

	assert_int_equal(sipstream_next(&s, &m, &is_ping), 0);
	assert_false(is_ping);
	assert_non_null(m);
	assert_true(bytes_eq_str(sipmsg_body(m), body));
	sipmsg_free(m);
}

static void expect_nothing(void)
{
	struct sipmsg *m;
	bool is_ping;

	assert_int_equal(sipstream_next(&s, &m, &is_ping), 0);
	assert_false(is_ping);
	assert_null(m);
}

static void expect_ping(void)
{
	struct sipmsg *m;
	bool is_ping;

	assert_int_equal(sipstream_next(&s, &m, &is_ping), 0);
	assert_true(is_ping);
	assert_null(m);
}

static void expect_lost(int rc, unsigned status)
{
	struct sipmsg *m;
	bool is_ping;

	assert_int_equal(sipstream_next(&s, &m, &is_ping), rc);
	assert_int_equal(m ? sipmsg_fault(m).status : 0, status);
	sipmsg_free(m);
	assert_false(sipstream_is_inside(&s));
}

static void messages_follow_each_other(void **state)
{
	(void)state;
	feed(BYTES(ONE TWO "\r\n" ONE));
	expect_body("hello");
	expect_body("\r\n\r");
	expect_body("hello");
	expect_nothing();
	assert_false(sipstream_is_inside(&s));
	assert_null(s.in.p);
}

static void messages_come_in_single_bytes(void **state)
{
	struct bytes all = BYTES(ONE TWO ONE);
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < all.n; i++) {
		struct sipmsg *m;
		bool is_ping;
		feed(bytes_make(all.p + i, 1));
		assert_int_equal(sipstream_next(&s, &m, &is_ping), 0);
		assert_false(is_ping);
		n += m != NULL;
		sipmsg_free(m);
	}
	assert_int_equal(n, 3);
}

static void pings_are_told(void **state)
{
	(void)state;
	feed(BYTES("\r\n\r\n" ONE "\r\n"));
	expect_ping();
	expect_body("hello");
	expect_nothing();
	feed(BYTES("\r"));
	expect_nothing();
	feed(BYTES("\n"));
	expect_ping();
	feed(BYTES("\r\n" ONE "\r\n"));
	expect_body("hello");
	expect_nothing();
}

static void a_length_is_needed(void **state)
{
	(void)state;
	feed(BYTES(START FIELDS "\r\nhello"));
	expect_lost(ERR_SYNTAX, 400);
	feed(BYTES(START FIELDS "Content-Length: -5\r\n\r\nhello"));
	expect_lost(ERR_SYNTAX, 400);
	feed(BYTES(START FIELDS "Content-Length: 5\r\nl: 5\r\n\r\nhello"));
	expect_lost(ERR_SYNTAX, 400);
}

static void a_body_over_the_limit_is_refused_at_once(void **state)
{
	(void)state;
	feed(BYTES(START FIELDS "Content-Length: 4000000000\r\n\r\nhello"));
	expect_lost(ERR_LIMIT, 513);
}

static void headers_without_end_are_refused(void **state)
{
	static char much[SIPMSG_MAX_BYTES];

	(void)state;
	memset(much, 'a', sizeof much);
	feed(BYTES(START FIELDS "Subject: "));
	feed(bytes_make(much, sizeof much));
	expect_lost(ERR_LIMIT, 0);
}

static void another_protocol_is_refused(void **state)
{
	(void)state;
	feed(BYTES("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
	expect_lost(ERR_SYNTAX, 0);
}

static void a_wrong_response_is_skipped(void **state)
{
	(void)state;
	feed(BYTES("SIP/2.0 4294967301 x\r\n" FIELDS "Content-Length: 3\r\n\r\nabc" ONE));
	expect_body("hello");
}

static void what_nobody_asks_for_is_bounded(void **state)
{
	static char much[70000];

	(void)state;
	feed(bytes_make(much, sizeof much));
	assert_int_equal(sipstream_feed(&s, bytes_make(much, sizeof much)), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_follow_each_other, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(messages_come_in_single_bytes, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(pings_are_told, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(a_length_is_needed, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(a_body_over_the_limit_is_refused_at_once, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(headers_without_end_are_refused, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(another_protocol_is_refused, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(a_wrong_response_is_skipped, open_stream, close_stream),
		cmocka_unit_test_setup_teardown(what_nobody_asks_for_is_bounded, open_stream, close_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
