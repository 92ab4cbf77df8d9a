#include "sip/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

#define HEAD "v=0\r\no=alice 2890844526 2890844527 IN IP4 alice.example.com\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* RFC 4975 4, RFC 7701 8, RFC 6135 */
static void reads_offers(void **state)
{
	static const struct {
		const char *media;
		enum imsdp_kind kind;
		unsigned port, n_media, chosen;
		const char *path, *accept;
		uint64_t max_size;
		enum imsdp_setup setup;
		bool is_chatroom, has_nickname, has_private;
	} rows[] = {
		{ "m=message 7654 TCP/MSRP *\r\na=accept-types:text/plain message/cpim\r\na=path:msrp://a.example:7654/jshA7w;tcp\r\n",
		  IMSDP_MSRP, 7654, 1, 0, "msrp://a.example:7654/jshA7w;tcp", "text/plain message/cpim", 0, 0, 0, 0, 0 },
		{ "m=message 7654 TCP/TLS/MSRP *\r\na=accept-types:*\r\na=path:msrps://a.example:7654/x;tcp\r\na=max-size:10000\r\na=setup:passive\r\n",
		  IMSDP_MSRPS, 7654, 1, 0, "msrps://a.example:7654/x;tcp", "*", 10000, IMSDP_PASSIVE, 0, 0, 0 },
		{ "m=message 7654 TCP/MSRP *\r\na=path:msrp://a.example:7654/x;tcp\r\na=chatroom:nickname private-messages\r\n",
		  IMSDP_MSRP, 7654, 1, 0, "msrp://a.example:7654/x;tcp", NULL, 0, 0, true, true, true },
		{ "m=message 7654 TCP/MSRP *\r\na=path:msrp://a.example:7654/x;tcp\r\na=chatroom\r\n",
		  IMSDP_MSRP, 7654, 1, 0, "msrp://a.example:7654/x;tcp", NULL, 0, 0, true, false, false },
		/* COMPAT: Lync */
		{ "m=message 5060 sip null\r\na=accept-types:text/plain multipart/alternative image/gif\r\n",
		  IMSDP_LYNC, 5060, 1, 0, NULL, "text/plain multipart/alternative image/gif", 0, 0, 0, 0, 0 },
		{ "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\nm=message 7654 TCP/MSRP *\r\na=path:msrp://a.example:7654/x;tcp\r\n",
		  IMSDP_MSRP, 7654, 2, 1, "msrp://a.example:7654/x;tcp", NULL, 0, 0, 0, 0, 0 },
		{ "m=message 0 TCP/MSRP *\r\nm=message 5060 sip null\r\n", IMSDP_LYNC, 5060, 2, 1, NULL, NULL, 0, 0, 0, 0, 0 },
		{ "m=audio 4000 RTP/AVP 0\r\n", IMSDP_NONE, 0, 1, 0, NULL, NULL, 0, 0, 0, 0, 0 },
		{ "m=message 7654 UDP/X *\r\n", IMSDP_NONE, 0, 1, 0, NULL, NULL, 0, 0, 0, 0, 0 },
		{ "", IMSDP_NONE, 0, 0, 0, NULL, NULL, 0, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[2048];
		struct imsdp s;
		snprintf(text, sizeof text, HEAD "%s", rows[i].media);
		int rc = imsdp_parse(bytes_of(text), &arena, &s);
		if (rc)
			fail_msg("row %zu: %s", i, err_name(rc));
		assert_int_equal(s.kind, rows[i].kind);
		assert_int_equal(s.port, rows[i].port);
		assert_int_equal(s.n_media, rows[i].n_media);
		assert_int_equal(s.chosen, rows[i].chosen);
		assert_int_equal(s.max_size, rows[i].max_size);
		assert_int_equal(s.setup, rows[i].setup);
		assert_int_equal(s.is_chatroom, rows[i].is_chatroom);
		assert_int_equal(s.has_nickname, rows[i].has_nickname);
		assert_int_equal(s.has_private, rows[i].has_private);
		assert_int_equal(s.version, 2890844527u);
		assert_true(bytes_eq(bytes_of(s.path), bytes_of(rows[i].path)));
		assert_true(bytes_eq(bytes_of(s.accept), bytes_of(rows[i].accept)));
		if (s.kind)
			assert_string_equal(s.host, "192.0.2.1");
	}
}

static void refuses(void **state)
{
	static char large[IMSDP_MAX_BYTES + 1];
	struct imsdp s;

	(void)state;
	assert_int_equal(imsdp_parse(BYTES_NONE, &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES("hello"), &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=message 7 TCP/\xd3/MSRP *\r\n"), &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=message 7 TCP/MSRP a/b\r\n"), &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=message x TCP/MSRP *\r\n"), &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=message 1 TCP/MSRP *\r\na=path:\0\r\n"), &arena, &s), ERR_SYNTAX);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=message 1 TCP/MSRP *\r\na=max-size:-1\r\n"), &arena, &s), ERR_SYNTAX);
	memset(large, 'a', sizeof large);
	assert_int_equal(imsdp_parse(bytes_make(large, sizeof large), &arena, &s), ERR_LIMIT);
}

static const struct imsdp ours = { .kind = IMSDP_MSRPS, .port = 2855, .host = "192.0.2.9", .id = 7, .version = 8,
	.path = "msrps://gw.example:2855/s1;tcp", .accept = "text/plain message/cpim", .wrapped = "text/plain",
	.max_size = 10000, .setup = IMSDP_ACTPASS, .is_chatroom = true, .has_nickname = true, .has_private = true };

static void writes_an_offer(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(imsdp_print(&ours, NULL, &out), 0);
	assert_string_equal(buf_cstr(&out),
		"v=0\r\no=- 7 8 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=message 2855 TCP/TLS/MSRP *\r\n"
		"a=accept-types:text/plain message/cpim\r\na=accept-wrapped-types:text/plain\r\n"
		"a=path:msrps://gw.example:2855/s1;tcp\r\na=max-size:10000\r\na=setup:actpass\r\na=chatroom:nickname private-messages\r\n");
	buf_clear(&out);
	const struct imsdp lync = { .kind = IMSDP_LYNC, .port = 5060, .host = "2001:db8::1", .accept = "text/plain" };
	assert_int_equal(imsdp_print(&lync, NULL, &out), 0);
	assert_string_equal(buf_cstr(&out), "v=0\r\no=- 0 0 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
	                                    "m=message 5060 sip null\r\na=accept-types:text/plain\r\n");
	buf_fini(&out);
}

/* RFC 3264 6: an m= line for each, those we do not use with port 0. */
static void answers_each_line(void **state)
{
	struct imsdp offer, back;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(imsdp_parse(BYTES(HEAD "m=audio 4000 RTP/AVP 0 8\r\nm=message 7 TCP/TLS/MSRP *\r\n"
	                                   "a=path:msrps://a.example:7/x;tcp\r\nm=video 5000 RTP/AVP 31\r\n"), &arena, &offer), 0);
	assert_int_equal(imsdp_print(&ours, &offer, &out), 0);
	assert_non_null(strstr(buf_cstr(&out), "m=audio 0 RTP/AVP 0 8\r\nm=message 2855 TCP/TLS/MSRP *\r\n"));
	assert_non_null(strstr(buf_cstr(&out), "m=video 0 RTP/AVP 31\r\n"));
	assert_int_equal(imsdp_parse(buf_bytes(&out), &arena, &back), 0);
	assert_int_equal(back.n_media, 3);
	assert_int_equal(back.chosen, 1);
	assert_string_equal(back.path, ours.path);
	buf_fini(&out);
}

static void refuses_to_break_a_line(void **state)
{
	struct imsdp s = ours;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	s.path = "msrp://a/b;tcp\r\nm=audio 1 RTP/AVP 0";
	assert_int_equal(imsdp_print(&s, NULL, &out), ERR_SYNTAX);
	s = ours;
	s.host = "";
	assert_int_equal(imsdp_print(&s, NULL, &out), ERR_SYNTAX);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

static void knows_accepted_types(void **state)
{
	(void)state;
	assert_true(imsdp_accepts("text/plain message/cpim", BYTES("TEXT/plain;charset=utf-8")));
	assert_true(imsdp_accepts("*", BYTES("text/plain")));
	assert_true(imsdp_accepts("text/*", BYTES("text/html")));
	assert_false(imsdp_accepts("text/*", BYTES("texts/html")));
	assert_false(imsdp_accepts("message/cpim", BYTES("text/plain")));
	assert_false(imsdp_accepts("text/plain", BYTES("text/plainer")));
	assert_false(imsdp_accepts(NULL, BYTES("text/plain")));
	assert_false(imsdp_accepts("text/plain", BYTES_NONE));
}

/* SES-13 */
static void answers_setup(void **state)
{
	(void)state;
	assert_int_equal(imsdp_answer_setup(IMSDP_SETUP_NONE), IMSDP_PASSIVE);
	assert_int_equal(imsdp_answer_setup(IMSDP_ACTIVE), IMSDP_PASSIVE);
	assert_int_equal(imsdp_answer_setup(IMSDP_ACTPASS), IMSDP_PASSIVE);
	assert_int_equal(imsdp_answer_setup(IMSDP_PASSIVE), IMSDP_ACTIVE);
	assert_int_equal(imsdp_answer_setup(IMSDP_HOLDCONN), IMSDP_HOLDCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_offers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
		cmocka_unit_test(writes_an_offer),
		cmocka_unit_test_setup_teardown(answers_each_line, set_up, tear_down),
		cmocka_unit_test(refuses_to_break_a_line),
		cmocka_unit_test(knows_accepted_types),
		cmocka_unit_test(answers_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
