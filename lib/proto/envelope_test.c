#include "proto/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"

static struct bytes some(const uint8_t *pool, size_t most)
{
	return bytes_make(pool, (size_t)rand() % most);
}

static struct envelope any(const uint8_t *pool)
{
	return (struct envelope){ .id = (uint64_t)rand() << 33 | (uint64_t)rand(),
		                  .trace = (uint64_t)rand() << 33 | (uint64_t)rand(),
		                  .door = (uint8_t)(rand() % DOOR_COUNT),
		                  .kind = (uint8_t)(rand() % STANZA_KIND_COUNT),
		                  .type = (uint8_t)(rand() % STANZA_TYPE_COUNT),
		                  .hops = (uint8_t)rand(),
		                  .facts = (uint32_t)rand(),
		                  .from = some(pool, 3072),
		                  .to = some(pool, 3072),
		                  .sid = some(pool, 200),
		                  .stanza = some(pool, 4096) };
}

static void assert_same(const struct envelope *a, const struct envelope *b)
{
	assert_true(a->id == b->id && a->trace == b->trace);
	assert_true(a->door == b->door && a->kind == b->kind && a->type == b->type && a->hops == b->hops);
	assert_int_equal(a->facts, b->facts);
	assert_true(bytes_eq(a->from, b->from) && bytes_eq(a->to, b->to) && bytes_eq(a->sid, b->sid));
	assert_true(bytes_eq(a->stanza, b->stanza));
}

static void decode_of_encode_is_same(void **state)
{
	static uint8_t pool[4096];
	struct envelope e, back;
	struct buf b;

	(void)state;
	srand(11);
	for (size_t i = 0; i < sizeof pool; i++)
		pool[i] = (uint8_t)rand();
	buf_init(&b, 1 << 16);
	for (int i = 0; i < 1000; i++) {
		e = any(pool);
		buf_clear(&b);
		envelope_encode(&b, &e);
		assert_int_equal(envelope_decode(buf_bytes(&b), &back), 0);
		assert_same(&e, &back);
	}
	buf_fini(&b);
}

static void refuses_what_is_not_whole(void **state)
{
	struct envelope e = { .from = BYTES("a@b"), .to = BYTES("c"), .stanza = BYTES("<iq/>") }, back;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	envelope_encode(&b, &e);
	size_t n = buf_len(&b);
	for (size_t i = 0; i < n; i++) {
		back.id = 77;
		assert_int_equal(envelope_decode(bytes_make(buf_bytes(&b).p, i), &back), ERR_TRUNCATED);
		assert_int_equal(back.id, 77);
	}
	buf_put_u8(&b, 0);
	assert_int_equal(envelope_decode(buf_bytes(&b), &back), ERR_SYNTAX);
	buf_fini(&b);
}

static void refuses_unknown_numbers(void **state)
{
	struct envelope back;

	(void)state;
	for (size_t at = 16; at < 19; at++) {
		struct envelope e = { .stanza = BYTES("<iq/>") };
		struct buf b;
		buf_init(&b, 4096);
		envelope_encode(&b, &e);
		b.p[b.off + at] = 200;
		assert_int_equal(envelope_decode(buf_bytes(&b), &back), ERR_RANGE);
		buf_fini(&b);
	}
}

static void refuses_long_addresses(void **state)
{
	static uint8_t big[70000];
	struct envelope e = { .from = bytes_make(big, sizeof big) };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	envelope_encode(&b, &e);
	assert_true(buf_failed(&b));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_of_encode_is_same),
		cmocka_unit_test(refuses_what_is_not_whole),
		cmocka_unit_test(refuses_unknown_numbers),
		cmocka_unit_test(refuses_long_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
