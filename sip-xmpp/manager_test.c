/* The call manager as presence gateway (B-PGW-01 to B-PGW-03): gh-xlate between gh-im, which says who is online, and
 * the SIP door. */
#include "play.h"
#include "client.h"
#include "manager.h"

#include "base/err.h"
#include "run/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <sys/socket.h>

#define ON "sip peer cucm.example.com action = allow\nsip presence-gateway = cucm.example.com\n"

static struct play p;
static struct {
	struct bus *bus;
	uint64_t conn;
	unsigned n_entered, n_closed;
	char bare[128], stanza[4096];
} im;
static char call_id[128], our_tag[64];
static unsigned their_seq;

static void copy(char *out, size_t room, struct bytes v)
{
	assert_true(v.n < room);
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

static int on_im(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	struct envelope e;

	(void)program;
	(void)from;
	if (f->type == MSG_SESSION_ENTER) {
		im.conn = conn;
		copy(im.bare, sizeof im.bare, wire_str(&w));
		im.n_entered++;
	} else if (f->type == MSG_STANZA) {
		assert_int_equal(envelope_decode(bytes_skip(f->body, 8), &e), 0);
		copy(im.stanza, sizeof im.stanza, e.stanza);
	} else {
		im.n_closed += f->type == MSG_SESSION_CLOSED;
	}
	return 0;
}

static const struct bus_handler im_handlers[] = {
	{ MSG_SESSION_ENTER, on_im }, { MSG_STANZA, on_im }, { MSG_SM_REQUEST, on_im }, { MSG_SM_ACK, on_im }, { MSG_SESSION_CLOSED, on_im },
};

static void join_im(void)
{
	struct bus_hooks hooks = { .handlers = im_handlers, .n_handlers = sizeof im_handlers / sizeof im_handlers[0] };
	int fds[2];

	im.bus = bus_new(p.loop, PROG_IM, 0, &hooks);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(im.bus, PROG_XLATE, 0, fds[1]), 0);
	assert_int_equal(bus_attach(p.bus, PROG_IM, 0, fds[0]), 0);
	play_run(&p);
}

static void say_online(const char *who, unsigned flags)
{
	struct chan *c = bus_chan(im.bus, PROG_XLATE, 0);
	struct buf *b = chan_begin(c, MSG_USER_ONLINE, 0);

	wire_put_str(b, bytes_of(who));
	wire_put_u8(b, (uint8_t)flags);
	assert_int_equal(chan_end(c), 0);
	play_run(&p);
}

static void let_in(void)
{
	struct chan *c = bus_chan(im.bus, PROG_XLATE, 0);
	struct buf *b = chan_begin(c, MSG_SESSION_OPENED, 0);

	wire_put_u64(b, im.conn);
	wire_put_str(b, BYTES("juliet@example.com/phone"));
	wire_put_str(b, BYTES_NONE);
	wire_put_u32(b, 0);
	assert_int_equal(chan_end(c), 0);
	play_run(&p);
}

static int set_up(void **state)
{
	(void)state;
	play_open(&p, ON);
	memset(&im, 0, sizeof im);
	their_seq = 0;
	join_im();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bus_free(im.bus);
	play_close(&p);
	return 0;
}

static void learn(void)
{
	assert_int_equal(strncmp(play_line(&p), "SUBSCRIBE sip:juliet@cucm.example.com", 37), 0);
	snprintf(call_id, sizeof call_id, "%s", play_header(&p, "Call-ID"));
	const char *tag = strstr(play_header(&p, "From"), "tag=");
	assert_non_null(tag);
	snprintf(our_tag, sizeof our_tag, "%s", tag + 4);
}

#define PHONE(inside)                                                                              \
	"<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' "             \
	"xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:juliet@cucm.example.com'>" inside "</presence>"
#define BUSY PHONE("<tuple id='l1'><status><basic>open</basic></status></tuple><dm:person id='p'><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>")
#define FREE PHONE("<tuple id='l1'><status><basic>open</basic></status></tuple>")

static unsigned notify(const char *state, const char *body)
{
	char head[4096];

	snprintf(head, sizeof head,
		 "NOTIFY sip:juliet@gate.example.com:5061 SIP/2.0\nVia: SIP/2.0/TLS cucm.example.com;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		 "From: <sip:juliet@cucm.example.com>;tag=remote\nTo: <sip:juliet@example.com>;tag=%s\nCall-ID: %s\nCSeq: %u NOTIFY\n"
		 "Contact: <sip:cucm.example.com>\nEvent: presence\nSubscription-State: %s\n%s",
		 their_seq + 1, our_tag, call_id, their_seq + 1, state, body ? "Content-Type: application/pidf+xml\n" : "");
	their_seq++;
	play_sip(&p, head, body);
	return p.answer.status;
}

#define OK "Contact: <sip:cucm.example.com>\nExpires: 3600\n"

static void watched(void)
{
	say_online("juliet@example.com", ONLINE_NOW);
	assert_int_equal(p.n_requests, 1);
	learn();
	play_respond(&p, 200, OK);
}

/* ---- */

static void who_is_online_is_asked_about(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", BUSY), 200);
	assert_int_equal(im.n_entered, 1);
	assert_string_equal(im.bare, "juliet@example.com");
	let_in();
	assert_non_null(strstr(im.stanza, "<show>dnd</show>"));
	assert_int_equal(notify("active;expires=3500", FREE), 200);
	assert_null(strstr(im.stanza, "<show>dnd</show>"));
	assert_string_equal(play_got(&p), ""); /* nobody else hears of the call manager */
	assert_int_equal(im.n_closed, 0);
}

#define LINES(a, b) PHONE("<tuple id='l1'><status><basic>" a "</basic></status></tuple><tuple id='l2'><status><basic>" b "</basic></status></tuple>")

static void a_phone_with_several_lines(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", LINES("closed", "open")), 200);
	assert_int_equal(im.n_entered, 1);
	let_in();
	assert_int_equal(notify("active;expires=3600", LINES("open", "closed")), 200);
	assert_int_equal(im.n_closed, 0);
	assert_int_equal(notify("active;expires=3600", LINES("closed", "closed")), 200);
	assert_int_equal(im.n_closed, 1);
}

static void who_goes_is_let_go_after_a_while(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", BUSY), 200);
	let_in();
	say_online("juliet@example.com", 0);
	assert_int_equal(im.n_closed, 1); /* the phone alone is nobody */
	assert_int_equal(p.n_requests, 0);
	play_wait(&p, MANAGER_GRACE_MS / 2);
	say_online("juliet@example.com", ONLINE_NOW); /* a client that was lost is back */
	assert_int_equal(im.n_entered, 2);
	assert_int_equal(p.n_requests, 0);
	say_online("juliet@example.com", 0);
	play_wait(&p, MANAGER_GRACE_MS + 1);
	assert_int_equal(p.n_requests, 1);
	assert_string_equal(play_header(&p, "Expires"), "0");
	play_respond(&p, 200, "Expires: 0\n");
	assert_int_equal(notify("terminated;reason=timeout", NULL), 200);
}

static void it_is_refreshed(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", FREE), 200);
	play_wait(&p, 3241 * 1000);
	assert_int_equal(p.n_requests, 1);
	assert_int_equal(strncmp(play_line(&p), "SUBSCRIBE ", 10), 0);
	assert_string_equal(play_header(&p, "Call-ID"), call_id);
}

/* B-PGW-01: a manager that is restarted, or away, or knows him not. */
static void refusals_do_not_end_in_a_storm(void **state)
{
	static const struct {
		unsigned status;
		const char *headers;
	} rows[] = { { 403, "" }, { 404, "" }, { 408, "" }, { 480, "" }, { 489, "" }, { 500, "" }, { 503, "Retry-After: 20\n" } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		say_online("juliet@example.com", ONLINE_NOW);
		assert_int_equal(p.n_requests, 1);
		p.n_sent = 0;
		for (unsigned s = 0; s < 120; s++) {
			if (p.n_requests)
				play_respond(&p, rows[i].status, rows[i].headers);
			play_wait(&p, 1000);
		}
		if (p.n_sent > 12)
			fail_msg("%u: %u requests in two minutes", rows[i].status, p.n_sent);
		assert_string_equal(play_got(&p), "");
		assert_int_equal(im.n_entered, 0);
		tear_down(state);
		set_up(state);
	}
}

static void too_short_is_made_longer(void **state)
{
	(void)state;
	say_online("juliet@example.com", ONLINE_NOW);
	play_respond(&p, 423, "Min-Expires: 7200\n");
	assert_int_equal(p.n_requests, 1);
	assert_string_equal(play_header(&p, "Expires"), "7200");
}

static void a_dialog_that_is_gone_is_begun_again(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", BUSY), 200);
	let_in();
	play_wait(&p, 3241 * 1000);
	play_respond(&p, 481, "");
	play_wait(&p, 1000);
	assert_int_equal(p.n_requests, 1);
	assert_string_not_equal(play_header(&p, "Call-ID"), call_id);
}

static void all_who_are_online_are_spread(void **state)
{
	char who[64];
	unsigned first;

	(void)state;
	p.is_quiet = true;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(who, sizeof who, "user%u@example.com", i);
		say_online(who, ONLINE_NOW | ONLINE_AMONG);
	}
	assert_int_equal(p.n_sent, 0);
	play_wait(&p, MANAGER_SPREAD_MS / 10);
	first = p.n_sent;
	assert_true(first > 0 && first < 60);
	play_wait(&p, MANAGER_SPREAD_MS);
	assert_int_equal(p.n_sent, 200);
}

static void gh_im_dies_and_says_it_again(void **state)
{
	(void)state;
	watched();
	assert_int_equal(notify("active;expires=3600", BUSY), 200);
	let_in();
	bus_free(im.bus);
	play_run(&p);
	play_wait(&p, 2000);
	im.n_entered = 0;
	join_im();
	say_online("juliet@example.com", ONLINE_NOW | ONLINE_AMONG);
	assert_int_equal(im.n_entered, 1);
	let_in();
	assert_non_null(strstr(im.stanza, "<show>dnd</show>"));
	assert_int_equal(p.n_requests, 0); /* the subscription went on */
}

static void without_the_setting_nobody_is_asked(void **state)
{
	(void)state;
	bus_free(im.bus);
	play_close(&p);
	play_open(&p, "");
	join_im();
	say_online("juliet@example.com", ONLINE_NOW);
	play_wait(&p, MANAGER_SPREAD_MS);
	assert_int_equal(p.n_requests, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(who_is_online_is_asked_about), T(a_phone_with_several_lines), T(who_goes_is_let_go_after_a_while), T(it_is_refreshed),
		T(refusals_do_not_end_in_a_storm), T(too_short_is_made_longer), T(a_dialog_that_is_gone_is_begun_again),
		T(all_who_are_online_are_spread), T(gh_im_dies_and_says_it_again), T(without_the_setting_nobody_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
