#include "proto/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"

struct row {
	enum hmac_hash hash;
	const char *key, *text, *mac;
};

static const struct row rows[] = {
	/* RFC 2202 3, test case 2; RFC 4231 4.3 */
	{ HMAC_SHA1, "Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ HMAC_SHA256, "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	/* no key and no text: not the last message's key */
	{ HMAC_SHA1, "", "", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d" },
	{ HMAC_SHA256, "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
};

/* In two parts, cut at `cut`. */
static void check(const struct row *r, struct bytes key, size_t cut)
{
	struct bytes text = bytes_of(r->text);
	const struct bytes parts[] = { bytes_make(text.p, cut), bytes_skip(text, cut) };
	uint8_t mac[HMAC_BYTES_MAX];
	char hex[2 * HMAC_BYTES_MAX + 1];

	assert_true(hmac_make(r->hash, key, parts, 2, mac));
	text_hex(bytes_make(mac, strlen(r->mac) / 2), hex);
	assert_string_equal(hex, r->mac);
}

static void test_vectors(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			for (size_t cut = 0; cut <= strlen(rows[i].text); cut++)
				check(&rows[i], bytes_of(rows[i].key), cut);
}

static void test_no_key_at_all(void **state)
{
	(void)state;
	check(&rows[0], bytes_of(rows[0].key), 0);
	check(&rows[2], BYTES_NONE, 0);
	check(&rows[1], bytes_of(rows[1].key), 0);
	check(&rows[3], BYTES_NONE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_no_key_at_all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
