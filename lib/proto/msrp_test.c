#include "proto/msrp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/msrp_join.h"

#define TO "To-Path: msrp://a.example:7777/iau39;tcp\r\n"
#define FROM "From-Path: msrp://b.example:8888/9di4ea;tcp\r\n"
#define PATHS TO FROM

static const char whole_send[] =
    "MSRP d93kswow SEND\r\n" PATHS "Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\nSuccess-Report: yes\r\n"
    "Failure-Report: no\r\nContent-Type: text/plain\r\n\r\nHi, I'm Alice!\r\n\r\n-------d93kswow$\r\n";

static int read_in_steps(const char *text, size_t step, size_t body_max, struct msrp_reader *r, struct msrp_frame *f)
{
	struct bytes in = bytes_of(text);
	int rc = ERR_AGAIN;

	msrp_reader_init(r, body_max);
	while (rc == ERR_AGAIN && in.n) {
		size_t n = step < in.n ? step : in.n;
		assert_int_equal(msrp_reader_feed(r, bytes_make(in.p, n)), 0);
		in = bytes_skip(in, n);
		rc = msrp_reader_next(r, f);
	}
	return rc;
}

/* RFC 4975 4; the same however the bytes come. */
static void reads_a_send(void **state)
{
	struct msrp_reader r;
	struct msrp_frame f;

	(void)state;
	for (size_t step = 1; step < sizeof whole_send; step++) {
		assert_int_equal(read_in_steps(whole_send, step, 100, &r, &f), 0);
		assert_int_equal(f.method, MSRP_SEND);
		assert_true(bytes_eq_str(f.id, "d93kswow"));
		assert_true(bytes_eq_str(f.to_path, "msrp://a.example:7777/iau39;tcp"));
		assert_true(bytes_eq_str(f.message_id, "12339sdqwer"));
		assert_true(f.has_range && f.from == 1 && f.to == 16 && f.total == 16);
		assert_true(bytes_eq_str(f.body, "Hi, I'm Alice!\r\n"));
		assert_true(bytes_eq_str(f.success_report, "yes"));
		assert_int_equal(f.flag, '$');
		assert_int_equal(f.fault, 0);
		msrp_reader_fini(&r);
	}
}

static void reads_frames(void **state)
{
	static const struct {
		const char *name, *in;
		int rc;
		unsigned fault;
		enum msrp_method method;
		unsigned status;
		char flag;
		const char *body; /* NULL: none */
	} rows[] = {
		{ "bodiless SEND", "MSRP dsdfoe38sd SEND\r\n" PATHS "Message-ID: 4564dpWd\r\nByte-Range: 1-0/0\r\n-------dsdfoe38sd$\r\n",
		  0, 0, MSRP_SEND, 0, '$', NULL },
		{ "response", "MSRP d93kswow 200 OK\r\n" PATHS "-------d93kswow$\r\n", 0, 0, MSRP_OTHER, 200, '$', NULL },
		{ "response without comment", "MSRP d93kswow 481\r\n" PATHS "-------d93kswow$\r\n", 0, 0, MSRP_OTHER, 481, '$', NULL },
		{ "chunk", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nByte-Range: 1-*/20\r\nContent-Type: text/plain\r\n\r\nab\r\n-------d93k+\r\n",
		  0, 0, MSRP_SEND, 0, '+', "ab" },
		{ "abort", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nByte-Range: 1-*/20\r\nContent-Type: text/plain\r\n\r\n\r\n-------d93k#\r\n",
		  0, 0, MSRP_SEND, 0, '#', "" },
		{ "foreign end-line in the body", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nContent-Type: text/plain\r\n\r\n-------d93x$\r\n-------d93k$x\r\n-------d93k$\r\n",
		  0, 0, MSRP_SEND, 0, '$', "-------d93x$\r\n-------d93k$x" },
		{ "report", "MSRP d93k REPORT\r\n" PATHS "Message-ID: m234\r\nByte-Range: 1-16/16\r\nStatus: 000 200 OK\r\n-------d93k$\r\n",
		  0, 0, MSRP_REPORT, 0, '$', NULL },
		{ "nickname", "MSRP d93k NICKNAME\r\n" PATHS "Use-Nickname: \"JuliC\"\r\n-------d93k$\r\n", 0, 0, MSRP_NICKNAME, 0, '$', NULL },
		{ "unknown method", "MSRP d93k FOO\r\n" PATHS "-------d93k$\r\n", 0, 0, MSRP_OTHER, 0, '$', NULL },
		{ "SEND without Message-ID", "MSRP d93k SEND\r\n" PATHS "-------d93k$\r\n", 0, 400, MSRP_SEND, 0, '$', NULL },
		{ "bad range", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nByte-Range: 0-5/5\r\n-------d93k$\r\n", 0, 400, MSRP_SEND, 0, '$', NULL },
		{ "range without total", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nByte-Range: 1-5\r\n-------d93k$\r\n", 0, 400, MSRP_SEND, 0, '$', NULL },
		{ "two Message-IDs", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nMessage-ID: m235\r\n-------d93k$\r\n", 0, 400, MSRP_SEND, 0, '$', NULL },
		{ "body over the limit", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nContent-Type: text/plain\r\n\r\n0123456789012345678901234567890123456789\r\n-------d93k$\r\n",
		  0, 413, MSRP_SEND, 0, '$', "" },
		{ "no To-Path", "MSRP d93k SEND\r\n" FROM "Message-ID: m234\r\n-------d93k$\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "path of another scheme", "MSRP d93k SEND\r\n" FROM "To-Path: sip:x\r\nMessage-ID: m234\r\n-------d93k$\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "id too short", "MSRP d93 SEND\r\n" PATHS "-------d93$\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "id too long", "MSRP 012345678901234567890123456789abc SEND\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "HTTP", "GET / HTTP/1.1\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "not MSRP, no line end", "\x16\x03\x01\x02\x01", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "lower case method", "MSRP d93k send\r\n", ERR_SYNTAX, 0, 0, 0, 0, NULL },
		{ "cut off", "MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\n-------d93k$\r", ERR_AGAIN, 0, 0, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step < 400; step += step < 3 ? 1 : 37) {
			struct msrp_reader r;
			struct msrp_frame f = { 0 };
			int rc = read_in_steps(rows[i].in, step, 32, &r, &f);
			if (rc != rows[i].rc)
				fail_msg("%s, step %zu: %s", rows[i].name, step, err_name(rc));
			if (rc == 0) {
				assert_int_equal(f.fault, rows[i].fault);
				assert_int_equal(f.method, rows[i].method);
				assert_int_equal(f.status, rows[i].status);
				assert_int_equal(f.flag, rows[i].flag);
				assert_int_equal(f.has_body, rows[i].body != NULL);
				assert_true(bytes_eq_str(f.body, rows[i].body));
			}
			msrp_reader_fini(&r);
		}
}

/* The connection lives on behind a body of any size, up to a bound. */
static void skips_a_large_body(void **state)
{
	static char junk[MSRP_FEED_MAX_BYTES];
	struct msrp_reader r;
	struct msrp_frame f;
	int rc;

	(void)state;
	memset(junk, 'x', sizeof junk);
	rc = read_in_steps("MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nContent-Type: text/plain\r\n\r\n", 50, 1000, &r, &f);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rc, ERR_AGAIN);
		assert_int_equal(msrp_reader_feed(&r, bytes_make(junk, sizeof junk)), 0);
		rc = msrp_reader_next(&r, &f);
		assert_true(buf_len(&r.in) < 4096);
	}
	assert_int_equal(msrp_reader_feed(&r, bytes_of("\r\n-------d93k$\r\nMSRP abcd 200 OK\r\n" PATHS "-------abcd$\r\n")), 0);
	assert_int_equal(msrp_reader_next(&r, &f), 0);
	assert_int_equal(f.fault, 413);
	assert_int_equal(msrp_reader_next(&r, &f), 0);
	assert_int_equal(f.status, 200);
	assert_int_equal(msrp_reader_next(&r, &f), ERR_AGAIN);
	msrp_reader_fini(&r);

	rc = read_in_steps("MSRP d93k SEND\r\n" PATHS "Message-ID: m234\r\nContent-Type: text/plain\r\n\r\n", 50, 1000, &r, &f);
	for (int i = 0; rc == ERR_AGAIN && i <= MSRP_SKIP_MAX_BYTES / MSRP_FEED_MAX_BYTES; i++) {
		assert_int_equal(msrp_reader_feed(&r, bytes_make(junk, sizeof junk)), 0);
		rc = msrp_reader_next(&r, &f);
	}
	assert_int_equal(rc, ERR_LIMIT);
	msrp_reader_fini(&r);
}

static void bounds_the_head(void **state)
{
	static char junk[MSRP_HEAD_MAX_BYTES + 1];
	struct msrp_reader r;
	struct msrp_frame f;

	(void)state;
	memset(junk, 'x', sizeof junk);
	assert_int_equal(read_in_steps("MSRP d93k SEND\r\n", 50, 1000, &r, &f), ERR_AGAIN);
	assert_int_equal(msrp_reader_feed(&r, bytes_make(junk, sizeof junk)), 0);
	assert_int_equal(msrp_reader_next(&r, &f), ERR_LIMIT);
	msrp_reader_fini(&r);
}

static void writes_what_it_reads(void **state)
{
	struct msrp_reader r;
	struct msrp_frame f;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(read_in_steps(whole_send, 4096, 100, &r, &f), 0);
	assert_int_equal(msrp_encode(&f, &out), 0);
	/* header fields come in our order */
	const char *want = "MSRP d93kswow SEND\r\n" PATHS "Message-ID: 12339sdqwer\r\nSuccess-Report: yes\r\nFailure-Report: no\r\n"
	                   "Byte-Range: 1-16/16\r\nContent-Type: text/plain\r\n\r\nHi, I'm Alice!\r\n\r\n-------d93kswow$\r\n";
	assert_string_equal(buf_cstr(&out), want);
	buf_clear(&out);
	assert_int_equal(msrp_respond(&f, 481, NULL, &out), 0);
	assert_string_equal(buf_cstr(&out), "MSRP d93kswow 481 No Such Session\r\nTo-Path: msrp://b.example:8888/9di4ea;tcp\r\n"
	                                    "From-Path: msrp://a.example:7777/iau39;tcp\r\n-------d93kswow$\r\n");
	msrp_reader_fini(&r);
	buf_fini(&out);
}

static void refuses_to_break_its_frame(void **state)
{
	struct msrp_frame f = { .method = MSRP_SEND, .id = BYTES("abcd"), .to_path = BYTES("msrp://a/b;tcp"),
		.from_path = BYTES("msrp://c/d;tcp"), .message_id = BYTES("m123"), .content_type = BYTES("text/plain"),
		.has_body = true, .body = BYTES("x\r\n-------abcd$\r\n"), .flag = '$' };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(msrp_encode(&f, &out), ERR_EXISTS);
	f.id = BYTES("abce");
	f.content_type = BYTES("text/plain\r\nX: y");
	assert_int_equal(msrp_encode(&f, &out), ERR_SYNTAX);
	f.content_type = BYTES("text/plain");
	f.id = BYTES("ab\r\n");
	assert_int_equal(msrp_encode(&f, &out), ERR_SYNTAX);
	assert_int_equal(buf_len(&out), 0);
	f.id = BYTES("abce");
	assert_int_equal(msrp_encode(&f, &out), 0);
	buf_fini(&out);
}

/* RFC 4975 6.1 */
static void compares_uris(void **state)
{
	static const struct {
		const char *a, *b;
		int rc;
		bool same;
	} rows[] = {
		{ "msrp://host.example.com:8493/asfd34;tcp", "msrp://HOST.example.com:8493/asfd34;tcp", 0, true },
		{ "msrp://host.example.com:8493/asfd34;tcp", "msrp://user@host.example.com:8493/asfd34;tcp;x=y", 0, true },
		{ "msrp://host.example.com:8493/asfd34;tcp", "msrps://host.example.com:8493/asfd34;tcp", 0, false },
		{ "msrp://host.example.com:8493/asfd34;tcp", "msrp://host.example.com/asfd34;tcp", 0, false },
		{ "msrp://host.example.com:8493/asfd34;tcp", "msrp://host.example.com:8493/asFd34;tcp", 0, false },
		{ "msrp://[2001:db8::1]:9/a;tcp", "msrp://[2001:DB8::1]:9/a;TCP", 0, true },
		{ "msrp://h/a;tcp", "msrp://h/a", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "msrp://h/a;udp", ERR_UNSUPPORTED, false },
		{ "msrp://h/a;tcp", "sip://h/a;tcp", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "msrp://h:0/a;tcp", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "msrp://h:65536/a;tcp", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "msrp:///a;tcp", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "msrp://h<x/a;tcp", ERR_SYNTAX, false },
		{ "msrp://h/a;tcp", "", ERR_SYNTAX, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct msrp_uri a, b;
		assert_int_equal(msrp_uri_parse(bytes_of(rows[i].a), &a), 0);
		assert_int_equal(msrp_uri_parse(bytes_of(rows[i].b), &b), rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(msrp_uri_equal(&a, &b), rows[i].same);
	}
	assert_true(bytes_eq_str(msrp_path_last(BYTES("msrp://r/a;tcp msrp://h/b;tcp")), "msrp://h/b;tcp"));
}

/* SES-03 */
static void makes_ids(void **state)
{
	char id[MSRP_ID_MAX_BYTES + 1];

	(void)state;
	assert_int_equal(msrp_id_of(BYTES("<m 1>"), id), 0);
	assert_string_equal(id, "xm-1-");
	assert_int_equal(msrp_id_of(BYTES("abc"), id), ERR_RANGE);
	assert_int_equal(msrp_id_of(BYTES("012345678901234567890123456789abc"), id), ERR_RANGE);
}

static int add(struct msrp_join *j, const char *id, uint64_t from, uint64_t total, char flag, const char *body,
               uint64_t now, struct msrp_whole *w)
{
	struct msrp_frame f = { .method = MSRP_SEND, .message_id = bytes_of(id), .content_type = BYTES("text/plain"),
		.has_range = true, .from = from, .to = MSRP_UNKNOWN, .total = total, .has_body = true,
		.body = bytes_of(body), .flag = (uint8_t)flag };

	return msrp_join_add(j, &f, now, w);
}

/* SES-05, SES-06 */
static void joins_chunks(void **state)
{
	struct msrp_whole w;
	struct msrp_join j;
	size_t n;

	(void)state;
	msrp_join_init(&j, 20);
	assert_int_equal(add(&j, "whole", 1, 3, '$', "abc", 0, &w), 0);
	assert_true(bytes_eq_str(w.body, "abc") && bytes_eq_str(w.content_type, "text/plain"));
	/* out of order, one doubled, another message in between */
	assert_int_equal(add(&j, "out-of-order", 4, 9, '+', "def", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "other", 1, MSRP_UNKNOWN, '+', "xy", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "out-of-order", 7, 9, '$', "ghi", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "out-of-order", 4, 9, '+', "def", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "out-of-order", 1, 9, '+', "abc", 0, &w), 0);
	assert_true(bytes_eq_str(w.body, "abcdefghi"));
	/* the length is known from the last chunk only */
	assert_int_equal(add(&j, "other", 3, MSRP_UNKNOWN, '$', "z", 0, &w), 0);
	assert_true(bytes_eq_str(w.body, "xyz"));
	/* nothing is in it */
	assert_int_equal(add(&j, "empty", 1, 0, '$', "", 0, &w), 0);
	assert_int_equal(w.body.n, 0);
	/* given up by the sender; what comes later is another message */
	assert_int_equal(add(&j, "abort", 1, 9, '+', "abc", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "abort", 4, 9, '#', "", 0, &w), ERR_CLOSED);
	assert_int_equal(add(&j, "abort", 1, 2, '$', "ok", 0, &w), 0);
	/* too large by its word or in fact */
	assert_int_equal(add(&j, "large", 1, 21, '+', "abc", 0, &w), ERR_LIMIT);
	assert_int_equal(add(&j, "large", 19, MSRP_UNKNOWN, '+', "abc", 0, &w), ERR_LIMIT);
	/* ranges that do not fit */
	assert_int_equal(add(&j, "odd", 1, 2, '+', "abc", 0, &w), ERR_SYNTAX);
	assert_int_equal(add(&j, "odd", 1, 9, '+', "abc", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "odd", 4, 8, '+', "abc", 0, &w), ERR_SYNTAX);
	/* 30 s */
	assert_int_equal(add(&j, "slow", 1, 9, '+', "abc", 1000, &w), ERR_AGAIN);
	assert_int_equal(msrp_join_sweep(&j, 30999, &n), 31000);
	assert_int_equal(n, 0);
	assert_int_equal(msrp_join_sweep(&j, 31000, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(add(&j, "slow", 4, 9, '$', "defghi", 31000, &w), ERR_AGAIN);
	msrp_join_fini(&j);
}

static void bounds_half_messages(void **state)
{
	struct msrp_whole w;
	struct msrp_join j;
	char id[16];

	(void)state;
	msrp_join_init(&j, 1000);
	for (int i = 0; i < MSRP_JOIN_MESSAGES; i++) {
		snprintf(id, sizeof id, "many%d", i);
		assert_int_equal(add(&j, id, 1, 9, '+', "abc", 0, &w), ERR_AGAIN);
	}
	assert_int_equal(add(&j, "one-more", 1, 9, '+', "abc", 0, &w), ERR_FULL);
	assert_int_equal(add(&j, "many0", 4, 9, '+', "defghi", 0, &w), 0);
	for (int i = 0; i < MSRP_JOIN_PIECES; i++)
		assert_int_equal(add(&j, "gaps", (uint64_t)i * 3 + 1, 999, '+', "a", 0, &w), ERR_AGAIN);
	assert_int_equal(add(&j, "gaps", 900, 999, '+', "a", 0, &w), ERR_LIMIT);
	msrp_join_fini(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_send),
		cmocka_unit_test(reads_frames),
		cmocka_unit_test(skips_a_large_body),
		cmocka_unit_test(bounds_the_head),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(refuses_to_break_its_frame),
		cmocka_unit_test(compares_uris),
		cmocka_unit_test(makes_ids),
		cmocka_unit_test(joins_chunks),
		cmocka_unit_test(bounds_half_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
