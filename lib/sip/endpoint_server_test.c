/* Server transactions: RFC 3261 17.2, RFC 6026 7.1, RFC 4320; and what a held one costs. */
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
static struct {
	unsigned requests, acks, cancelled;
	struct sipserver *t;
	struct sipmsg *m; /* the last request */
	unsigned answer_at_once;
	unsigned answer_cancel;
} told;

static void respond(unsigned status)
{
	struct sipmsg *r = sipmsg_response_new(told.m, status, NULL, "ours");

	sipserver_respond(told.t, r);
	sipmsg_free(r);
}

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	if (!t) {
		assert_int_equal(sipmsg_method(m), SIPM_ACK);
		told.acks++;
		sipmsg_free(m);
		return;
	}
	told.requests++;
	sipmsg_free(told.m);
	told.t = t;
	told.m = m;
	if (told.answer_at_once)
		respond(told.answer_at_once);
}

static void on_cancelled(void *arg, struct sipserver *t)
{
	(void)arg;
	assert_ptr_equal(t, told.t);
	told.cancelled++;
	if (told.answer_cancel)
		respond(told.answer_cancel);
}

static const struct sipendpoint_owner owner = { .request = on_request, .cancelled = on_cancelled };

static int open_endpoint(void **state)
{
	(void)state;
	memset(&told, 0, sizeof told);
	memset(&fake_wire, 0, sizeof fake_wire);
	loop = loop_new(LOOP_FAKE);
	e = sipendpoint_new(loop, &owner, NULL);
	return loop && e ? 0 : -1;
}

static int close_endpoint(void **state)
{
	(void)state;
	sipmsg_free(told.m);
	sipendpoint_free(e);
	loop_free(loop);
	return 0;
}

static uint64_t held(void)
{
	struct sipendpoint_counts c;

	sipendpoint_counts(e, &c);
	return c.servers;
}

struct words {
	const char *method, *branch, *uri, *call, *to_tag, *extra;
	unsigned cseq;
	enum siptransport transport;
};

static void deliver(const struct words *w)
{
	struct sip_source from = fake_source(w->transport, w->transport == SIPT_UDP ? 0 : 9);
	char text[2048];

	snprintf(text, sizeof text,
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP c.example:5062%s%s;received=192.0.2.7\r\nFrom: <sip:romeo@c.example>;tag=f\r\n"
		 "To: <sip:juliet@b.example>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
		 w->method, w->uri ? w->uri : "sip:juliet@b.example", w->branch ? ";branch=" : "", w->branch ? w->branch : "",
		 w->to_tag ? ";tag=" : "", w->to_tag ? w->to_tag : "", w->call ? w->call : "call1", w->cseq ? w->cseq : 1, w->method,
		 w->extra ? w->extra : "");
	fake_deliver(sipendpoint_transports(e), bytes_of(text), &from);
}

static void come(const char *method, enum siptransport transport)
{
	deliver(&(struct words){ .method = method, .branch = "z9hG4bKone", .transport = transport });
}

static bool is_status(size_t i, unsigned status)
{
	char start[32];

	snprintf(start, sizeof start, "SIP/2.0 %u ", status);
	return strncmp(fake_text(i), start, strlen(start)) == 0;
}

/* ---- timers ---- */

enum { MOST_STEPS = 14 };
struct timing {
	const char *what;
	const char *method;
	enum siptransport transport;
	unsigned answer;               /* the owner's, at once; 0: none */
	bool is_acked;                 /* at once */
	uint32_t sends_at[MOST_STEPS]; /* ms at which something is sent again, or first; 0 ends */
	unsigned sends;                /* status of it */
	uint32_t end_at;
};
static const struct timing timings[] = {
	{ "100 after 200 ms, 17.2.1", "INVITE", SIPT_UDP, 0, false, { 200 }, 100, 370000 },
	{ "Timers G and H, 17.2.1", "INVITE", SIPT_UDP, 486, false,
	  { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500 }, 486, 32000 },
	{ "Timer H on TCP", "INVITE", SIPT_TCP, 486, false, { 0 }, 0, 32000 },
	{ "Timer I, 17.2.1", "INVITE", SIPT_UDP, 486, true, { 0 }, 0, 5000 },
	{ "Timer I on TCP", "INVITE", SIPT_TCP, 486, true, { 0 }, 0, 0 },
	{ "Timer L, RFC 6026 8.11", "INVITE", SIPT_UDP, 200, false, { 0 }, 0, 32000 },
	{ "Timer L on TLS", "INVITE", SIPT_TLS, 200, false, { 0 }, 0, 32000 },
	{ "100 when Timer E is T2, RFC 4320 4.1; no 408, 4.2", "MESSAGE", SIPT_UDP, 0, false, { 3500 }, 100, 32000 },
	{ "the same on TCP", "MESSAGE", SIPT_TCP, 0, false, { 3500 }, 100, 32000 },
	{ "Timer J, 17.2.2", "MESSAGE", SIPT_UDP, 200, false, { 0 }, 0, 32000 },
	{ "Timer J on TCP", "MESSAGE", SIPT_TCP, 200, false, { 0 }, 0, 0 },
	{ "408 is silence, RFC 4320 4.2", "MESSAGE", SIPT_UDP, 408, false, { 0 }, 0, 0 },
};

static void check_timing(const struct timing *w)
{
	uint32_t now = 0;

	come(w->method, w->transport);
	if (w->answer) {
		respond(w->answer);
		assert_int_equal(fake_wire.n, w->answer == 408 ? 0 : 1);
	}
	if (w->is_acked)
		come("ACK", w->transport);
	fake_clear();
	for (size_t i = 0; w->sends_at[i]; i++) {
		loop_fake_advance(loop, w->sends_at[i] - 1 - now);
		assert_int_equal(fake_wire.n, i);
		loop_fake_advance(loop, 1);
		now = w->sends_at[i];
		assert_int_equal(fake_wire.n, i + 1);
		assert_true(is_status(i, w->sends));
	}
	size_t sent = fake_wire.n;
	if (w->end_at) {
		loop_fake_advance(loop, w->end_at - 1 - now);
		assert_int_equal(held(), 1);
	}
	loop_fake_advance(loop, 1);
	assert_int_equal(held(), 0);
	assert_int_equal(fake_wire.n, sent);
	if (!w->answer) /* too late, but not wrong */
		respond(500);
	assert_int_equal(fake_wire.n, sent);
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

/* ---- retransmissions ---- */

static void a_request_again_is_absorbed_until_there_is_an_answer(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_UDP);
	come("MESSAGE", SIPT_UDP);
	assert_int_equal(told.requests, 1);
	assert_int_equal(fake_wire.n, 0);
	respond(202);
	come("MESSAGE", SIPT_UDP);
	assert_int_equal(told.requests, 1);
	assert_int_equal(fake_wire.n, 2);
	assert_string_equal(fake_text(0), fake_text(1));
	struct sipendpoint_counts c;
	sipendpoint_counts(e, &c);
	assert_int_equal(c.retransmitted_in, 2);
	assert_int_equal(c.retransmitted_out, 1);
}

static void an_invite_again_gets_the_last_provisional(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	come("INVITE", SIPT_UDP); /* before our 100: nothing to send */
	assert_int_equal(fake_wire.n, 0);
	respond(180);
	come("INVITE", SIPT_UDP);
	assert_true(is_status(0, 180) && is_status(1, 180));
	loop_fake_advance(loop, 300); /* no 100 after a 180 */
	assert_int_equal(fake_wire.n, 2);
}

/* RFC 4320 4.1 */
static void non_invites_have_no_provisional_response(void **state)
{
	(void)state;
	come("SUBSCRIBE", SIPT_UDP);
	respond(180);
	assert_int_equal(fake_wire.n, 0);
	respond(200);
	assert_true(is_status(0, 200));
}

/* ---- which is which, 17.2.3 ---- */

static const struct {
	const char *what;
	struct words first, second;
	bool is_same;
} pairs[] = {
	{ "branch", { .method = "MESSAGE", .branch = "z9hG4bKa" }, { .method = "MESSAGE", .branch = "z9hG4bKa" }, true },
	{ "another branch", { .method = "MESSAGE", .branch = "z9hG4bKa" }, { .method = "MESSAGE", .branch = "z9hG4bKb" }, false },
	{ "another method", { .method = "MESSAGE", .branch = "z9hG4bKa" }, { .method = "OPTIONS", .branch = "z9hG4bKa" }, false },
	{ "branch counts, not the rest", { .method = "MESSAGE", .branch = "z9hG4bKa", .call = "1" },
	  { .method = "MESSAGE", .branch = "z9hG4bKa", .call = "2" }, true },
	{ "RFC 2543", { .method = "MESSAGE" }, { .method = "MESSAGE" }, true },
	{ "RFC 2543, another branch", { .method = "MESSAGE", .branch = "1" }, { .method = "MESSAGE", .branch = "2" }, false },
	{ "RFC 2543, another call", { .method = "MESSAGE", .call = "1" }, { .method = "MESSAGE", .call = "2" }, false },
	{ "RFC 2543, another CSeq", { .method = "MESSAGE", .cseq = 1 }, { .method = "MESSAGE", .cseq = 2 }, false },
	{ "RFC 2543, another URI", { .method = "MESSAGE", .uri = "sip:a@b.example" }, { .method = "MESSAGE", .uri = "sip:c@b.example" }, false },
	{ "RFC 4475 3.2.1: no branch behind the cookie", { .method = "MESSAGE", .branch = "z9hG4bK", .call = "1" },
	  { .method = "MESSAGE", .branch = "z9hG4bK", .call = "2" }, false },
};

static void requests_are_told_apart(void **state)
{
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		print_message("%s\n", pairs[i].what);
		close_endpoint(state);
		open_endpoint(state);
		told.answer_at_once = 200;
		deliver(&pairs[i].first);
		deliver(&pairs[i].second);
		assert_int_equal(told.requests, pairs[i].is_same ? 1 : 2);
		assert_int_equal(fake_wire.n, 2);
	}
}

/* ---- ACK ---- */

static void ack_ends_the_repetition(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	respond(404);
	loop_fake_advance(loop, 500);
	assert_int_equal(fake_wire.n, 2);
	come("ACK", SIPT_UDP);
	come("ACK", SIPT_UDP);
	come("INVITE", SIPT_UDP);
	loop_fake_advance(loop, 4999);
	assert_int_equal(fake_wire.n, 2);
	assert_int_equal(told.acks, 0);
	assert_int_equal(told.requests, 1);
}

static void ack_of_rfc2543_is_matched_without_to_tag(void **state)
{
	(void)state;
	deliver(&(struct words){ .method = "INVITE" });
	respond(404);
	deliver(&(struct words){ .method = "ACK", .to_tag = "ours" });
	loop_fake_advance(loop, 4999);
	assert_int_equal(fake_wire.n, 1);
	assert_int_equal(told.acks, 0);
}

static void ack_to_a_2xx_is_the_owners(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	respond(200);
	come("INVITE", SIPT_UDP);
	assert_int_equal(told.requests, 1);
	deliver(&(struct words){ .method = "ACK", .branch = "z9hG4bKother", .to_tag = "ours" });
	come("ACK", SIPT_UDP); /* with its branch, by a peer that is wrong */
	assert_int_equal(told.acks, 2);
	assert_int_equal(held(), 1);
}

/* RFC 3261 13.3.1.4 */
static void a_user_agents_2xx_is_repeated_until_the_ack(void **state)
{
	static const uint32_t at[] = { 500, 1500, 3500, 7500, 11500 };
	uint32_t now = 0;

	(void)state;
	come("INVITE", SIPT_TCP);
	struct sipmsg *r = sipmsg_response_new(told.m, 200, NULL, "ours");
	sipserver_accept(told.t, r);
	sipmsg_free(r);
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		loop_fake_advance(loop, at[i] - now);
		now = at[i];
		assert_int_equal(fake_wire.n, i + 2);
	}
	assert_string_equal(fake_text(5), fake_text(0));
	deliver(&(struct words){ .method = "ACK", .branch = "z9hG4bKack", .to_tag = "ours", .call = "another" });
	loop_fake_advance(loop, 4000);
	assert_int_equal(fake_wire.n, 7);
	deliver(&(struct words){ .method = "ACK", .branch = "z9hG4bKack", .to_tag = "ours" });
	loop_fake_advance(loop, 40000);
	assert_int_equal(fake_wire.n, 7);
	assert_int_equal(told.acks, 2);
	assert_int_equal(held(), 0);
}

static void without_an_ack_it_ends(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	struct sipmsg *r = sipmsg_response_new(told.m, 200, NULL, "ours");
	sipserver_accept(told.t, r);
	sipmsg_free(r);
	loop_fake_advance(loop, 31999);
	assert_int_equal(fake_wire.n, 11);
	assert_int_equal(held(), 1);
	loop_fake_advance(loop, 1);
	assert_int_equal(held(), 0);
}

/* ---- CANCEL, 9.2 ---- */

static void cancel_is_answered_and_told(void **state)
{
	(void)state;
	told.answer_cancel = 487;
	come("INVITE", SIPT_UDP);
	come("CANCEL", SIPT_UDP);
	assert_int_equal(told.cancelled, 1);
	assert_int_equal(fake_wire.n, 2);
	assert_true(is_status(0, 200) && strstr(fake_text(0), "CSeq: 1 CANCEL"));
	assert_true(is_status(1, 487) && strstr(fake_text(1), "CSeq: 1 INVITE"));
	come("CANCEL", SIPT_UDP); /* again */
	assert_int_equal(told.cancelled, 1);
	assert_true(is_status(2, 200));
}

static void cancel_after_the_answer_does_nothing(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	respond(200);
	come("CANCEL", SIPT_UDP);
	assert_int_equal(told.cancelled, 0);
	assert_true(is_status(1, 200));
}

/* RFC 3261 9.2: the same tag as in the INVITE's own answers. */
static void cancel_has_the_tag_of_the_invite(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	respond(180);
	come("CANCEL", SIPT_UDP);
	assert_true(is_status(1, 200) && strstr(fake_text(1), "CSeq: 1 CANCEL"));
	assert_non_null(strstr(fake_text(1), ";tag=ours"));
}

static void cancel_of_nothing_is_481(void **state)
{
	(void)state;
	come("CANCEL", SIPT_UDP);
	assert_true(is_status(0, 481));
	assert_int_equal(told.requests, 0);
}

/* ---- what is wrong ---- */

static void faults_are_answered_without_the_owner(void **state)
{
	(void)state;
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKx", .uri = "unknown:x" });
	assert_true(is_status(0, 416));
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKx", .extra = "Content-Length: 5\r\n" });
	assert_true(is_status(1, 400));
	deliver(&(struct words){ .method = "ACK", .branch = "z9hG4bKx", .extra = "Content-Length: 5\r\n" });
	assert_int_equal(fake_wire.n, 2); /* an ACK is never answered */
	assert_int_equal(told.requests + told.acks, 0);
	assert_int_equal(held(), 0);
}

static void an_endless_branch_is_refused(void **state)
{
	static char branch[1600];

	(void)state;
	memset(branch, 'x', sizeof branch - 1);
	memcpy(branch, "z9hG4bK", 7);
	deliver(&(struct words){ .method = "MESSAGE", .branch = branch });
	assert_true(is_status(0, 400));
	assert_int_equal(held(), 0);
}

static void too_many_get_503(void **state)
{
	(void)state;
	sipendpoint_set_limits(e, 1, 1);
	come("MESSAGE", SIPT_UDP);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKtwo" });
	assert_true(is_status(0, 503));
	assert_non_null(strstr(fake_text(0), "Retry-After: "));
	assert_int_equal(told.requests, 1);
}

static void a_response_that_cannot_be_printed_goes_as_500(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_UDP);
	struct sipmsg *r = sipmsg_response_new(told.m, 200, NULL, "ours");
	sipmsg_append(r, SIPH_SUBJECT, BYTES("a\r\nb"));
	sipserver_respond(told.t, r);
	sipmsg_free(r);
	assert_true(is_status(0, 500));
	assert_non_null(strstr(fake_text(0), "Call-ID: call1\r\n"));
}

static void a_refusal_is_short(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_UDP);
	sipserver_refuse(told.t, told.m, 403, "Not A Peer");
	assert_ptr_equal(strstr(fake_text(0), "SIP/2.0 403 Not A Peer\r\n"), fake_text(0));
}

static void one_that_is_not_worth_it_is_dropped(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_UDP);
	sipserver_drop(told.t);
	deliver(&(struct words){ .method = "INVITE", .branch = "z9hG4bKtwo" });
	sipserver_drop(told.t);
	assert_int_equal(held(), 0);
	loop_fake_advance(loop, 5000);
	assert_int_equal(fake_wire.n, 0);
}

static void a_stranger_is_not_remembered(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	sipserver_dismiss(told.t, told.m, 403, NULL);
	assert_true(is_status(0, 403));
	assert_int_equal(held(), 0);
	come("ACK", SIPT_UDP);
	assert_int_equal(told.acks, 1);
	loop_fake_advance(loop, 5000);
	assert_int_equal(fake_wire.n, 1);
}

/* RFC 3261 8.2.2.2 */
static void a_request_on_two_ways_is_claimed_once(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_UDP);
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	respond(200);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKother" });
	assert_int_equal(told.requests, 2);
	assert_int_equal(sipserver_claim(told.t, told.m), ERR_EXISTS);
	respond(482);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKnext", .cseq = 2 });
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	respond(200);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKin", .to_tag = "ours" });
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	respond(200);
	loop_fake_advance(loop, 32000);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKlater" });
	assert_int_equal(sipserver_claim(told.t, told.m), 0);
	respond(200);
}

static void the_request_need_not_be_held(void **state)
{
	(void)state;
	come("MESSAGE", SIPT_TCP);
	struct sipmsg *made = sipserver_response_new(told.t, 200, NULL, "t");
	struct sipmsg *usual = sipmsg_response_new(told.m, 200, NULL, "t");
	struct buf a, b;
	buf_init(&a, 4096);
	buf_init(&b, 4096);
	assert_int_equal(sipmsg_print(made, &a), 0);
	assert_int_equal(sipmsg_print(usual, &b), 0);
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
	buf_fini(&a);
	buf_fini(&b);
	sipmsg_free(made);
	sipmsg_free(usual);
	sipserver_refuse(told.t, NULL, 503, NULL);
	assert_true(is_status(0, 503));
	assert_non_null(strstr(fake_text(0), "Call-ID: call1\r\n"));
}

static void the_user_word_is_kept(void **state)
{
	int x;

	(void)state;
	come("MESSAGE", SIPT_UDP);
	sipserver_set_user(told.t, &x);
	assert_ptr_equal(sipserver_user(told.t), &x);
	respond(200);
}

static void what_is_open_is_freed_with_the_endpoint(void **state)
{
	(void)state;
	come("INVITE", SIPT_UDP);
	deliver(&(struct words){ .method = "MESSAGE", .branch = "z9hG4bKtwo" });
	loop_fake_advance(loop, 32000); /* the second is over, and its owner silent */
	assert_int_equal(held(), 1);
}

/* The picture in docs/ is printed from the tables; SIP_MACHINES=1 in the environment writes it anew. */
static void machines_are_as_drawn(void **state)
{
	static const char path[] = "docs/architecture/sip-transactions.dot";
	static char drawn[32768];
	struct buf out;

	(void)state;
	buf_init(&out, sizeof drawn);
	sipendpoint_print_machines(&out);
	assert_false(buf_failed(&out));
	FILE *f = fopen(path, getenv("SIP_MACHINES") ? "w+" : "r");
	assert_non_null(f);
	if (getenv("SIP_MACHINES")) {
		assert_int_equal(fwrite(buf_bytes(&out).p, 1, buf_len(&out), f), buf_len(&out));
		rewind(f);
	}
	drawn[fread(drawn, 1, sizeof drawn - 1, f)] = 0;
	fclose(f);
	assert_string_equal(drawn, buf_cstr(&out));
	buf_fini(&out);
}

/* ---- memory: a stateful relay of MESSAGEs, 10,000 at a time ---- */

enum { PAIRS = 10000, MOST_BYTES = 2048 };
static struct sipclient *forwarded[PAIRS];
static struct sipserver *waiting[PAIRS];
static size_t n_waiting;

static void on_relayed(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	size_t i = (size_t)(uintptr_t)arg;

	(void)from;
	sipmsg_remove(m, SIPH_VIA, 0);
	sipserver_respond(waiting[i], m);
}

static void on_relay_failed(void *arg, int rc, const char *words)
{
	(void)arg;
	(void)words;
	fail_msg("relay failed: %d", rc);
}

static void on_relay_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	static const struct sipclient_owner client = { on_relayed, on_relay_failed };
	struct sip_place place = fake_place(from->transport);
	size_t i = n_waiting++;

	(void)arg;
	waiting[i] = t;
	assert_int_equal(sipclient_start(e, m, &place, 0, "h", &client, (void *)(uintptr_t)i, &forwarded[i]), 0);
	sipmsg_free(m);
}

static uint64_t bytes_each(void)
{
	struct sipendpoint_counts c;

	sipendpoint_counts(e, &c);
	return c.held_bytes / PAIRS;
}

static void answer_forwarded(enum siptransport transport, const char *request)
{
	struct sipmsg *m = NULL, *r;
	struct sip_source from = fake_source(transport, 0);
	struct buf text;

	buf_init(&text, 8192);
	assert_int_equal(sipmsg_parse(bytes_of(request), &m), 0);
	r = sipmsg_response_new(m, 200, NULL, "theirs");
	assert_int_equal(sipmsg_print(r, &text), 0);
	fake_deliver(sipendpoint_transports(e), buf_bytes(&text), &from);
	buf_fini(&text);
	sipmsg_free(r);
	sipmsg_free(m);
}

static void check_relay(enum siptransport transport, char (*sent)[1024])
{
	static const struct sipendpoint_owner relay = { .request = on_relay_request };
	char branch[64];

	sipendpoint_free(e);
	e = sipendpoint_new(loop, &relay, NULL);
	sipendpoint_set_sent_by(e, "a.example", 5060);
	n_waiting = 0;
	for (size_t i = 0; i < PAIRS; i++) {
		snprintf(branch, sizeof branch, "z9hG4bK%026zu", i);
		fake_clear();
		deliver(&(struct words){ .method = "MESSAGE", .branch = branch, .call = "3d9485ad0c49859b@client.example.net",
					 .extra = "User-Agent: a phone of this size/1.0\r\nContent-Type: text/plain\r\n"
						  "X-Fill: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
					 .transport = transport });
		snprintf(sent[i], sizeof sent[i], "%s", fake_text(0));
	}
	assert_true(strlen(sent[0]) > 450);
	print_message("%s: %llu bytes a pair while it waits\n", siptransport_name(transport), (unsigned long long)bytes_each());
	assert_true(bytes_each() < MOST_BYTES);
	for (size_t i = 0; i < PAIRS; i++)
		answer_forwarded(transport, sent[i]);
	print_message("%s: %llu bytes a pair when it is answered\n", siptransport_name(transport), (unsigned long long)bytes_each());
	assert_true(bytes_each() < MOST_BYTES);
	loop_fake_advance(loop, 32000);
	assert_true(bytes_each() < 16); /* the tables, shrunk */
}

static void a_held_pair_is_under_two_kilobytes(void **state)
{
	char (*sent)[1024] = malloc(PAIRS * sizeof *sent);

	(void)state;
	assert_non_null(sent);
	check_relay(SIPT_UDP, sent);
	check_relay(SIPT_TCP, sent);
	free(sent);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_endpoint, close_endpoint)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers_go_off_when_they_should),
		T(a_request_again_is_absorbed_until_there_is_an_answer),
		T(an_invite_again_gets_the_last_provisional),
		T(non_invites_have_no_provisional_response),
		T(requests_are_told_apart),
		T(ack_ends_the_repetition),
		T(ack_of_rfc2543_is_matched_without_to_tag),
		T(ack_to_a_2xx_is_the_owners),
		T(a_user_agents_2xx_is_repeated_until_the_ack),
		T(without_an_ack_it_ends),
		T(cancel_is_answered_and_told),
		T(cancel_after_the_answer_does_nothing),
		T(cancel_has_the_tag_of_the_invite),
		T(cancel_of_nothing_is_481),
		T(faults_are_answered_without_the_owner),
		T(an_endless_branch_is_refused),
		T(too_many_get_503),
		T(a_response_that_cannot_be_printed_goes_as_500),
		T(a_refusal_is_short),
		T(one_that_is_not_worth_it_is_dropped),
		T(a_stranger_is_not_remembered),
		T(a_request_on_two_ways_is_claimed_once),
		T(the_request_need_not_be_held),
		T(the_user_word_is_kept),
		T(what_is_open_is_freed_with_the_endpoint),
		T(machines_are_as_drawn),
		T(a_held_pair_is_under_two_kilobytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
