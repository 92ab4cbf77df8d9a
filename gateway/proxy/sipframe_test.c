#include "sipframe.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "REGISTER sip:a.example SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK1\r\n"

/* What a client says, and what a stream has of it; NULL: refused. */
static void test_from_client(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ HEAD "\r\n", HEAD "Content-Length: 0\r\n\r\n" },
		{ HEAD "\r\nbody", HEAD "Content-Length: 4\r\n\r\nbody" },
		{ HEAD "Content-Length: 4\r\n\r\nbody", HEAD "Content-Length: 4\r\n\r\nbody" },
		{ HEAD "l :  4 \r\n\r\nbody", HEAD "l :  4 \r\n\r\nbody" },
		{ HEAD "CONTENT-LENGTH:0\r\n\r\n", HEAD "CONTENT-LENGTH:0\r\n\r\n" },
		{ "\r\n\r\n", "\r\n\r\n" }, /* RFC 5626 3.5.1 */
		{ "\r\n", "\r\n" },
		/* another message behind it, or a part of one */
		{ HEAD "Content-Length: 3\r\n\r\nbody", NULL },
		{ HEAD "Content-Length: 5\r\n\r\nbody", NULL },
		{ HEAD "Content-Length: 4\r\nl: 4\r\n\r\nbody", NULL },
		{ HEAD "Content-Length: 4\r\n 0\r\n\r\nbody", NULL },
		{ HEAD "Content-Length: -4\r\n\r\nbody", NULL },
		{ HEAD "Content-Length: 4, 4\r\n\r\nbody", NULL },
		{ HEAD "Content-Length:\r\n\r\nbody", NULL },
		/* ends of lines that are ends to some only */
		{ HEAD "X: y\nContent-Length: 4\r\n\r\nbody", NULL },
		{ HEAD "X: y\rContent-Length: 4\r\n\r\nbody", NULL },
		{ "\r\n" HEAD "\r\n", NULL },
		{ "\r\n\r\n" HEAD "\r\n", NULL },
		{ HEAD, NULL },
		{ "", NULL },
		{ "\r\n\r\n\r\n", NULL },
		{ "\r\r", NULL },
		{ "\n\r\n\r", NULL },
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *why = NULL;
		buf_init(&out, 4096);
		int rc = sipframe_from_client(bytes_of(rows[i].in), &out, &why);
		assert_int_equal(rc, rows[i].out ? 0 : ERR_SYNTAX);
		assert_string_equal(buf_cstr(&out), rows[i].out ? rows[i].out : "");
		assert_true(rows[i].out || why[0]);
		buf_fini(&out);
	}
}

static void test_sizes(void **state)
{
	char *big = malloc(SIPFRAME_MAX + 1);
	const char *why;
	struct buf out;

	(void)state;
	memset(big, 'x', SIPFRAME_MAX + 1);
	memcpy(big, HEAD "\r\n", sizeof HEAD "\r\n" - 1);
	buf_init(&out, 2 * SIPFRAME_MAX);
	assert_int_equal(sipframe_from_client(bytes_make(big, SIPFRAME_MAX + 1), &out, &why), ERR_LIMIT);
	assert_int_equal(sipframe_from_client(bytes_make(big, SIPFRAME_MAX), &out, &why), 0);
	assert_int_equal(buf_len(&out), SIPFRAME_MAX + sizeof "Content-Length: 123456\r\n" - 1);
	buf_fini(&out);
	buf_init(&out, 64);
	assert_int_equal(sipframe_from_client(BYTES(HEAD "\r\n"), &out, &why), ERR_NOMEM);
	buf_fini(&out);
	free(big);
}

/* A stream in pieces of each size gives the same messages. */
static void test_to_client(void **state)
{
	static const char stream[] = "\r\n" HEAD "Content-Length: 4\r\n\r\nbody" "\r\n\r\n" HEAD "l: 0\r\n\r\n" HEAD "Content-Length: 10\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	static const char *const want[] = { HEAD "Content-Length: 4\r\n\r\nbody", HEAD "l: 0\r\n\r\n", HEAD "Content-Length: 10\r\n\r\n\r\n\r\n\r\n\r\n\r\n" };
	const size_t n = sizeof stream - 1;

	(void)state;
	for (size_t step = 1; step <= n; step++) {
		struct sipframes s;
		size_t n_messages = 0, line_ends = 0;
		sipframes_init(&s);
		for (size_t at = 0; at < n; at += step) {
			struct bytes m;
			int rc = sipframes_feed(&s, bytes_make(stream + at, at + step < n ? step : n - at));
			while (!rc && sipframes_next(&s, &m, &rc)) {
				if (m.p[0] == '\r')
					line_ends += m.n;
				else
					assert_true(n_messages < 3 && bytes_eq_str(m, want[n_messages++]));
			}
			assert_int_equal(rc, 0);
		}
		assert_int_equal(n_messages, 3);
		assert_int_equal(line_ends, 6);
		sipframes_fini(&s);
	}
}

static void test_lost(void **state)
{
	static const struct {
		const char *stream;
		int rc;
	} rows[] = {
		{ HEAD "\r\n", ERR_SYNTAX },
		{ "\r" HEAD, ERR_SYNTAX },
		{ "\n" HEAD, ERR_SYNTAX },
		{ HEAD "Content-Length: x\r\n\r\n", ERR_SYNTAX },
		{ HEAD "Content-Length: 131072\r\n\r\n", ERR_LIMIT },
		{ HEAD "Content-Length: 131073\r\n\r\n", ERR_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sipframes s;
		struct bytes m;
		int rc;
		sipframes_init(&s);
		assert_int_equal(sipframes_feed(&s, bytes_of(rows[i].stream)), 0);
		assert_false(sipframes_next(&s, &m, &rc));
		assert_int_equal(rc, rows[i].rc);
		sipframes_fini(&s);
	}
}

/* Neither a head without an end nor a reader that is not asked holds more than its room. */
static void test_room(void **state)
{
	static char part[64 << 10];
	struct sipframes s;
	struct bytes m;
	int rc = 0;

	(void)state;
	memset(part, 'x', sizeof part);
	sipframes_init(&s);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(sipframes_feed(&s, bytes_make(part, sizeof part)), 0);
	assert_int_equal(sipframes_feed(&s, bytes_make(part, 1)), ERR_LIMIT);
	assert_false(sipframes_next(&s, &m, &rc));
	assert_int_equal(rc, ERR_LIMIT);
	sipframes_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_client), cmocka_unit_test(test_sizes), cmocka_unit_test(test_to_client),
		cmocka_unit_test(test_lost),        cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
