#include "proto/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"

enum { MESSAGE_MAX = 70000, SAY_MAX = 512 };
#define MASK "\x37\xfa\x21\x3d" /* of the examples of 5.7 */
#define HELLO MASK "\x7f\x9f\x4d\x51\x58"
#define ROW(name, in, out) { name, { (const uint8_t *)(in), sizeof(in) - 1 }, out }

static const char *const words[] = { [WS_TEXT] = "text", [WS_BINARY] = "binary", [WS_PING] = "ping", [WS_PONG] = "pong", [WS_CLOSE] = "close" };

/* All that comes out of `in`, as words, fed in pieces of `step`: "text:Hello close(1000): !1002". */
static void read_all(struct bytes in, size_t step, uint32_t max, char out[static SAY_MAX])
{
	struct ws_reader r;
	enum ws_event what;
	struct bytes payload;
	size_t n = 0;
	int rc = ERR_AGAIN;

	ws_reader_init(&r, max);
	out[0] = 0;
	while (rc == ERR_AGAIN && in.n) {
		struct bytes part = bytes_make(in.p, step < in.n ? step : in.n);
		in = bytes_skip(in, part.n);
		while ((rc = ws_next(&r, &part, &what, &payload)) == 0) {
			n += (size_t)snprintf(out + n, SAY_MAX - n, "%s", words[what]);
			if (what == WS_CLOSE)
				n += (size_t)snprintf(out + n, SAY_MAX - n, "(%u)", r.status);
			n += (size_t)snprintf(out + n, SAY_MAX - n, ":%.*s ", payload.n < 40 ? (int)payload.n : 40, (const char *)payload.p);
		}
	}
	if (rc != ERR_AGAIN && rc != ERR_CLOSED) {
		snprintf(out + n, SAY_MAX - n, "!%u", r.status);
		assert_true(r.why[0]);
		assert_int_equal(ws_next(&r, &in, &what, &payload), ERR_CLOSED);
	}
	ws_reader_fini(&r);
}

static void reads_frames(void **state)
{
	static const struct {
		const char *name;
		struct bytes in;
		const char *out;
	} rows[] = {
		ROW("a text (5.7)", "\x81\x85" HELLO, "text:Hello "),
		ROW("two", "\x81\x85" HELLO "\x82\x85" HELLO, "text:Hello binary:Hello "),
		ROW("nothing in it", "\x81\x80" MASK, "text: "),
		ROW("fragments (5.4)", "\x01\x83" MASK "\x7f\x9f\x4d" "\x80\x82" MASK "\x5b\x95", "text:Hello "),
		ROW("a ping among fragments (5.4)", "\x01\x83" MASK "\x7f\x9f\x4d" "\x89\x85" HELLO "\x80\x82" MASK "\x5b\x95", "ping:Hello text:Hello "),
		ROW("a pong nobody asked for (5.5.3)", "\x8a\x80" MASK, "pong: "),
		ROW("close with a status (5.5.1)", "\x88\x82" MASK "\x34\x12", "close(1000): "),
		ROW("close without", "\x88\x80" MASK "\x81\x85" HELLO, "close(1005): "),
		ROW("not masked (5.1)", "\x81\x05Hello", "!1002"),
		ROW("reserved bit (5.2)", "\xc1\x85" HELLO, "!1002"),
		ROW("unknown data frame", "\x83\x85" HELLO, "!1002"),
		ROW("unknown control frame", "\x8b\x80" MASK, "!1002"),
		ROW("control frame in fragments (5.5)", "\x09\x80" MASK, "!1002"),
		ROW("long control frame (5.5)", "\x89\xfe\x00\x7e" MASK, "!1002"),
		ROW("continues nothing (5.4)", "\x80\x85" HELLO, "!1002"),
		ROW("a text inside a text (5.4)", "\x01\x83" MASK "\x7f\x9f\x4d" "\x81\x85" HELLO, "!1002"),
		ROW("length longer than it need be", "\x81\xfe\x00\x05" HELLO, "!1002"),
		ROW("and in 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05" HELLO, "!1002"),
		ROW("length with its top bit", "\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00" HELLO, "!1002"),
		ROW("longer than allowed, told by its head", "\x81\xff\x00\x00\x00\x00\x00\x02\x00\x00" HELLO, "!1009"),
		ROW("text that is not UTF-8 (8.1)", "\x81\x81" MASK "\xc8", "!1007"),
		ROW("half a status", "\x88\x81" MASK "\x34", "!1002"),
		ROW("a status that is never sent (7.4.1)", "\x88\x82" MASK "\x34\x17", "!1002"),
		ROW("reason that is not UTF-8", "\x88\x83" MASK "\x34\x12\xde", "!1007"),
	};
	char out[SAY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t step = 1; step < 9; step++) {
			read_all(rows[i].in, step, MESSAGE_MAX, out);
			if (strcmp(out, rows[i].out) != 0)
				fail_msg("%s, %zu at a time: %s", rows[i].name, step, out);
		}
}

static void bounds_a_message_and_its_fragments(void **state)
{
	struct buf in;
	char out[SAY_MAX];

	(void)state;
	buf_init(&in, 1 << 20);
	buf_put_bytes(&in, BYTES("\x01\x83" MASK "\x7f\x9f\x4d" "\x00\x82" MASK "\x5b\x95" "\x80\x81" MASK "x"));
	read_all(buf_bytes(&in), 100, 5, out);
	assert_string_equal(out, "!1009");
	buf_clear(&in);
	buf_put(&in, "\x01\x80" MASK, 6);
	for (unsigned i = 0; i < 2000; i++)
		buf_put(&in, "\x00\x80" MASK, 6);
	read_all(buf_bytes(&in), 4096, MESSAGE_MAX, out);
	assert_string_equal(out, "!1009");
	buf_fini(&in);
}

/* RFC 6455 1.3, 4.2.2; 4.1 for what a key is. */
static void accepts_a_key(void **state)
{
	static const char *const bad[] = { "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==A", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQQQ",
		"dGhlIHNhbXBs ZSBub25jZQ=" };
	char out[WS_ACCEPT_BYTES];

	(void)state;
	assert_int_equal(ws_accept(BYTES("dGhlIHNhbXBsZSBub25jZQ=="), out), 0);
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(ws_accept(bytes_of(bad[i]), out), ERR_SYNTAX);
}

static void writes_frames(void **state)
{
	static uint8_t big[70000];
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	ws_put(&out, WS_TEXT, BYTES("Hello"));
	assert_memory_equal(buf_bytes(&out).p, "\x81\x05Hello", 7);
	buf_clear(&out);
	ws_put(&out, WS_BINARY, bytes_make(big, 256));
	assert_memory_equal(buf_bytes(&out).p, "\x82\x7e\x01\x00", 4);
	assert_int_equal(buf_len(&out), 260);
	buf_clear(&out);
	ws_put(&out, WS_TEXT, bytes_make(big, 65536));
	assert_memory_equal(buf_bytes(&out).p, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
	buf_clear(&out);
	ws_put_close(&out, WS_POLICY, "no");
	assert_memory_equal(buf_bytes(&out).p, "\x88\x04\x03\xf0no", 6);
	buf_clear(&out);
	memset(big, 'x', 200);
	memcpy(big + 122, "\xc3\xa4", 3); /* across the 123rd byte */
	ws_put_close(&out, WS_POLICY, (const char *)big);
	assert_int_equal(buf_len(&out), 2 + 2 + 122);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_frames),
		cmocka_unit_test(bounds_a_message_and_its_fragments),
		cmocka_unit_test(accepts_a_key),
		cmocka_unit_test(writes_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
