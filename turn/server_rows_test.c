#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Bad input and what other relays have been caught at: docs/architecture/turn-rows.md names each. */

static const struct stunaddr peer = { 4, 7000, { 8, 8, 8, 8 } };

#define V6 { STUN_REQUESTED_ADDRESS_FAMILY, BYTES("\2\0\0\0") }
#define NONE (struct play_attribute[]){ { 0, BYTES_NONE } }
#define ATTRIBUTE(n) ((enum stunmsg_attribute)(n))

static unsigned ask(struct play_client *c, uint16_t method, struct play_attribute *all)
{
	return play_code(play_ask_all(c, method, all));
}

struct raw {
	uint8_t p[2048];
	size_t n;
};

static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static struct bytes raw(struct raw *r, enum stunmsg_class class, uint16_t method, struct play_attribute *all)
{
	struct stunmsg_writer w;

	stunmsg_begin(&w, r->p, sizeof r->p, class, method, id);
	play_put_all(&w, all);
	r->n = stunmsg_end(&w).n;
	return bytes_make(r->p, r->n);
}

/* A signed request with more behind its signature. The client has a nonce. */
static struct stunmsg ask_with_tail(struct play_client *c, uint16_t method, struct play_attribute *all, struct play_attribute *behind)
{
	struct raw r;
	uint8_t key[STUNMSG_KEY_MAX];
	struct stunmsg_writer w;
	size_t n;

	stunmsg_begin(&w, r.p, sizeof r.p, STUN_REQUEST, method, id);
	play_put_all(&w, all);
	stunmsg_put(&w, STUN_USERNAME, bytes_of(c->user));
	stunmsg_put(&w, STUN_REALM, BYTES("example.org"));
	stunmsg_put(&w, STUN_NONCE, bytes_make(c->nonce, c->nonce_n));
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_MD5, bytes_of(c->user), BYTES("example.org"), bytes_of(c->password), key, &n), 0);
	stunmsg_put_integrity(&w, bytes_make(key, n), false);
	play_put_all(&w, behind);
	play_clear(&play);
	play_from_client(c, stunmsg_end(&w));
	return play_last_message(&play);
}

/* ---- reflection: coturn#1588, #1470 ---- */

static size_t answer_to(struct play_client *c, struct bytes b)
{
	play_clear(&play);
	play_from_client(c, b);
	return play_last(&play) ? play_last(&play)->n : 0;
}

static void answers_to_strangers_are_small(void **state)
{
	static const struct {
		uint16_t method;
		struct play_attribute all[3];
		unsigned tenths; /* of the request, at most */
	} rows[] = {
		{ STUN_BINDING, { { 0, BYTES_NONE } }, 16 },
		{ STUN_BINDING, { { STUN_SOFTWARE, BYTES("a client") } }, 16 },
		{ STUN_BINDING, { { ATTRIBUTE(0x7777), BYTES_NONE } }, 30 },
		{ STUN_BINDING, { { STUN_CHANGE_REQUEST, BYTES("\0\0\0\6") } }, 30 },
		{ STUN_BINDING, { { STUN_LIFETIME, BYTES_NONE } }, 30 },
		{ STUN_ALLOCATE, { { 0, BYTES_NONE } }, 30 },
		{ STUN_ALLOCATE, { PLAY_UDP }, 30 },
		{ STUN_ALLOCATE, { PLAY_UDP, { STUN_LIFETIME, BYTES("\0\0\2\x58") } }, 30 },
		{ STUN_ALLOCATE, { { STUN_LIFETIME, BYTES_NONE } }, 30 },
		{ STUN_ALLOCATE, { { STUN_MESSAGE_INTEGRITY, BYTES("12345678901234567890") } }, 30 },
		{ STUN_REFRESH, { { 0, BYTES_NONE } }, 30 },
		{ STUN_CREATE_PERMISSION, { { 0, BYTES_NONE } }, 30 },
		{ STUN_CHANNEL_BIND, { { 0, BYTES_NONE } }, 30 },
		{ STUN_CONNECT, { { 0, BYTES_NONE } }, 30 },
		{ STUN_CONNECTION_BIND, { { 0, BYTES_NONE } }, 30 },
		{ 0xfe, { { 0, BYTES_NONE } }, 30 },
	};
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw r;
		struct bytes b = raw(&r, STUN_REQUEST, rows[i].method, (struct play_attribute *)rows[i].all);
		size_t n = answer_to(&c, b);
		if (n == 0 || n * 10 > b.n * rows[i].tenths)
			fail_msg("row %zu: %zu bytes for %zu", i, n, b.n);
	}
}

/* A nonce that was, with the name of a user: what a stranger may send who once was challenged. */
static void a_stale_nonce_is_no_amplifier(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)play_allocate(&c);
	loop_fake_advance(play.loop, 3700 * 1000);
	struct stunmsg m = ask_with_tail(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP), NONE);
	assert_int_equal(m.error, 438);
	assert_true(m.raw.n <= 120);
}

/* ---- what is signed, and what is not ---- */

/* Live in other relays: lifetime 700 signed, 3000 granted. */
static void nothing_behind_the_signature_is_obeyed(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 401);
	struct stunmsg m = ask_with_tail(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_LIFETIME, BYTES("\0\0\2\xbc") }),
	                                 PLAY_ALL({ STUN_LIFETIME, BYTES("\0\0\xb\xb8") }, V6, { STUN_EVEN_PORT, BYTES("\x80") }, { ATTRIBUTE(0x7777), BYTES_NONE }));
	assert_int_equal(play_code(m), 0);
	assert_int_equal(m.lifetime_s, 700);
	assert_int_equal(m.relayed.family, 4);
	assert_false(m.has & STUN_HAS_TOKEN);
	static const uint8_t other[] = { 0, 1, 0x1b ^ 0x58 ^ 0x21 ^ 0x58, 0x58 ^ 0x12, 9 ^ 0x21, 9 ^ 0x12, 9 ^ 0xa4, 9 ^ 0x42 };
	assert_int_equal(play_code(ask_with_tail(&c, STUN_CREATE_PERMISSION, NONE, PLAY_ALL({ STUN_XOR_PEER_ADDRESS, bytes_make(other, 8) }))), 400);
	assert_int_equal(play_code(ask_with_tail(&c, STUN_REFRESH, NONE, PLAY_ALL({ STUN_LIFETIME, BYTES("\0\0\0\0") }))), 0);
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
}

static void every_bit_of_a_signed_request_counts(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;
	uint8_t key[STUNMSG_KEY_MAX];
	struct stunmsg_writer w;
	size_t n;

	(void)state;
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 401);
	stunmsg_begin(&w, r.p, sizeof r.p, STUN_REQUEST, STUN_ALLOCATE, id);
	play_put_all(&w, PLAY_ALL(PLAY_UDP, { STUN_USERNAME, bytes_of(c.user) }, { STUN_REALM, BYTES("example.org") },
	                     { STUN_NONCE, bytes_make(c.nonce, c.nonce_n) }));
	assert_int_equal(stunmsg_long_term_key(STUN_ALGORITHM_MD5, bytes_of(c.user), BYTES("example.org"), bytes_of(c.password), key, &n), 0);
	stunmsg_put_integrity(&w, bytes_make(key, n), false);
	struct bytes b = stunmsg_end(&w);
	for (size_t bit = 0; bit < b.n * 8; bit++) {
		r.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		play_clear(&play);
		play_from_client(&c, b);
		assert_int_equal(turn_server_count(play.workers[0].server), 0);
		r.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	play_clear(&play);
	play_from_client(&c, b);
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
}

static void of_two_the_first_counts(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	struct stunmsg m = play_ask_all(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, PLAY_TCP, { STUN_LIFETIME, BYTES("\0\0\2\xbc") }, { STUN_LIFETIME, BYTES("\0\0\xb\xb8") }));
	assert_int_equal(play_code(m), 0);
	assert_int_equal(m.lifetime_s, 700);
}

/* ---- peers: CVE-2018-4058, CVE-2020-26262, CVE-2026-27624, coturn#1945, #1947 ---- */

static const struct stunaddr denied[] = {
	{ 4, 9, { 0 } }, { 4, 9, { 127, 0, 0, 1 } }, { 4, 9, { 127, 8, 8, 8 } }, { 4, 9, { 169, 254, 169, 254 } }, { 4, 9, { 10, 0, 0, 1 } },
	{ 4, 9, { 172, 16, 0, 1 } }, { 4, 9, { 192, 168, 0, 1 } }, { 4, 9, { 100, 64, 0, 1 } }, { 4, 9, { 224, 0, 0, 1 } },
	{ 4, 9, { 255, 255, 255, 255 } }, { 4, 9, { 240, 0, 0, 1 } },
	{ 6, 9, { 0 } }, { 6, 9, { [15] = 1 } },                                     /* ::, ::1 */
	{ 6, 9, { [12] = 127, 0, 0, 1 } }, { 6, 9, { [12] = 8, 8, 8, 8 } },          /* IPv4-compatible */
	{ 6, 9, { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 } },                        /* IPv4-mapped */
	{ 6, 9, { [10] = 0xff, [11] = 0xff, 169, 254, 169, 254 } },
	{ 6, 9, { [8] = 0xff, [9] = 0xff, [12] = 127, 0, 0, 1 } },                   /* IPv4-translated */
	{ 6, 9, { 0x20, 2, 127, 0, 0, 1 } }, { 6, 9, { 0x20, 2, 192, 168, 0, 1 } },  /* 6to4 */
	{ 6, 9, { 0, 0x64, 0xff, 0x9b, [12] = 127, 0, 0, 1 } },                      /* NAT64 */
	{ 6, 9, { 0, 0x64, 0xff, 0x9b, 0, 1, [12] = 10, 0, 0, 1 } },
	{ 6, 9, { 0x20, 1, 0, 0, 127, 0, 0, 1 } },                                   /* Teredo: its server, its client */
	{ 6, 9, { 0x20, 1, 0, 0, 8, 8, 8, 8, [12] = 0x80, 0xff, 0xff, 0xfe } },
	{ 6, 9, { 0x2a, [10] = 0x5e, 0xfe, 127, 0, 0, 1 } },                         /* ISATAP */
	{ 6, 9, { 0xfe, 0x80, [15] = 1 } }, { 6, 9, { 0xfd, [15] = 1 } }, { 6, 9, { 0xff, 2, [15] = 1 } }, { 6, 9, { 0xfe, 0xc0, [15] = 1 } },
};

static void put_peer(struct stunmsg_writer *w, void *arg)
{
	stunmsg_put_address(w, STUN_XOR_PEER_ADDRESS, arg);
}

/* To a peer that has a permission and to one that is denied. */
static void send_to(struct play_client *c, const struct stunaddr *to)
{
	struct raw r;
	struct stunmsg_writer w;

	stunmsg_begin(&w, r.p, sizeof r.p, STUN_INDICATION, STUN_SEND, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, to);
	stunmsg_put(&w, STUN_DATA_ATTRIBUTE, BYTES("x"));
	play_clear(&play);
	play_from_client(c, stunmsg_end(&w));
}

static void denied_peers_on_every_way(void **state)
{
	struct play_client c = play_client(&play, 1, 1000), s = play_client(&play, 2, 2000);
	const struct stunaddr open = { 6, 9, { 0x2a, 1 } };

	(void)state;
	s.path.transport = TURN_TCP;
	s.path.conn = 1;
	/* both families: no peer is refused for want of a relay */
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0") })), 0);
	(void)ask(&s, STUN_ALLOCATE, PLAY_ALL(PLAY_TCP));
	assert_int_equal(ask(&s, STUN_ALLOCATE, PLAY_ALL(PLAY_TCP, { STUN_ADDITIONAL_ADDRESS_FAMILY, BYTES("\2\0\0\0") })), 0);
	assert_int_equal(play_permit(&c, &peer), 0);
	assert_int_equal(play_permit(&c, &open), 0);
	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
		struct stunaddr to = denied[i];
		char text[STUNADDR_TEXT_BYTES];
		stunaddr_text(&to, text);
		struct stunmsg connect = play_ask(&s, &(struct play_ask){ .method = STUN_CONNECT, .put = put_peer, .arg = &to });
		if (play_permit(&c, &to) != 403 || play_bind(&c, 0x4001, &to) != 403 || play_permit(&s, &to) != 403 || play_code(connect) != 403)
			fail_msg("%s was let through", text);
		send_to(&c, &to);
		if (play_last(&play))
			fail_msg("%s was sent to", text);
	}
	send_to(&c, &peer);
	assert_int_equal(play_last(&play)->what, OUT_PEER);
}

/* RFC 8656 10.2: all or none. */
static void one_denied_peer_refuses_all(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;

	(void)state;
	(void)play_allocate(&c);
	struct stunmsg_writer w;
	stunmsg_begin(&w, r.p, sizeof r.p, STUN_REQUEST, STUN_CREATE_PERMISSION, id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &denied[1]);
	(void)stunmsg_end(&w);
	/* IPv4: the key is the cookie, the same in every request */
	assert_int_equal(ask(&c, STUN_CREATE_PERMISSION, PLAY_ALL({ STUN_XOR_PEER_ADDRESS, bytes_make(r.p + 24, 8) }, { STUN_XOR_PEER_ADDRESS, bytes_make(r.p + 36, 8) })), 403);
	send_to(&c, &peer);
	assert_null(play_last(&play));
	assert_int_equal(ask(&c, STUN_CREATE_PERMISSION, PLAY_ALL({ STUN_XOR_PEER_ADDRESS, bytes_make(r.p + 24, 8) })), 0);
	send_to(&c, &peer);
	assert_non_null(play_last(&play));
}

/* ---- the form of messages ---- */

/* RFC 8489 6.3.1: all of them named, at most so many; comprehension-optional ones are passed over. */
static void unknown_attributes_are_named(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct play_attribute many[STUNMSG_UNKNOWN_MAX + 5] = { PLAY_UDP };

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { ATTRIBUTE(0x7001), BYTES("a") }, { ATTRIBUTE(0xf001), BYTES("b") }, { ATTRIBUTE(0x0abc), BYTES_NONE })), 420);
	struct bytes b = bytes_make(play_last(&play)->bytes, play_last(&play)->n);
	static const uint8_t named[] = { 0x00, 0x0a, 0, 4, 0x70, 0x01, 0x0a, 0xbc };
	assert_memory_equal(b.p + STUNMSG_HEADER + 4 + 24, named, sizeof named);
	for (unsigned i = 1; i < STUNMSG_UNKNOWN_MAX + 4; i++)
		many[i] = (struct play_attribute){ ATTRIBUTE(0x7000 + i), BYTES_NONE };
	assert_int_equal(ask(&c, STUN_ALLOCATE, many), 420);
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { ATTRIBUTE(0xf001), BYTES("b") })), 0);
	assert_int_equal(ask(&c, STUN_REFRESH, PLAY_ALL({ ATTRIBUTE(0x7001), BYTES_NONE }, { STUN_LIFETIME, BYTES("\0\0\0\0") })), 420);
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
	assert_int_equal(ask(&c, STUN_CREATE_PERMISSION, PLAY_ALL({ ATTRIBUTE(0x7001), BYTES_NONE })), 420);
	assert_int_equal(ask(&c, STUN_CHANNEL_BIND, PLAY_ALL({ ATTRIBUTE(0x7001), BYTES_NONE })), 420);
	assert_int_equal(ask(&c, STUN_BINDING, PLAY_ALL({ ATTRIBUTE(0x7001), BYTES_NONE })), 420);
}

/* Cisco's relay read past the packet: a length is held to the message, the message to the datagram. */
static void lengths_that_lie(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;

	(void)state;
	struct bytes b = raw(&r, STUN_REQUEST, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_SOFTWARE, BYTES("abcd") }));
	for (unsigned n = 0; n < 65536; n += n < 64 ? 1 : 251) { /* of the last attribute */
		r.p[30] = (uint8_t)(n >> 8);
		r.p[31] = (uint8_t)n;
		(void)answer_to(&c, b);
		assert_int_equal(play_last_message(&play).error, n >= 1 && n <= 4 ? 401 : 400);
	}
	b = raw(&r, STUN_REQUEST, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_SOFTWARE, BYTES("abcd") }));
	for (unsigned n = 0; n < 65536; n += n < 64 ? 1 : 251) { /* of the message */
		if (n == b.n - STUNMSG_HEADER)
			continue;
		r.p[2] = (uint8_t)(n >> 8);
		r.p[3] = (uint8_t)n;
		assert_int_equal(answer_to(&c, b), 0);
	}
	for (size_t n = 0; n < b.n; n++) /* a datagram that was cut */
		assert_int_equal(answer_to(&c, bytes_make(b.p, n)), 0);
}

/* RFC 8489 14: the last attribute is padded like any other; without, the length is no multiple of four. */
static void a_message_without_padding_is_none(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;

	(void)state;
	struct bytes b = raw(&r, STUN_REQUEST, STUN_BINDING, PLAY_ALL({ STUN_SOFTWARE, BYTES("abc") }));
	assert_true(answer_to(&c, b) > 0);
	r.p[3]--;
	assert_int_equal(answer_to(&c, bytes_make(b.p, b.n - 1)), 0);
	r.p[23] = 8; /* and one whose padding would lie behind the end */
	r.p[3] = 8;
	(void)answer_to(&c, bytes_make(b.p, b.n));
	assert_int_equal(play_last_message(&play).error, 400);
}

static void a_wrong_fingerprint_is_silence(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;
	struct stunmsg_writer w;

	(void)state;
	stunmsg_begin(&w, r.p, sizeof r.p, STUN_REQUEST, STUN_BINDING, id);
	stunmsg_put_fingerprint(&w);
	struct bytes b = stunmsg_end(&w);
	assert_true(answer_to(&c, b) > 0);
	assert_true(play_last_message(&play).has_fingerprint);
	for (size_t bit = 0; bit < 32; bit++) {
		r.p[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(answer_to(&c, b), 0);
		r.p[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	stunmsg_begin(&w, r.p, sizeof r.p, STUN_REQUEST, STUN_BINDING, id);
	stunmsg_put_fingerprint(&w);
	stunmsg_put(&w, STUN_SOFTWARE, BYTES("last?")); /* RFC 8489 14.7: it is the last */
	assert_int_equal(answer_to(&c, stunmsg_end(&w)), 0);
}

/* Only requests are answered: two relays must not be set upon each other. */
static void only_requests_are_answered(void **state)
{
	static const enum stunmsg_class classes[] = { STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };
	struct play_client c = play_client(&play, 1, 1000);
	struct raw r;

	(void)state;
	(void)play_allocate(&c);
	for (size_t i = 0; i < 3; i++)
		for (uint16_t method = 0; method < 0x10; method++) {
			assert_int_equal(answer_to(&c, raw(&r, classes[i], method, PLAY_ALL(PLAY_UDP, { STUN_LIFETIME, BYTES_NONE }))), 0);
			assert_int_equal(answer_to(&c, raw(&r, classes[i], method, PLAY_ALL({ ATTRIBUTE(0x7777), BYTES_NONE }, { STUN_ERROR_CODE, BYTES("\0\0\3\0") }))), 0);
		}
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
	const struct bytes others[] = { BYTES("GET / HTTP/1.1\r\n\r\n"), BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		                        BYTES("\x80\x00\x00\x01rtp rtp rtp"), BYTES("\x50\x00\0\4abcd"), BYTES("\x7f\xff\0\4abcd"),
		                        BYTES("\x40\x00\0\4abcd"), BYTES("\x40"), BYTES("M-SEARCH * HTTP/1.1\r\n\r\n") };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(answer_to(&c, others[i]), 0);
}

static void names_are_bytes_and_nothing_else(void **state)
{
	static const char *const names[] = { "%s%n%n%n", "../../etc/passwd", "' OR 1=1 --", "a\r\nb", "" };
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		c.user = names[i];
		assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 401);
		assert_null(strchr(play.why, '%'));
	}
	static const char long_name[600] = { 0 };
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL({ STUN_USERNAME, bytes_make(long_name, STUNMSG_USERNAME_MAX + 1) })), 400);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
}

/* Each needs its own: what is missing is 400 (RFC 8489 9.2.4, RFC 8656 7.2, 10.2, 12.2). */
static void what_a_request_lacks(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	struct play_attribute mac = { STUN_MESSAGE_INTEGRITY, BYTES("12345678901234567890") }, user = { STUN_USERNAME, BYTES("juliet") },
	                      realm = { STUN_REALM, BYTES("example.org") }, nonce = { STUN_NONCE, bytes_make(c.nonce, c.nonce_n) };
	struct play_attribute *rows[] = { PLAY_ALL(PLAY_UDP, mac), PLAY_ALL(PLAY_UDP, user, realm, mac), PLAY_ALL(PLAY_UDP, user, nonce, mac), PLAY_ALL(PLAY_UDP, realm, nonce, mac) };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw r;
		(void)answer_to(&c, raw(&r, STUN_REQUEST, STUN_ALLOCATE, rows[i]));
		assert_int_equal(play_last_message(&play).error, 400);
	}
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL({ STUN_SOFTWARE, BYTES("x") })), 400);
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 0);
	assert_int_equal(ask(&c, STUN_CREATE_PERMISSION, NONE), 400);
	assert_int_equal(ask(&c, STUN_CHANNEL_BIND, PLAY_ALL({ STUN_CHANNEL_NUMBER, BYTES("\x40\1\0\0") })), 400);
	assert_int_equal(ask(&c, STUN_CHANNEL_BIND, NONE), 400);
	assert_int_equal(ask(&c, STUN_CONNECT, NONE), 400);
	assert_int_equal(ask(&c, STUN_CONNECTION_BIND, PLAY_ALL({ STUN_CONNECTION_ID, BYTES("\0\0\0\1") })), 400);
}

/* ---- what allocations hold ---- */

/* coturn: 200 ports dead after 100 times; here without R, where server_test has it with. */
static void even_ports_come_back(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_EVEN_PORT, BYTES("\0") })), 0);
		assert_int_equal(play.open_ports, 1);
		assert_int_equal(play_refresh(&c, 0), 0);
		assert_int_equal(play.open_ports, 0);
	}
}

/* RFC 8016: a client whose connection is gone holds its place until it comes back or its time is over. */
static void a_resumable_allocation_keeps_its_quota(void **state)
{
	struct play_client c = play_client(&play, 1, 1000), d = play_client(&play, 2, 2000);

	(void)state;
	play.conf.limits.allocations_user = 1;
	turn_server_set(play.workers[0].server, &play.conf);
	c.path.transport = TURN_TCP;
	c.path.conn = 1;
	(void)ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	assert_int_equal(ask(&c, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP, { STUN_MOBILITY_TICKET, BYTES_NONE })), 0);
	(void)ask(&d, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP));
	assert_int_equal(ask(&d, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 486);
	turn_server_client_gone(play.workers[0].server, &c.path);
	assert_int_equal(ask(&d, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 486);
	loop_fake_advance(play.loop, 601 * 1000);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
	assert_int_equal(ask(&d, STUN_ALLOCATE, PLAY_ALL(PLAY_UDP)), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, play_up, play_down)
	const struct CMUnitTest tests[] = {
		T(answers_to_strangers_are_small), T(a_stale_nonce_is_no_amplifier), T(nothing_behind_the_signature_is_obeyed),
		T(every_bit_of_a_signed_request_counts), T(of_two_the_first_counts), T(denied_peers_on_every_way),
		T(one_denied_peer_refuses_all), T(unknown_attributes_are_named), T(lengths_that_lie),
		T(a_message_without_padding_is_none), T(a_wrong_fingerprint_is_silence), T(only_requests_are_answered),
		T(names_are_bytes_and_nothing_else), T(what_a_request_lacks), T(even_ports_come_back),
		T(a_resumable_allocation_keeps_its_quota),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
