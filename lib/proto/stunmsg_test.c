#include "proto/stunmsg.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/text.h"

/* RFC 5769 2.1 */
static const char sample_request[] =
	"000100582112a442b7e7a701bc34d686fa87dfae8022001053"
	"54554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
	"00080014"
	"9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/* 2.2, 2.3 */
static const char sample_ipv4[] =
	"0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
	"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char sample_ipv6[] =
	"010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
	"0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/* 2.4 */
static const char sample_long_term[] =
	"000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c"
	"662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
	"00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

struct sample {
	uint8_t p[512];
	size_t n;
};

static struct bytes sample(struct sample *s, const char *hex)
{
	s->n = strlen(hex) / 2;
	assert_int_equal(text_unhex(bytes_of(hex), s->p, s->n), 0);
	return bytes_make(s->p, s->n);
}

static void rfc5769_request(void **state)
{
	struct sample s;
	struct stunmsg m;

	(void)state;
	assert_int_equal(stunmsg_parse(sample(&s, sample_request), &m), 0);
	assert_int_equal(m.class, STUN_REQUEST);
	assert_int_equal(m.method, STUN_BINDING);
	assert_true(bytes_eq_str(m.software, "STUN test client"));
	assert_true(bytes_eq_str(m.username, "evtj:h6vY"));
	assert_true(m.has_fingerprint);
	assert_int_equal(m.n_unknown, 0);
	assert_true(stunmsg_verify(&m, BYTES("VOkJxbRl1RmTxUk/WvJxBt")));
	assert_false(stunmsg_verify(&m, BYTES("VOkJxbRl1RmTxUk/WvJxBu")));
}

static void rfc5769_responses(void **state)
{
	const struct stunaddr v4 = { 4, 32853, { 192, 0, 2, 1 } };
	const struct stunaddr v6 = { 6, 32853, { 0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 } };
	struct sample s;
	struct stunmsg m;

	(void)state;
	assert_int_equal(stunmsg_parse(sample(&s, sample_ipv4), &m), 0);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_true(stunaddr_eq(&m.mapped, &v4));
	assert_true(m.has_fingerprint);
	assert_true(stunmsg_verify(&m, BYTES("VOkJxbRl1RmTxUk/WvJxBt")));
	assert_int_equal(stunmsg_parse(sample(&s, sample_ipv6), &m), 0);
	assert_true(stunaddr_eq(&m.mapped, &v6));
	assert_true(stunmsg_verify(&m, BYTES("VOkJxbRl1RmTxUk/WvJxBt")));
}

static void rfc5769_long_term(void **state)
{
	struct sample s;
	struct stunmsg m;
	uint8_t key[STUNMSG_KEY_MAX];
	size_t n;

	(void)state;
	assert_int_equal(stunmsg_parse(sample(&s, sample_long_term), &m), 0);
	assert_true(bytes_eq_str(m.realm, "example.org"));
	assert_true(bytes_eq_str(m.nonce, "f//499k954d6OL34oL9FSTvy64sA"));
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_MD5, m.username, m.realm, BYTES("TheMatrIX"), key, &n), 0);
	assert_int_equal(n, 16);
	assert_true(stunmsg_verify(&m, bytes_make(key, n)));
	key[0] ^= 1;
	assert_false(stunmsg_verify(&m, bytes_make(key, n)));
}

static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

/* RFC 8489 B.1's user, realm and password. */
static void sha256_and_userhash(void **state)
{
	const struct bytes user = BYTES("\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9");
	static const char want[] = "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704";
	uint8_t hash[32], key[STUNMSG_KEY_MAX], out[256];
	char hex[65];
	size_t n;
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	assert_int_equal(stunmsg_userhash(user, BYTES("example.org"), hash), 0);
	text_hex(bytes_make(hash, sizeof hash), hex);
	assert_string_equal(hex, want);
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_SHA256, user, BYTES("example.org"), BYTES("TheMatrIX"), key, &n), 0);
	assert_int_equal(n, 32);
	text_hex(bytes_make(key, n), hex); /* of another program: sha256sum of user:realm:password */
	assert_string_equal(hex, "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1");
	stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, STUN_ALLOCATE, id);
	stunmsg_put(&w, STUN_USERHASH, bytes_make(hash, sizeof hash));
	stunmsg_put_integrity(&w, bytes_make(key, n), true);
	stunmsg_put_fingerprint(&w);
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_int_equal(m.sha256_n, 32);
	assert_true(stunmsg_verify(&m, bytes_make(key, n)));
	assert_true(m.has_fingerprint);
}

static size_t start(struct stunmsg_writer *w, uint8_t *out, size_t room)
{
	stunmsg_begin(w, out, room, STUN_REQUEST, STUN_ALLOCATE, id);
	return w->n;
}

/* CVE of coturn, live in Debian 12's: what is behind the signature counts for nothing (RFC 8489 14.5). */
static void nothing_behind_the_signature_counts(void **state)
{
	uint8_t out[256];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	start(&w, out, sizeof out);
	stunmsg_put_u32(&w, STUN_LIFETIME, 700);
	stunmsg_put_integrity(&w, BYTES("key"), false);
	stunmsg_put_u32(&w, STUN_CHANNEL_NUMBER, 0x40000000);
	stunmsg_put(&w, (enum stunmsg_attribute)0x0033, BYTES("what"));
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_int_equal(m.has, STUN_HAS_LIFETIME);
	assert_int_equal(m.n_unknown, 0);
	assert_true(stunmsg_verify(&m, BYTES("key")));
	stunmsg_put_integrity(&w, BYTES("other"), true);
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_false(stunmsg_verify(&m, BYTES("key"))); /* SHA-256 is there: it decides */
	assert_true(stunmsg_verify(&m, BYTES("other")));
	stunmsg_put_u32(&w, STUN_LIFETIME, 9);
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_int_equal(m.lifetime_s, 700);
}

static void a_short_signature_is_no_signature(void **state)
{
	uint8_t out[256];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	for (size_t n = 0; n <= 36; n++) {
		uint8_t zero[36] = { 0 };
		start(&w, out, sizeof out);
		stunmsg_put(&w, STUN_MESSAGE_INTEGRITY_SHA256, bytes_make(zero, n));
		int rc = stunmsg_parse(stunmsg_end(&w), &m);
		assert_int_equal(rc, n >= 16 && n <= 32 && n % 4 == 0 ? 0 : ERR_RANGE);
		assert_false(stunmsg_verify(&m, BYTES("key")));
	}
}

/* RFC 8489 14.6: it may be cut to 16 bytes; what is left must be right. */
static void a_signature_that_was_cut(void **state)
{
	uint8_t out[256], md[32];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	for (size_t n = 16; n <= 32; n += 4) {
		uint8_t text[STUNMSG_HEADER + 8];
		start(&w, out, sizeof out);
		stunmsg_put_u32(&w, STUN_LIFETIME, 1);
		memcpy(text, out, sizeof text);
		text[3] = (uint8_t)(8 + 4 + n); /* the length as it is with the signature */
		assert_non_null(HMAC(EVP_sha256(), "key", 3, text, sizeof text, md, NULL));
		stunmsg_put(&w, STUN_MESSAGE_INTEGRITY_SHA256, bytes_make(md, n));
		assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
		assert_true(stunmsg_verify(&m, BYTES("key")));
		out[sizeof text + 4 + n - 1] ^= 1;
		assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
		assert_false(stunmsg_verify(&m, BYTES("key")));
	}
}

static void the_first_of_two_counts(void **state)
{
	uint8_t out[256];
	struct stunmsg_writer w;
	struct stunmsg m;
	const struct stunaddr a = { 4, 7, { 9, 9, 9, 9 } }, b = { 6, 8, { 0x20, 1 } };

	(void)state;
	start(&w, out, sizeof out);
	stunmsg_put_u32(&w, STUN_LIFETIME, 1);
	stunmsg_put_u32(&w, STUN_LIFETIME, 2);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &a);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &b);
	stunmsg_put(&w, (enum stunmsg_attribute)0x0777, BYTES("x"));
	stunmsg_put(&w, (enum stunmsg_attribute)0x8777, BYTES("x"));
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_int_equal(m.lifetime_s, 1);
	assert_int_equal(m.n_peers, 2);
	assert_true(stunaddr_eq(&m.peers[0], &a));
	assert_true(stunaddr_eq(&m.peers[1], &b));
	assert_int_equal(m.n_unknown, 1);
	assert_int_equal(m.unknown[0], 0x0777);
}

static void lies_about_lengths(void **state)
{
	struct sample s;
	struct stunmsg m;
	struct bytes b = sample(&s, sample_request);

	(void)state;
	for (size_t n = 0; n < b.n; n++)
		assert_true(stunmsg_parse(bytes_make(b.p, n), &m) < 0);
	assert_int_equal(stunmsg_parse(bytes_make(b.p, 19), &m), ERR_TRUNCATED);
	s.p[22] = 0xff; /* SOFTWARE as long as 64 kB */
	assert_int_equal(stunmsg_parse(b, &m), ERR_RANGE);
	assert_int_equal(m.method, STUN_BINDING);
	sample(&s, sample_request);
	s.p[30] ^= 1;
	assert_int_equal(stunmsg_parse(b, &m), ERR_CHECKSUM);
	s.p[0] = 0x40;
	assert_int_equal(stunmsg_parse(b, &m), ERR_SYNTAX);
}

static void wrong_sizes_of_values(void **state)
{
	static const struct {
		enum stunmsg_attribute a;
		size_t n;
	} rows[] = {
		{ STUN_LIFETIME, 3 }, { STUN_CHANNEL_NUMBER, 2 }, { STUN_XOR_PEER_ADDRESS, 7 }, { STUN_REQUESTED_TRANSPORT, 1 },
		{ STUN_EVEN_PORT, 2 }, { STUN_RESERVATION_TOKEN, 7 }, { STUN_DONT_FRAGMENT, 1 }, { STUN_USERHASH, 31 },
		{ STUN_USERNAME, 509 }, { STUN_REALM, 764 }, { STUN_NONCE, 764 }, { STUN_CONNECTION_ID, 5 },
		{ STUN_REQUESTED_ADDRESS_FAMILY, 0 }, { STUN_PASSWORD_ALGORITHM, 3 }, { STUN_PASSWORD_ALGORITHMS, 6 },
		{ STUN_MESSAGE_INTEGRITY, 19 }, { STUN_CHANGE_REQUEST, 8 }, { STUN_XOR_PEER_ADDRESS, 0 },
	};
	static const uint8_t zero[800];
	uint8_t out[1024];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		start(&w, out, sizeof out);
		stunmsg_put(&w, rows[i].a, bytes_make(zero, rows[i].n));
		if (stunmsg_parse(stunmsg_end(&w), &m) != ERR_RANGE)
			fail_msg("attribute %#x of %zu bytes", (unsigned)rows[i].a, rows[i].n);
	}
}

static void old_clients_have_no_cookie(void **state)
{
	uint8_t out[64], old[16] = "0123456789abcde";
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	stunmsg_begin(&w, out, sizeof out, STUN_REQUEST, STUN_BINDING, old);
	assert_true(w.is_classic);
	stunmsg_put(&w, STUN_CHANGE_REQUEST, bytes_make("\0\0\0\6", 4));
	assert_int_equal(stunmsg_parse(stunmsg_end(&w), &m), 0);
	assert_true(m.is_classic);
	assert_memory_equal(m.id, old, 16);
	assert_int_equal(m.change, 6);
}

static void a_full_writer_writes_nothing_more(void **state)
{
	uint8_t out[64];
	struct stunmsg_writer w;

	(void)state;
	for (size_t room = 0; room <= sizeof out; room++) {
		memset(out, 0xee, sizeof out);
		stunmsg_begin(&w, out, room, STUN_ERROR, STUN_ALLOCATE, id);
		stunmsg_put_error(&w, 508);
		stunmsg_put_integrity(&w, BYTES("k"), false);
		struct bytes b = stunmsg_end(&w);
		assert_true(b.n == 0 || b.n <= room);
		for (size_t i = room; i < sizeof out; i++)
			assert_int_equal(out[i], 0xee);
	}
}

static void answers_read_back(void **state)
{
	uint8_t out[512];
	struct stunmsg_writer w;
	struct stunmsg m;
	const struct stunaddr a = { 6, 7, { 0x20, 1, 0x0d, 0xb8 } };
	const uint16_t unknown[] = { 1, 2, 3 };

	(void)state;
	memset(out, 0xee, sizeof out);
	stunmsg_begin(&w, out, sizeof out, STUN_ERROR, STUN_CREATE_PERMISSION, id);
	stunmsg_put_error(&w, 420);
	stunmsg_put_unknown(&w, unknown, 3);
	stunmsg_put_address_error(&w, 6, 440);
	stunmsg_put_icmp(&w, 3, 4, 1280);
	stunmsg_put_algorithms(&w, 1 << STUN_ALGORITHM_MD5 | 1 << STUN_ALGORITHM_SHA256);
	stunmsg_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &a);
	stunmsg_put_address(&w, STUN_XOR_RELAYED_ADDRESS, &a);
	stunmsg_put_address(&w, STUN_OTHER_ADDRESS, &a);
	struct bytes b = stunmsg_end(&w);
	for (size_t i = 0; i < b.n; i++)
		assert_int_not_equal(b.p[i], 0xee); /* CVE-2020-4067: padding is zero */
	assert_int_equal(stunmsg_parse(b, &m), 0);
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(m.error, 420);
	assert_true(bytes_eq_str(m.reason, "Unknown Attribute"));
	assert_int_equal(m.address_error, 440);
	assert_int_equal(m.address_error_family, 6);
	assert_int_equal(m.icmp_data, 1280);
	assert_true(bytes_eq(m.password_algorithms, BYTES("\0\2\0\0\0\1\0\0")));
	assert_true(stunaddr_eq(&m.mapped, &a) && stunaddr_eq(&m.relayed, &a) && stunaddr_eq(&m.other, &a));
	assert_string_equal(stunmsg_phrase(699), "");
}

static void addresses_as_text(void **state)
{
	static const struct {
		struct stunaddr a;
		const char *text;
	} rows[] = {
		{ { 4, 80, { 192, 0, 2, 1 } }, "192.0.2.1:80" },
		{ { 6, 443, { 0x20, 1, 0x0d, 0xb8, [15] = 1 } }, "[2001:db8::1]:443" },
		{ { 6, 1, { 0 } }, "[::]:1" },
		{ { 6, 1, { [15] = 1 } }, "[::1]:1" },
		{ { 6, 1, { 0xfe, 0x80, [8] = 1, [13] = 2 } }, "[fe80::100:0:2:0]:1" },
		{ { 6, 1, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } }, "[101:101:101:101:101:101::]:1" },
		{ { 0, 1, { 0 } }, "unknown" },
	};
	char out[STUNADDR_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		stunaddr_text(&rows[i].a, out);
		assert_string_equal(out, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5769_request),
		cmocka_unit_test(rfc5769_responses),
		cmocka_unit_test(rfc5769_long_term),
		cmocka_unit_test(sha256_and_userhash),
		cmocka_unit_test(nothing_behind_the_signature_counts),
		cmocka_unit_test(a_short_signature_is_no_signature),
		cmocka_unit_test(a_signature_that_was_cut),
		cmocka_unit_test(the_first_of_two_counts),
		cmocka_unit_test(lies_about_lengths),
		cmocka_unit_test(wrong_sizes_of_values),
		cmocka_unit_test(old_clients_have_no_cookie),
		cmocka_unit_test(a_full_writer_writes_nothing_more),
		cmocka_unit_test(answers_read_back),
		cmocka_unit_test(addresses_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
