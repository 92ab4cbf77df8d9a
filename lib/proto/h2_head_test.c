#include "proto/h2_head.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Fields as lines, "name value". */

static struct h2_head head;
static struct http1_request q;

#define USUAL ":method GET\n:scheme https\n:authority a.example\n:path /x?y\n"
#define PUT ":method PUT\n:scheme https\n:authority a.example\n:path /x\n"

static int read_fields(const char *text, bool is_whole)
{
	struct bytes in = bytes_of(text);

	h2_head_fini(&head);
	h2_head_init(&head, &http1_limits_default);
	while (in.n) {
		struct bytes line = bytes_make(in.p, bytes_find(in, '\n'));
		size_t n = bytes_find(line, ' ');
		h2_head_field(&head, bytes_make(line.p, n), bytes_skip(line, n + 1));
		in = bytes_skip(in, line.n + 1);
	}
	return h2_head_end(&head, is_whole, &q);
}

static void test_request(void **state)
{
	(void)state;
	assert_int_equal(read_fields(USUAL "host A.example\norigin https://b.example\nte trailers\n", true), 0);
	assert_int_equal(q.method, HTTP1_GET);
	assert_true(bytes_eq_str(q.path, "/x") && bytes_eq_str(q.query, "y") && bytes_eq_str(q.host, "a.example"));
	assert_true(bytes_eq_str(http1_value(&q, "Origin"), "https://b.example"));
	assert_true(!q.has_body && q.is_kept && q.protocol.n == 0);
	assert_int_equal(read_fields(":method OPTIONS\n:scheme https\n:path *\nhost a.example\n", true), 0); /* no authority: Host */
	assert_true(bytes_eq_str(q.host, "a.example"));
}

static void test_body(void **state)
{
	(void)state;
	assert_int_equal(read_fields(PUT "content-length 5\nexpect 100-continue\n", false), 0);
	assert_true(q.has_body && !q.is_chunked && q.expects_continue && q.length == 5);
	assert_int_equal(read_fields(PUT, false), 0);
	assert_true(q.has_body && q.is_chunked);
	assert_int_equal(read_fields(PUT, true), 0);
	assert_false(q.has_body);
}

/* RFC 8441 4. */
static void test_connect(void **state)
{
	(void)state;
	assert_int_equal(read_fields(":method CONNECT\n:protocol websocket\n:scheme https\n:authority a.example\n:path /x\n", false), 0);
	assert_true(bytes_eq_str(q.protocol, "websocket") && !q.has_body);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ USUAL "Origin x\n", 400 },                       /* 8.2.1 */
		{ USUAL "a\x01 x\n", 400 },
		{ USUAL "a  x\n", 400 },
		{ USUAL "a x\r\n", 400 },
		{ USUAL "connection close\n", 400 },                /* 8.2.2 */
		{ USUAL "transfer-encoding chunked\n", 400 },
		{ USUAL "upgrade websocket\n", 400 },
		{ USUAL "te gzip\n", 400 },
		{ USUAL "host b.example\n", 400 },                  /* 8.3.1 */
		{ USUAL ":path /y\n", 400 },
		{ USUAL "a b\n:protocol x\n", 400 },                /* 8.3 */
		{ USUAL ":protocol websocket\n", 400 },
		{ USUAL ":status 200\n", 400 },
		{ ":method GET\n:scheme http\n:authority a.example\n:path /\n", 400 },
		{ ":method GET\n:scheme https\n:authority u@a.example\n:path /\n", 400 },
		{ ":method GET\n:scheme https\n:authority a.example\n:path x\n", 400 },
		{ ":method GET\n:scheme https\n:authority a.example\n:path *\n", 400 },
		{ ":method GET\n:scheme https\n:authority a.example\n:path /#x\n", 400 },
		{ ":method GET\n:scheme https\n:path /\n", 400 },
		{ ":method G T\n:scheme https\n:authority a.example\n:path /\n", 400 },
		{ ":method CONNECT\n:authority inside.example:443\n", 501 }, /* 8.5 */
		{ PUT "content-length 5\ncontent-length 5\n", 400 },
		{ PUT "content-length x\n", 400 },
		{ PUT "content-length 5\n", 400 },                  /* and nothing comes */
		{ PUT "content-length 8388609\n", 400 },
		{ USUAL "expect miracle\n", 417 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(read_fields(rows[i].text, true), ERR_SYNTAX);
		assert_int_equal(head.status, rows[i].status);
	}
	assert_int_equal(read_fields(PUT "content-length 8388609\n", false), ERR_SYNTAX);
	assert_int_equal(head.status, 413);
}

static void test_limits(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 40000);
	buf_put_str(&text, USUAL);
	for (int i = 0; i < HTTP1_FIELDS_MAX; i++)
		buf_put_str(&text, "a b\n");
	assert_int_equal(read_fields(buf_cstr(&text), true), 0);
	buf_put_str(&text, "a b\n");
	assert_int_equal(read_fields(buf_cstr(&text), true), ERR_SYNTAX);
	assert_int_equal(head.status, 431);
	buf_clear(&text);
	buf_put_str(&text, USUAL "a ");
	for (int i = 0; i < 9000; i++)
		buf_put_u8(&text, 'x');
	assert_int_equal(read_fields(buf_cstr(&text), true), ERR_SYNTAX);
	assert_int_equal(head.status, 431);
	for (int i = 0; i < 1000; i++)
		h2_head_field(&head, BYTES("a"), bytes_make(buf_bytes(&text).p, 8000)); /* no more is kept than the limit */
	assert_true(buf_len(&head.text) <= http1_limits_default.head_bytes);
	buf_fini(&text);
}

static int teardown(void **state)
{
	(void)state;
	h2_head_fini(&head);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_request, teardown), cmocka_unit_test_teardown(test_body, teardown),
		cmocka_unit_test_teardown(test_connect, teardown), cmocka_unit_test_teardown(test_refused, teardown),
		cmocka_unit_test_teardown(test_limits, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
