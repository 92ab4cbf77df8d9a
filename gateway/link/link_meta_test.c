#include "meta.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* What a hostile edge may say of a client: only these fields, each once, none of them a place. */

static const struct meta good = {
	.service = "xmpp-client",
	.transport = "websocket",
	.tls = "TLSv1.3",
	.sni = "near.example",
	.address = { 192, 0, 2, 7 },
	.address_n = 4,
	.port = 40000,
	.exporter = { 1, 2, 0xff },
	.exporter_n = 32,
	.end_point = { 9 },
	.end_point_n = 32,
	.unique = { 7 },
	.unique_n = 12,
};

static int read_all(const struct meta_pair *pairs, size_t n, struct meta *out)
{
	struct meta_reader r;

	meta_read_begin(&r);
	for (size_t i = 0; i < n; i++)
		meta_read(&r, bytes_of(pairs[i].name), pairs[i].value);
	*out = r.meta;
	return meta_read_end(&r);
}

static void test_round(void **state)
{
	struct meta_fields f;
	struct meta got;

	(void)state;
	meta_write(&good, &f);
	assert_int_equal(read_all(f.pairs, f.n, &got), 0);
	assert_memory_equal(&got, &good, sizeof got);
}

static void test_round_small(void **state)
{
	struct meta m = { .service = "xmpp-client", .transport = "tls", .tls = "TLSv1.2", .address_n = 16, .port = 1 }, got;
	struct meta_fields f;

	(void)state;
	meta_write(&m, &f);
	assert_int_equal(f.n, 7);
	assert_int_equal(read_all(f.pairs, f.n, &got), 0);
	assert_memory_equal(&got, &m, sizeof got);
}

static void test_each_must_be_there(void **state)
{
	struct meta m = { .service = "xmpp-client", .transport = "tls", .tls = "TLSv1.3", .address_n = 4 }, got;
	struct meta_fields f;

	(void)state;
	meta_write(&m, &f);
	for (size_t gone = 0; gone < f.n; gone++) {
		struct meta_pair some[META_PAIRS_MAX];
		size_t n = 0;
		for (size_t i = 0; i < f.n; i++)
			if (i != gone)
				some[n++] = f.pairs[i];
		assert_int_equal(read_all(some, n, &got), ERR_SYNTAX);
	}
}

static void test_bad_fields(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ ":method", "GET" },
		{ ":authority", "10.1.1.1:22" }, /* a host of its choice */
		{ ":path", "/" },
		{ ":scheme", "https" },
		{ ":protocol", "websocket" },
		{ "x-gh-service", "" },
		{ "x-gh-service", "10.1.1.1:22" },
		{ "x-gh-service", "a service of too many letters" },
		{ "x-gh-address", "inside.example" },
		{ "x-gh-address", "192.0.2.1 " },
		{ "x-gh-port", "65536" },
		{ "x-gh-port", "-1" },
		{ "x-gh-tls", "TLS 1.3" },
		{ "x-gh-sni", "a'b" },
		{ "x-gh-exporter", "0" },
		{ "x-gh-exporter", "zz" },
		{ "x-gh-exporter", "000000000000000000000000000000000000000000000000000000000000000000" },
	};
	struct meta_fields f;
	struct meta got;

	(void)state;
	meta_write(&good, &f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct meta_pair bad[META_PAIRS_MAX + 1];
		size_t n = f.n;
		memcpy(bad, f.pairs, f.n * sizeof *bad);
		for (size_t k = 0; k < f.n; k++)
			if (bytes_eq_str(bytes_of(bad[k].name), rows[i].name))
				n = k; /* in place of the good one */
		bad[n] = (struct meta_pair){ rows[i].name, bytes_of(rows[i].value) };
		assert_int_equal(read_all(bad, n == f.n ? n + 1 : f.n, &got), ERR_SYNTAX);
	}
}

static void test_twice_and_unknown(void **state)
{
	struct meta_pair pairs[META_PAIRS_MAX + 1];
	struct meta_fields f;
	struct meta got;
	char long_value[META_FIELDS_BYTES_MAX];

	(void)state;
	meta_write(&good, &f);
	memcpy(pairs, f.pairs, f.n * sizeof *pairs);
	pairs[f.n] = (struct meta_pair){ "x-gh-port", BYTES("1") };
	assert_int_equal(read_all(pairs, f.n + 1, &got), ERR_SYNTAX);
	pairs[f.n] = (struct meta_pair){ "x-gh-of-a-newer-edge", BYTES("1") };
	assert_int_equal(read_all(pairs, f.n + 1, &got), 0);
	memset(long_value, 'x', sizeof long_value);
	pairs[f.n] = (struct meta_pair){ "x-gh-more", bytes_make(long_value, sizeof long_value) };
	assert_int_equal(read_all(pairs, f.n + 1, &got), ERR_LIMIT);
}

static void test_body(void **state)
{
	struct meta got, odd = good;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	meta_put_body(&b, &good, "one");
	assert_int_equal(meta_from_body(buf_bytes(&b), &got), 0);
	assert_string_equal(got.service, ""); /* the message says it */
	memcpy(got.service, good.service, sizeof got.service);
	assert_memory_equal(&got, &good, sizeof got);
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_int_equal(meta_from_body(bytes_make(buf_bytes(&b).p, n), &got), ERR_SYNTAX);
	buf_clear(&b);
	snprintf(odd.sni, sizeof odd.sni, "a' onload='b"); /* the client's choice: gh-proxy is not to blame */
	meta_put_body(&b, &odd, "");
	assert_int_equal(meta_from_body(buf_bytes(&b), &got), 0);
	assert_string_equal(got.sni, "");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),       cmocka_unit_test(test_round_small),
		cmocka_unit_test(test_each_must_be_there), cmocka_unit_test(test_bad_fields),
		cmocka_unit_test(test_twice_and_unknown),  cmocka_unit_test(test_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
