/* Whose connection is it, by what a TLS client offers first (RFC 8446 4.1.2, RFC 7301)? */
#include "net/client_hello.h"

#include "base/err.h"

#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RECORD_HEAD = 5, ROOM = 4096 };

static const char *const names[] = { "xmpp-server", "stun.turn", NULL };

struct said {
	uint8_t p[ROOM];
	size_t n;
};

/* What OpenSSL's client says first; alpn: as on the wire, NULL: none. */
static struct said say(const char *alpn, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct said s = { .n = 0 };

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	SSL *ssl = SSL_new(ctx);
	assert_non_null(ssl);
	if (alpn)
		assert_int_equal(SSL_set_alpn_protos(ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)), 0);
	assert_int_equal(SSL_set_tlsext_host_name(ssl, "a.example"), 1);
	BIO *out = BIO_new(BIO_s_mem());
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	SSL_set_connect_state(ssl);
	assert_int_equal(SSL_do_handshake(ssl), -1);
	int n = BIO_read(out, s.p, sizeof s.p);
	assert_in_range(n, 100, sizeof s.p - 1);
	s.n = (size_t)n;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return s;
}

static int offers_bytes(const void *p, size_t n)
{
	struct client_hello *h = client_hello_new();

	assert_non_null(h);
	int rc = client_hello_offers(h, bytes_make(p, n), names);
	client_hello_free(h);
	return rc;
}

static int offers(const struct said *s)
{
	return offers_bytes(s->p, s->n);
}

static void finds_the_offer(void **state)
{
	static const struct {
		const char *alpn;
		int found;
	} rows[] = {
		{ "\13xmpp-server", 0 },
		{ "\11stun.turn", 1 },
		{ "\10http/1.1\11stun.turn", 1 },
		{ "\11stun.turn\13xmpp-server", 0 },
		{ "\13xmpp-client\2h2", ERR_NOT_FOUND },
		{ "\12xmpp-serve\14xmpp-serverx", ERR_NOT_FOUND },
		{ NULL, ERR_NOT_FOUND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct said s13 = say(rows[i].alpn, TLS1_3_VERSION), s12 = say(rows[i].alpn, TLS1_2_VERSION);
		assert_int_equal(offers(&s13), rows[i].found);
		assert_int_equal(offers(&s12), rows[i].found);
	}
}

static void comes_in_drips(void **state)
{
	struct said s = say("\13xmpp-server", TLS1_3_VERSION);

	(void)state;
	for (size_t n = 0; n < s.n; n++)
		assert_int_equal(offers_bytes(s.p, n), ERR_AGAIN);
	s.p[s.n] = 'x'; /* what follows is not looked at */
	assert_int_equal(offers_bytes(s.p, s.n + 1), 0);
}

/* RFC 8446 5.1: a handshake message may be split over records. */
static void comes_in_two_records(void **state)
{
	struct said s = say("\13xmpp-server", TLS1_3_VERSION), two = { .n = s.n + RECORD_HEAD };
	size_t first = 50, rest = s.n - RECORD_HEAD - first;

	(void)state;
	memcpy(two.p, s.p, RECORD_HEAD + first);
	two.p[3] = 0;
	two.p[4] = (uint8_t)first;
	uint8_t *second = two.p + RECORD_HEAD + first;
	memcpy(second, s.p, 3);
	second[3] = (uint8_t)(rest >> 8);
	second[4] = (uint8_t)rest;
	memcpy(second + RECORD_HEAD, s.p + RECORD_HEAD + first, rest);
	assert_int_equal(offers_bytes(two.p, RECORD_HEAD + first), ERR_AGAIN);
	assert_int_equal(offers(&two), 0);
}

static void refuses_the_rest(void **state)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", stream[] = "<?xml version='1.0'?><stream:stream>";
	static const uint8_t long_one[CLIENT_HELLO_MAX + 1];
	struct said s = say("\13xmpp-server", TLS1_3_VERSION);

	(void)state;
	assert_int_equal(offers_bytes(http, sizeof http - 1), ERR_SYNTAX);
	assert_int_equal(offers_bytes(stream, sizeof stream - 1), ERR_SYNTAX);
	assert_int_equal(offers_bytes(long_one, sizeof long_one), ERR_LIMIT);
	/* A list whose length is not what follows: of its extension, type 16. */
	for (size_t i = 0; i + 6 < s.n; i++)
		if (memcmp(s.p + i, "\0\20\0\16\0\14", 6) == 0)
			s.p[i + 5]--;
	assert_int_equal(offers(&s), ERR_SYNTAX);
	/* No handshake message can be of that type first: a ServerHello. */
	s.p[RECORD_HEAD] = 2;
	assert_int_equal(offers(&s), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_offer),
		cmocka_unit_test(comes_in_drips),
		cmocka_unit_test(comes_in_two_records),
		cmocka_unit_test(refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
