#include "sip/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "sip/message_auth.h"

enum { MINUTE_MS = 60000 };

static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* RFC 7616 3.9.1, RFC 2617 3.5, RFC 2069 2.4 (with its erratum 749). */
static const struct example {
	const char *challenge, *user, *password, *method, *uri, *cnonce, *response;
	enum digest_algorithm algorithm;
} examples[] = {
	{ "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
	  "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
	  "Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", DIGEST_SHA256 },
	{ "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
	  "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
	  "Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	  "8ca523f5e9506fed4657c9700eebdbec", DIGEST_MD5 },
	{ "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
	  "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
	  "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b", "6629fae49393a05397450978507c4ef1", DIGEST_MD5 },
	{ "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
	  "Mufasa", "CircleOfLife", "GET", "/dir/index.html", "", "1949323746fe6a43ef61f9606e7febea", DIGEST_MD5 },
};

static void answer(const struct example *e, struct buf *out)
{
	struct digest_challenge c;

	assert_int_equal(digest_challenge_parse(bytes_of(e->challenge), &arena, &c), 0);
	assert_int_equal(c.algorithm, e->algorithm);
	const struct digest_login l = { bytes_of(e->user), bytes_of(e->password), bytes_of(e->method), bytes_of(e->uri), 1, e->cnonce };
	buf_clear(out);
	assert_int_equal(digest_answer(&c, &l, out), 0);
}

/* ERR-12: what we answer is the standard's, and our own server takes it. */
static void answers_the_examples(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		const struct example *e = &examples[i];
		struct digest_credentials c;
		struct digest_ha1 h;

		answer(e, &out);
		assert_int_equal(digest_credentials_parse(buf_bytes(&out), &arena, &c), 0);
		assert_true(bytes_eq_str(c.response, e->response));
		assert_true(bytes_eq_str(c.user, e->user));
		assert_int_equal(c.nc, e->cnonce[0] ? 1 : 0);
		c.proof.method = bytes_of(e->method);
		assert_int_equal(digest_make_ha1(e->algorithm, c.user, c.realm, bytes_of(e->password), &h), 0);
		assert_true(digest_is_right(&h, &c.proof, c.response));
		c.proof.method = BYTES("POST");
		assert_false(digest_is_right(&h, &c.proof, c.response));
		c.proof.method = bytes_of(e->method);
		assert_int_equal(digest_make_ha1(e->algorithm, c.user, c.realm, BYTES("circle"), &h), 0);
		assert_false(digest_is_right(&h, &c.proof, c.response));
		assert_false(digest_is_right(&h, &c.proof, BYTES("no hex")));
	}
	buf_fini(&out);
}

static void refuses_what_it_cannot_do(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		{ "Basic realm=\"x\"", ERR_UNSUPPORTED },
		{ "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512-256", ERR_UNSUPPORTED },
		{ "Digest realm=\"x\", nonce=\"n\", algorithm=MD5-sess", ERR_UNSUPPORTED },
		{ "Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"", ERR_UNSUPPORTED },
		{ "Digest realm=\"x\"", ERR_SYNTAX },
		{ "Digest nonce=\"n\"", ERR_SYNTAX },
		{ "", ERR_SYNTAX },
	};
	struct digest_challenge c;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(digest_challenge_parse(bytes_of(rows[i].text), &arena, &c), rows[i].rc);
	assert_int_equal(digest_challenge_parse(bytes_make("Digest realm=\"a\0b\", nonce=\"n\"", 28), &arena, &c), ERR_SYNTAX);
}

static void refuses_bad_credentials(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\", qop=auth, nc=1, cnonce=\"c\"", ERR_SYNTAX },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\", qop=auth, nc=00000000, cnonce=\"c\"", ERR_SYNTAX },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\", qop=auth, nc=00000001", ERR_SYNTAX },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\", qop=auth-int, nc=00000001, cnonce=\"c\"", ERR_UNSUPPORTED },
		{ "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\"", ERR_SYNTAX },
		{ "Digest realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\"", ERR_SYNTAX },
		{ "Bearer username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\"", ERR_UNSUPPORTED },
	};
	struct digest_credentials c;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(digest_credentials_parse(bytes_of(rows[i].text), &arena, &c), rows[i].rc);
}

static void keeps_quotes_in_names(void **state)
{
	struct digest_challenge c;
	struct digest_credentials got;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(digest_challenge_parse(BYTES("Digest realm=\"a \\\"b\\\" c, d\", nonce=\"n\", qop=\"auth\""), &arena, &c), 0);
	assert_true(bytes_eq_str(c.realm, "a \"b\" c, d"));
	struct digest_login l = { BYTES("q\"u\\o"), BYTES("p"), BYTES("REGISTER"), BYTES("sip:x"), 0x1f, "ab" };
	assert_int_equal(digest_answer(&c, &l, &out), 0);
	assert_int_equal(digest_credentials_parse(buf_bytes(&out), &arena, &got), 0);
	assert_true(bytes_eq(got.user, l.user));
	assert_true(bytes_eq(got.realm, c.realm));
	assert_int_equal(got.nc, 0x1f);
	buf_clear(&out);
	l.user = BYTES("x\r\nVia: y");
	assert_int_equal(digest_answer(&c, &l, &out), ERR_SYNTAX);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

static void nonces_age(void **state)
{
	char nonce[DIGEST_NONCE_CHARS + 1], other[DIGEST_NONCE_CHARS + 1];

	(void)state;
	digest_nonce_make(BYTES("key"), 1000, nonce);
	digest_nonce_make(BYTES("key"), 1000, other);
	assert_string_not_equal(nonce, other);
	assert_int_equal(digest_nonce_check(BYTES("key"), 1000, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_GOOD);
	assert_int_equal(digest_nonce_check(BYTES("key"), 1000 + MINUTE_MS, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_GOOD);
	assert_int_equal(digest_nonce_check(BYTES("key"), 1001 + MINUTE_MS, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_STALE);
	assert_int_equal(digest_nonce_check(BYTES("key"), 999, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_STALE);
	assert_int_equal(digest_nonce_check(BYTES("yek"), 1000, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_FOREIGN);
	nonce[15] = nonce[15] == '0' ? '1' : '0'; /* a younger time is not ours */
	assert_int_equal(digest_nonce_check(BYTES("key"), 1000, MINUTE_MS, bytes_of(nonce)), DIGEST_NONCE_FOREIGN);
	assert_int_equal(digest_nonce_check(BYTES("key"), 1000, MINUTE_MS, BYTES("abc")), DIGEST_NONCE_FOREIGN);
}

static void challenges_are_read_back(void **state)
{
	struct digest_challenge sha, md5;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	digest_challenge_put(&out, DIGEST_SHA256, "example.com", "abc", true);
	assert_int_equal(digest_challenge_parse(buf_bytes(&out), &arena, &sha), 0);
	assert_true(sha.is_stale && sha.has_qop && !sha.has_opaque);
	assert_true(bytes_eq_str(sha.realm, "example.com") && bytes_eq_str(sha.nonce, "abc"));
	buf_clear(&out);
	digest_challenge_put(&out, DIGEST_MD5, "example.com", "abc", false);
	assert_int_equal(digest_challenge_parse(buf_bytes(&out), &arena, &md5), 0);
	assert_false(md5.is_stale);
	assert_true(digest_is_better(&sha, &md5)); /* RFC 8760 2.4 */
	assert_false(digest_is_better(&md5, &sha));
	buf_fini(&out);
}

static void parameters_are_counted(void **state)
{
	struct sip_auth auth;
	struct buf in;

	(void)state;
	buf_init(&in, 4096);
	buf_put_str(&in, "Digest a=b");
	for (int i = 1; i < SIP_AUTH_PARAMS_MAX; i++)
		buf_putf(&in, ", p%d=\"x\"", i);
	assert_int_equal(sip_auth_parse(buf_bytes(&in), &arena, &auth), 0);
	assert_int_equal(auth.n, SIP_AUTH_PARAMS_MAX);
	buf_put_str(&in, ", more=1");
	assert_int_equal(sip_auth_parse(buf_bytes(&in), &arena, &auth), ERR_LIMIT);
	buf_fini(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_the_examples, start, stop),
		cmocka_unit_test_setup_teardown(refuses_what_it_cannot_do, start, stop),
		cmocka_unit_test_setup_teardown(refuses_bad_credentials, start, stop),
		cmocka_unit_test_setup_teardown(keeps_quotes_in_names, start, stop),
		cmocka_unit_test_setup_teardown(nonces_age, start, stop),
		cmocka_unit_test_setup_teardown(challenges_are_read_back, start, stop),
		cmocka_unit_test_setup_teardown(parameters_are_counted, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
