#include "nonce.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct nonce_key keys = { { { 1, 2, 3 }, { 4, 5, 6 } } };
static const struct stunaddr client = { 4, 5000, { 192, 0, 2, 1 } };

static struct bytes make(const struct nonce_key *k, uint64_t now_s, char out[static NONCE_TEXT_MAX])
{
	return bytes_make(out, nonce_make(k, &client, 0, true, now_s, out));
}

static void lives_an_hour(void **state)
{
	char text[NONCE_TEXT_MAX];
	struct bytes n = make(&keys, 1000, text);

	(void)state;
	assert_int_equal(n.n, 24);
	assert_memory_equal(n.p, "obMatJos2gAAA", 13);
	assert_int_equal(nonce_check(&keys, n, &client, 0, 1000), NONCE_GOOD);
	assert_int_equal(nonce_check(&keys, n, &client, 0, 1000 + NONCE_LIFE_S), NONCE_GOOD);
	assert_int_equal(nonce_check(&keys, n, &client, 0, 1001 + NONCE_LIFE_S), NONCE_STALE);
	assert_int_equal(nonce_check(&keys, n, &client, 0, 999), NONCE_STALE);
}

static void belongs_to_one_client(void **state)
{
	char text[NONCE_TEXT_MAX];
	struct bytes n = make(&keys, 1000, text);
	struct stunaddr other = client;

	(void)state;
	assert_int_equal(nonce_check(&keys, n, &client, 1, 1000), NONCE_FORGED);
	other.port++;
	assert_int_equal(nonce_check(&keys, n, &other, 0, 1000), NONCE_FORGED);
	other = client;
	other.ip[3]++;
	assert_int_equal(nonce_check(&keys, n, &other, 0, 1000), NONCE_FORGED);
}

static void every_bit_counts(void **state)
{
	char text[NONCE_TEXT_MAX];
	struct bytes n = make(&keys, 1000, text);

	(void)state;
	for (size_t i = 0; i < n.n * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(nonce_check(&keys, n, &client, 0, 1000), NONCE_FORGED);
		text[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t i = 0; i < n.n; i++)
		assert_int_equal(nonce_check(&keys, bytes_make(text, i), &client, 0, 1000), NONCE_FORGED);
	assert_int_equal(nonce_check(&keys, BYTES_NONE, &client, 0, 1000), NONCE_FORGED);
}

static void the_key_before_still_holds(void **state)
{
	struct nonce_key next = { { { 7 }, { 1, 2, 3 } } }, after = { { { 8 }, { 7 } } };
	char text[NONCE_TEXT_MAX];
	struct bytes n = make(&keys, 1000, text);

	(void)state;
	assert_int_equal(nonce_check(&next, n, &client, 0, 1000), NONCE_GOOD);
	assert_int_equal(nonce_check(&after, n, &client, 0, 1000), NONCE_FORGED);
}

static void the_offer_is_seen_and_cannot_be_taken_out(void **state)
{
	char with[NONCE_TEXT_MAX], without[NONCE_TEXT_MAX];
	size_t a = nonce_make(&keys, &client, 0, true, 5, with), b = nonce_make(&keys, &client, 0, false, 5, without);

	(void)state;
	assert_true(nonce_offers_algorithms(bytes_make(with, a)));
	assert_false(nonce_offers_algorithms(bytes_make(without, b)));
	assert_false(nonce_offers_algorithms(BYTES_NONE));
	memcpy(with, without, NONCE_COOKIE_BYTES);
	assert_int_equal(nonce_check(&keys, bytes_make(with, a), &client, 0, 5), NONCE_FORGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_an_hour),
		cmocka_unit_test(belongs_to_one_client),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(the_key_before_still_holds),
		cmocka_unit_test(the_offer_is_seen_and_cannot_be_taken_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
