#include "proto/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

/* The head of one request or response out of bytes. */
static void read_head(struct http1_reader *r, const char *text, struct http1_request *q)
{
	enum http1_event what;
	struct bytes piece;

	assert_int_equal(http1_feed(r, bytes_of(text)), 0);
	assert_int_equal(http1_next(r, &what, q, &piece), 0);
	assert_int_equal(what, HTTP1_HEAD_CAME);
}

static void requests_lose_what_is_of_one_hop(void **state)
{
	static const struct {
		const char *in, *address;
		bool is_expecting;
		const char *out;
	} rows[] = {
		{ "GET /x?y HTTP/1.1\r\nHost: h\r\nAccept: a\r\nConnection: close, X-Own\r\nX-Own: 1\r\nx-own2: 2\r\nKeep-Alive: 1\r\nTE: t\r\n"
		  "Upgrade: u\r\nVia: v\r\n\r\n",
		  NULL, true, "GET /n?y HTTP/1.1\r\nHost: h\r\nAccept: a\r\nx-own2: 2\r\n\r\n" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", NULL, true,
		  "POST /n HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "192.0.2.1", false,
		  "POST /n HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"
		  "Forwarded: for=192.0.2.1;host=\"h\";proto=https\r\nContent-Length: 5\r\n\r\n" },
		{ "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\n\r\n", NULL, false,
		  "PUT /n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\n\r\n", NULL, true, "POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" },
		{ "GET /x HTTP/1.1\r\nHost: h\r\nx-forwarded-for: 1\r\nX-Forwarded-Anything: 1\r\nForwarded: f\r\nX_Forwarded_For: 1\r\nx-real-ip: 1\r\n"
		  "X-Original-URL: /a\r\nX-Http-Method-Override: PUT\r\n\r\n",
		  "2001:db8::1", false,
		  "GET /n HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"
		  "Forwarded: for=\"[2001:db8::1]\";host=\"h\";proto=https\r\n\r\n" },
	};
	static struct http1_request q;
	struct http1_reader r;
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		http1_reader_init(&r, &http1_limits_default);
		read_head(&r, rows[i].in, &q);
		buf_clear(&out);
		forward_put_request(&out, &(struct forward){ .request = &q, .host = q.host, .path = BYTES("/n"), .address = rows[i].address,
		                                             .is_expecting = rows[i].is_expecting });
		assert_string_equal(buf_cstr(&out), rows[i].out);
		http1_reader_fini(&r);
	}
	buf_fini(&out);
}

/* RFC 9113 8.2.3 */
static void cookies_are_one(void **state)
{
	static struct http1_request q;
	struct http1_reader r;
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	http1_reader_init(&r, &http1_limits_default);
	read_head(&r, "GET /x HTTP/1.1\r\nHost: h\r\ncookie: a=b\r\nAccept: a\r\nCookie: c=d\r\n\r\n", &q);
	forward_put_request(&out, &(struct forward){ .request = &q, .host = q.host, .path = BYTES("/n") });
	assert_string_equal(buf_cstr(&out), "GET /n HTTP/1.1\r\nHost: h\r\nAccept: a\r\nCookie: a=b; c=d\r\n\r\n");
	http1_reader_fini(&r);
	buf_fini(&out);
}

static void answers_give_their_fields(void **state)
{
	static struct http1_request q;
	struct http1_field fields[HTTP1_FIELDS_MAX];
	struct http1_reader r;

	(void)state;
	http1_reader_init_responses(&r, &http1_limits_default);
	read_head(&r, "HTTP/1.1 200 OK\r\nConnection: x-own\r\nX-Own: 1\r\nETag: e\r\nTransfer-Encoding: chunked\r\nAlt-Svc: a\r\nX: y\r\n\r\n", &q);
	assert_int_equal(forward_response_fields(&q, fields, HTTP1_FIELDS_MAX), 2);
	assert_true(bytes_eq_str(fields[0].name, "ETag") && bytes_eq_str(fields[0].value, "e"));
	assert_true(bytes_eq_str(fields[1].name, "X") && bytes_eq_str(fields[1].value, "y"));
	assert_int_equal(forward_response_fields(&q, fields, 1), 1);
	http1_reader_fini(&r);
}

static void answers_keep_their_framing(void **state)
{
	static const struct {
		const char *in;
		bool is_of_head, can_chunk;
		enum forward_body how;
		const char *out;
	} rows[] = {
		{ "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nKeep-Alive: 1\r\nAlt-Svc: a\r\nX: y\r\n\r\n", false, true, FORWARD_PLAIN,
		  "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\n" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, true, FORWARD_NONE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, true, FORWARD_CHUNKS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, false, FORWARD_PLAIN, "HTTP/1.1 200 OK\r\n\r\n" },
		{ "HTTP/1.0 200 OK\r\n\r\n", false, true, FORWARD_CHUNKS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", false, true, FORWARD_NONE, "HTTP/1.1 204 No Content\r\n\r\n" },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: e\r\n\r\n", false, true, FORWARD_NONE,
		  "HTTP/1.1 304 Not Modified\r\nETag: e\r\nContent-Length: 7\r\n\r\n" },
	};
	static struct http1_request q;
	struct http1_reader r;
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		http1_reader_init_responses(&r, &http1_limits_default);
		http1_answers_head(&r, rows[i].is_of_head);
		read_head(&r, rows[i].in, &q);
		buf_clear(&out);
		forward_put_response(&out, &q);
		assert_int_equal(forward_end_response(&out, &q, rows[i].is_of_head, rows[i].can_chunk), rows[i].how);
		assert_string_equal(buf_cstr(&out), rows[i].out);
		http1_reader_fini(&r);
	}
	buf_fini(&out);
}

static void bodies_are_written(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	forward_put_body(&out, FORWARD_CHUNKS, BYTES("hello"));
	forward_put_body(&out, FORWARD_CHUNKS, BYTES_NONE);
	forward_end_body(&out, FORWARD_CHUNKS);
	forward_put_body(&out, FORWARD_PLAIN, BYTES("hello"));
	forward_end_body(&out, FORWARD_PLAIN);
	forward_put_body(&out, FORWARD_NONE, BYTES("hello"));
	assert_string_equal(buf_cstr(&out), "5\r\nhello\r\n0\r\n\r\nhello");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_lose_what_is_of_one_hop), cmocka_unit_test(cookies_are_one), cmocka_unit_test(answers_give_their_fields),
		cmocka_unit_test(answers_keep_their_framing), cmocka_unit_test(bodies_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
