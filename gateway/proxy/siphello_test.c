/* What a SIP client says first (RFC 3261 7, 8.2.6; mra.md M-09). */
#include "siphello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define FIELDS                                                                                     \
	"Via: SIP/2.0/TLS 10.0.0.7:5061;rport;branch=z9hG4bKx\r\nv: SIP/2.0/TLS b\r\nMax-Forwards: 70\r\n"                       \
	"From: <sip:romeo@a.example>;tag=1\r\nt : <sip:romeo@a.example>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"                   \
	"Contact: <sip:romeo@10.0.0.7>\r\n\tfolded\r\n\r\n"
#define REGISTER "REGISTER sip:a.example SIP/2.0\r\n" FIELDS

static bool is_host(void *arg, const char *host)
{
	(void)arg;
	return strcmp(host, "a.example") == 0 || strcmp(host, "[2001:db8::1]") == 0;
}

static enum siphello_what says(const char *text)
{
	return siphello_read(bytes_of(text), is_host, NULL);
}

static void comes_in_drips(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof REGISTER - 1; n++)
		assert_int_equal(siphello_read(bytes_make(REGISTER, n), is_host, NULL), SIPHELLO_MORE);
	assert_int_equal(says(REGISTER), SIPHELLO_OURS);
	assert_int_equal(says(REGISTER "and what follows"), SIPHELLO_OURS);
	assert_int_equal(says("\r\n\r\n" REGISTER), SIPHELLO_OURS);
}

static void finds_the_host(void **state)
{
	static const struct {
		const char *line;
		enum siphello_what is;
	} rows[] = {
		{ "OPTIONS sip:A.Example SIP/2.0", SIPHELLO_OURS },
		{ "REGISTER sips:a.example:5061;transport=tls SIP/2.0", SIPHELLO_OURS },
		{ "MESSAGE sip:juliet@a.example?x=y SIP/2.0", SIPHELLO_OURS },
		{ "OPTIONS sip:[2001:db8::1]:5061 SIP/2.0", SIPHELLO_OURS },
		{ "REGISTER sip:b.example SIP/2.0", SIPHELLO_FOREIGN },
		{ "REGISTER sip:a.example@b.example SIP/2.0", SIPHELLO_FOREIGN },
		{ "REGISTER sip: SIP/2.0", SIPHELLO_NO },
		{ "REGISTER sip:[2001:db8::1 SIP/2.0", SIPHELLO_NO },
		{ "REGISTER sip:a.example SIP/3.0", SIPHELLO_NO },
		{ "REGISTER sip:a.example", SIPHELLO_NO },
		{ "REGISTER tel:1 SIP/2.0", SIPHELLO_NO },
		{ "GET /sip:a.example HTTP/1.1", SIPHELLO_NO },
		{ "OPTIONS * HTTP/1.1", SIPHELLO_NO },
		{ "register sip:a.example SIP/2.0", SIPHELLO_NO },
		{ "AVERYVERYVERYLONGMETHODTHATNOBODYKNOWS sip:a.example SIP/2.0", SIPHELLO_NO },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)snprintf(text, sizeof text, "%s\r\n%s", rows[i].line, FIELDS);
		if (says(text) != rows[i].is)
			fail_msg("%s: %d", rows[i].line, says(text));
	}
}

static void tells_sip_from_http(void **state)
{
	(void)state;
	assert_int_equal(siphello_kind(BYTES("OPTIONS")), SIPHELLO_MORE);
	assert_int_equal(siphello_kind(BYTES("OPTIONS s")), SIPHELLO_MORE);
	assert_int_equal(siphello_kind(BYTES("OPTIONS /")), SIPHELLO_NO);
	assert_int_equal(siphello_kind(BYTES("OPTIONS Sip:")), SIPHELLO_OURS);
	assert_int_equal(siphello_kind(BYTES("<stream")), SIPHELLO_NO);
	assert_int_equal(siphello_kind(BYTES("\r\n\r\n")), SIPHELLO_MORE);
}

static void is_bounded(void **state)
{
	static char text[3 * SIPHELLO_MAX];

	(void)state;
	int n = snprintf(text, sizeof text, "REGISTER sip:a.example SIP/2.0\r\nX: ");
	memset(text + n, 'x', sizeof text - (size_t)n);
	assert_int_equal(siphello_read(bytes_make(text, SIPHELLO_MAX - 1), is_host, NULL), SIPHELLO_MORE);
	assert_int_equal(siphello_read(bytes_make(text, SIPHELLO_MAX), is_host, NULL), SIPHELLO_NO);
	memcpy(text + 2 * SIPHELLO_MAX, "\r\n\r\n", 4); /* whole, but too long */
	assert_int_equal(siphello_read(bytes_make(text, sizeof text), is_host, NULL), SIPHELLO_NO);
	memset(text, '\n', sizeof text);
	assert_int_equal(siphello_kind(bytes_make(text, sizeof text)), SIPHELLO_NO);
}

static void answers_of_itself(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	siphello_answer(BYTES(REGISTER "body"), 503, "Service Unavailable", "mine", 30, &out);
	assert_string_equal(buf_cstr(&out),
	                    "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/TLS 10.0.0.7:5061;rport;branch=z9hG4bKx\r\n"
	                    "v: SIP/2.0/TLS b\r\nFrom: <sip:romeo@a.example>;tag=1\r\nt : <sip:romeo@a.example>;tag=mine\r\n"
	                    "Call-ID: c\r\nCSeq: 1 REGISTER\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_in_drips), cmocka_unit_test(finds_the_host), cmocka_unit_test(tells_sip_from_http),
		cmocka_unit_test(is_bounded), cmocka_unit_test(answers_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
