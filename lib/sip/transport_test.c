/* Transports of two servers on the loopback. The traps are those of spec/sip.md 4.2. */
#include "sip/transport.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <netinet/tcp.h>

#include "sip/transport_fixture.h"
#include "sip/transport_impl.h"

struct world {
	struct loop *loop;
	struct party a, b;
};

static const struct siptransport_config usual = {
	.connections_max = 1000, .per_address_max = 1000, .idle_ms = 60000, .handshake_ms = 5000,
	.half_ms = 5000, .first_ms = 5000, .queue_max = 1 << 20,
};

static int up(void **state)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(LOOP_LIBEVENT);
	party_open(&w->a, w->loop);
	party_open(&w->b, w->loop);
	siptransports_configure(w->a.t, &usual);
	siptransports_configure(w->b.t, &usual);
	*state = w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	party_close(&w->a);
	party_close(&w->b);
	loop_free(w->loop);
	test_free(w);
	return 0;
}

static struct siptransport_counts counts(const struct party *p)
{
	struct siptransport_counts c;

	siptransports_counts(p->t, &c);
	return c;
}

static int ask(struct world *w, enum siptransport how, uint64_t token, const char *subject)
{
	return siptransports_send(w->a.t, &w->b.place[how], token, party_request(how, "a.example;rport", subject));
}

/* ---- UDP ---- */

static void a_datagram_is_answered_where_it_came_from(void **state)
{
	struct world *w = *state;

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		party_listen(&w->a, SIPT_UDP, false, is_v6);
		party_listen(&w->b, SIPT_UDP, false, is_v6);
		assert_int_equal(ask(w, SIPT_UDP, 1, "hi"), 0);
		assert_int_equal(w->b.n_messages, (unsigned)is_v6); /* never from inside */
		assert_true(party_wait(w->loop, &w->a.n_messages, 1u + (unsigned)is_v6));
		assert_string_equal(w->b.subject, "hi");
		assert_int_equal(w->b.from.flow, 0);
		assert_int_equal(w->b.from.listener, w->b.listener[SIPT_UDP]);
		assert_int_equal(sip_sockaddr_port(&w->b.from.addr), sip_sockaddr_port(&w->a.place[SIPT_UDP].addr));
		siptransports_unlisten(w->a.t, w->a.listener[SIPT_UDP]);
		siptransports_unlisten(w->b.t, w->b.listener[SIPT_UDP]);
	}
	assert_int_equal(w->a.n_failed, 0);
	assert_int_equal(ask(w, SIPT_UDP, 1, "no socket"), ERR_CONN_UNREACHABLE);
}

/* RFC 3261 18.2.2: without rport the answer goes to the port of the sent-by. */
static void without_rport_the_sent_by_port_counts(void **state)
{
	struct world *w = *state;
	struct sip_place asked;
	char sent_by[64];
	int fd;

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	asked = w->b.place[SIPT_UDP];
	fd = party_stranger(&asked);
	snprintf(sent_by, sizeof sent_by, "a.example:%u", sip_sockaddr_port(&w->a.place[SIPT_UDP].addr));
	struct bytes m = party_request(SIPT_UDP, sent_by, "x");
	assert_int_equal(send(fd, m.p, m.n, 0), m.n);
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	close(fd);
}

/* A client behind a NAT hears only the socket that it spoke to. */
static void a_datagram_leaves_by_the_socket_that_is_named(void **state)
{
	struct world *w = *state;
	unsigned first, second;

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	first = w->b.listener[SIPT_UDP];
	party_listen(&w->b, SIPT_UDP, false, false);
	second = w->b.listener[SIPT_UDP];
	w->a.answers = false;
	const unsigned listeners[] = { second, first, 0, second + 1 };
	for (unsigned i = 0; i < 4; i++) {
		w->a.place[SIPT_UDP].listener = listeners[i];
		struct bytes m = party_request(SIPT_UDP, "b.example", "x");
		assert_int_equal(siptransports_send(w->b.t, &w->a.place[SIPT_UDP], 1, m), 0);
		assert_true(party_wait(w->loop, &w->a.n_messages, i + 1));
		bool is_second = sip_sockaddr_port(&w->a.from.addr) == sip_sockaddr_port(&w->b.place[SIPT_UDP].addr);
		assert_int_equal(is_second, i == 0);
	}
}

static void many_datagrams_cost_few_system_calls(void **state)
{
	struct world *w = *state;
	enum { N = 128 };

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	w->b.answers = false;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(ask(w, SIPT_UDP, i + 1, "x"), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, N));
	assert_int_equal(counts(&w->a).udp_out, N);
	assert_in_range(counts(&w->a).udp_writes, N / 32, N / 32 + 1);
	assert_in_range(counts(&w->b).udp_reads, N / 32, N / 32 + 4);
}

static void garbage_and_the_too_long_are_dropped(void **state)
{
	static const char *const garbage[] = { "\r\n\r\n", "\0\0\0\0", "GET / HTTP/1.1\r\n\r\n", "MESSAGE", "SIP/2.0 200 OK\r\n\r\n" };
	struct world *w = *state;
	uint8_t *big = test_calloc(1, 65536);
	int fd;

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	fd = party_stranger(&w->b.place[SIPT_UDP]);
	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
		assert_true(send(fd, garbage[i], strlen(garbage[i]) + 1, 0) > 0);
	party_turns(w->loop, 5);
	assert_int_equal(w->b.n_messages, 0);
	assert_int_equal(counts(&w->b).refused, 5);
	assert_int_equal(counts(&w->b).udp_out, 0);
	assert_int_equal(siptransports_send(w->a.t, &w->b.place[SIPT_UDP], 1, bytes_make(big, 65508)), ERR_LIMIT);
	close(fd);
	test_free(big);
}

/* What the kernel refuses comes back under its token, and does not hold up what is behind it. */
static void a_datagram_that_cannot_leave_fails(void **state)
{
	struct world *w = *state;
	struct sip_place nowhere = { .transport = SIPT_UDP };

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	assert_int_equal(sip_sockaddr_of(BYTES("127.0.0.1"), 0, &nowhere.addr), 0); /* port 0 */
	assert_int_equal(siptransports_send(w->a.t, &nowhere, 7, BYTES("x")), 0);
	assert_int_equal(ask(w, SIPT_UDP, 8, "behind"), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 1));
	assert_int_equal(w->a.n_failed, 1);
	assert_int_equal(w->a.failed[0], 7);
	assert_int_equal(w->a.failed_rc, ERR_CONN_UNREACHABLE);
}

/* Trap 3, FED-12: an answer goes back to its sender, whatever names are in its Via. Nothing here could look
 * one up: the library has no call for it. */
static void trap_3_names_in_via_are_not_looked_up(void **state)
{
	static const char *const vias[] = { "slow.test;rport;maddr=slow.test", "slow.test;rport;received=slow.test",
		                            "slow.test;rport;maddr=127.0.0.9" };
	struct world *w = *state;

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	for (unsigned i = 0; i < 3; i++) {
		struct bytes m = party_request(SIPT_UDP, vias[i], "x");
		assert_int_equal(siptransports_send(w->a.t, &w->b.place[SIPT_UDP], 1, m), 0);
		loop_turn(w->loop, 1);
		uint64_t from = loop_now(w->loop);
		assert_true(party_wait(w->loop, &w->a.n_messages, i + 1));
		assert_true(loop_now(w->loop) - from < 1000);
	}
}

/* Trap 12: a STUN binding request, with the magic cookie of RFC 8489 and without (RFC 3489). */
static void trap_12_stun_gets_no_answer(void **state)
{
	static const uint8_t requests[2][20] = {
		{ 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
		{ 0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	};
	struct world *w = *state;
	uint8_t got[100];

	party_listen(&w->b, SIPT_UDP, false, false);
	int fd = party_stranger(&w->b.place[SIPT_UDP]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send(fd, requests[i], 20, 0), 20);
	party_turns(w->loop, 10);
	assert_int_equal(counts(&w->b).udp_in, 2);
	assert_int_equal(recv(fd, got, sizeof got, 0), -1);
	close(fd);
}

/* ---- TCP ---- */

static void a_connection_is_used_again(void **state)
{
	struct world *w = *state;

	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		unsigned so_far = w->a.n_messages;
		party_listen(&w->b, SIPT_TCP, false, is_v6);
		for (unsigned i = 1; i <= 3; i++) {
			assert_int_equal(ask(w, SIPT_TCP, i, "again"), 0);
			assert_true(party_wait(w->loop, &w->a.n_messages, so_far + i));
		}
		assert_int_equal(counts(&w->a).connections, 1 + is_v6);
		assert_int_equal(counts(&w->b).connections, 1 + is_v6);
	}
	assert_int_equal(w->a.n_failed, 0);
	assert_int_not_equal(w->b.from.flow, 0);
	assert_int_equal(w->a.from.listener, 0);
	assert_int_equal(siptransports_send_flow(w->b.t, w->b.from.flow, 1, party_request(SIPT_TCP, "b.example", "back")), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 7)); /* a answers that */
	assert_string_equal(w->a.subject, "back");
	assert_int_equal(siptransports_send_flow(w->b.t, 12345, 1, BYTES("x")), ERR_CLOSED);
}

/* RFC 5923: requests back take the connection that the partner opened, once the door has said so. */
static void an_alias_needs_no_second_connection(void **state)
{
	struct world *w = *state;

	party_listen(&w->a, SIPT_TCP, false, false);
	party_listen(&w->b, SIPT_TCP, false, false);
	ask(w, SIPT_TCP, 1, "x");
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	siptransports_alias(w->b.t, w->b.from.flow, &w->a.place[SIPT_TCP]);
	assert_int_equal(siptransports_send(w->b.t, &w->a.place[SIPT_TCP], 1, party_request(SIPT_TCP, "b.example", "back")), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 2));
	assert_int_equal(counts(&w->b).connections, 1);
	siptransports_close_flow(w->b.t, w->b.from.flow);
	assert_int_equal(siptransports_send(w->b.t, &w->a.place[SIPT_TCP], 1, party_request(SIPT_TCP, "b.example", "new")), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 3)); /* the alias went with its connection */
	assert_int_equal(w->b.n_failed, 1); /* what was answered long ago */
}

static void a_refused_connection_fails_its_messages(void **state)
{
	struct world *w = *state;

	party_listen(&w->b, SIPT_TCP, false, false);
	siptransports_unlisten(w->b.t, w->b.listener[SIPT_TCP]);
	int rc = ask(w, SIPT_TCP, 5, "x");
	if (!rc) {
		assert_int_equal(ask(w, SIPT_TCP, 6, "x"), 0);
		assert_int_equal(w->a.n_failed, 0); /* never from inside */
		assert_true(party_wait(w->loop, &w->a.n_failed, 2));
		assert_int_equal(w->a.failed[0], 5);
		assert_int_equal(w->a.failed[1], 6);
		rc = w->a.failed_rc;
	}
	assert_int_equal(rc, ERR_CONN_REFUSED);
	assert_int_equal(counts(&w->a).connections, 0);
}

/* The peer closes what it took without a word: the transaction need not wait for its timer. (What was answered
 * comes back too: its owner waits for it no more.) */
static void an_end_without_an_answer_fails_what_was_sent(void **state)
{
	struct world *w = *state;

	party_listen(&w->b, SIPT_TCP, false, false);
	ask(w, SIPT_TCP, 1, "answered");
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	w->b.answers = false;
	w->b.closes = true;
	ask(w, SIPT_TCP, 2, "not answered");
	assert_true(party_wait(w->loop, &w->a.n_closed, 1));
	assert_int_equal(w->a.n_failed, 2);
	assert_int_equal(w->a.failed[1], 2);
	assert_int_equal(w->a.failed_rc, ERR_CLOSED);
}

/* That a kernel does what it is asked for cannot be shown on a loopback, which loses nothing. */
static void a_dead_peer_is_noticed_before_timer_f(void **state)
{
	struct world *w = *state;
	int ms = 0, probes = 0;
	socklen_t n = sizeof ms;

	party_listen(&w->b, SIPT_TCP, false, false);
	ask(w, SIPT_TCP, 1, "x");
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	struct siptransports *sides[] = { w->a.t, w->b.t };
	for (int i = 0; i < 2; i++) {
		int fd = LIST_OWNER(sides[i]->conns.next, struct sipconn, node)->link.watch.fd;
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &n), 0);
		assert_in_range(ms, 1, 31999);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &probes, &n), 0);
		assert_int_equal(probes, 1);
	}
}

/* Nobody waits for an answer any more (Timer F): no memory is held for it. */
static void an_idle_connection_remembers_nothing(void **state)
{
	struct loop *l = loop_new(LOOP_FAKE);
	struct party a, b;

	(void)state;
	party_open(&a, l);
	party_open(&b, l);
	siptransports_configure(a.t, &usual);
	siptransports_configure(b.t, &usual);
	party_listen(&b, SIPT_TCP, false, false);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(siptransports_send(a.t, &b.place[SIPT_TCP], i + 1, party_request(SIPT_TCP, "a.example", "x")), 0);
	for (unsigned i = 0; i < 20; i++)
		loop_fake_advance(l, 1);
	assert_int_equal(a.n_messages, 10);
	struct sipconn *c = LIST_OWNER(a.t->conns.next, struct sipconn, node);
	assert_true(buf_len(&c->tokens) > 0);
	loop_fake_advance(l, 34000);
	assert_null(c->tokens.p);
	assert_int_equal(counts(&a).connections, 1);
	loop_fake_advance(l, 30000); /* idle_ms */
	for (unsigned i = 0; i < 20; i++)
		loop_fake_advance(l, 1);
	assert_int_equal(counts(&a).connections, 0);
	assert_int_equal(a.n_failed, 0);
	party_close(&a);
	party_close(&b);
	loop_free(l);
}

/* Trap 8: a burst while the connection is being opened is neither dropped nor failed. */
static void trap_8_a_burst_while_connecting_arrives(void **state)
{
	struct world *w = *state;
	enum { N = 5000 };
	struct siptransport_config c = usual;

	c.queue_max = 4 << 20;
	siptransports_configure(w->a.t, &c);
	party_listen(&w->b, SIPT_TCP, false, false);
	w->b.answers = false;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(ask(w, SIPT_TCP, i + 1, "x"), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, N));
	assert_int_equal(w->a.n_failed, 0);
	assert_int_equal(counts(&w->a).connections, 1);
}

/* A queue has an end, and a peer that does not read is let go; all that waited fails. */
static void a_peer_that_does_not_read_is_let_go(void **state)
{
	struct world *w = *state;
	struct siptransport_config c = usual;
	unsigned n = 0;
	int rc = 0;

	c.half_ms = 300;
	c.queue_max = 100000;
	siptransports_configure(w->a.t, &c);
	party_listen(&w->b, SIPT_TCP, false, false);
	siptransports_pause(w->b.t, true);
	for (; !rc && n < 100000; n++) {
		rc = ask(w, SIPT_TCP, n + 1, "x");
		if (n % 50 == 0)
			loop_turn(w->loop, 0);
	}
	assert_int_equal(rc, ERR_FULL);
	assert_int_equal(w->a.n_failed, 0); /* the rest still stands */
	assert_true(party_wait(w->loop, &w->a.n_closed, 1));
	assert_int_equal(w->a.closed_why, ERR_TIMEOUT);
	assert_true(w->a.n_failed > 100);
	assert_int_equal(w->a.failed_rc, ERR_TIMEOUT);
}

static void send_raw(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* How much the stranger can read; -1 nothing yet, 0 the end. */
static ssize_t read_raw(struct world *w, int fd, char *out, size_t room)
{
	ssize_t n = -1;

	for (int i = 0; i < 100 && n < 0; i++) {
		loop_turn(w->loop, 5);
		n = recv(fd, out, room, 0);
	}
	return n;
}

/* RFC 5626 3.5.1 */
static void a_ping_is_answered(void **state)
{
	struct world *w = *state;
	char got[10];

	party_listen(&w->b, SIPT_TCP, false, false);
	int fd = party_stranger(&w->b.place[SIPT_TCP]);
	send_raw(fd, "\r\n\r\n");
	assert_int_equal(read_raw(w, fd, got, sizeof got), 2);
	assert_memory_equal(got, "\r\n", 2);
	close(fd);
}

/* RFC 3261 18.3: without a length nothing behind it can be understood. */
static void lost_framing_is_answered_and_ends(void **state)
{
	struct world *w = *state;
	char got[2000];

	party_listen(&w->b, SIPT_TCP, false, false);
	int fd = party_stranger(&w->b.place[SIPT_TCP]);
	send_raw(fd, "MESSAGE sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
	             "From: <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n"
	             "Content-Length: -1\r\n\r\n");
	assert_true(read_raw(w, fd, got, sizeof got) > 100);
	assert_memory_equal(got, "SIP/2.0 200", 11); /* whatever the owner says; it was asked */
	assert_int_equal(read_raw(w, fd, got, sizeof got), 0);
	close(fd);
	assert_true(party_wait(w->loop, &w->b.n_closed, 1));
}

/* Trap 13: a body in pieces, from a stranger who sends byte by byte, between whole messages. Trap 9: a method
 * of all the characters that a token may have. */
static void traps_9_and_13_messages_come_whole(void **state)
{
	struct world *w = *state;
	char text[4096], got[4096];
	struct bytes one = party_request(SIPT_TCP, "a.example", "pieces");

	party_listen(&w->b, SIPT_TCP, false, false);
	int fd = party_stranger(&w->b.place[SIPT_TCP]);
	/* two messages, of which the first has a body that looks like one */
	int n = snprintf(text, sizeof text,
	                 "!interesting-Method0123456789_*+`.%%indeed'~ sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a.example;branch=z9hG4bKx\r\n"
	                 "Max-Forwards: 70\r\nFrom: <sip:a@a.example>;tag=1\r\nTo: <sip:b@b.example>\r\nCall-ID: 9\r\n"
	                 "CSeq: 1 !interesting-Method0123456789_*+`.%%indeed'~\r\nSubject: odd\r\nContent-Length: %zu\r\n\r\n%.*s%.*s",
	                 one.n, BYTES_FMT(one), BYTES_FMT(one));
	assert_true(n > 0 && (size_t)n < sizeof text);
	for (int i = 0; i < n; i++) {
		assert_int_equal(send(fd, text + i, 1, MSG_NOSIGNAL), 1);
		loop_turn(w->loop, 1);
		if (w->b.n_messages == 1)
			assert_string_equal(w->b.subject, "odd");
	}
	assert_true(party_wait(w->loop, &w->b.n_messages, 2));
	party_turns(w->loop, 3);
	assert_int_equal(w->b.n_messages, 2);
	assert_string_equal(w->b.subject, "pieces");
	assert_true(recv(fd, got, sizeof got, 0) > 0);
	assert_memory_equal(got, "SIP/2.0 200", 11);
	close(fd);
}

/* Trap 4, FED-13 */
static void trap_4_silence_has_an_end(void **state)
{
	static const struct {
		enum siptransport how;
		const char *says;
		uint64_t after_ms;
	} rows[] = {
		{ SIPT_TCP, "", 100 },                                  /* never spoke */
		{ SIPT_TCP, "MESSAGE sip:b@b.example SIP/2.0\r\nVia", 300 }, /* half a message */
		{ SIPT_TLS, "", 200 },                                  /* no ClientHello */
		{ SIPT_TLS, "\x16\x03\x01\x02\x00\x01", 200 },          /* a part of one */
		{ SIPT_TCP, "\r\n\r\n", 500 },                          /* pinged, then idle */
	};
	struct world *w = *state;
	struct siptransport_config c = usual;
	struct pki_cert root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);

	c.first_ms = 100;
	c.handshake_ms = 200;
	c.half_ms = 300;
	c.idle_ms = 500;
	siptransports_configure(w->b.t, &c);
	party_set_tls(&w->b, &root, NULL, 0);
	party_listen(&w->b, SIPT_TCP, false, false);
	party_listen(&w->b, SIPT_TLS, false, false);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char got[10];
		int fd = party_stranger(&w->b.place[rows[i].how]);
		loop_turn(w->loop, 10);
		send_raw(fd, rows[i].says);
		loop_turn(w->loop, 10);
		uint64_t from = loop_now(w->loop);
		while (loop_now(w->loop) - from < rows[i].after_ms - 50)
			loop_turn(w->loop, 10);
		assert_int_equal(counts(&w->b).connections, 1);
		while (recv(fd, got, sizeof got, 0) != 0 && loop_now(w->loop) - from < rows[i].after_ms + 300)
			loop_turn(w->loop, 10);
		assert_in_range(loop_now(w->loop) - from, rows[i].after_ms - 50, rows[i].after_ms + 150);
		close(fd);
		assert_true(party_wait(w->loop, &w->b.n_closed, i + 1));
		assert_int_equal(counts(&w->b).connections, 0);
	}
	pki_free(&root);
}

/* One byte now and then does not buy time for half a message (FED-13). */
static void a_trickle_has_an_end(void **state)
{
	struct world *w = *state;
	struct siptransport_config c = usual;

	char got[10];

	c.half_ms = 300;
	siptransports_configure(w->b.t, &c);
	party_listen(&w->b, SIPT_TCP, false, false);
	int fd = party_stranger(&w->b.place[SIPT_TCP]);
	uint64_t from = loop_now(w->loop);
	while (recv(fd, got, sizeof got, 0) != 0 && loop_now(w->loop) - from < 3000) {
		(void)send(fd, "x", 1, MSG_NOSIGNAL); /* fails at the end */
		loop_turn(w->loop, 20);
	}
	loop_turn(w->loop, 0); /* the loop's clock stands still during a turn, and the end came in the last one */
	assert_in_range(loop_now(w->loop) - from, 250, 2000);
	close(fd);
}

static void who_is_known_leaves_room_for_strangers(void **state)
{
	struct world *w = *state;
	struct siptransport_config c = usual;
	int fds[4];

	c.per_address_max = 1;
	siptransports_configure(w->b.t, &c);
	party_listen(&w->b, SIPT_TCP, false, false);
	ask(w, SIPT_TCP, 1, "x");
	assert_true(party_wait(w->loop, &w->b.n_messages, 1));
	siptransports_know(w->b.t, w->b.from.flow);
	siptransports_know(w->b.t, w->b.from.flow); /* once is enough */
	siptransports_know(w->b.t, 12345);
	for (int i = 0; i < 2; i++)
		fds[i] = party_stranger(&w->b.place[SIPT_TCP]);
	party_turns(w->loop, 5);
	assert_int_equal(counts(&w->b).connections, 2);
	close(fds[0]);
	close(fds[1]);
	assert_true(party_wait(w->loop, &w->b.n_closed, 1));
	fds[2] = party_stranger(&w->b.place[SIPT_TCP]);
	party_turns(w->loop, 5);
	assert_int_equal(counts(&w->b).connections, 2);
	close(fds[2]);
}

static void limits_hold(void **state)
{
	struct world *w = *state;
	struct siptransport_config c = usual;
	int fds[20];
	char got[10];

	c.per_address_max = 3;
	siptransports_configure(w->b.t, &c);
	party_listen(&w->b, SIPT_TCP, false, false);
	for (int i = 0; i < 5; i++)
		fds[i] = party_stranger(&w->b.place[SIPT_TCP]);
	party_turns(w->loop, 5);
	assert_int_equal(counts(&w->b).connections, 3);
	assert_int_equal(counts(&w->b).refused, 2);
	assert_int_equal(recv(fds[4], got, sizeof got, 0), 0);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	assert_true(party_wait(w->loop, &w->b.n_closed, 3));
	/* An eighth of all is for our own. */
	c.per_address_max = c.connections_max = 16;
	siptransports_configure(w->b.t, &c);
	for (int i = 0; i < 20; i++)
		fds[i] = party_stranger(&w->b.place[SIPT_TCP]);
	party_turns(w->loop, 5);
	assert_int_equal(counts(&w->b).connections, 14);
	party_listen(&w->a, SIPT_TCP, false, false);
	for (unsigned i = 0; i < 3; i++) {
		struct sip_place to = w->a.place[SIPT_TCP];
		if (i == 1)
			to.addr.v4.sin_addr.s_addr = htonl(0x7f000002); /* refused in time, but first a connection */
		if (i == 2)
			to.addr.v4.sin_addr.s_addr = htonl(0x7f000003);
		assert_int_equal(siptransports_send(w->b.t, &to, 1, BYTES("x")), i < 2 ? 0 : ERR_LIMIT);
	}
	for (int i = 0; i < 20; i++)
		close(fds[i]);
}

/* FED-11: the connection has gone: the answer finds another way, by address. */
static void an_answer_outlives_its_connection(void **state)
{
	struct world *w = *state;
	struct sip_via via = { .host = BYTES("a.example") };
	struct sip_source from;

	party_listen(&w->a, SIPT_TCP, false, false);
	party_listen(&w->b, SIPT_TCP, false, false);
	w->b.answers = false;
	ask(w, SIPT_TCP, 1, "x");
	assert_true(party_wait(w->loop, &w->b.n_messages, 1));
	from = w->b.from;
	siptransports_close_flow(w->a.t, counts(&w->a).connections ? w->a.from.flow : 0); /* none of its own heard: no flow known */
	siptransports_close_flow(w->b.t, from.flow);
	assert_true(party_wait(w->loop, &w->b.n_closed, 1));
	via.port = sip_sockaddr_port(&w->a.place[SIPT_TCP].addr);
	assert_int_equal(siptransports_answer(w->b.t, &from, &via, party_request(SIPT_TCP, "b.example", "late")), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	assert_string_equal(w->a.subject, "late");
	assert_int_equal(w->a.from.listener, w->a.listener[SIPT_TCP]);
}

/* Back-pressure: what has come stays here or with the kernel, in order, nothing is lost. */
static void a_pause_holds_everything(void **state)
{
	struct world *w = *state;

	party_listen(&w->a, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_UDP, false, false);
	party_listen(&w->b, SIPT_TCP, false, false);
	w->b.pauses = true;
	w->b.answers = false;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask(w, SIPT_TCP, i + 1, "x"), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 1));
	assert_int_equal(ask(w, SIPT_UDP, 50, "udp"), 0);
	int fd = party_stranger(&w->b.place[SIPT_TCP]);
	party_turns(w->loop, 20);
	assert_int_equal(w->b.n_messages, 1);
	assert_int_equal(counts(&w->b).connections, 1); /* nobody is let in either */
	siptransports_pause(w->b.t, false);
	party_turns(w->loop, 3);
	assert_in_range(w->b.n_messages, 2, 3); /* one, and it paused again */
	w->b.pauses = false;
	siptransports_pause(w->b.t, false);
	assert_true(party_wait(w->loop, &w->b.n_messages, 21));
	close(fd);
}

static void an_owner_may_close_at_any_message(void **state)
{
	struct world *w = *state;

	party_listen(&w->b, SIPT_TCP, false, false);
	w->b.closes = true;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask(w, SIPT_TCP, i + 1, "x"), 0);
	assert_true(party_wait(w->loop, &w->a.n_closed, 1));
	assert_int_equal(w->b.n_messages, 1); /* and nothing after it */
	assert_int_equal(w->a.n_messages, 1); /* its answer went out first */
}

/* ---- names of places ---- */

static void places_differ_by_what_matters(void **state)
{
	uint8_t one[SIP_PLACE_KEY_MAX], two[SIP_PLACE_KEY_MAX];
	struct sip_place p = { .transport = SIPT_TLS, .name = "B.example", .local = "a.example" }, q = p;

	(void)state;
	assert_int_equal(sip_sockaddr_of(BYTES("[2001:db8::1]"), 5061, &p.addr), 0);
	assert_int_equal(sip_sockaddr_of(BYTES("2001:db8::1"), 5061, &q.addr), 0);
	q.name[0] = 'b';
	assert_true(bytes_eq(sip_place_key(&p, one), sip_place_key(&q, two)));
	q.name[0] = 'c';
	assert_false(bytes_eq(sip_place_key(&p, one), sip_place_key(&q, two)));
	p.transport = q.transport = SIPT_TCP; /* names are nothing to it */
	assert_true(bytes_eq(sip_place_key(&p, one), sip_place_key(&q, two)));
	sip_sockaddr_set_port(&q.addr, 5060);
	assert_false(bytes_eq(sip_place_key(&p, one), sip_place_key(&q, two)));
	assert_int_equal(sip_sockaddr_of(BYTES("b.example"), 1, &p.addr), ERR_SYNTAX);
	assert_int_equal(sip_sockaddr_of(BYTES("127.1"), 1, &p.addr), ERR_SYNTAX);
	assert_int_equal(sip_sockaddr_of(BYTES(""), 1, &p.addr), ERR_SYNTAX);
	enum siptransport t;
	assert_int_equal(siptransport_of(BYTES("tls"), &t), 0);
	assert_int_equal(t, SIPT_TLS);
	assert_int_equal(siptransport_of(BYTES("sctp"), &t), ERR_UNKNOWN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_datagram_is_answered_where_it_came_from),
		TEST(without_rport_the_sent_by_port_counts),
		TEST(a_datagram_leaves_by_the_socket_that_is_named),
		TEST(many_datagrams_cost_few_system_calls),
		TEST(garbage_and_the_too_long_are_dropped),
		TEST(a_datagram_that_cannot_leave_fails),
		TEST(trap_3_names_in_via_are_not_looked_up),
		TEST(trap_12_stun_gets_no_answer),
		TEST(a_connection_is_used_again),
		TEST(an_alias_needs_no_second_connection),
		TEST(a_refused_connection_fails_its_messages),
		TEST(an_end_without_an_answer_fails_what_was_sent),
		TEST(a_dead_peer_is_noticed_before_timer_f),
		cmocka_unit_test(an_idle_connection_remembers_nothing),
		TEST(trap_8_a_burst_while_connecting_arrives),
		TEST(a_peer_that_does_not_read_is_let_go),
		TEST(a_ping_is_answered),
		TEST(lost_framing_is_answered_and_ends),
		TEST(traps_9_and_13_messages_come_whole),
		TEST(trap_4_silence_has_an_end),
		TEST(a_trickle_has_an_end),
		TEST(who_is_known_leaves_room_for_strangers),
		TEST(limits_hold),
		TEST(an_answer_outlives_its_connection),
		TEST(a_pause_holds_everything),
		TEST(an_owner_may_close_at_any_message),
		cmocka_unit_test(places_differ_by_what_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
