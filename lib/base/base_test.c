#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/random.h"
#include "base/rate.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void err_names_every_code(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_INDEX_COUNT; i++) {
		assert_string_not_equal(err_text(-i), "unknown error");
		assert_string_not_equal(err_name(-i), "no-such-error");
	}
	assert_string_equal(err_name(ERR_CERT_EXPIRED), "cert-expired");
	assert_string_equal(err_text(-ERR_INDEX_COUNT), "unknown error");
	assert_string_equal(err_text(1), "unknown error");
}

static void bytes_numbers_have_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int rc;
		uint64_t value;
	} rows[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "11", 10, ERR_RANGE, 0 },
		{ "", 10, ERR_SYNTAX, 0 },
		{ "-1", 10, ERR_SYNTAX, 0 },
		{ "1x", 10, ERR_SYNTAX, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, ERR_RANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, ERR_RANGE, 0 },
		{ "4294967296", UINT32_MAX, ERR_RANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t v = 0;
		assert_int_equal(bytes_to_u64(bytes_of(rows[i].text), rows[i].max, &v), rows[i].rc);
		assert_int_equal(v, rows[i].value);
	}
}

static void buf_keeps_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 100; i++)
		buf_put(&b, "0123456789", 10);
	assert_false(buf_failed(&b));
	buf_put_u8(&b, 'x');
	assert_true(buf_failed(&b));
	assert_int_equal(buf_len(&b), 1000);
	buf_consume(&b, 995);
	buf_put_u8(&b, 'x'); /* failure is sticky */
	assert_int_equal(buf_len(&b), 5);
	buf_truncate(&b, 5);
	buf_putf(&b, "%d", 42);
	assert_string_equal(buf_cstr(&b), "5678942");
	buf_consume(&b, 100);
	assert_int_equal(buf_len(&b), 0);
	buf_release_if_empty(&b);
	assert_null(b.p);
	buf_fini(&b);
}

/* A queue that is never empty must not grow for ever. */
static void buf_slides_instead_of_growing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_put(&b, "head", 4);
	for (int i = 0; i < 100000; i++) {
		buf_put(&b, "0123456789", 10);
		buf_consume(&b, 10);
	}
	assert_int_equal(buf_len(&b), 4);
	assert_true(b.cap <= 1024);
	buf_fini(&b);
}

static void arena_ends_at_its_maximum(void **state)
{
	struct arena a;
	size_t got = 0;

	(void)state;
	arena_init(&a, 100000);
	while (arena_alloc(&a, 1000))
		got++;
	assert_in_range(got, 80, 100);
	arena_reset(&a);
	assert_string_equal(arena_strdup(&a, BYTES("kept")), "kept");
	assert_null(arena_alloc(&a, 100001));
	assert_null(arena_alloc(&a, SIZE_MAX));
	arena_fini(&a);
}

struct thing {
	char key[16];
};

static void map_finds_adds_and_forgets(void **state)
{
	enum { N = 5000 };
	struct map m = { 0 };
	struct thing *things = test_calloc(N, sizeof *things);

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(things[i].key, sizeof things[i].key, "key%d", i);
		assert_int_equal(map_add(&m, bytes_of(things[i].key), &things[i]), 0);
	}
	assert_int_equal(map_add(&m, BYTES("key7"), &things[0]), ERR_EXISTS);
	for (int i = 0; i < N; i += 2)
		assert_ptr_equal(map_del(&m, bytes_of(things[i].key)), &things[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(&m, bytes_of(things[i].key)), i % 2 ? &things[i] : NULL);
	size_t at = 0, seen = 0;
	while (map_next(&m, &at))
		seen++;
	assert_int_equal(seen, N / 2);
	for (int i = 1; i < N; i += 2)
		assert_non_null(map_del(&m, bytes_of(things[i].key)));
	assert_int_equal(m.count, 0);
	assert_true(m.cap <= 64); /* memory comes back */
	map_fini(&m);
	test_free(things);
}

static void map_takes_numbers_and_empty_keys(void **state)
{
	struct map m = { 0 };
	int a = 0, b = 0;

	(void)state;
	assert_int_equal(map_add_u64(&m, 0, &a), 0);
	assert_int_equal(map_add_u64(&m, UINT64_MAX, &b), 0);
	assert_int_equal(map_add_u64(&m, 0, &b), ERR_EXISTS);
	assert_ptr_equal(map_get_u64(&m, 0), &a);
	assert_ptr_equal(map_del_u64(&m, UINT64_MAX), &b);
	assert_null(map_get_u64(&m, UINT64_MAX));
	map_fini(&m);
	assert_null(map_get(&m, BYTES_NONE));
	assert_int_equal(map_add(&m, BYTES_NONE, &a), 0);
	assert_ptr_equal(map_get(&m, BYTES("")), &a);
	map_fini(&m);
}

static void text_base64_is_strict(void **state)
{
	static const struct {
		const char *plain, *coded;
	} rows[] = { /* RFC 4648 10 */
		     { "", "" },	     { "f", "Zg==" },	     { "fo", "Zm8=" },
		     { "foo", "Zm9v" },	     { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		     { "foobar", "Zm9vYmFy" }
	};
	static const char *const bad[] = { "Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n", "Zm 9", "====" };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&b);
		text_base64(bytes_of(rows[i].plain), &b);
		assert_string_equal(buf_cstr(&b), rows[i].coded);
		buf_clear(&b);
		assert_int_equal(text_unbase64(bytes_of(rows[i].coded), &b), 0);
		assert_string_equal(buf_cstr(&b), rows[i].plain);
	}
	buf_clear(&b);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(text_unbase64(bytes_of(bad[i]), &b), ERR_SYNTAX);
		assert_int_equal(buf_len(&b), 0);
	}
	buf_fini(&b);
}

static void text_utf8_knows_the_bad_forms(void **state)
{
	static const char *const good[] = { "", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(text_is_utf8(bytes_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(text_is_utf8(bytes_of(bad[i])));
}

static void text_hex_time_and_escapes(void **state)
{
	uint8_t raw[2];
	char hex[5], stamp[TEXT_TIME_BYTES];
	struct buf b;

	(void)state;
	assert_int_equal(text_unhex(BYTES("aBcD"), raw, 2), 0);
	text_hex(bytes_make(raw, 2), hex);
	assert_string_equal(hex, "abcd");
	assert_int_equal(text_unhex(BYTES("abcg"), raw, 2), ERR_SYNTAX);
	assert_int_equal(text_unhex(BYTES("abc"), raw, 2), ERR_SYNTAX);
	text_time(1795546799123, true, stamp);
	assert_string_equal(stamp, "2026-11-24T18:59:59.123Z");
	buf_init(&b, 100);
	text_xml_escape(BYTES("a<b>&\"'c"), &b);
	assert_string_equal(buf_cstr(&b), "a&lt;b&gt;&amp;&quot;&apos;c");
	buf_fini(&b);
}

static void wire_reads_what_it_wrote(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	wire_put_u8(&b, 1);
	wire_put_u16(&b, 0x203);
	wire_put_u32(&b, 0x4050607);
	wire_put_u64(&b, UINT64_MAX - 1);
	wire_put_str(&b, BYTES("name"));
	wire_put_bytes(&b, BYTES_NONE);
	struct wire w = wire_of(buf_bytes(&b));
	assert_int_equal(wire_u8(&w), 1);
	assert_int_equal(wire_u16(&w), 0x203);
	assert_int_equal(wire_u32(&w), 0x4050607);
	assert_true(wire_u64(&w) == UINT64_MAX - 1);
	assert_true(bytes_eq_str(wire_str(&w), "name"));
	assert_int_equal(wire_bytes(&w).n, 0);
	assert_int_equal(wire_end(&w), 0);
	assert_int_equal(wire_u8(&w), 0);
	assert_int_equal(wire_end(&w), ERR_TRUNCATED);
	/* A length that lies must not be believed. */
	w = wire_of(BYTES("\xff\xff\xff\xffxyz"));
	assert_int_equal(wire_bytes(&w).n, 0);
	assert_true(wire_failed(&w));
	buf_fini(&b);
}

static void rate_charges_and_is_owed(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 10, 5, 1000);
	rate_charge(&r, 3, 1000);
	assert_true(rate_take(&r, 2, 1000));
	rate_charge(&r, 4, 1000);
	assert_int_equal(rate_wait_ms(&r, 1, 1000), 500);
	assert_false(rate_take(&r, 1, 1499));
	assert_true(rate_take(&r, 1, 1500));
	rate_charge(&r, UINT64_MAX, 1500); /* a second's worth at most */
	assert_false(rate_take(&r, 1, 2599));
	assert_true(rate_take(&r, 1, 2600));
	rate_init(&r, 0, 0, 0);
	rate_charge(&r, 100, 0);
	assert_true(rate_take(&r, 1, 0));
}

static void rate_limits_and_refills(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, 10, 5, 1000);
	assert_true(rate_take(&r, 5, 1000));
	assert_false(rate_take(&r, 1, 1000));
	assert_int_equal(rate_wait_ms(&r, 1, 1000), 100);
	assert_true(rate_take(&r, 1, 1100));
	assert_false(rate_take(&r, 6, 100000)); /* never more than the burst */
	assert_true(rate_take(&r, 5, 100000));
	assert_true(rate_take(&r, 0, 0)); /* a clock that steps back takes nothing away */
	rate_init(&r, 0, 0, 0);
	assert_true(rate_take(&r, 1000000, 0));
}

static void secrets_compare_whole(void **state)
{
	struct secret s = { 0 };

	(void)state;
	assert_int_equal(secret_set(&s, BYTES("hunter2")), 0);
	assert_true(secret_eq(bytes_make(s.p, s.n), BYTES("hunter2")));
	assert_false(secret_eq(bytes_make(s.p, s.n), BYTES("hunter3")));
	assert_false(secret_eq(bytes_make(s.p, s.n), BYTES("hunter")));
	secret_fini(&s);
	assert_null(s.p);
}

static void random_ids_differ(void **state)
{
	char a[17], b[17];

	(void)state;
	random_hex(a, 16);
	random_hex(b, 16);
	assert_int_equal(strlen(a), 16);
	assert_string_not_equal(a, b);
	for (int i = 0; i < 1000; i++)
		assert_in_range(random_below(3), 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_names_every_code),
		cmocka_unit_test(bytes_numbers_have_bounds),
		cmocka_unit_test(buf_keeps_its_maximum),
		cmocka_unit_test(buf_slides_instead_of_growing),
		cmocka_unit_test(arena_ends_at_its_maximum),
		cmocka_unit_test(map_finds_adds_and_forgets),
		cmocka_unit_test(map_takes_numbers_and_empty_keys),
		cmocka_unit_test(text_base64_is_strict),
		cmocka_unit_test(text_utf8_knows_the_bad_forms),
		cmocka_unit_test(text_hex_time_and_escapes),
		cmocka_unit_test(wire_reads_what_it_wrote),
		cmocka_unit_test(rate_limits_and_refills),
		cmocka_unit_test(rate_charges_and_is_owed),
		cmocka_unit_test(secrets_compare_whole),
		cmocka_unit_test(random_ids_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
