#include "credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "credentials_fixture.h"
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

static void users_with_stored_keys(void **state)
{
	struct credentials *c = credentials_new(BYTES("example.org"));
	struct credentials_result r;
	const char *why;

	(void)state;
	credentials_fixture_add(c, "juliet", "r0m30");
	credentials_fixture_add(c, "romeo", "jul13t");
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

/* ---- tokens (RFC 7635 6.2), sealed here by OpenSSL in the other direction ---- */

#define KEY_32 "SEVMTE9IRUxMT0hFTExPSEVMTE9IRUxMT0hFTExPMTI=" /* HELLOHELLO... */
#define KEY_16 "SEVMTE9IRUxMT0hFTExPMQ=="

struct token {
	uint8_t p[128];
	size_t n;
};

static void seal(const struct oauth_key *k, const char *server, uint64_t made_s, uint32_t lifetime_s, const uint8_t mac_key[static 20], struct token *out)
{
	uint8_t plain[2 + 20 + 8 + 4] = { 0, 20 };
	uint64_t stamp = made_s << 16;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	memcpy(plain + 2, mac_key, 20);
	for (unsigned i = 0; i < 8; i++)
		plain[22 + i] = (uint8_t)(stamp >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		plain[30 + i] = (uint8_t)(lifetime_s >> (24 - 8 * i));
	*out = (struct token){ .p = { 0, 12, 'h', '4', 'j', '3', 'k', '2', 'l', '2', 'n', '4', 'b', '5' } };
	assert_int_equal(EVP_EncryptInit_ex(c, k->key_n == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, k->key, out->p + 2), 1);
	assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)server, (int)strlen(server)), 1);
	assert_int_equal(EVP_EncryptUpdate(c, out->p + 14, &n, plain, sizeof plain), 1);
	assert_int_equal(EVP_EncryptFinal_ex(c, out->p + 14 + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out->p + 14 + sizeof plain), 1);
	out->n = 14 + sizeof plain + 16;
	EVP_CIPHER_CTX_free(c);
}

static const uint8_t mac_key[20] = "ZksjpweoixXmvn67534m";

static void tokens_open_with_their_key_and_server(void **state)
{
	static const char *const keys[] = { KEY_16, KEY_32 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct oauth_key k, other;
		struct oauth_token t;
		struct token token;
		assert_int_equal(oauth_key_read(BYTES("2783466234"), bytes_of(keys[i]), &k), 0);
		assert_int_equal(k.key_n, i ? 32 : 16);
		assert_true(oauth_key_is(&k, BYTES("2783466234")));
		assert_false(oauth_key_is(&k, BYTES("2783466235")));
		seal(&k, "example.org", 92470300704768ULL >> 16, 3600, mac_key, &token);
		assert_int_equal(oauth_open(&k, BYTES("example.org"), bytes_make(token.p, token.n), &t), 0);
		assert_int_equal(t.mac_key_n, 20);
		assert_memory_equal(t.mac_key, mac_key, 20);
		assert_int_equal(t.made_s, 92470300704768ULL >> 16);
		assert_int_equal(t.lifetime_s, 3600);
		assert_int_equal(oauth_open(&k, BYTES("example.net"), bytes_make(token.p, token.n), &t), ERR_AUTH);
		other = k;
		other.key[0] ^= 1;
		assert_int_equal(oauth_open(&other, BYTES("example.org"), bytes_make(token.p, token.n), &t), ERR_AUTH);
		for (size_t n = 0; n < token.n; n++)
			assert_int_equal(oauth_open(&k, BYTES("example.org"), bytes_make(token.p, n), &t), ERR_AUTH);
		for (size_t bit = 0; bit < token.n * 8; bit++) {
			token.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(oauth_open(&k, BYTES("example.org"), bytes_make(token.p, token.n), &t), ERR_AUTH);
			token.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void keys_of_tokens_are_read_strictly(void **state)
{
	struct oauth_key k;

	(void)state;
	assert_int_equal(oauth_key_read(BYTES("k"), BYTES("AAAA"), &k), ERR_SYNTAX);
	assert_int_equal(oauth_key_read(BYTES("k"), BYTES("no base64"), &k), ERR_SYNTAX);
	assert_int_equal(oauth_key_read(BYTES(""), BYTES(KEY_16), &k), ERR_LIMIT);
}

static int check_token(const struct credentials *c, const struct token *token, const uint8_t key[static 20], uint64_t now_s,
                       struct credentials_result *out, const char **why)
{
	uint8_t room[512];
	struct stunmsg_writer w;
	struct stunmsg m;

	stunmsg_begin(&w, room, sizeof room, STUN_REQUEST, STUN_ALLOCATE, id);
	stunmsg_put(&w, STUN_USERNAME, BYTES("2783466234"));
	stunmsg_put(&w, STUN_ACCESS_TOKEN, bytes_make(token->p, token->n));
	stunmsg_put_integrity(&w, bytes_make(key, 20), false);
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	return credentials_check(c, &m, now_s, out, why);
}

static void tokens_let_in_while_they_last(void **state)
{
	static const uint8_t other_key[20] = "ZksjpweoixXmvn67534n";
	struct credentials *c = credentials_new(BYTES("example.org"));
	struct credentials_result r;
	struct oauth_key k;
	struct token token;
	const char *why;

	(void)state;
	assert_int_equal(credentials_add_oauth(c, BYTES("2783466234"), BYTES(KEY_32)), 0);
	assert_int_equal(oauth_key_read(BYTES("2783466234"), BYTES(KEY_32), &k), 0);
	seal(&k, "example.org", 10000, 60, mac_key, &token);
	assert_int_equal(check_token(c, &token, mac_key, 10000, &r, &why), 0);
	assert_true(r.is_token);
	assert_int_equal(r.expires_s, 10060);
	assert_int_equal(r.key_n, 20);
	assert_int_equal(check_token(c, &token, mac_key, 10060 + OAUTH_SKEW_S, &r, &why), ERR_AUTH);
	assert_string_equal(why, "the token has expired");
	assert_int_equal(check_token(c, &token, mac_key, 10000 - OAUTH_SKEW_S - 1, &r, &why), ERR_AUTH);
	assert_int_equal(check_token(c, &token, other_key, 10000, &r, &why), ERR_AUTH);
	assert_string_equal(why, "not signed with the token's key");
	token.p[30] ^= 1;
	assert_int_equal(check_token(c, &token, mac_key, 10000, &r, &why), ERR_AUTH);
	credentials_free(c);
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
		cmocka_unit_test(names_that_expire),       cmocka_unit_test(tokens_open_with_their_key_and_server),
		cmocka_unit_test(keys_of_tokens_are_read_strictly), cmocka_unit_test(tokens_let_in_while_they_last),
		cmocka_unit_test(ten_thousand_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
