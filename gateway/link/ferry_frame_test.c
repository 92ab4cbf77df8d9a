#include "ferry_frame.h"

#include "base/err.h"
#include "run/prog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const struct envelope usual = {
	.id = (uint64_t)PROG_S2S << 56 | 77, .trace = 5, .door = DOOR_S2S, .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .hops = 1, .facts = FACT_BODY,
	.from = { (const uint8_t *)"a@far.example", 13 }, .to = { (const uint8_t *)"b@near.example", 14 }, .stanza = { (const uint8_t *)"<message/>", 10 },
};

static struct bytes all_three(struct buf *b)
{
	buf_init(b, 4096);
	ferry_put_hello(b);
	ferry_put_route(b, &usual);
	ferry_put_done(b, 99, ERR_AGAIN);
	assert_false(buf_failed(b));
	return buf_bytes(b);
}

static void what_is_put_is_read(void **state)
{
	struct buf b;
	struct bytes in = all_three(&b);
	struct ferry_frame f;
	size_t used;

	(void)state;
	assert_int_equal(ferry_frame_read(in, &f, &used), 0);
	assert_int_equal(f.type, FERRY_HELLO);
	assert_int_equal(f.version, FERRY_VERSION);
	in = bytes_skip(in, used);
	assert_int_equal(ferry_frame_read(in, &f, &used), 0);
	assert_int_equal(f.type, FERRY_ROUTE);
	assert_true(f.e.id == usual.id && f.e.trace == 5 && f.e.facts == FACT_BODY && f.e.hops == 1);
	assert_true(bytes_eq(f.e.from, usual.from) && bytes_eq(f.e.to, usual.to) && bytes_eq(f.e.stanza, usual.stanza));
	in = bytes_skip(in, used);
	assert_int_equal(ferry_frame_read(in, &f, &used), 0);
	assert_int_equal(f.type, FERRY_DONE);
	assert_true(f.id == 99 && f.rc == ERR_AGAIN);
	assert_int_equal(used, in.n);
	buf_fini(&b);
}

/* Each part of a frame wants more, and nothing is read beyond what is there. */
static void a_part_is_no_frame(void **state)
{
	struct buf b;
	struct bytes in = all_three(&b);
	struct ferry_frame f;
	size_t used;

	(void)state;
	while (in.n) {
		assert_int_equal(ferry_frame_read(in, &f, &used), 0);
		for (size_t n = 0; n < used; n++)
			assert_int_equal(ferry_frame_read(bytes_make(in.p, n), &f, &(size_t){ 0 }), ERR_AGAIN);
		in = bytes_skip(in, used);
	}
	buf_fini(&b);
}

static void others_are_refused(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		int rc;
	} rows[] = {
		{ "\0\0\0\0", 4, ERR_SYNTAX },
		{ "\0\x80\0\1", 4, ERR_LIMIT }, /* known from its length alone */
		{ "\xff\xff\xff\xff", 4, ERR_LIMIT },
		{ "\0\0\0\1\3", 5, ERR_SYNTAX },
		{ "\0\0\0\1\0", 5, ERR_TRUNCATED },
		{ "\0\0\0\3\0\1\1", 7, ERR_SYNTAX },
		{ "\0\0\0\5\2\0\0\0\0", 9, ERR_TRUNCATED },
		{ "\0\0\0\2\1\0", 6, ERR_TRUNCATED },
	};
	struct ferry_frame f;
	struct buf b;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(ferry_frame_read(bytes_make(rows[i].in, rows[i].n), &f, &used), rows[i].rc);
	struct envelope e = usual;
	e.to = BYTES_NONE;
	buf_init(&b, 4096);
	ferry_put_route(&b, &e);
	assert_int_equal(ferry_frame_read(buf_bytes(&b), &f, &used), ERR_SYNTAX);
	e = usual;
	e.kind = STANZA_KIND_COUNT;
	buf_clear(&b);
	ferry_put_route(&b, &e);
	assert_int_equal(ferry_frame_read(buf_bytes(&b), &f, &used), ERR_RANGE);
	buf_fini(&b);
}

static void ids_are_kept_apart_and_never_change(void **state)
{
	uint64_t s2s = (uint64_t)PROG_S2S << 56 | 1234, xlate = (uint64_t)PROG_XLATE << 56 | 1234;
	unsigned same = 0;
	char name[16];

	(void)state;
	assert_true(ferry_id("one", s2s) == ferry_id("one", s2s));
	assert_true(ferry_id("one", s2s) != ferry_id("two", s2s));
	assert_true(ferry_id("one", s2s) != ferry_id("one", xlate));
	assert_true(ferry_id("one", s2s) + 1 == ferry_id("one", s2s + 1)); /* in sequence, as gh-im wants them */
	/* Whatever is said, the answer comes to gh-link's one instance. */
	assert_int_equal(ferry_id("one", UINT64_MAX) >> 48, (uint64_t)PROG_LINK << 8);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof name, "edge%u", i);
		same += ferry_id(name, s2s) == ferry_id("one", s2s);
	}
	assert_true(same < 8); /* of 256 other names */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read),
		cmocka_unit_test(a_part_is_no_frame),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(ids_are_kept_apart_and_never_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
