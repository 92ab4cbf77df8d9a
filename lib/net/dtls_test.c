#include "net/dtls.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/dtls_fixture.h"
#include "net/pki_fixture.h"
#include "net/tls_conn.h"

static const char *const stun_names[] = { "stun.turn", "stun.nat-discovery", NULL };

struct world {
	struct loop *loop;
	struct pki_cert good, good_rsa;
	struct tls_store *store;
	struct guest_net net;
	struct guest g;
};

static struct tls_store *store_of(struct world *w)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_non_null(s);
	assert_int_equal(tls_store_add_certificate(s, BYTES("ec"), pki_pem(&w->good)), 0);
	assert_int_equal(tls_store_add_certificate(s, BYTES("rsa"), pki_pem(&w->good_rsa)), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("ec")), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("rsa")), 0);
	return s;
}

static int world_up(void **state)
{
	static struct world w;

	w.good = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, NULL);
	w.good_rsa = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = PKI_RSA }, NULL);
	*state = &w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	pki_free(&w->good);
	pki_free(&w->good_rsa);
	return 0;
}

static int up(void **state)
{
	struct world *w = *state;

	w->loop = loop_new(LOOP_FAKE);
	guest_clock(w->loop);
	w->store = store_of(w);
	guest_net_up(&w->net, w->loop, w->store, stun_names);
	guest_up(&w->g, &w->net, 4000);
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	guest_down(&w->g);
	guest_net_down(&w->net);
	tls_store_free(w->store);
	guest_clock(NULL);
	loop_free(w->loop);
	return 0;
}

/* ---- ClientHellos as datagrams ---- */

/* The next datagram to the door, kept from it. */
static struct bytes take(struct guest_net *net, uint8_t room[static GUEST_DATAGRAM_MAX])
{
	assert_true(net->n > 0);
	struct guest_packet *p = &net->packets[net->first];
	assert_true(p->to_door);
	memcpy(room, p->p, p->n);
	net->first = (net->first + 1) % GUEST_PACKETS_MAX;
	net->n--;
	return bytes_make(room, p->n);
}

static struct bytes first_hello(struct guest *g, uint8_t room[static GUEST_DATAGRAM_MAX])
{
	(void)SSL_do_handshake(g->ssl);
	ERR_clear_error();
	return take(g->net, room);
}

/* The ClientHello with the cookie that the door gave to this one's address. */
static struct bytes second_hello(struct guest *g, uint8_t room[static GUEST_DATAGRAM_MAX])
{
	struct bytes hello = first_hello(g, room);

	assert_int_equal(guest_to_door(g, hello), 0);
	assert_null(g->t);
	struct guest_packet *answer = &g->net->packets[g->net->first];
	assert_false(answer->to_door);
	uint8_t copy[GUEST_DATAGRAM_MAX];
	memcpy(copy, answer->p, answer->n);
	g->in = bytes_make(copy, answer->n);
	g->net->n = 0;
	return first_hello(g, room);
}

/* ---- tests ---- */

static void words_pass_both_ways(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;

	assert_int_equal(SSL_set_alpn_protos(g->ssl, (const uint8_t *)"\x02h2\x09stun.turn", 13), 0);
	assert_true(guest_connect(g, 100));
	assert_string_equal(dtls_version_name(g->t), "DTLSv1.2");
	assert_non_null(strstr(dtls_cipher_name(g->t), "GCM"));
	guest_say(g, BYTES("ping"));
	assert_true(bytes_eq_str(buf_bytes(&g->heard), "ping"));
	assert_int_equal(dtls_send(g->t, BYTES("pong")), 0);
	guest_net_settle(&w->net);
	assert_true(bytes_eq_str(buf_bytes(&g->got), "pong"));
	assert_false(loop_timer_is_set(&g->t->timer));
	SSL_shutdown(g->ssl);
	guest_net_settle(&w->net);
	assert_true(g->is_closed);
	assert_int_equal(g->why, 0);
}

static void close_notify_is_sent(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;

	assert_true(guest_connect(g, 100));
	dtls_free(g->t);
	g->t = NULL;
	guest_net_settle(&w->net);
	assert_true(g->is_shut);
	assert_int_equal(g->n_closed, 0);
}

static void records_and_datagrams(void **state)
{
	static uint8_t long_text[DTLS_PLAIN_MAX + 1];
	struct world *w = *state;
	struct guest *g = &w->g;

	assert_true(guest_connect(g, 100));
	/* two records in one datagram */
	size_t n;
	assert_int_equal(SSL_write_ex(g->ssl, "one", 3, &n), 1);
	assert_int_equal(SSL_write_ex(g->ssl, "two", 3, &n), 1);
	struct guest_packet *a = &w->net.packets[w->net.first], *b = a + 1;
	memcpy(a->p + a->n, b->p, b->n);
	assert_int_equal(guest_to_door(g, bytes_make(a->p, a->n + b->n)), 0);
	w->net.n = 0;
	assert_int_equal(g->n_records, 2);
	assert_true(bytes_eq_str(buf_bytes(&g->heard), "onetwo"));
	/* again: the window knows it (RFC 6347 4.1.2.6); damaged: dropped in silence (4.1.2.7) */
	assert_int_equal(guest_to_door(g, bytes_make(a->p, a->n)), 0);
	assert_int_equal(SSL_write_ex(g->ssl, "bad", 3, &n), 1);
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct bytes bad = take(&w->net, room);
	room[bad.n - 1] ^= 1;
	assert_int_equal(guest_to_door(g, bad), 0);
	assert_int_equal(guest_to_door(g, BYTES("\x17\xfe\xfd")), 0);
	assert_int_equal(guest_to_door(g, BYTES_NONE), 0);
	assert_int_equal(g->n_records, 2);
	assert_false(g->is_closed);
	assert_int_equal(dtls_send(g->t, bytes_make(long_text, sizeof long_text)), ERR_LIMIT);
}

/* Certificates of both kinds, sent in pieces that pass everywhere. */
static void handshakes_keep_to_the_mtu(void **state)
{
	struct world *w = *state;
	struct pki_cert root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true, .key = PKI_RSA }, NULL);
	struct pki_cert mid = pki_make(&(struct pki_wish){ .cn = "mid", .is_ca = true, .key = PKI_RSA }, &root);
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = PKI_RSA }, &mid);
	struct tls_store *s = tls_store_new(NULL);
	struct bytes pem = pki_join(pki_pem(&leaf), pki_pem(&mid));

	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pem), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("c")), 0);
	assert_int_equal(dtls_door_store(w->net.door, s, "a.example"), 0);
	tls_store_free(s); /* the door holds it */
	assert_true(guest_connect(&w->g, 100));
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(w->g.ssl)), 2);
	assert_true(w->g.longest > 1000 && w->g.longest <= DTLS_MTU);
	guest_say(&w->g, BYTES("x"));
	assert_int_equal(w->g.n_records, 1);
	free((void *)pem.p);
	pki_free(&leaf);
	pki_free(&mid);
	pki_free(&root);
}

static void a_bad_network_is_survived(void **state)
{
	struct world *w = *state;

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct guest g;
		guest_up(&g, &w->net, (uint16_t)(5000 + seed));
		w->net.dice = seed * 7919;
		w->net.loses = 25, w->net.doubles = 25, w->net.swaps = 25;
		w->net.handshake_ms = 120000;
		assert_true(guest_connect(&g, 120000));
		assert_true(g.longest <= DTLS_MTU);
		w->net.loses = w->net.doubles = w->net.swaps = 0;
		guest_pass(&g, 5000);
		guest_say(&g, BYTES("through"));
		assert_true(bytes_eq_str(buf_bytes(&g.heard), "through"));
		assert_false(g.is_closed);
		guest_down(&g);
	}
}

/* Our flight is lost: it comes again after a second, and after two more (RFC 6347 4.2.4.1). */
static void flights_are_repeated(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];
	unsigned sent[3];

	struct bytes hello = second_hello(g, room);
	assert_int_equal(guest_to_door(g, hello), 0);
	assert_non_null(g->t);
	for (unsigned i = 0; i < 3; i++) {
		sent[i] = w->net.n;
		w->net.n = 0;
		loop_fake_advance(w->loop, 1000u << i);
	}
	assert_true(sent[0] > 0 && sent[1] >= sent[0]); /* repeated, each message goes alone */
	assert_int_equal(sent[2], sent[1]);
	w->net.n = 0;
}

static void handshakes_end(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];

	assert_int_equal(guest_to_door(g, second_hello(g, room)), 0);
	assert_int_equal(dtls_send(g->t, BYTES("x")), ERR_AGAIN);
	loop_fake_advance(w->loop, w->net.handshake_ms - 100);
	assert_false(g->is_closed);
	w->net.n = 0;
	loop_fake_advance(w->loop, 200);
	assert_true(g->is_closed);
	assert_int_equal(g->why, ERR_TIMEOUT);
	assert_int_equal(g->n_closed, 1);
	w->net.n = 0;
}

/* The client never hears our last flight: what it repeats brings it again. */
static void the_last_flight_is_repeated(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;

	(void)guest_connect(g, 0);
	for (unsigned i = 0; i < 10 && !g->is_secured; i++) {
		/* one packet at a time, until the door is through */
		unsigned n = w->net.n;
		assert_true(n > 0);
		static struct guest_packet p;
		p = w->net.packets[w->net.first];
		w->net.first = (w->net.first + 1) % GUEST_PACKETS_MAX;
		w->net.n--;
		if (p.to_door) {
			(void)guest_to_door(g, bytes_make(p.p, p.n));
		} else {
			g->in = bytes_make(p.p, p.n);
			(void)SSL_do_handshake(g->ssl);
			ERR_clear_error();
		}
	}
	assert_true(g->is_secured);
	assert_false(g->is_done);
	w->net.n = 0;
	guest_pass(g, 2000);
	guest_say(g, BYTES("x")); /* SSL_write ends the handshake, too */
	assert_int_equal(g->n_records, 1);
}

static void cookies_prove_one_address_for_a_while(void **state)
{
	struct dtls_cookies c;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = 5 };
	struct peer_address a = { .family = 4, .port = 1000, .bytes = { 192, 0, 2, 1 } }, b = a, port = a, six;
	uint8_t cookie[DTLS_COOKIE_BYTES], other[DTLS_COOKIE_BYTES];

	(void)state;
	b.bytes[3] = 2;
	port.port = 1001;
	peer_address_of((const struct sockaddr *)&v6, &six);
	dtls_cookies_init(&c, 1000);
	assert_true(dtls_cookie_make(&c, &a, cookie));
	struct bytes good = bytes_make(cookie, sizeof cookie);
	assert_true(dtls_cookie_is_good(&c, &a, good));
	assert_false(dtls_cookie_is_good(&c, &b, good));
	assert_false(dtls_cookie_is_good(&c, &port, good));
	assert_false(dtls_cookie_is_good(&c, &six, good));
	assert_false(dtls_cookie_is_good(&c, &a, bytes_make(cookie, sizeof cookie - 1)));
	assert_false(dtls_cookie_is_good(&c, &a, BYTES_NONE));
	memcpy(other, cookie, sizeof other);
	other[7] ^= 16;
	assert_false(dtls_cookie_is_good(&c, &a, bytes_make(other, sizeof other)));
	dtls_cookies_rotate(&c, 1000 + DTLS_COOKIE_LIFE_MS);
	assert_true(dtls_cookie_is_good(&c, &a, good));
	assert_true(dtls_cookie_make(&c, &a, other));
	assert_memory_not_equal(cookie, other, sizeof other);
	dtls_cookies_rotate(&c, 1000 + 2 * DTLS_COOKIE_LIFE_MS);
	assert_false(dtls_cookie_is_good(&c, &a, good));
	/* quiet for long: the key before is not older than any other */
	assert_true(dtls_cookie_make(&c, &a, cookie));
	dtls_cookies_rotate(&c, 1000 + 9 * DTLS_COOKIE_LIFE_MS);
	assert_false(dtls_cookie_is_good(&c, &a, good));
	dtls_cookies_fini(&c);
}

/* RFC 6347 4.2.1: a wrong cookie is as none. */
static void wrong_cookies_are_answered_by_a_new_one(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g, other;
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct bytes hello = second_hello(g, room);

	guest_up(&other, &w->net, 4001);
	assert_int_equal(guest_to_door(&other, hello), 0); /* not its own */
	assert_null(other.t);
	assert_true(other.bytes_out > 0);
	loop_fake_advance(w->loop, 2 * DTLS_COOKIE_LIFE_MS);
	uint64_t before = g->bytes_out;
	assert_int_equal(guest_to_door(g, hello), 0); /* too old */
	assert_null(g->t);
	assert_true(g->bytes_out > before);
	guest_down(&other);
	guest_restart(g);
	hello = second_hello(g, room);
	loop_fake_advance(w->loop, DTLS_COOKIE_LIFE_MS);
	assert_int_equal(guest_to_door(g, hello), 0); /* of the key before */
	assert_non_null(g->t);
}

static void what_is_no_hello_is_refused(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct bytes hello = first_hello(g, room);

	assert_int_equal(guest_to_door(g, BYTES_NONE), ERR_SYNTAX);
	assert_int_equal(guest_to_door(g, BYTES("\0\1\0\0\x21\x12\xa4\x42")), ERR_SYNTAX); /* STUN */
	assert_int_equal(guest_to_door(g, BYTES("\x16")), ERR_SYNTAX);
	assert_int_equal(guest_to_door(g, BYTES("\x17\xfe\xfd\0\1\0\0\0\0\0\1\0\1x")), ERR_SYNTAX);
	/* Every cut of a ClientHello. OpenSSL answers once the cookie's place has come: never more than came. */
	for (size_t n = 1; n < hello.n; n++)
		(void)guest_to_door(g, bytes_make(hello.p, n)); /* the bound is in the fixture */
	assert_null(g->t);
	w->net.n = 0;
	static const size_t places[] = { 1, 3, 4, 13, 17 }; /* version, epoch, type of message, its number */
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		room[places[i]] ^= 0x40;
		assert_int_equal(guest_to_door(g, hello), ERR_SYNTAX);
		room[places[i]] ^= 0x40;
	}
	assert_int_equal(guest_to_door(g, hello), 0);
	assert_true(g->bytes_out > 0 && g->bytes_out <= g->bytes_in);
	w->net.n = 0;
}

/* Of whichever allocator this test runs with. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

/* 10,000 addresses ask, none proves itself. */
static void strangers_cost_no_memory(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct bytes hello = first_hello(g, room);
	size_t before = 0;

	for (unsigned i = 0; i < 10000; i++) {
		g->at.sin_addr.s_addr = htonl(0x0a000000 + i);
		assert_int_equal(guest_to_door(g, hello), 0);
		w->net.n = 0;
		if (i == 10)
			before = allocated();
	}
	assert_null(g->t);
	assert_true(before > 0);
	assert_int_equal(allocated(), before);
	assert_true(g->bytes_out <= g->bytes_in);
}

/* RFC 6347 4.2.8. */
static void a_client_begins_anew(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];

	assert_true(guest_connect(g, 100));
	struct dtls *old = g->t;
	SSL *was = g->ssl;
	g->ssl = NULL;
	guest_restart(g);
	struct bytes hello = first_hello(g, room); /* anybody can send this in its name */
	assert_int_equal(guest_to_door(g, hello), 0);
	assert_ptr_equal(g->t, old);
	assert_false(g->is_closed);
	assert_int_equal(w->net.n, 1); /* the door's cookie */
	w->net.n = 0;
	SSL *is = g->ssl; /* the old one goes on */
	g->ssl = was;
	guest_say(g, BYTES("old"));
	assert_true(bytes_eq_str(buf_bytes(&g->heard), "old"));
	g->ssl = is;
	guest_restart(g);
	g->is_secured = false;
	assert_true(guest_connect(g, 100));
	assert_int_equal(g->n_closed, 1);
	assert_int_equal(g->why, ERR_CONN_RESET);
	guest_say(g, BYTES("new"));
	assert_true(bytes_eq_str(buf_bytes(&g->heard), "oldnew"));
	SSL_free(was);
}

/* What the network doubles has a good cookie and is no new client. */
static void the_same_hello_again_is_no_new_client(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct bytes hello = second_hello(g, room);

	assert_int_equal(guest_to_door(g, hello), 0);
	struct dtls *t = g->t;
	assert_int_equal(guest_to_door(g, hello), 0);
	assert_ptr_equal(g->t, t);
	assert_true(guest_connect(g, 3000));
	assert_int_equal(guest_to_door(g, hello), 0);
	assert_ptr_equal(g->t, t);
	guest_say(g, BYTES("x"));
	assert_int_equal(g->n_records, 1);
	assert_int_equal(g->n_closed, 0);
}

/* A client in the middle of a handshake begins anew. */
static void a_half_open_client_begins_anew(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];

	assert_int_equal(guest_to_door(g, second_hello(g, room)), 0);
	w->net.n = 0;
	guest_restart(g);
	assert_true(guest_connect(g, 100));
	assert_int_equal(g->n_closed, 1);
	assert_int_equal(g->why, ERR_CONN_RESET);
}

static bool connects(struct world *w, void (*set)(SSL *ssl))
{
	struct guest g;
	static uint16_t port = 6000;

	guest_up(&g, &w->net, ++port);
	set(g.ssl);
	bool ok = guest_connect(&g, 3000);
	if (!ok && g.n_closed)
		assert_int_equal(g.why, ERR_TLS);
	guest_down(&g);
	return ok;
}

static void nothing(SSL *ssl)
{
	(void)ssl;
}

static void dtls_10(SSL *ssl)
{
	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, DTLS1_VERSION);
	SSL_set_max_proto_version(ssl, DTLS1_VERSION);
	SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
}

static void cbc(SSL *ssl)
{
	SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:AES128-SHA:AES128-GCM-SHA256");
}

static void rsa(SSL *ssl)
{
	SSL_set_cipher_list(ssl, "ECDHE-RSA-CHACHA20-POLY1305");
}

static void foreign_alpn(SSL *ssl)
{
	SSL_set_alpn_protos(ssl, (const uint8_t *)"\x02h2", 3);
}

static void discovery(SSL *ssl)
{
	SSL_set_alpn_protos(ssl, (const uint8_t *)"\x12stun.nat-discovery", 19);
}

static void no_name(SSL *ssl)
{
	SSL_set_tlsext_host_name(ssl, NULL);
}

static void foreign_name(SSL *ssl)
{
	SSL_set_tlsext_host_name(ssl, "turn.elsewhere.example");
}

static void who_is_served(void **state)
{
	struct world *w = *state;

	assert_true(connects(w, nothing));
	assert_true(connects(w, rsa));
	assert_true(connects(w, discovery));
	assert_true(connects(w, no_name));
	assert_true(connects(w, foreign_name));
	assert_false(connects(w, dtls_10));
	assert_false(connects(w, cbc));
	assert_false(connects(w, foreign_alpn));
}

/* COMPAT: OpenSSL 3.0 counts Ed25519 as ECDSA in TLS 1.2 only. */
static void ed25519_alone_serves_nobody(void **state)
{
	struct world *w = *state;
	struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = PKI_ED25519 }, NULL);
	struct tls_store *s = tls_store_new(NULL);

	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pki_pem(&c)), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("c")), 0);
	assert_int_equal(dtls_door_store(w->net.door, s, "a.example"), 0);
	tls_store_free(s);
	assert_false(connects(w, nothing));
	pki_free(&c);
}

static void a_store_of_tls_13_has_no_dtls(void **state)
{
	struct world *w = *state;
	struct tls_store *s = tls_store_new(NULL);
	struct dtls_door *d = NULL;

	assert_int_equal(tls_store_require_13(s), 0);
	assert_int_equal(dtls_door_new(w->loop, s, NULL, NULL, &d), ERR_UNSUPPORTED);
	assert_int_equal(dtls_door_store(w->net.door, s, NULL), ERR_UNSUPPORTED);
	assert_true(guest_connect(&w->g, 100)); /* with the store before */
	tls_store_free(s);
}

static void renegotiation_is_refused(void **state)
{
	struct guest *g = &((struct world *)*state)->g;
	uint8_t before[64], after[64];

	SSL_clear_options(g->ssl, SSL_OP_NO_RENEGOTIATION);
	assert_true(guest_connect(g, 100));
	size_t n = SSL_get_finished(g->ssl, before, sizeof before);
	assert_int_equal(SSL_renegotiate(g->ssl), 1);
	(void)SSL_do_handshake(g->ssl);
	ERR_clear_error();
	guest_pass(g, 3000);
	assert_true(g->is_failed); /* told no_renegotiation, OpenSSL's client gives up */
	assert_int_equal(SSL_get_finished(g->ssl, after, sizeof after), n);
	assert_memory_equal(after, before, n);
	assert_int_equal(g->why, ERR_TLS); /* the alert by which it said so */
}

static void tickets_open_sessions(void **state)
{
	struct world *w = *state;
	struct guest again;

	assert_true(guest_connect(&w->g, 100));
	SSL_SESSION *session = SSL_get1_session(w->g.ssl);
	guest_up(&again, &w->net, 4002);
	assert_int_equal(SSL_set_session(again.ssl, session), 1);
	assert_true(guest_connect(&again, 100));
	assert_true(SSL_session_reused(again.ssl));
	guest_say(&again, BYTES("x"));
	assert_int_equal(again.n_records, 1);
	SSL_SESSION_free(session);
	guest_down(&again);
}

static void free_in_data(struct guest *g)
{
	dtls_free(g->t);
	g->t = NULL;
}

static void owners_may_free_in_data(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	size_t n;

	assert_true(guest_connect(g, 100));
	g->on_data = free_in_data;
	assert_int_equal(SSL_write_ex(g->ssl, "one", 3, &n), 1);
	guest_net_settle(&w->net);
	assert_int_equal(g->n_records, 1);
	assert_int_equal(g->n_closed, 0);
	assert_true(g->is_shut);
}

static void owners_may_decline(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX];
	struct buf reply;
	struct dtls *t = NULL;
	struct bytes hello = second_hello(g, room);

	buf_init(&reply, 2000);
	assert_int_equal(dtls_accept(w->net.door, (const struct sockaddr *)&g->at, hello, &reply, &t), 0);
	assert_non_null(t);
	assert_int_equal(buf_len(&reply), 0);
	dtls_free(t);
	assert_int_equal(w->net.n, 0);
	buf_fini(&reply);
}

/* A proven client floods a handshake with records of later: what it makes OpenSSL keep is bounded. */
static void early_records_are_bounded(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->g;
	uint8_t room[GUEST_DATAGRAM_MAX], record[64] = { 22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40 };

	assert_int_equal(guest_to_door(g, second_hello(g, room)), 0);
	for (unsigned i = 0; i < 1000; i++) {
		record[9] = (uint8_t)(i >> 8), record[10] = (uint8_t)i;
		record[0] = i % 2 ? 22 : 23;
		assert_int_equal(guest_to_door(g, bytes_make(record, 53)), 0);
	}
	assert_int_equal(g->t->n_handshake, DTLS_HANDSHAKE_DATAGRAMS_MAX);
	w->net.n = 0;
}

/* More associations than may keep buffers: each still hears and is heard. */
static void only_the_busy_keep_buffers(void **state)
{
	enum { N = DTLS_WARM_MAX + 20 };
	struct world *w = *state;
	struct guest *all = calloc(N, sizeof *all);

	assert_non_null(all);
	for (unsigned i = 0; i < N; i++) {
		guest_up(&all[i], &w->net, (uint16_t)(7000 + i));
		assert_true(guest_connect(&all[i], 100));
	}
	assert_int_equal(w->net.door->n_warm, DTLS_WARM_MAX);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(dtls_send(all[i].t, BYTES("out")), 0);
			guest_net_settle(&w->net);
			guest_say(&all[N - 1 - i], BYTES("in"));
		}
	}
	assert_int_equal(w->net.door->n_warm, DTLS_WARM_MAX);
	for (unsigned i = 0; i < N; i++) {
		assert_true(bytes_eq_str(buf_bytes(&all[i].got), "outout"));
		assert_true(bytes_eq_str(buf_bytes(&all[i].heard), "inin"));
		guest_down(&all[i]);
	}
	assert_int_equal(w->net.door->n_warm, 0);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_pass_both_ways, up, down),
		cmocka_unit_test_setup_teardown(close_notify_is_sent, up, down),
		cmocka_unit_test_setup_teardown(records_and_datagrams, up, down),
		cmocka_unit_test_setup_teardown(handshakes_keep_to_the_mtu, up, down),
		cmocka_unit_test_setup_teardown(a_bad_network_is_survived, up, down),
		cmocka_unit_test_setup_teardown(flights_are_repeated, up, down),
		cmocka_unit_test_setup_teardown(handshakes_end, up, down),
		cmocka_unit_test_setup_teardown(the_last_flight_is_repeated, up, down),
		cmocka_unit_test(cookies_prove_one_address_for_a_while),
		cmocka_unit_test_setup_teardown(wrong_cookies_are_answered_by_a_new_one, up, down),
		cmocka_unit_test_setup_teardown(what_is_no_hello_is_refused, up, down),
		cmocka_unit_test_setup_teardown(strangers_cost_no_memory, up, down),
		cmocka_unit_test_setup_teardown(a_client_begins_anew, up, down),
		cmocka_unit_test_setup_teardown(the_same_hello_again_is_no_new_client, up, down),
		cmocka_unit_test_setup_teardown(a_half_open_client_begins_anew, up, down),
		cmocka_unit_test_setup_teardown(who_is_served, up, down),
		cmocka_unit_test_setup_teardown(ed25519_alone_serves_nobody, up, down),
		cmocka_unit_test_setup_teardown(a_store_of_tls_13_has_no_dtls, up, down),
		cmocka_unit_test_setup_teardown(renegotiation_is_refused, up, down),
		cmocka_unit_test_setup_teardown(tickets_open_sessions, up, down),
		cmocka_unit_test_setup_teardown(owners_may_free_in_data, up, down),
		cmocka_unit_test_setup_teardown(owners_may_decline, up, down),
		cmocka_unit_test_setup_teardown(early_records_are_bounded, up, down),
		cmocka_unit_test_setup_teardown(only_the_busy_keep_buffers, up, down),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
