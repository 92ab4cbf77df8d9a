#include "credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "oauth.h"
#include "timed.h"

static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1 };

struct question {
	const char *user;
	bool by_hash;
	const char *password;
	bool is_sha256;
};

static struct stunmsg ask(const struct question *q, uint8_t room[static 512])
{
	struct stunmsg_writer w;
	struct stunmsg m;
	uint8_t key[STUNMSG_KEY_MAX], hash[32];
	size_t n;

	stunmsg_begin(&w, room, 512, STUN_REQUEST, STUN_ALLOCATE, id);
	assert_int_equal(stunmsg_userhash(bytes_of(q->user), BYTES("example.org"), hash), 0);
	if (q->by_hash)
		stunmsg_put(&w, STUN_USERHASH, bytes_make(hash, sizeof hash));
	else
		stunmsg_put(&w, STUN_USERNAME, bytes_of(q->user));
	if (q->is_sha256)
		stunmsg_put_u32(&w, STUN_PASSWORD_ALGORITHM, STUN_ALGORITHM_SHA256 << 16);
	assert_int_equal(stunmsg_long_term_key(q->is_sha256 ? STUN_ALGORITHM_SHA256 : STUN_ALGORITHM_MD5, bytes_of(q->user),
	                                       BYTES("example.org"), bytes_of(q->password), key, &n), 0);
	stunmsg_put_integrity(&w, bytes_make(key, n), q->is_sha256);
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	return m;
}

static int check(const struct credentials *c, const struct question *q, uint64_t now_s, struct credentials_result *out, const char **why)
{
	uint8_t room[512];
	struct stunmsg m = ask(q, room);

	return credentials_check(c, &m, now_s, out, why);
}

static void add(struct credentials *c, const char *user, const char *password)
{
	char line[128] = "md5=";
	uint8_t key[STUNMSG_KEY_MAX];
	size_t n;

	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_MD5, bytes_of(user), BYTES("example.org"), bytes_of(password), key, &n), 0);
	text_hex(bytes_make(key, n), line + 4);
	memcpy(line + 36, " sha256=", 8);
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_SHA256, bytes_of(user), BYTES("example.org"), bytes_of(password), key, &n), 0);
	text_hex(bytes_make(key, n), line + 44);
	assert_int_equal(credentials_add_user(c, bytes_of(user), bytes_of(line)), 0);
}

static void users_with_stored_keys(void **state)
{
	struct credentials *c = credentials_new(BYTES("example.org"));
	struct credentials_result r;
	const char *why;

	(void)state;
	add(c, "juliet", "r0m30");
	add(c, "romeo", "jul13t");
	for (unsigned i = 0; i < 4; i++) {
		const struct question right = { "juliet", i & 1, "r0m30", i & 2 }, wrong = { "juliet", i & 1, "jul13t", i & 2 };
		const struct question nobody = { "tybalt", i & 1, "r0m30", i & 2 };
		assert_int_equal(check(c, &right, 1, &r, &why), 0);
		assert_true(bytes_eq_str(bytes_make(r.user, r.user_n), "juliet"));
		assert_int_equal(r.key_n, i & 2 ? 32 : 16);
		assert_int_equal(r.expires_s, 0);
		assert_int_equal(check(c, &wrong, 1, &r, &why), ERR_AUTH);
		assert_string_equal(why, "wrong password");
		assert_int_equal(check(c, &nobody, 1, &r, &why), ERR_AUTH);
	}
	credentials_free(c);
}

static void keys_are_read_strictly(void **state)
{
	struct credentials *c = credentials_new(BYTES("example.org"));
	static const char *const bad[] = { "", "md5=", "md5=00", "sha1=00112233445566778899aabbccddeeff", "md5=00112233445566778899aabbccddeeff x",
		                           "password" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(credentials_add_user(c, BYTES("u"), bytes_of(bad[i])), ERR_SYNTAX);
	assert_int_equal(credentials_add_user(c, BYTES("u"), BYTES("md5=00112233445566778899aabbccddeeff")), 0);
	assert_int_equal(credentials_add_user(c, BYTES("u"), BYTES("md5=00112233445566778899aabbccddeeff")), ERR_EXISTS);
	assert_int_equal(credentials_add_user(c, BYTES(""), BYTES("md5=00112233445566778899aabbccddeeff")), ERR_LIMIT);
	credentials_free(c);
}

static void names_that_expire(void **state)
{
	struct credentials *c = credentials_new(BYTES("example.org"));
	struct credentials_result r;
	const char *why;
	char password[TIMED_PASSWORD_BYTES];

	(void)state;
	assert_int_equal(credentials_add_secret(c, BYTES("old secret")), 0);
	assert_int_equal(credentials_add_secret(c, BYTES("new secret")), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct question q = { "2000:juliet", false, password, i & 1 };
		assert_int_equal(timed_password(i & 2 ? BYTES("old secret") : BYTES("new secret"), bytes_of(q.user), password), 0);
		assert_int_equal(check(c, &q, 1999, &r, &why), 0);
		assert_true(bytes_eq_str(bytes_make(r.user, r.user_n), "juliet"));
		assert_int_equal(check(c, &q, 2000, &r, &why), ERR_AUTH);
		assert_string_equal(why, "the time-limited name has expired");
		q.user = "2001:juliet";
		assert_int_equal(check(c, &q, 1999, &r, &why), ERR_AUTH);
	}
	struct question bare = { "2000", false, password, false };
	assert_int_equal(timed_password(BYTES("new secret"), BYTES("2000"), password), 0);
	assert_int_equal(check(c, &bare, 1999, &r, &why), 0);
	assert_true(bytes_eq_str(bytes_make(r.user, r.user_n), "2000"));
	credentials_free(c);
}

/* RFC 7635 appendix A's token: kid, key, server name and what is in it. */
static void tokens_of_a_third_party(void **state)
{
	static const char token_hex[] =
		"000c68346a336b326c32366e376233646b3b2b69"; /* only its head: lengths and nonce of another token */
	struct oauth_key k;
	struct oauth_token t;
	uint8_t token[64];

	(void)state;
	assert_int_equal(oauth_key_read(BYTES("2783466234"), BYTES("SEVMTE9IRUxMT0hFTExPSEVMTE9IRUxMT0hFTExPMTI="), &k), 0);
	assert_int_equal(k.key_n, 32);
	assert_true(oauth_key_is(&k, BYTES("2783466234")));
	assert_false(oauth_key_is(&k, BYTES("2783466235")));
	assert_int_equal(text_unhex(bytes_of(token_hex), token, 20), 0);
	for (size_t n = 0; n <= 20; n++)
		assert_int_equal(oauth_open(&k, BYTES("blackdow.carleon.gov"), bytes_make(token, n), &t), ERR_AUTH);
	assert_int_equal(oauth_key_read(BYTES("k"), BYTES("AAAA"), &k), ERR_SYNTAX);
	assert_int_equal(oauth_key_read(BYTES(""), BYTES("AAAA"), &k), ERR_LIMIT);
}

static void ten_thousand_users(void **state)
{
	struct credentials *c = credentials_new(BYTES("example.org"));
	char name[32];

	(void)state;
	for (unsigned i = 0; i < CREDENTIALS_USERS_MAX; i++) {
		(void)snprintf(name, sizeof name, "user%u", i);
		assert_int_equal(credentials_add_user(c, bytes_of(name), BYTES("md5=00112233445566778899aabbccddeeff")), 0);
	}
	assert_int_equal(credentials_add_user(c, BYTES("more"), BYTES("md5=00112233445566778899aabbccddeeff")), ERR_LIMIT);
	credentials_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_with_stored_keys),  cmocka_unit_test(keys_are_read_strictly),
		cmocka_unit_test(names_that_expire),       cmocka_unit_test(tokens_of_a_third_party),
		cmocka_unit_test(ten_thousand_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
