#include "proto/stunmsg.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static void channel_data(void **state)
{
	uint16_t channel;
	struct bytes data;
	uint8_t d[] = { 0x4f, 0xff, 0, 2, 'h', 'i', 0, 0 };

	(void)state;
	assert_int_equal(channeldata_parse(bytes_make(d, sizeof d), &channel, &data), 0);
	assert_int_equal(channel, 0x4fff);
	assert_true(bytes_eq_str(data, "hi"));
	assert_int_equal(channeldata_parse(bytes_make(d, 6), &channel, &data), 0);
	assert_int_equal(channeldata_parse(bytes_make(d, 5), &channel, &data), ERR_TRUNCATED);
	assert_int_equal(channeldata_parse(bytes_make(d, 3), &channel, &data), ERR_SYNTAX);
	d[0] = 0x7f; /* RFC 5766 11: up to 0x7FFE */
	d[1] = 0xfe;
	assert_int_equal(channeldata_parse(bytes_make(d, 8), &channel, &data), 0);
	assert_int_equal(channel, CHANNEL_OLD_MAX);
	d[1] = 0xff;
	assert_int_equal(channeldata_parse(bytes_make(d, 8), &channel, &data), ERR_SYNTAX);
	d[0] = 0x80;
	assert_int_equal(channeldata_parse(bytes_make(d, 8), &channel, &data), ERR_SYNTAX);
	d[0] = 0x3f;
	assert_int_equal(channeldata_parse(bytes_make(d, 8), &channel, &data), ERR_SYNTAX);
	channeldata_header(d, 0x4001, 513);
	assert_memory_equal(d, "\x40\x01\x02\x01", 4);
}

static void frames_in_any_pieces(void **state)
{
	static const uint8_t stream[] = { 0x40, 0, 0, 1, 'x', 0, 0, 0, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4,
		                          5,    6, 7, 8, 9,   10, 11, 12, 0x41, 0, 0, 4, 'a', 'b', 'c', 'd' };
	static const size_t sizes[] = { 5, 20, 8 }, used_by[] = { 8, 20, 8 };
	struct bytes frame;
	size_t at = 0, used;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (size_t n = 0; n < used_by[i]; n++) {
			assert_int_equal(stunframe_next(bytes_make(stream + at, n), 65535, &frame, &used), ERR_AGAIN);
			assert_true(used > n && used <= used_by[i]);
		}
		assert_int_equal(stunframe_next(bytes_make(stream + at, sizeof stream - at), 65535, &frame, &used), 0);
		assert_int_equal(used, used_by[i]);
		assert_int_equal(frame.n, sizes[i]);
		assert_ptr_equal(frame.p, stream + at);
		at += used;
	}
}

static void what_is_no_frame(void **state)
{
	struct bytes frame;
	size_t used;

	(void)state;
	assert_int_equal(stunframe_next(BYTES("\x80"), 65535, &frame, &used), ERR_SYNTAX);
	assert_int_equal(stunframe_next(BYTES("<stream:stream"), 65535, &frame, &used), ERR_SYNTAX);
	assert_int_equal(stunframe_next(BYTES("POST / HTTP/1.1"), 4096, &frame, &used), ERR_LIMIT); /* a channel's, by its first byte */
	assert_int_equal(stunframe_next(BYTES("\x16\x03\x01\x02"), 65535, &frame, &used), ERR_SYNTAX);
	assert_int_equal(stunframe_next(bytes_make("\0\1\0\3", 4), 65535, &frame, &used), ERR_SYNTAX);
	assert_int_equal(stunframe_next(bytes_make("\0\1\xff\xfc", 4), 4096, &frame, &used), ERR_LIMIT);
	assert_int_equal(stunframe_next(bytes_make("\0\1\xff\xfc", 4), 65555, &frame, &used), ERR_AGAIN);
	assert_int_equal(used, 65552); /* coturn#1844: no 16-bit sum */
	assert_int_equal(stunframe_next(bytes_make("\x40\0\xff\xff", 4), 65555, &frame, &used), ERR_AGAIN);
	assert_int_equal(used, 65540);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channel_data),
		cmocka_unit_test(frames_in_any_pieces),
		cmocka_unit_test(what_is_no_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
