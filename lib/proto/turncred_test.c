#include "proto/turncred.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static void prepares(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{ "juliet", "juliet" },
		{ "Juliet Capulet", "Juliet Capulet" },                  /* case and spaces stay (RFC 8265 4.2.3) */
		{ "ju\xc2\xa0liet", "ju liet" },                         /* any other space is U+0020 */
		{ "e\xcc\x81t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },           /* NFC */
		{ "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa", "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa" },
		{ "", NULL }, { "ju\tliet", NULL }, { "ju\x7fliet", NULL }, { "\xc3", NULL }, { "\xef\xbf\xbf", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a;
		struct bytes out;
		arena_init(&a, 4096);
		int rc = turncred_prepare(bytes_of(rows[i].in), &a, &out);
		assert_int_equal(rc == 0, rows[i].out != NULL);
		assert_int_equal(turncred_is_prepared(bytes_of(rows[i].in)), rc == 0 && strcmp(rows[i].in, rows[i].out) == 0);
		if (rc == 0) {
			assert_true(bytes_eq_str(out, rows[i].out));
			assert_true(turncred_is_prepared(out));
		}
		arena_fini(&a);
	}
}

/* RFC 8489 B.1: the user U+30DE U+30C8 U+30EA U+30C3 U+30AF U+30B9, "The" U+00AD "M" U+00AA "tr" U+2168 prepared,
 * realm example.org. Digests by another program. */
static void keys_as_they_are_stored(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 256);
	assert_int_equal(turncred_put_keys(BYTES("\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"),
	                                   BYTES("example.org"), BYTES("TheMatrIX"), &b), 0);
	assert_string_equal(buf_cstr(&b), "md5=e8ca7ad59d5eb0518e312911d2dab2a9 sha256=dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1");
	buf_fini(&b);
}

/* Figures of another program: hmac.new(b"secret", b"1800000000:juliet", "sha1"). */
static void mints(void **state)
{
	struct turncred_timed t;
	struct turncred c;
	uint8_t long_tag[STUNMSG_USERNAME_MAX] = { 0 };

	(void)state;
	assert_int_equal(turncred_mint(BYTES("secret"), 1800000000, BYTES("juliet"), &c), 0);
	assert_string_equal(c.name, "1800000000:juliet");
	assert_string_equal(c.password, "pbKEajNaW4I1GWQC22dGDMHJiyY=");
	assert_int_equal(turncred_read(bytes_of(c.name), &t), 0);
	assert_int_equal(t.expires_s, 1800000000);
	assert_true(bytes_eq_str(t.tag, "juliet"));
	assert_int_equal(turncred_mint(BYTES("secret"), 1800000000, BYTES_NONE, &c), 0);
	assert_string_equal(c.name, "1800000000");
	memset(long_tag, 'x', sizeof long_tag);
	assert_int_equal(turncred_mint(BYTES("secret"), 1, bytes_make(long_tag, sizeof long_tag), &c), ERR_LIMIT);
	assert_int_equal(turncred_mint(BYTES("secret"), 1, bytes_make(long_tag, sizeof long_tag - 2), &c), 0);
}

static void tags_hide_who_it_is(void **state)
{
	char one[TURNCRED_TAG_BYTES], again[TURNCRED_TAG_BYTES], other[TURNCRED_TAG_BYTES];

	(void)state;
	assert_int_equal(turncred_tag(BYTES("secret"), BYTES("juliet@a.example"), one), 0);
	assert_int_equal(turncred_tag(BYTES("secret"), BYTES("juliet@a.example"), again), 0);
	assert_int_equal(strlen(one), TURNCRED_TAG_BYTES - 1);
	assert_string_equal(one, again);
	assert_int_equal(turncred_tag(BYTES("secret"), BYTES("romeo@a.example"), other), 0);
	assert_string_not_equal(one, other);
	assert_int_equal(turncred_tag(BYTES("another"), BYTES("juliet@a.example"), other), 0);
	assert_string_not_equal(one, other);
}

static void names_that_are_not_timed(void **state)
{
	static const char *const bad[] = { "", ":", ":juliet", "juliet", "12x:juliet", "-1:juliet", "99999999999999999999" };
	struct turncred_timed t;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(turncred_read(bytes_of(bad[i]), &t), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prepares), cmocka_unit_test(keys_as_they_are_stored), cmocka_unit_test(mints), cmocka_unit_test(tags_hide_who_it_is),
		cmocka_unit_test(names_that_are_not_timed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
