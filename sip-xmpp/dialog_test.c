/* One end of a dialog (RFC 3261 12). */
#include "dialog.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct sipmsg *parse(const char *text)
{
	struct sipmsg *m;

	assert_int_equal(sipmsg_parse(bytes_of(text), &m), 0);
	return m;
}

static struct sipmsg *invite(unsigned seq, const char *to_tag, const char *more)
{
	char text[2000];

	snprintf(text, sizeof text, "INVITE sip:j@example.com SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
		 "From: \"R\" <sip:r@example.net>;epid=0a;tag=his\r\nTo: <sip:j@example.com>%s\r\nCall-ID: c1\r\nCSeq: %u INVITE\r\n"
		 "Contact: <sip:r@192.0.2.1>\r\n%sContent-Length: 0\r\n\r\n", to_tag, seq, more);
	return parse(text);
}

static struct dialog d;

static int set_up(void **state)
{
	(void)state;
	dialog_init(&d);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dialog_fini(&d);
	return 0;
}

#define assert_bytes(v, s) assert_true(bytes_eq_str((v), (s)))

/* 12.1.1, 12.2.1.1 */
static void test_called(void **state)
{
	struct sipmsg *m = invite(7, "", "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n");

	(void)state;
	assert_int_equal(dialog_of_request(&d, m, "ours"), 0);
	sipmsg_free(m);
	m = dialog_request(&d, "BYE", BYTES_NONE);
	assert_bytes(sipmsg_uri(m), "sip:r@192.0.2.1");
	assert_int_equal(sipmsg_count(m, SIPH_ROUTE), 2);
	assert_bytes(sipmsg_value(m, SIPH_ROUTE, 0), "<sip:p1;lr>");
	assert_bytes(dialog_tag(m, SIPH_FROM), "ours");
	assert_bytes(dialog_tag(m, SIPH_TO), "his");
	assert_bytes(sipmsg_value(m, SIPH_TO, 0), "<sip:r@example.net>;epid=0a;tag=his");
	assert_bytes(sipmsg_value(m, SIPH_CSEQ, 0), "1 BYE");
	sipmsg_free(m);
}

/* 12.1.2: the route set is backwards; 12.2.1.1: a strict hop takes the Request-URI's place. */
static void test_calling(void **state)
{
	char text[1500];
	struct sipmsg *m;

	(void)state;
	assert_int_equal(dialog_begin(&d, BYTES("sip:j@example.com"), BYTES("sip:r@example.net"), BYTES("c1"), "ours"), 0);
	m = dialog_request(&d, "INVITE", BYTES("sip:j@gate.example.com"));
	assert_bytes(sipmsg_value(m, SIPH_TO, 0), "<sip:r@example.net>");
	assert_bytes(sipmsg_value(m, SIPH_CONTACT, 0), "<sip:j@gate.example.com>");
	sipmsg_free(m);
	assert_false(dialog_is_confirmed(&d));
	snprintf(text, sizeof text, "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS g;branch=z9hG4bK1\r\nRecord-Route: <sip:p2;lr>, <sip:old.example.net>\r\n"
		 "From: <sip:j@example.com>;tag=ours\r\nTo: <sip:r@example.net>;tag=his\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
		 "Contact: <sip:r@192.0.2.1>\r\nContent-Length: 0\r\n\r\n");
	m = parse(text);
	assert_int_equal(dialog_of_response(&d, m), 0);
	sipmsg_free(m);
	m = dialog_request(&d, "BYE", BYTES_NONE);
	assert_bytes(sipmsg_uri(m), "sip:old.example.net");
	assert_int_equal(sipmsg_count(m, SIPH_ROUTE), 2);
	assert_bytes(sipmsg_value(m, SIPH_ROUTE, 0), "<sip:p2;lr>");
	assert_bytes(sipmsg_value(m, SIPH_ROUTE, 1), "<sip:r@192.0.2.1>");
	assert_bytes(sipmsg_value(m, SIPH_CSEQ, 0), "2 BYE");
	sipmsg_free(m);
	m = dialog_ack(&d, 1); /* BUG-04 */
	assert_bytes(sipmsg_value(m, SIPH_CSEQ, 0), "1 ACK");
	sipmsg_free(m);
}

/* 12.2.2 */
static void test_order(void **state)
{
	struct sipmsg *m = invite(7, "", "");

	(void)state;
	assert_int_equal(dialog_of_request(&d, m, "ours"), 0);
	sipmsg_free(m);
	static const struct {
		unsigned seq;
		int rc;
	} rows[] = { { 7, ERR_BAD_STATE }, { 6, ERR_BAD_STATE }, { 8, 0 }, { 20, 0 }, { 9, ERR_BAD_STATE } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		m = invite(rows[i].seq, ";tag=ours", "");
		assert_true(dialog_has(&d, m));
		assert_int_equal(dialog_take_request(&d, m), rows[i].rc);
		sipmsg_free(m);
	}
	m = invite(30, ";tag=other", "");
	assert_false(dialog_has(&d, m));
	sipmsg_free(m);
}

static void test_store(void **state)
{
	struct sipmsg *m = invite(7, "", "Record-Route: <sip:p1;lr>\r\n");
	struct dialog back;
	struct buf a, b;

	(void)state;
	assert_int_equal(dialog_of_request(&d, m, "ours"), 0);
	sipmsg_free(m);
	buf_init(&a, 10000);
	buf_init(&b, 10000);
	dialog_encode(&a, &d);
	struct wire w = wire_of(buf_bytes(&a));
	dialog_init(&back);
	assert_int_equal(dialog_decode(&w, &back), 0);
	assert_int_equal(wire_end(&w), 0);
	dialog_encode(&b, &back);
	assert_true(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
	dialog_fini(&back);
	for (size_t n = 0; n < buf_len(&a); n++) {
		w = wire_of(bytes_make(a.p, n));
		dialog_init(&back);
		assert_int_equal(dialog_decode(&w, &back), ERR_TRUNCATED);
		dialog_fini(&back);
	}
	buf_fini(&a);
	buf_fini(&b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(test_called), T(test_calling), T(test_order), T(test_store) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
