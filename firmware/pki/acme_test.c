#include "acme_json.h"
#include "acme_jws.h"
#include "chain.h"

#include "base/err.h"
#include "net/pki_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/pem.h>

/* ---- signed requests ---- */

/* RFC 7515 appendix A.3.1 and RFC 7638 3.1 (the way, with the P-256 key of the former). */
static const struct acme_key key = {
	{ 127, 205, 206, 39, 112, 246, 196, 93, 65, 131, 203, 238, 111, 219, 75, 123, 88, 7, 51,
	  53, 123, 233, 239, 19, 186, 207, 110, 60, 123, 209, 84, 69 },
	{ 199, 241, 68, 205, 27, 189, 155, 126, 135, 44, 223, 237, 185, 238, 185, 244,
	  179, 105, 93, 110, 169, 11, 36, 173, 138, 70, 35, 40, 133, 136, 229, 173 },
};

static void key_as_jwk(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	acme_jwk(&key, &b);
	assert_string_equal(buf_cstr(&b), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
					  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
	buf_fini(&b);
	char thumb[ACME_THUMBPRINT_BYTES];
	assert_int_equal(acme_thumbprint(&key, thumb), 0);
	/* of `printf '%s' JWK | openssl dgst -sha256 -binary | basenc --base64url` */
	assert_string_equal(thumb, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

static void input_and_whole(void **state)
{
	const struct acme_header h = { .kid = "https://a.example/acct/1", .nonce = "n-1", .url = "https://a.example/\"x" };
	struct buf in, out;

	(void)state;
	buf_init(&in, 4000);
	buf_init(&out, 4000);
	assert_int_equal(acme_jws_input(&h, BYTES("{}"), &in), 0);
	/* {"alg":"ES256","url":"https://a.example/\"x","nonce":"n-1","kid":"https://a.example/acct/1"} */
	assert_string_equal(buf_cstr(&in), "eyJhbGciOiJFUzI1NiIsInVybCI6Imh0dHBzOi8vYS5leGFtcGxlL1wieCIsIm5vbmNlIjoibi0xIiwia2lkIjoiaHR0cHM6Ly9h"
					   "LmV4YW1wbGUvYWNjdC8xIn0.e30");
	acme_jws_put(buf_bytes(&in), BYTES("\xff\xfe\xfd"), &out);
	assert_non_null(strstr(buf_cstr(&out), "\"payload\":\"e30\",\"signature\":\"__79\"}"));
	buf_clear(&in);
	assert_int_equal(acme_jws_input(&h, BYTES_NONE, &in), 0); /* POST-as-GET */
	assert_true(buf_bytes(&in).p[buf_len(&in) - 1] == '.');
	buf_fini(&in);
	buf_init(&in, 50); /* too small: an error, not a part */
	assert_int_equal(acme_jws_input(&h, BYTES("{}"), &in), ERR_NOMEM);
	buf_fini(&in);
	buf_fini(&out);
}

static void payloads(void **state)
{
	static const char *const names[] = { "a.example", "b.example" };
	struct buf b;

	(void)state;
	buf_init(&b, 4000);
	assert_int_equal(acme_put_new_account("", false, BYTES_NONE, &b), 0);
	assert_string_equal(buf_cstr(&b), "{}");
	buf_clear(&b);
	assert_int_equal(acme_put_new_account("x@a.example", true, BYTES("{\"y\":1}"), &b), 0);
	assert_string_equal(buf_cstr(&b), "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:x@a.example\"],\"externalAccountBinding\":{\"y\":1}}");
	buf_clear(&b);
	assert_int_equal(acme_put_new_order(names, 1, "aYhb.AIdl", &b), 0);
	assert_string_equal(buf_cstr(&b), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}],\"replaces\":\"aYhb.AIdl\"}");
	buf_clear(&b);
	assert_int_equal(acme_put_new_order(names, 2, NULL, &b), 0);
	assert_string_equal(buf_cstr(&b), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"},{\"type\":\"dns\",\"value\":\"b.example\"}]}");
	buf_clear(&b);
	acme_put_finalize(BYTES("\1\2"), &b);
	assert_string_equal(buf_cstr(&b), "{\"csr\":\"AQI\"}");
	buf_fini(&b);
}

static void windows(void **state)
{
	static const struct {
		const char *start, *end;
		int64_t start_s, end_s; /* 0: refused */
	} rows[] = {
		{ "2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z", 1735790400, 1735876800 }, /* RFC 9773 4.2 */
		{ "2025-01-02T05:00:00+01:00", "2025-01-03T02:30:00.25-01:30", 1735790400, 1735876800 },
		{ "2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z", 0, 0 }, { "2025-01-02T04:00:00Z", "2025-01-02T04:00:00Z", 0, 0 },
		{ "2025-01-02T04:00:00", "2025-01-03T04:00:00Z", 0, 0 }, { "2025-13-02T04:00:00Z", "2025-01-03T04:00:00Z", 0, 0 },
		{ "2025-01-02T24:00:00Z", "2025-01-03T04:00:00Z", 0, 0 }, { "0000-01-02T04:00:00Z", "2025-01-03T04:00:00Z", 0, 0 },
		{ "2025-01-02T04:00:00Z ", "2025-01-03T04:00:00Z", 0, 0 }, { " 2025-01-02T04:00:00Z", "2025-01-03T04:00:00Z", 0, 0 },
		{ "2025-01-02T04:00:00.Z", "2025-01-03T04:00:00Z", 0, 0 }, { "2025-01-02T04:00:00+1:00", "2025-01-03T04:00:00Z", 0, 0 },
		{ "", "2025-01-03T04:00:00Z", 0, 0 }, { "soon", "later", 0, 0 },
	};
	struct acme_window w;
	char json[400];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(json, sizeof json, "{\"suggestedWindow\":{\"start\":\"%s\",\"end\":\"%s\"},\"explanationURL\":\"https://a.example/\\u0007x\"}",
			 rows[i].start, rows[i].end);
		assert_int_equal(acme_read_window(bytes_of(json), &w), rows[i].start_s ? 0 : ERR_SYNTAX);
		if (!rows[i].start_s)
			continue;
		assert_int_equal(w.start_s, rows[i].start_s);
		assert_int_equal(w.end_s, rows[i].end_s);
		assert_string_equal(w.explanation, "https://a.example/ x");
	}
	assert_int_equal(acme_read_window(BYTES("{\"suggestedWindow\":[]}"), &w), ERR_SYNTAX);
	assert_int_equal(acme_read_window(BYTES("[]"), &w), ERR_SYNTAX);
	assert_int_equal(acme_read_window(BYTES("{\"suggestedWindow\":{\"start\":1735790400,\"end\":1735876800}}"), &w), ERR_SYNTAX);
}

/* ---- what the server says ---- */

static void directory(void **state)
{
	static struct acme_directory d;

	(void)state;
	/* RFC 8555 7.1.1 */
	assert_int_equal(acme_read_directory(BYTES("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\",\"x\":[1],"
						   "\"meta\":{\"termsOfService\":\"https://a/t\",\"externalAccountRequired\":true}}"), &d), 0);
	assert_string_equal(d.new_order, "https://a/o");
	assert_string_equal(d.terms, "https://a/t");
	assert_true(d.wants_binding);
	assert_int_equal(acme_read_directory(BYTES("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\"}"), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(BYTES("{\"newNonce\":\"https://a/n\",\"newNonce\":\"https://b/n\"," /* twice */
						   "\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}"), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(BYTES("{\"newNonce\":7,\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}"), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(BYTES("[]"), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(BYTES(""), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(BYTES("{\"newNonce\":\"https://a/\\u0000n\",\"newAccount\":\"https://a/a\","
						   "\"newOrder\":\"https://a/o\"}"), &d), ERR_SYNTAX);
}

static void deep_and_long(void **state)
{
	static struct acme_directory d;
	char *deep = malloc(ACME_BODY_MAX + 1);

	(void)state;
	memset(deep, '[', ACME_BODY_MAX + 1);
	assert_int_equal(acme_read_directory(bytes_make(deep, ACME_BODY_MAX), &d), ERR_SYNTAX);
	assert_int_equal(acme_read_directory(bytes_make(deep, ACME_BODY_MAX + 1), &d), ERR_SYNTAX);
	free(deep);
}

static void order(void **state)
{
	static struct acme_order o;
	struct buf b;

	(void)state;
	assert_int_equal(acme_read_order(BYTES("{\"status\":\"valid\",\"authorizations\":[\"https://a/1\",\"https://a/2\"],\"finalize\":\"https://a/f\","
					       "\"certificate\":\"https://a/c\"}"), &o), 0);
	assert_int_equal(o.status, ACME_VALID);
	assert_int_equal(o.n, 2);
	assert_string_equal(o.authorizations[1], "https://a/2");
	assert_string_equal(o.certificate, "https://a/c");
	assert_int_equal(acme_read_order(BYTES("{\"status\":\"hm\",\"authorizations\":[],\"finalize\":\"https://a/f\"}"), &o), 0);
	assert_int_equal(o.status, ACME_OTHER);
	assert_string_equal(o.certificate, "");
	assert_int_equal(acme_read_order(BYTES("{\"status\":\"ready\",\"authorizations\":[1],\"finalize\":\"https://a/f\"}"), &o), ERR_SYNTAX);
	buf_init(&b, 4096);
	buf_put_str(&b, "{\"authorizations\":[");
	for (int i = 0; i <= ACME_NAMES_MAX; i++)
		buf_putf(&b, "%s\"https://a/%d\"", i ? "," : "", i);
	buf_put_str(&b, "],\"finalize\":\"https://a/f\"}");
	assert_int_equal(acme_read_order(buf_bytes(&b), &o), ERR_LIMIT);
	buf_fini(&b);
}

#define AUTHORIZATION(token)                                                                                                                     \
	"{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":["                                      \
	"{\"type\":\"dns-01\",\"url\":\"https://a/d\",\"token\":\"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA\"},"                                \
	"{\"type\":\"http-01\",\"url\":\"https://a/h\",\"status\":\"invalid\",\"token\":\"" token "\","                                            \
	"\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"no\\nway \\u202e\"}}]}"

static void authorization(void **state)
{
	static struct acme_authorization z;

	(void)state;
	assert_int_equal(acme_read_authorization(BYTES(AUTHORIZATION("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA")), "http-01", &z), 0);
	assert_string_equal(z.name, "a.example");
	assert_string_equal(z.url, "https://a/h");
	assert_int_equal(z.status, ACME_PENDING);
	assert_int_equal(z.challenge_status, ACME_INVALID);
	assert_string_equal(z.error.type, "connection");
	assert_string_equal(z.error.detail, "no way    "); /* one line, nothing that turns text */
	assert_int_equal(acme_read_authorization(BYTES(AUTHORIZATION("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA")), "tls-alpn-01", &z), 0);
	assert_string_equal(z.url, "");
	/* a token is a part of a path */
	assert_int_equal(acme_read_authorization(BYTES(AUTHORIZATION("../../../../../etc/passwd0000")), "http-01", &z), 0);
	assert_string_equal(z.url, "");
	assert_int_equal(acme_read_authorization(BYTES(AUTHORIZATION("short")), "http-01", &z), 0);
	assert_string_equal(z.url, "");
}

static void problems(void **state)
{
	struct acme_problem p;

	(void)state;
	/* RFC 8555 6.7.1 */
	acme_read_problem(BYTES("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"Some\",\"subproblems\":[{\"type\":\"x\","
				"\"detail\":\"other\",\"identifier\":{\"type\":\"dns\",\"value\":\"_example.org\"}}]}"), &p);
	assert_string_equal(p.type, "malformed");
	assert_string_equal(p.detail, "Some");
	assert_string_equal(p.about, "_example.org");
	acme_read_problem(BYTES("<html>"), &p);
	assert_string_equal(p.type, "");
	assert_string_equal(p.detail, "");
	acme_read_problem(BYTES("{\"type\":{},\"detail\":[],\"subproblems\":{}}"), &p);
	assert_string_equal(p.type, "");
}

/* ---- chains ---- */

static void when_to_renew(void **state)
{
	struct pki_cert ca = pki_make(&(struct pki_wish){ .cn = "ca", .is_ca = true }, NULL);
	struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "x", .san = "DNS:a.example,DNS:b.example", .from_days = -30, .to_days = 60 }, &ca);
	int64_t now_s = (int64_t)time(NULL), day_s = 86400;
	struct chain_about about;

	(void)state;
	assert_int_equal(chain_read(pki_pem(&cert), &about), 0);
	assert_false(about.is_self_signed);
	assert_in_range(chain_renewal_s(&about), now_s + 30 * day_s - 60, now_s + 30 * day_s + 60);
	assert_true(chain_covers(pki_pem(&cert), "b.example"));
	assert_false(chain_covers(pki_pem(&cert), "c.example"));
	assert_false(chain_covers(pki_pem(&cert), "x")); /* a common name is none */
	assert_int_equal(chain_read(pki_pem(&ca), &about), 0);
	assert_true(about.is_self_signed);
	assert_int_equal(chain_read(BYTES("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &about), ERR_SYNTAX);
	assert_int_equal(chain_read(BYTES_NONE, &about), ERR_SYNTAX);
	assert_false(chain_covers(BYTES_NONE, "a.example"));
	pki_free(&cert);
	pki_free(&ca);
}

static void proof_by_tls(void **state)
{
	struct chain_about about;
	struct buf pem;

	(void)state;
	buf_init(&pem, 16 << 10);
	assert_int_equal(chain_make_alpn("a.example", BYTES("token.thumb"), &pem), 0);
	assert_int_equal(chain_read(buf_bytes(&pem), &about), 0);
	assert_true(about.is_self_signed);
	assert_true(chain_covers(buf_bytes(&pem), "a.example"));
	BIO *in = BIO_new_mem_buf(buf_bytes(&pem).p, (int)buf_len(&pem));
	X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);
	ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	X509_EXTENSION *e = X509_get_ext(x, X509_get_ext_by_OBJ(x, id, -1));
	assert_non_null(e);
	assert_true(X509_EXTENSION_get_critical(e));
	const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(e);
	assert_int_equal(ASN1_STRING_length(v), 34);
	assert_memory_equal(ASN1_STRING_get0_data(v), "\x04\x20", 2);
	ASN1_OBJECT_free(id);
	X509_free(x);
	BIO_free(in);
	buf_fini(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_as_jwk), cmocka_unit_test(input_and_whole), cmocka_unit_test(payloads),
		cmocka_unit_test(windows), cmocka_unit_test(directory),
		cmocka_unit_test(deep_and_long), cmocka_unit_test(order), cmocka_unit_test(authorization), cmocka_unit_test(problems),
		cmocka_unit_test(when_to_renew), cmocka_unit_test(proof_by_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
