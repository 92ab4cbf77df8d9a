/* Client transactions: RFC 3261 17.1, RFC 6026 7.2 and 18.1.1's way from UDP to TCP and back. */
#include "sip/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "sip/endpoint_fixture.h"

static struct loop *loop;
static struct sipendpoint *e;
static struct { /* what the owners were told */
	unsigned responses, failures, strays, requests;
	unsigned last_status;
	int last_rc;
	struct sipclient *cancel_in_callback;
} told;

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)t;
	(void)from;
	told.requests++;
	sipmsg_free(m);
}

static void on_stray(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	told.strays++;
	sipmsg_free(m);
}

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	told.responses++;
	told.last_status = sipmsg_status(m);
	if (told.cancel_in_callback)
		sipclient_cancel(told.cancel_in_callback);
}

static void on_failed(void *arg, int rc, const char *words)
{
	(void)arg;
	assert_non_null(words);
	told.failures++;
	told.last_rc = rc;
}

static const struct sipendpoint_owner owner = { .request = on_request, .stray = on_stray };
static const struct sipclient_owner client_owner = { .response = on_response, .failed = on_failed };

static int open_endpoint(void **state)
{
	(void)state;
	memset(&told, 0, sizeof told);
	memset(&fake_wire, 0, sizeof fake_wire);
	loop = loop_new(LOOP_FAKE);
	e = sipendpoint_new(loop, &owner, NULL);
	sipendpoint_set_sent_by(e, "a.example", 5060);
	return loop && e ? 0 : -1;
}

static int close_endpoint(void **state)
{
	(void)state;
	sipendpoint_free(e);
	loop_free(loop);
	return 0;
}

static struct sipmsg *request(const char *method, size_t body_n)
{
	static char body[4000];
	struct sipmsg *m = sipmsg_request_new(method, BYTES("sip:juliet@b.example"));
	char cseq[64];

	memset(body, 'x', sizeof body);
	snprintf(cseq, sizeof cseq, "7 %s", method);
	sipmsg_append(m, SIPH_ROUTE, BYTES("<sip:p.example;lr>"));
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	sipmsg_append(m, SIPH_FROM, BYTES("<sip:romeo@a.example>;tag=1"));
	sipmsg_append(m, SIPH_TO, BYTES("<sip:juliet@b.example>"));
	sipmsg_append(m, SIPH_CALL_ID, BYTES("c1@a.example"));
	sipmsg_append(m, SIPH_CSEQ, bytes_of(cseq));
	sipmsg_set_body(m, "text/plain", bytes_make(body, body_n));
	return m;
}

static struct sipclient *send_on(const char *method, enum siptransport transport, uint64_t flow, size_t body_n, const char *branch)
{
	struct sipmsg *m = request(method, body_n);
	struct sip_place place = fake_place(transport);
	struct sipclient *t = NULL;

	assert_int_equal(sipclient_start(e, m, flow ? NULL : &place, flow, branch, &client_owner, NULL, &t), 0);
	sipmsg_free(m);
	assert_non_null(t);
	return t;
}

/* A response to the i-th thing sent. */
static void respond_to(size_t i, unsigned status, enum siptransport transport)
{
	struct sipmsg *m = NULL, *r;
	struct buf text;
	struct sip_source from = fake_source(transport, transport == SIPT_UDP ? 0 : 5);

	assert_int_equal(sipmsg_parse(bytes_make(fake_wire.sent[i].text, fake_wire.sent[i].n), &m), 0);
	r = sipmsg_response_new(m, status, NULL, "their");
	buf_init(&text, 8192);
	assert_int_equal(sipmsg_print(r, &text), 0);
	fake_deliver(sipendpoint_transports(e), buf_bytes(&text), &from);
	buf_fini(&text);
	sipmsg_free(r);
	sipmsg_free(m);
}

static uint64_t held_bytes(void)
{
	struct sipendpoint_counts c;

	sipendpoint_counts(e, &c);
	return c.held_bytes;
}

static uint64_t held(void)
{
	struct sipendpoint_counts c;

	sipendpoint_counts(e, &c);
	return c.clients;
}

/* ---- timers ---- */

enum { MOST_STEPS = 12 };
struct timing {
	const char *what;
	const char *method;
	enum siptransport transport;
	unsigned answer; /* status of a response that comes at once; 0: none */
	uint32_t sends_at[MOST_STEPS]; /* ms since the start at which it is sent again; 0 ends */
	uint32_t end_at;               /* the transaction is gone */
	unsigned responses, failures;
};
static const struct timing timings[] = {
	{ "Timers A and B, 17.1.1.2", "INVITE", SIPT_UDP, 0, { 500, 1500, 3500, 7500, 15500, 31500 }, 32000, 0, 1 },
	{ "Timer B on TCP, 17.1.1.2", "INVITE", SIPT_TCP, 0, { 0 }, 32000, 0, 1 },
	{ "Timer D, 17.1.1.2", "INVITE", SIPT_UDP, 486, { 0 }, 32000, 1, 0 },
	{ "Timer D on TCP", "INVITE", SIPT_TCP, 486, { 0 }, 0, 1, 0 },
	{ "Timer M, RFC 6026 8.11", "INVITE", SIPT_UDP, 200, { 0 }, 32000, 1, 0 },
	{ "Timer M on TCP", "INVITE", SIPT_TCP, 200, { 0 }, 32000, 1, 0 },
	{ "Timer C, 16.6 11, then CANCEL", "INVITE", SIPT_TLS, 180, { 0 }, 185000 + 32000, 1, 1 },
	{ "Timers E and F, 17.1.2.2", "MESSAGE", SIPT_UDP, 0,
	  { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500 }, 32000, 0, 1 },
	{ "Timer F on TLS", "MESSAGE", SIPT_TLS, 0, { 0 }, 32000, 0, 1 },
	{ "Timer E at T2 after 100, 17.1.2.2", "MESSAGE", SIPT_UDP, 100, { 4000, 8000, 12000, 16000, 20000, 24000, 28000 }, 32000, 0, 1 },
	{ "Timer K, 17.1.2.2", "MESSAGE", SIPT_UDP, 200, { 0 }, 5000, 1, 0 },
	{ "Timer K on TCP", "MESSAGE", SIPT_TCP, 200, { 0 }, 0, 1, 0 },
};

/* CANCEL and ACK are other messages. */
static size_t count_sent(const char *method)
{
	size_t n = 0;

	for (size_t i = 0; i < fake_wire.n && i < FAKE_SENT_MAX; i++)
		n += strncmp(fake_text(i), method, strlen(method)) == 0;
	return n;
}

static void check_timing(const struct timing *w)
{
	uint32_t now = 0;
	size_t i = 0;

	send_on(w->method, w->transport, 0, 10, NULL);
	if (w->answer)
		respond_to(0, w->answer, w->transport);
	for (; w->sends_at[i]; i++) {
		loop_fake_advance(loop, w->sends_at[i] - 1 - now);
		assert_int_equal(count_sent(w->method), i + 1);
		loop_fake_advance(loop, 1);
		now = w->sends_at[i];
		assert_int_equal(count_sent(w->method), i + 2);
	}
	if (w->end_at) {
		loop_fake_advance(loop, w->end_at - 1 - now);
		assert_true(held() > 0);
	}
	loop_fake_advance(loop, 1);
	assert_int_equal(held(), 0);
	assert_int_equal(count_sent(w->method), i + 1);
	assert_int_equal(told.responses, w->responses);
	assert_int_equal(told.failures, w->failures);
	if (w->failures)
		assert_int_equal(told.last_rc, ERR_TIMEOUT);
}

static void timers_go_off_when_they_should(void **state)
{
	for (size_t i = 0; i < sizeof timings / sizeof timings[0]; i++) {
		print_message("%s\n", timings[i].what);
		close_endpoint(state);
		open_endpoint(state);
		check_timing(&timings[i]);
	}
}

/* ---- the request ---- */

static void the_request_leaves_with_our_via(void **state)
{
	const char *text;

	(void)state;
	send_on("MESSAGE", SIPT_TLS, 0, 2, "loop-hash");
	text = fake_text(0);
	assert_int_equal(fake_wire.sent[0].transport, SIPT_TLS);
	assert_ptr_equal(strstr(text, "MESSAGE sip:juliet@b.example SIP/2.0\r\nVia: SIP/2.0/TLS a.example:5060;branch=z9hG4bK"), text);
	assert_non_null(strstr(text, ".loop-hash;rport\r\nRoute: "));
}

static void without_a_name_the_sockets_address_is_used(void **state)
{
	(void)state;
	sipendpoint_set_sent_by(e, NULL, 0);
	struct sipmsg *m = request("OPTIONS", 0);
	struct sip_place place = fake_place(SIPT_UDP);
	place.addr.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(sipclient_start(e, m, &place, 0, NULL, &client_owner, NULL, NULL), 0);
	assert_non_null(strstr(fake_text(0), "\r\nVia: SIP/2.0/UDP 127.0.0.1;branch="));
	sipmsg_free(m);
}

static void a_flow_is_used_when_given(void **state)
{
	(void)state;
	fake_wire.is_tls = true;
	send_on("NOTIFY", SIPT_TLS, 42, 2, NULL);
	assert_int_equal(fake_wire.sent[0].way, FAKE_FLOW);
	assert_int_equal(fake_wire.sent[0].flow, 42);
	assert_non_null(strstr(fake_text(0), "Via: SIP/2.0/TLS "));
}

static void what_cannot_be_sent_fails_at_once(void **state)
{
	struct sipmsg *m = request("MESSAGE", 2);
	struct sip_place place = fake_place(SIPT_TCP);

	(void)state;
	fake_wire.send_rc = ERR_FULL;
	assert_int_equal(sipclient_start(e, m, &place, 0, NULL, &client_owner, NULL, NULL), ERR_FULL);
	fake_wire.send_rc = 0;
	sipendpoint_set_limits(e, 1, 0);
	assert_int_equal(sipclient_start(e, m, &place, 0, NULL, &client_owner, NULL, NULL), ERR_FULL);
	sipmsg_set_uri(m, BYTES("no uri"));
	sipendpoint_set_limits(e, 1, 1);
	assert_int_equal(sipclient_start(e, m, &place, 0, NULL, &client_owner, NULL, NULL), ERR_SYNTAX);
	assert_int_equal(told.failures, 0);
	assert_int_equal(held(), 0);
	sipmsg_free(m);
}

/* Trap 6: the next place is tried now, not after Timer F. */
static void a_transports_failure_is_told_at_once(void **state)
{
	(void)state;
	send_on("MESSAGE", SIPT_TLS, 0, 2, NULL);
	fake_fail(sipendpoint_transports(e), fake_wire.sent[0].token, ERR_CERT_NAME);
	assert_int_equal(told.failures, 1);
	assert_int_equal(told.last_rc, ERR_CERT_NAME);
	assert_int_equal(held(), 0);
	fake_fail(sipendpoint_transports(e), fake_wire.sent[0].token, ERR_CERT_NAME); /* late */
	assert_int_equal(told.failures, 1);
}

/* ---- responses ---- */

static void responses_go_to_their_request(void **state)
{
	(void)state;
	send_on("MESSAGE", SIPT_UDP, 0, 2, NULL);
	respond_to(0, 100, SIPT_UDP); /* not told */
	assert_int_equal(told.responses, 0);
	respond_to(0, 202, SIPT_UDP);
	respond_to(0, 202, SIPT_UDP); /* again: absorbed */
	assert_int_equal(told.responses, 1);
	assert_int_equal(told.last_status, 202);
	struct sipendpoint_counts c;
	sipendpoint_counts(e, &c);
	assert_int_equal(c.retransmitted_in, 1);
}

static void strange_responses_are_dropped(void **state)
{
	static const char *const strange[] = {
		/* RFC 4475 3.3.10 and 3.1.2.5 */
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\nCall-ID: x\r\nCSeq: 35 MESSAGE\r\n"
		"From: sip:user@example.com;tag=1\r\nTo: sip:user@example.edu;tag=2229\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198\r\nCall-ID: x\r\nCSeq: 35 MESSAGE\r\n"
		"From: sip:user@example.com;tag=1\r\nTo: sip:user@example.edu;tag=2229\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK0123456789abcdeg\r\nCall-ID: x\r\nCSeq: 35 MESSAGE\r\n"
		"From: sip:user@example.com;tag=1\r\nTo: sip:user@example.edu;tag=2229\r\n\r\n",
	};
	struct sip_source from = fake_source(SIPT_UDP, 0);

	(void)state;
	send_on("MESSAGE", SIPT_UDP, 0, 2, NULL);
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
		fake_deliver(sipendpoint_transports(e), bytes_of(strange[i]), &from);
	assert_int_equal(told.responses + told.strays + told.failures, 0);
	assert_int_equal(held(), 1);
}

static void a_dropped_one_goes_on_alone(void **state)
{
	(void)state;
	sipclient_drop(send_on("INVITE", SIPT_UDP, 0, 2, NULL));
	respond_to(0, 404, SIPT_UDP);
	assert_int_equal(told.responses, 0);
	assert_int_equal(count_sent("ACK"), 1);
}

/* RFC 3261 17.1.1.3 */
static void a_refused_invite_is_acknowledged(void **state)
{
	(void)state;
	send_on("INVITE", SIPT_UDP, 0, 10, NULL);
	respond_to(0, 180, SIPT_UDP);
	respond_to(0, 486, SIPT_UDP);
	assert_int_equal(told.responses, 2);
	assert_int_equal(fake_wire.n, 2);
	const char *ack = fake_text(1), *via = strstr(fake_text(0), "Via: ");
	assert_ptr_equal(strstr(ack, "ACK sip:juliet@b.example SIP/2.0\r\n"), ack);
	assert_non_null(strstr(ack, "To: <sip:juliet@b.example>;tag=their\r\n"));
	assert_non_null(strstr(ack, "CSeq: 7 ACK\r\n"));
	assert_non_null(strstr(ack, "Route: <sip:p.example;lr>\r\n"));
	assert_memory_equal(strstr(ack, "Via: "), via, (size_t)(strchr(via, '\r') - via));
	respond_to(0, 486, SIPT_UDP); /* again, and the ACK again */
	assert_int_equal(fake_wire.n, 3);
	assert_string_equal(fake_text(2), ack);
	assert_int_equal(told.responses, 2);
}

/* RFC 6026 7.2: the 2xx of a fork, or again. */
static void more_2xx_are_the_owners(void **state)
{
	(void)state;
	send_on("INVITE", SIPT_UDP, 0, 10, NULL);
	respond_to(0, 200, SIPT_UDP);
	respond_to(0, 200, SIPT_UDP);
	assert_int_equal(told.responses, 1);
	assert_int_equal(told.strays, 1);
	loop_fake_advance(loop, 32000);
	respond_to(0, 200, SIPT_UDP);
	assert_int_equal(told.strays, 2);
	assert_int_equal(count_sent("ACK"), 0);
}

/* ---- CANCEL, RFC 3261 9.1 ---- */

static void cancel_waits_for_a_provisional_response(void **state)
{
	(void)state;
	struct sipclient *t = send_on("INVITE", SIPT_TCP, 0, 10, NULL);
	sipclient_cancel(t);
	assert_int_equal(count_sent("CANCEL"), 0);
	respond_to(0, 100, SIPT_TCP);
	assert_int_equal(count_sent("CANCEL"), 1);
	const char *cancel = fake_text(1), *via = strstr(fake_text(0), "Via: ");
	assert_non_null(strstr(cancel, "CSeq: 7 CANCEL\r\n"));
	assert_memory_equal(strstr(cancel, "Via: "), via, (size_t)(strchr(via, '\r') - via));
	respond_to(1, 200, SIPT_TCP);
	respond_to(0, 487, SIPT_TCP);
	assert_int_equal(told.last_status, 487);
	assert_int_equal(count_sent("ACK"), 1);
	loop_fake_advance(loop, 1);
	assert_int_equal(held(), 0);
}

static void cancel_from_the_callback(void **state)
{
	(void)state;
	told.cancel_in_callback = send_on("INVITE", SIPT_TCP, 0, 10, NULL);
	respond_to(0, 183, SIPT_TCP);
	assert_int_equal(count_sent("CANCEL"), 1);
	told.cancel_in_callback = NULL;
}

static void a_cancelled_invite_does_not_wait_for_ever(void **state)
{
	(void)state;
	struct sipclient *t = send_on("INVITE", SIPT_TCP, 0, 10, NULL);
	respond_to(0, 180, SIPT_TCP);
	sipclient_cancel(t);
	loop_fake_advance(loop, 32000);
	assert_int_equal(told.failures, 1);
	loop_fake_advance(loop, 32000);
	assert_int_equal(held(), 0);
}

static void others_cannot_be_cancelled(void **state)
{
	(void)state;
	struct sipclient *t = send_on("MESSAGE", SIPT_UDP, 0, 10, NULL);
	respond_to(0, 100, SIPT_UDP);
	sipclient_cancel(t);
	assert_int_equal(fake_wire.n, 1);
}

/* ---- 18.1.1 ---- */

static void large_requests_leave_udp_and_come_back(void **state)
{
	struct sipendpoint_counts c;

	(void)state;
	send_on("MESSAGE", SIPT_UDP, 0, 1200, NULL);
	assert_int_equal(fake_wire.sent[0].transport, SIPT_TCP);
	assert_non_null(strstr(fake_text(0), "Via: SIP/2.0/TCP "));
	loop_fake_advance(loop, 3000); /* no retransmission on a stream */
	assert_int_equal(fake_wire.n, 1);
	fake_fail(sipendpoint_transports(e), fake_wire.sent[0].token, ERR_CONN_REFUSED);
	assert_int_equal(told.failures, 0);
	assert_int_equal(fake_wire.sent[1].transport, SIPT_UDP);
	assert_non_null(strstr(fake_text(1), "Via: SIP/2.0/UDP "));
	loop_fake_advance(loop, 500);
	assert_int_equal(fake_wire.n, 3); /* Timer E */
	respond_to(1, 200, SIPT_UDP);
	assert_int_equal(told.responses, 1);
	sipendpoint_counts(e, &c);
	assert_int_equal(c.udp_to_tcp, 1);
	assert_int_equal(c.tcp_back_to_udp, 1);
}

static void small_requests_stay_on_udp(void **state)
{
	(void)state;
	send_on("MESSAGE", SIPT_UDP, 0, 800, NULL);
	assert_int_equal(fake_wire.sent[0].transport, SIPT_UDP);
}

static void ack_to_a_2xx_is_sent_once(void **state)
{
	struct sipmsg *m = request("ACK", 0);
	struct sip_place place = fake_place(SIPT_UDP);

	(void)state;
	assert_int_equal(sipendpoint_send_ack(e, m, &place, 0), 0);
	loop_fake_advance(loop, 40000);
	assert_int_equal(fake_wire.n, 1);
	assert_int_equal(fake_wire.sent[0].token, 0);
	sipmsg_free(m);
}

/* RFC 3261 13.2.2.4, while the transaction lives and behind it; another branch of a fork is not acknowledged by it. */
static void a_user_agents_ack_is_sent_again(void **state)
{
	struct sip_place place = fake_place(SIPT_UDP);
	struct sipmsg *m = request("ACK", 0);

	(void)state;
	sipmsg_replace(m, SIPH_TO, BYTES("<sip:juliet@b.example>;tag=their"));
	send_on("INVITE", SIPT_UDP, 0, 10, NULL); /* the tables have room then */
	respond_to(0, 200, SIPT_UDP);
	loop_fake_advance(loop, 33000);
	fake_clear();
	uint64_t bytes = held_bytes();
	send_on("INVITE", SIPT_UDP, 0, 10, NULL);
	respond_to(0, 200, SIPT_UDP);
	assert_int_equal(sipendpoint_acknowledge(e, m, &place, 0), 0);
	assert_int_equal(count_sent("ACK"), 1);
	for (unsigned i = 0; i < 2; i++)
		respond_to(0, 200, SIPT_UDP);
	assert_int_equal(count_sent("ACK"), 3);
	assert_string_equal(fake_text(1), fake_text(3));
	assert_int_equal(told.strays, 0);
	sipmsg_replace(m, SIPH_TO, BYTES("<sip:juliet@b.example>;tag=other"));
	loop_fake_advance(loop, 33000);
	assert_int_equal(held_bytes(), bytes); /* nothing stays */
	assert_int_equal(sipendpoint_acknowledge(e, m, &place, 0), 0);
	respond_to(0, 200, SIPT_UDP);
	assert_int_equal(told.strays, 1);
	assert_int_equal(count_sent("ACK"), 4);
	sipmsg_free(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_endpoint, close_endpoint)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers_go_off_when_they_should),
		T(the_request_leaves_with_our_via),
		T(without_a_name_the_sockets_address_is_used),
		T(a_flow_is_used_when_given),
		T(what_cannot_be_sent_fails_at_once),
		T(a_transports_failure_is_told_at_once),
		T(responses_go_to_their_request),
		T(strange_responses_are_dropped),
		T(a_dropped_one_goes_on_alone),
		T(a_refused_invite_is_acknowledged),
		T(more_2xx_are_the_owners),
		T(cancel_waits_for_a_provisional_response),
		T(cancel_from_the_callback),
		T(a_cancelled_invite_does_not_wait_for_ever),
		T(others_cannot_be_cancelled),
		T(large_requests_leave_udp_and_come_back),
		T(small_requests_stay_on_udp),
		T(ack_to_a_2xx_is_sent_once),
		T(a_user_agents_ack_is_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
