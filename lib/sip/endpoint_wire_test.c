/* Transactions over real sockets: what endpoint_client_test and endpoint_server_test show with transports that
 * are not there, once on each of them, and the ways in which a connection lets a transaction down. */
#include "sip/endpoint.h"

#include "base/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sip/transport_fixture.h"

/* One server: asks, and answers 200 to what it is asked. */
struct side {
	struct sipendpoint *e;
	struct party party; /* its sockets and certificates */
	unsigned n_requests, n_responses, n_failed;
	unsigned status;
	int failed_rc;
	struct sip_source from;
	struct sipserver *held;
	bool holds;  /* answers nothing */
	bool closes; /* the flow, instead of an answer */
};

struct world {
	struct loop *loop;
	struct side a, b;
	struct pki_cert root, a_cert, b_cert;
};

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	struct side *s = arg;

	s->n_requests++;
	s->from = *from;
	if (s->closes) {
		siptransports_close_flow(sipendpoint_transports(s->e), from->flow);
		sipserver_drop(t);
	} else if (s->holds) {
		s->held = t;
	} else {
		sipserver_refuse(t, m, 200, "OK");
	}
	sipmsg_free(m);
}

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct side *s = arg;

	s->n_responses++;
	s->status = sipmsg_status(m);
	s->from = *from;
}

static void on_failed(void *arg, int rc, const char *words)
{
	struct side *s = arg;

	(void)words;
	s->n_failed++;
	s->failed_rc = rc;
}

static const struct sipendpoint_owner owner = { .request = on_request };
static const struct sipclient_owner client_owner = { on_response, on_failed };

static void side_open(struct side *s, struct loop *l, const char *host)
{
	s->e = sipendpoint_new(l, &owner, s);
	assert_non_null(s->e);
	s->party.t = sipendpoint_transports(s->e);
	sipendpoint_set_sent_by(s->e, host, 0);
}

static void side_close(struct side *s)
{
	sipendpoint_free(s->e);
	tls_store_free(s->party.store);
}

static int up(void **state)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(LOOP_LIBEVENT);
	side_open(&w->a, w->loop, "a.example");
	side_open(&w->b, w->loop, "b.example");
	w->root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w->a_cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "URI:sip:a.example" }, &w->root);
	w->b_cert = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b.example" }, &w->root);
	party_set_tls(&w->a.party, &w->root, &(struct party_certificate){ "a.example", &w->a_cert }, 1);
	party_set_tls(&w->b.party, &w->root, &(struct party_certificate){ "b.example", &w->b_cert }, 1);
	*state = w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	side_close(&w->a);
	side_close(&w->b);
	pki_free(&w->root);
	pki_free(&w->a_cert);
	pki_free(&w->b_cert);
	loop_free(w->loop);
	test_free(w);
	return 0;
}

/* A MESSAGE with a body of n bytes. */
static void ask(struct world *w, const struct sip_place *to, size_t n)
{
	struct sipmsg *m = sipmsg_request_new("MESSAGE", BYTES("sip:b@b.example"));
	uint8_t *body = test_calloc(1, n + 1);
	char call_id[40];
	static unsigned serial;

	memset(body, 'x', n);
	snprintf(call_id, sizeof call_id, "%u", serial++);
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	sipmsg_append(m, SIPH_FROM, BYTES("<sip:a@a.example>;tag=1"));
	sipmsg_append(m, SIPH_TO, BYTES("<sip:b@b.example>"));
	sipmsg_append(m, SIPH_CALL_ID, bytes_of(call_id));
	sipmsg_append(m, SIPH_CSEQ, BYTES("1 MESSAGE"));
	sipmsg_set_body(m, "text/plain", bytes_make(body, n));
	assert_int_equal(sipclient_start(w->a.e, m, to, 0, NULL, &client_owner, &w->a, NULL), 0);
	sipmsg_free(m);
	test_free(body);
}

static struct sip_place place(const struct world *w, enum siptransport how, const char *name)
{
	struct sip_place p = w->b.party.place[how];

	snprintf(p.name, sizeof p.name, "%s", name);
	snprintf(p.local, sizeof p.local, "a.example");
	return p;
}

static void a_request_is_answered_on_each_transport(void **state)
{
	struct world *w = *state;

	party_listen(&w->a.party, SIPT_UDP, false, false);
	for (enum siptransport how = 0; how < SIPT_PLACES; how++) {
		party_listen(&w->b.party, how, false, false);
		struct sip_place p = place(w, how, "b.example");
		ask(w, &p, 5);
		assert_true(party_wait(w->loop, &w->a.n_responses, 1u + how));
		assert_int_equal(w->a.status, 200);
		assert_int_equal(w->a.from.transport, how);
		assert_int_equal(w->b.from.transport, how);
	}
	assert_int_equal(w->a.n_failed, 0);
	assert_int_equal(w->b.n_requests, SIPT_PLACES);
}

/* Trap 6: the next place can be tried at once, not after Timer F. */
static void trap_6_a_refused_certificate_ends_the_transaction(void **state)
{
	struct world *w = *state;

	party_listen(&w->b.party, SIPT_TLS, false, false);
	struct sip_place p = place(w, SIPT_TLS, "x.example");
	uint64_t from = loop_now(w->loop);
	ask(w, &p, 5);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1));
	assert_int_equal(w->a.failed_rc, ERR_CERT_NAME);
	assert_true(loop_now(w->loop) - from < 2000);
	assert_int_equal(w->b.n_requests, 0);
}

static void a_connection_that_ends_fails_its_transactions(void **state)
{
	struct world *w = *state;

	party_listen(&w->b.party, SIPT_TCP, false, false);
	w->b.closes = true;
	struct sip_place p = place(w, SIPT_TCP, "b.example");
	for (int i = 0; i < 3; i++)
		ask(w, &p, 5);
	assert_true(party_wait(w->loop, &w->a.n_failed, 3));
	assert_int_equal(w->a.failed_rc, ERR_CLOSED);
	w->b.closes = false; /* the partner is back */
	ask(w, &p, 5);
	assert_true(party_wait(w->loop, &w->a.n_responses, 1));
}

/* A TCP listener at the port of the UDP one. */
static void listen_beside(struct side *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const union sip_sockaddr *at = &s->party.place[SIPT_UDP].addr;
	unsigned listener;

	assert_int_equal(bind(fd, &at->any, sip_sockaddr_len(at)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(siptransports_listen(s->party.t, SIPT_TCP, false, fd, &listener), 0);
}

/* RFC 3261 18.1.1 */
static void a_large_request_goes_by_tcp_and_back(void **state)
{
	struct world *w = *state;
	struct sipendpoint_counts c;

	party_listen(&w->a.party, SIPT_UDP, false, false);
	party_listen(&w->b.party, SIPT_UDP, false, false);
	struct sip_place p = place(w, SIPT_UDP, "");
	ask(w, &p, 2000); /* no TCP there */
	assert_true(party_wait(w->loop, &w->a.n_responses, 1));
	assert_int_equal(w->b.from.transport, SIPT_UDP);
	sipendpoint_counts(w->a.e, &c);
	assert_int_equal(c.udp_to_tcp, 1);
	assert_int_equal(c.tcp_back_to_udp, 1);
	listen_beside(&w->b);
	ask(w, &p, 2000);
	assert_true(party_wait(w->loop, &w->a.n_responses, 2));
	assert_int_equal(w->b.from.transport, SIPT_TCP);
	ask(w, &p, 100);
	assert_true(party_wait(w->loop, &w->a.n_responses, 3));
	assert_int_equal(w->b.from.transport, SIPT_UDP);
	sipendpoint_counts(w->a.e, &c);
	assert_int_equal(c.udp_to_tcp, 2);
	assert_int_equal(c.tcp_back_to_udp, 1);
}

/* RFC 3261 17.1.2.2: UDP is sent again until an answer comes, by the socket that the place names; one answer
 * is enough for all. */
static void a_lost_answer_is_asked_for_again(void **state)
{
	struct world *w = *state;
	struct sipendpoint_counts c;

	party_listen(&w->a.party, SIPT_UDP, false, false);
	party_listen(&w->a.party, SIPT_UDP, false, false);
	unsigned port = sip_sockaddr_port(&w->a.party.place[SIPT_UDP].addr);
	party_listen(&w->b.party, SIPT_UDP, false, false);
	siptransports_pause(w->b.party.t, true); /* it hears nothing for a while */
	struct sip_place p = place(w, SIPT_UDP, "");
	p.listener = w->a.party.listener[SIPT_UDP];
	ask(w, &p, 5);
	uint64_t from = loop_now(w->loop);
	while (loop_now(w->loop) - from < 700)
		loop_turn(w->loop, 50);
	siptransports_pause(w->b.party.t, false);
	assert_true(party_wait(w->loop, &w->a.n_responses, 1));
	assert_int_equal(sip_sockaddr_port(&w->b.from.addr), port);
	party_turns(w->loop, 5);
	assert_int_equal(w->b.n_requests, 1);
	assert_int_equal(w->a.n_responses, 1);
	sipendpoint_counts(w->b.e, &c);
	assert_int_equal(c.retransmitted_in, 1);
}

/* FED-11: the answer comes after its connection has gone; it goes to the sent-by's port at the same address. */
static void a_late_answer_finds_its_way(void **state)
{
	struct world *w = *state;

	party_listen(&w->a.party, SIPT_TCP, false, false);
	party_listen(&w->b.party, SIPT_TCP, false, false);
	sipendpoint_set_sent_by(w->a.e, "a.example", sip_sockaddr_port(&w->a.party.place[SIPT_TCP].addr));
	w->b.holds = true;
	struct sip_place p = place(w, SIPT_TCP, "b.example");
	ask(w, &p, 5);
	assert_true(party_wait(w->loop, &w->b.n_requests, 1));
	siptransports_close_flow(w->b.party.t, w->b.from.flow);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1)); /* our own client does not wait */
	struct siptransport_counts before, after;
	siptransports_counts(w->a.party.t, &before);
	sipserver_refuse(w->b.held, NULL, 200, "OK");
	for (int i = 0; i < 100; i++) {
		loop_turn(w->loop, 10);
		siptransports_counts(w->a.party.t, &after);
		if (after.stream_in > before.stream_in)
			break;
	}
	assert_int_equal(after.stream_in, before.stream_in + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_on_each_transport),
		TEST(trap_6_a_refused_certificate_ends_the_transaction),
		TEST(a_connection_that_ends_fails_its_transactions),
		TEST(a_large_request_goes_by_tcp_and_back),
		TEST(a_lost_answer_is_asked_for_again),
		TEST(a_late_answer_finds_its_way),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
