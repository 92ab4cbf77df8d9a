#include "proto/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

#define HOST "Host: a.example\r\n"

/* Everything that comes out of `in`, as text: "[GET /x]" for a head, body bytes, "." for an end, then "!400". */
static void read_all(struct bytes in, size_t step, const struct http1_limits *l, char out[static 1024])
{
	static struct http1_request q;
	enum http1_event what;
	struct http1_reader r;
	struct bytes piece;
	int rc = ERR_AGAIN;
	size_t n = 0;

	http1_reader_init(&r, l);
	out[0] = 0;
	while (rc == ERR_AGAIN && in.n) {
		size_t k = step < in.n ? step : in.n;
		assert_int_equal(http1_feed(&r, bytes_make(in.p, k)), 0);
		in = bytes_skip(in, k);
		while ((rc = http1_next(&r, &what, &q, &piece)) == 0) {
			if (what == HTTP1_HEAD_CAME)
				n += (size_t)snprintf(out + n, 1024 - n, "[%.*s %.*s]", BYTES_FMT(q.method_text), BYTES_FMT(q.path));
			else if (what == HTTP1_BODY_CAME)
				n += (size_t)snprintf(out + n, 1024 - n, "%.*s", BYTES_FMT(piece));
			else
				n += (size_t)snprintf(out + n, 1024 - n, ".");
		}
	}
	if (rc != ERR_AGAIN)
		snprintf(out + n, 1024 - n, "!%d", r.status);
	http1_reader_fini(&r);
}

/* RFC 9112, RFC 9110; how requests are smuggled, and how long is too long. */
static void reads_requests(void **state)
{
	static const struct {
		const char *name, *in, *out;
	} rows[] = {
		{ "get", "GET /x?a=b HTTP/1.1\r\n" HOST "\r\n", "[GET /x]." },
		{ "two in a row", "GET /a HTTP/1.1\r\n" HOST "\r\nHEAD /b HTTP/1.1\r\n" HOST "\r\n", "[GET /a].[HEAD /b]." },
		{ "an empty line before (2.2)", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "[GET /]." },
		{ "two empty lines", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "a length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n", "[POST /]abc." },
		{ "chunks (7.1)", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1;y=\"z\"\r\n0123456789\r\n0\r\n\r\n",
		  "[POST /]abc0123456789." },
		{ "a trailer", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\nGET /n HTTP/1.1\r\n" HOST "\r\n",
		  "[POST /]a.[GET /n]." },
		{ "absolute form (3.2.2)", "GET https://A.example/p HTTP/1.1\r\n" HOST "\r\n", "[GET /p]." },
		{ "asterisk (3.2.4)", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "[OPTIONS *]." },
		{ "1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", "[GET /]." },
		{ "not all there", "GET / HTTP/1.1\r\nHost: a.exam", "" },

		{ "LF alone", "GET / HTTP/1.1\nHost: a\n\n", "!400" },
		{ "LF alone after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "!400" },
		{ "CR inside", "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", "!400" },
		{ "folded (5.2)", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "!400" },
		{ "space before the colon (5.1)", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "!400" },
		{ "no colon", "GET / HTTP/1.1\r\n" HOST "Nothing\r\n\r\n", "!400" },
		{ "no name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", "!400" },
		{ "no Host", "GET / HTTP/1.1\r\n\r\n", "!400" },
		{ "two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "!400" },
		{ "Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400" },
		{ "Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "!400" },
		{ "Host with a bad port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "!400" },
		{ "empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400" },
		{ "target of another host", "GET http://b.example/ HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "authority form", "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "tab", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "no version (HTTP/0.9)", "GET /\r\n\r\n", "!400" },
		{ "version 2", "GET / HTTP/2.0\r\n" HOST "\r\n", "!505" },
		{ "lower-case version", "GET / http/1.1\r\n" HOST "\r\n", "!400" },
		{ "control character in the target", "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "fragment", "GET /#x HTTP/1.1\r\n" HOST "\r\n", "!400" },
		{ "preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505" },

		{ "CL and TE (6.1)", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "!400" },
		{ "CL twice, the same", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "!400" },
		{ "CL list", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", "!400" },
		{ "CL signed", "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", "!400" },
		{ "CL hex", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", "!400" },
		{ "CL empty", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", "!400" },
		{ "CL that wraps", "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\na", "!400" },
		{ "CL too long", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", "!413" },
		{ "TE gzip", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", "!501" },
		{ "TE identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", "!501" },
		{ "TE twice", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "!400" },
		{ "TE quoted", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", "!501" },
		{ "TE with vertical tab", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", "!400" },
		{ "TE in 1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "!400" },
		{ "chunk without size", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", "[POST /]!400" },
		{ "chunk size 0x", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", "[POST /]!400" },
		{ "chunk size with space", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n", "[POST /]!400" },
		{ "chunk size that wraps", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100000003\r\nabc\r\n", "[POST /]!400" },
		{ "chunk longer than it says", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "[POST /]abc!400" },
		{ "chunk ends with LF", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", "[POST /]abc!400" },
		{ "chunk line with LF", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "[POST /]!400" },
		{ "chunk extension with CR", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;a=\"\r\"\r\nabc\r\n", "[POST /]!400" },
		{ "chunks too long", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", "[POST /]!413" },
		{ "expectation", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: the-best\r\n\r\n", "!417" },
		{ "too many fields", "GET / HTTP/1.1\r\n" HOST "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", "!431" },
		{ "field too long", "GET / HTTP/1.1\r\n" HOST "A: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n", "!431" },
		{ "target too long", "GET /0123456789012345678901234567890123456789012345678901234567890123456789 HTTP/1.1\r\n", "!414" },
		{ "head too long", "GET / HTTP/1.1\r\n" HOST "A: 01234567890123456789012345678901234567890123456789\r\nB: 01234567890123456789012345678901234567890123456789\r\n\r\n", "!431" },
	};
	const struct http1_limits l = { .line_bytes = 64, .head_bytes = 130, .fields = 4, .body_bytes = 1000 };
	char out[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t step = 1; step < 200; step = step < 8 ? step + 1 : step * 5) {
			read_all(bytes_of(rows[i].in), step, &l, out);
			if (strcmp(out, rows[i].out) != 0)
				fail_msg("%s, %zu at a time: %s", rows[i].name, step, out);
		}
	}
}

static void one(const char *text, struct http1_reader *r, struct http1_request *q)
{
	enum http1_event what;
	struct bytes piece;

	http1_reader_init(r, &http1_limits_default);
	assert_int_equal(http1_feed(r, bytes_of(text)), 0);
	assert_int_equal(http1_next(r, &what, q, &piece), 0);
	assert_int_equal(what, HTTP1_HEAD_CAME);
}

static void understands_heads(void **state)
{
	static struct http1_request q;
	struct http1_reader r;

	(void)state;
	one("POST /p?q=1?2 HTTP/1.1\r\n" HOST "Accept: a\r\naccept: b , C\r\nCookie: x=1; y=2; x2=3\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n"
	    "Empty:\r\nWide: \t v v \t\r\n\r\n", &r, &q);
	assert_int_equal(q.method, HTTP1_POST);
	assert_true(bytes_eq_str(q.query, "q=1?2") && q.is_kept && q.expects_continue && q.has_body && q.length == 2);
	assert_int_equal(http1_count(&q, "ACCEPT"), 2);
	assert_int_equal(http1_value(&q, "accept").n, 0);
	assert_true(http1_has_token(&q, "accept", "c") && !http1_has_token(&q, "accept", "d"));
	assert_true(bytes_eq_str(http1_cookie(&q, "y"), "2") && http1_cookie(&q, "z").n == 0);
	assert_true(bytes_eq_str(http1_value(&q, "wide"), "v v") && http1_value(&q, "empty").n == 0);
	http1_reader_fini(&r);

	one("GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\nCookie: a=1; a=2\r\nExpect: 100-continue\r\n\r\n", &r, &q);
	assert_false(q.is_kept || q.expects_continue);
	assert_int_equal(http1_cookie(&q, "a").n, 0); /* which of the two is not for us to guess */
	http1_reader_fini(&r);

	one("GET / HTTP/1.0\r\n\r\n", &r, &q);
	assert_false(q.is_kept);
	http1_reader_fini(&r);
	one("GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: [2001:db8::1]:443\r\n\r\n", &r, &q);
	assert_true(q.is_kept && bytes_eq_str(q.host, "[2001:db8::1]:443"));
	http1_reader_fini(&r);
}

static void bounds_the_pipeline(void **state)
{
	static const uint8_t much[4096];
	struct http1_reader r;
	size_t n = 0;

	(void)state;
	http1_reader_init(&r, &http1_limits_default);
	while (http1_feed(&r, bytes_make(much, sizeof much)) == 0)
		n += sizeof much;
	assert_true(n >= 64 << 10 && n <= 128 << 10);
	assert_int_equal(http1_waiting(&r), n);
	http1_reader_fini(&r);
}

static void decodes_paths(void **state)
{
	static const struct {
		const char *in, *out; /* segments with | between; NULL: refused */
		bool may_slash;
	} rows[] = {
		{ "/", "", false }, { "/a/b", "a|b", false }, { "/a/b/", "a|b/", false }, { "/a/./b", "a|b", false },
		{ "/%61%2e%C3%A9", "a.\xc3\xa9", false }, { "/10.0.0.0%2F8", "10.0.0.0/8", true }, { "/...", "...", false },
		{ "/10.0.0.0%2F8", NULL, false }, { "/..", NULL, false }, { "/a/../b", NULL, false }, { "/%2e%2e/b", NULL, false },
		{ "/.%2e", NULL, false }, { "//a", NULL, false }, { "/a//b", NULL, false }, { "/%00", NULL, false }, { "/%0a", NULL, false },
		{ "/%5c..", NULL, false }, { "/%", NULL, false }, { "/%4", NULL, false }, { "/%zz", NULL, false }, { "/%c0%af", NULL, false },
		{ "/%ff", NULL, false }, { "a", NULL, false }, { "", NULL, false }, { "*", NULL, false }, { "/%252e%252e", "%2e%2e", false },
		{ "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http1_path p;
		char out[256] = "";
		int rc = http1_path_decode(bytes_of(rows[i].in), rows[i].may_slash, &p);
		size_t n = 0;
		for (size_t k = 0; rc == 0 && k < p.n; k++)
			n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", k ? "|" : "", BYTES_FMT(p.segments[k]));
		if (rc == 0 && p.n && p.is_folder)
			snprintf(out + n, sizeof out - n, "/");
		if ((rc == 0) != (rows[i].out != NULL) || (rc == 0 && strcmp(out, rows[i].out) != 0))
			fail_msg("%s: %d %s", rows[i].in, rc, out);
		http1_path_fini(&p);
	}
}

static void decodes_queries(void **state)
{
	struct bytes q = BYTES("a=1&&b=%26+x&c"), name, value;
	struct buf text;
	int rc;

	(void)state;
	buf_init(&text, 64);
	assert_true(http1_query_next(&q, &text, &name, &value, &rc) && bytes_eq_str(name, "a") && bytes_eq_str(value, "1"));
	assert_true(http1_query_next(&q, &text, &name, &value, &rc) && bytes_eq_str(name, "b") && bytes_eq_str(value, "& x"));
	assert_true(http1_query_next(&q, &text, &name, &value, &rc) && bytes_eq_str(name, "c") && value.n == 0);
	assert_false(http1_query_next(&q, &text, &name, &value, &rc));
	assert_int_equal(rc, 0);
	q = BYTES("a=%4");
	assert_false(http1_query_next(&q, &text, &name, &value, &rc));
	assert_int_equal(rc, ERR_SYNTAX);
	q = BYTES("a=0123456789012345678901234567890123456789012345678901234567890123456789");
	assert_false(http1_query_next(&q, &text, &name, &value, &rc));
	assert_int_equal(rc, ERR_LIMIT);
	buf_fini(&text);
}

static void writes_responses(void **state)
{
	char date[HTTP1_DATE_BYTES];
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	http1_put_status(&b, 200);
	assert_int_equal(http1_put_field(&b, "X", BYTES("y")), 0);
	assert_int_equal(http1_put_field(&b, "X", BYTES("y\r\nSet-Cookie: z")), ERR_SYNTAX);
	assert_int_equal(http1_put_field(&b, "X:", BYTES("y")), ERR_SYNTAX);
	http1_end_head_chunked(&b);
	http1_put_chunk(&b, BYTES("0123456789abcdef0"));
	http1_put_chunk(&b, BYTES_NONE);
	http1_put_last_chunk(&b);
	assert_string_equal(buf_cstr(&b), "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdef0\r\n0\r\n\r\n");
	buf_fini(&b);
	http1_date(784111777, date); /* RFC 9110 5.6.7 */
	assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
	http1_date(1709164800, date);
	assert_string_equal(date, "Thu, 29 Feb 2024 00:00:00 GMT");
}

/* ---- responses ---- */

/* What a reader makes of it, cut into pieces of step bytes: "status:body|", "!" for what is refused, "~" for what is not whole when
 * the connection ends. */
static void read_responses(const char *text, bool is_of_head, size_t step, char *out, size_t room)
{
	static struct http1_request q;
	struct bytes in = bytes_of(text), piece;
	enum http1_event what;
	struct http1_reader r;
	struct buf b;
	int rc = ERR_AGAIN;

	buf_init(&b, room);
	http1_reader_init_responses(&r, &http1_limits_default);
	http1_answers_head(&r, is_of_head);
	while (in.n && rc == ERR_AGAIN) {
		size_t n = step < in.n ? step : in.n;
		assert_int_equal(http1_feed(&r, bytes_make(in.p, n)), 0);
		in = bytes_skip(in, n);
		while ((rc = http1_next(&r, &what, &q, &piece)) == 0) {
			if (what == HTTP1_HEAD_CAME)
				buf_putf(&b, "%u%s:", q.status, q.is_kept ? "" : "x");
			else if (what == HTTP1_BODY_CAME)
				buf_put_bytes(&b, piece);
			else
				buf_put_u8(&b, '|');
		}
	}
	if (rc != ERR_AGAIN) {
		assert_true(r.status >= 400 && r.why);
		buf_put_u8(&b, '!');
	} else if (http1_is_inside(&r)) {
		buf_put_u8(&b, http1_closed(&r) ? '~' : '$');
	}
	snprintf(out, room, "%s", buf_cstr(&b));
	http1_reader_fini(&r);
	buf_fini(&b);
}

static void responses_are_read(void **state)
{
	static const struct {
		const char *text;
		bool is_of_head;
		const char *got;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", false, "200:hi|404:|" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n", false, "200:hi!|" },
		{ "HTTP/1.1 200 OK\r\n\r\nto the end", false, "200x:to the end$" },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "200x:hi|" },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", false, "200x:hi|" },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, "100:|200:x|" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", true, "200:|" },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, "304:|204:|" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", false, "200:hi~" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", false, "200:hi~" },
		{ "HTTP/1.1 200 OK\r\nContent-Len", false, "~" },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", false, "!" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", false, "!" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", false, "!" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false, "!" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, "!" },
		{ "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, "!" },
		{ "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", false, "!" },
		{ "HTTP/2 200 OK\r\n\r\n", false, "!" },
		{ "HTTP/1.1 2000 OK\r\n\r\n", false, "!" },
		{ "HTTP/1.1 600 OK\r\n\r\n", false, "!" },
		{ "200 OK\r\n\r\n", false, "!" },
		{ "\r\nHTTP/1.1 200 OK\r\n\r\n", false, "!" },
	};
	static const size_t steps[] = { 1, 7, 10000 };
	char got[256];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
			read_responses(rows[i].text, rows[i].is_of_head, steps[k], got, sizeof got);
			if (strcmp(got, rows[i].got) != 0)
				fail_msg("%s: %s instead of %s", rows[i].text, got, rows[i].got);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_requests), cmocka_unit_test(understands_heads), cmocka_unit_test(bounds_the_pipeline),
		cmocka_unit_test(decodes_paths), cmocka_unit_test(decodes_queries), cmocka_unit_test(writes_responses),
		cmocka_unit_test(responses_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
