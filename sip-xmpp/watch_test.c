/* An XMPP user watches a SIP user: rows SUB-X, SUB-P and PRE-S of the mapping, read from both sides' wires. */
#include "play.h"
#include "presence.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct play p;

#define assert_has(text, part) has(text, part, __LINE__)
#define assert_lacks(text, part) lacks(text, part, __LINE__)
static void has(const char *text, const char *part, int line)
{
	if (!strstr(text, part))
		fail_msg("line %d: no \"%s\" in \"%s\"", line, part, text);
}
static void lacks(const char *text, const char *part, int line)
{
	if (strstr(text, part))
		fail_msg("line %d: \"%s\" in \"%s\"", line, part, text);
}
#define assert_sent(n) assert_int_equal(p.n_requests, n)

/* ---- the SIP user's server ---- */

static char call_id[128], our_tag[64];
static unsigned their_seq;

/* Reads the dialog from the SUBSCRIBE that waits. */
static void learn(void)
{
	assert_int_equal(strncmp(play_line(&p), "SUBSCRIBE ", 10), 0);
	snprintf(call_id, sizeof call_id, "%s", play_header(&p, "Call-ID"));
	const char *tag = strstr(play_header(&p, "From"), "tag=");
	assert_non_null(tag);
	snprintf(our_tag, sizeof our_tag, "%s", tag + 4);
	their_seq = 0;
}

static void notify_as(const char *their_tag, unsigned seq, const char *state, const char *more, const char *body)
{
	char head[4096];

	snprintf(head, sizeof head,
		 "NOTIFY sip:juliet@gate.example.com:5061 SIP/2.0\nVia: SIP/2.0/TLS h.example.net;branch=z9hG4bK%u%s\nMax-Forwards: 70\n"
		 "From: <sip:romeo@example.net>;tag=%s\nTo: <sip:juliet@example.com>;tag=%s\nCall-ID: %s\nCSeq: %u NOTIFY\n"
		 "Contact: <sip:romeo@192.0.2.1>\nEvent: presence\nSubscription-State: %s\n%s",
		 seq, their_tag, their_tag, our_tag, call_id, seq, state, more);
	play_sip(&p, head, body);
	assert_true(p.answer.is_there);
}

static unsigned notify(const char *state, const char *body)
{
	notify_as("remote", ++their_seq, state, body ? "Content-Type: application/pidf+xml\n" : "", body);
	return p.answer.status;
}

#define PIDF(inside) "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@example.net'>" inside "</presence>"
#define OPEN(id) "<tuple id='" id "'><status><basic>open</basic></status></tuple>"
#define CLOSED(id) "<tuple id='" id "'><status><basic>closed</basic></status></tuple>"
#define OK "Contact: <sip:romeo@192.0.2.1>\nExpires: 3600\n"
#define FROM_ROMEO "from='romeo@example.net' to='juliet@example.com'"

static void subscribe(void)
{
	play_stanza(&p, "<presence type='subscribe' id='s1' from='juliet@example.com' to='romeo@example.net'/>");
	assert_true(p.is_done);
	assert_int_equal(p.done_rc, 0);
	assert_sent(1);
	learn();
}

/* With a dialog, permission and one tuple open. */
static void subscribed(void)
{
	subscribe();
	play_respond(&p, 200, OK);
	assert_int_equal(notify("active;expires=3600", PIDF(OPEN("ID-dr4"))), 200);
	(void)play_got(&p);
	assert_sent(0);
}

static struct watch *the_watch(void)
{
	struct pair *c = pair_find(p.x.presence, BYTES("juliet@example.com"), BYTES("romeo@example.net"));

	return c ? c->watch : NULL;
}

static void assert_state(enum watch_state s)
{
	assert_non_null(the_watch());
	assert_string_equal(watch_state_name(the_watch()->state), watch_state_name((uint8_t)s));
}

static int set_up(void **state)
{
	(void)state;
	play_open(&p, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	play_close(&p);
	return 0;
}

/* ---- asking ---- */

static void test_subscribe(void **state)
{
	(void)state;
	subscribe(); /* SUB-X01 */
	assert_string_equal(play_line(&p), "SUBSCRIBE sip:romeo@example.net SIP/2.0");
	assert_string_equal(play_header(&p, "Event"), "presence");
	assert_string_equal(play_header(&p, "Accept"), "application/pidf+xml");
	assert_string_equal(play_header(&p, "Expires"), "3600");
	assert_string_equal(play_header(&p, "Max-Forwards"), "70");
	assert_has(play_header(&p, "From"), "<sip:juliet@example.com>;tag=");
	assert_string_equal(play_header(&p, "To"), "<sip:romeo@example.net>");
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@example.com>");
	assert_string_equal(p.requests[0].peer, "example.net");
	play_respond(&p, 200, OK);
	assert_int_equal(notify("pending;expires=3600", NULL), 200); /* SUB-X02 */
	assert_string_equal(play_got(&p), "");
	assert_int_equal(notify("active;expires=3500", NULL), 200); /* SUB-X03, X04 */
	assert_string_equal(play_got(&p), "<presence type='subscribed' " FROM_ROMEO "/><presence type='unavailable' " FROM_ROMEO "/>");
	assert_int_equal(notify("active;expires=3400", NULL), 200); /* once only; PRE-S14 */
	assert_string_equal(play_got(&p), "");
}

static void test_contact_at_sip_host(void **state)
{
	(void)state;
	play_close(&p);
	play_open(&p, "sip host = gate.example.com 5061\n");
	subscribe();
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@gate.example.com:5061;transport=tls>");
	play_close(&p);
	play_open(&p, "sip host = gate.example.com 5060\nsip peer example.net tls = optional\n");
	subscribe();
	assert_string_equal(play_header(&p, "Contact"), "<sip:juliet@gate.example.com:5060>");
}

static void test_early_notify(void **state)
{
	(void)state;
	subscribe(); /* SUB-X05 */
	assert_int_equal(notify("active;expires=3600", PIDF(OPEN("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), "<presence type='subscribed' " FROM_ROMEO "/>"
		"<presence from='romeo@example.net/dr4' to='juliet@example.com'/>");
	play_respond(&p, 200, OK);
	assert_state(W_HELD);
	assert_string_equal(play_got(&p), "");
}

static void test_fork(void **state)
{
	(void)state;
	subscribed(); /* SUB-X06 */
	notify_as("second", 1, "active;expires=3600", "Content-Type: application/pidf+xml\n", PIDF(OPEN("ID-other")));
	assert_int_equal(p.answer.status, 200);
	assert_string_equal(play_got(&p), "");
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "0");
	assert_has(play_header(&p, "To"), ";tag=second");
	play_respond(&p, 200, OK);
	notify_as("second", 2, "terminated;reason=timeout", "", NULL);
	assert_int_equal(p.answer.status, 200);
	assert_sent(0);
	assert_state(W_HELD);
}

static void test_refused(void **state)
{
	static const unsigned statuses[] = { 403, 489, 603 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) { /* SUB-X07: of the first */
		subscribe();
		play_respond(&p, statuses[i], "");
		assert_string_equal(play_got(&p), "<presence type='unsubscribed' " FROM_ROMEO "/>");
		assert_null(the_watch());
	}
	for (unsigned i = 0; i < 3; i++) { /* of a refresh */
		subscribed();
		play_wait(&p, 3240000);
		(void)play_got(&p);
		play_stanza(&p, "<presence type='unavailable' from='juliet@example.com' to='example.net'/>");
		assert_sent(1);
		play_respond(&p, statuses[i], "");
		assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>"
			"<presence type='unsubscribed' " FROM_ROMEO "/>");
		assert_null(the_watch());
	}
	play_wait(&p, 4000000);
	assert_sent(0);
}

static void test_interval(void **state)
{
	(void)state;
	subscribe(); /* SUB-X08 */
	play_respond(&p, 423, "Min-Expires: 7200\n");
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "7200");
	assert_string_equal(play_got(&p), "");
	for (unsigned i = 0; i < 3; i++) { /* and not for ever */
		assert_sent(1);
		play_respond(&p, 423, "Min-Expires: 7200\n");
	}
	assert_sent(0);
	assert_state(W_WAITING);
}

static void refresh_is_due(void)
{
	play_wait(&p, 3239000);
	assert_string_equal(play_got(&p), "");
	assert_sent(0);
	play_wait(&p, 1000); /* SUB-X13: 3600 - 360 */
	assert_string_equal(play_got(&p), "<presence type='probe' from='example.net' to='juliet@example.com'/>"); /* SUB-P04 */
	assert_sent(0);
	play_stanza(&p, "<presence type='unsubscribed' from='juliet@example.com' to='example.net'/>");
	assert_sent(1);
}

static void test_refresh(void **state)
{
	(void)state;
	subscribed();
	refresh_is_due();
	assert_string_equal(play_line(&p), "SUBSCRIBE sip:romeo@192.0.2.1 SIP/2.0");
	assert_has(play_header(&p, "To"), ";tag=remote");
	assert_string_equal(play_header(&p, "CSeq"), "2 SUBSCRIBE");
	assert_string_equal(play_header(&p, "Call-ID"), call_id);
	play_respond(&p, 200, OK);
	assert_state(W_HELD);
	play_wait(&p, 3239000);
	assert_sent(0);
}

static void test_refresh_times(void **state)
{
	static const struct {
		unsigned expires, at_s;
	} rows[] = { { 3600, 3240 }, { 600, 540 }, { 200, 168 }, { 64, 32 }, { 60, 30 }, { 12, 6 }, { 5, 5 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char headers[128];
		subscribe();
		snprintf(headers, sizeof headers, "Contact: <sip:romeo@192.0.2.1>\nExpires: %u\n", rows[i].expires);
		play_respond(&p, 200, headers);
		play_wait(&p, rows[i].at_s * 1000 - 500);
		assert_state(W_HELD);
		play_wait(&p, 600);
		assert_true(the_watch()->state == W_CHECKING || the_watch()->state == W_REFRESHING);
		play_close(&p);
		play_open(&p, "");
	}
}

static void test_notify_shortens(void **state)
{
	(void)state;
	subscribe(); /* SUB-X13 */
	play_respond(&p, 200, OK);
	(void)notify("active;expires=600", NULL);
	(void)notify("active", NULL); /* changes nothing */
	(void)notify("active;expires=7200", NULL); /* nor does more than the 200 gave */
	play_wait(&p, 539000);
	assert_state(W_HELD);
	play_wait(&p, 2000);
	assert_state(W_CHECKING);
}

static void test_no_refresh_without_server(void **state)
{
	(void)state;
	subscribed(); /* SUB-P04 */
	play_wait(&p, 3700000);
	assert_sent(0);
	assert_state(W_IDLE);
	assert_true(the_watch()->is_authorised);
	play_stanza(&p, "<presence type='probe' from='juliet@example.com' to='romeo@example.net'/>"); /* SUB-X12 */
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "3600");
}

static void test_lost_dialog(void **state)
{
	(void)state;
	subscribed(); /* SUB-X09 */
	refresh_is_due();
	play_respond(&p, 481, "");
	assert_sent(1);
	assert_string_equal(play_header(&p, "To"), "<sip:romeo@example.net>");
	assert_string_not_equal(play_header(&p, "Call-ID"), call_id);
	assert_string_equal(play_got(&p), "");
	learn();
	play_respond(&p, 200, OK);
	assert_int_equal(notify("active;expires=3600", PIDF(OPEN("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), ""); /* PRE-S15: it is as it was */
}

/* SUB-X09: nothing is said in XMPP, even when nothing is known. */
static void test_lost_dialog_of_unknown_state(void **state)
{
	(void)state;
	subscribe();
	play_respond(&p, 200, OK);
	(void)notify("active;expires=3600", NULL);
	(void)play_got(&p);
	refresh_is_due();
	play_respond(&p, 481, "");
	learn();
	play_respond(&p, 200, OK);
	assert_int_equal(notify("active;expires=3600", NULL), 200);
	assert_string_equal(play_got(&p), "");
}

static void test_absent(void **state)
{
	static const struct {
		unsigned status;
		const char *error;
	} rows[] = { { 404, "item-not-found" }, { 604, "item-not-found" }, { 410, "gone" } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) { /* SUB-X10 */
		subscribe();
		play_respond(&p, rows[i].status, "");
		const char *got = play_got(&p);
		assert_has(got, rows[i].error);
		assert_has(got, "id='s1'");
		assert_has(got, "type='error'");
		assert_null(the_watch());
		subscribed();
		refresh_is_due();
		play_respond(&p, rows[i].status, "");
		got = play_got(&p);
		assert_has(got, "<presence type='unavailable' from='romeo@example.net/dr4'");
		assert_has(got, "<presence type='unsubscribed'");
		assert_null(the_watch());
	}
}

static uint64_t wait_for_request(uint64_t max_ms)
{
	uint64_t ms = 0;

	for (; ms < max_ms && !p.n_requests; ms += 1000)
		play_wait(&p, 1000);
	assert_sent(1);
	return ms;
}

static void test_back_off(void **state)
{
	(void)state;
	subscribed(); /* SUB-X11 */
	refresh_is_due();
	play_respond(&p, 503, "");
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>");
	assert_true(the_watch()->is_authorised);
	for (uint64_t s = 30; s < 8000; s *= 2) {
		uint64_t want = s > 3600 ? 3600 : s, ms = wait_for_request(5000000);
		assert_true(ms + 1000 >= want * 800 && ms <= want * 1200 + 1000); /* 20 % of jitter */
		play_fail(&p, 408, ERR_TIMEOUT);
	}
	(void)wait_for_request(5000000);
	play_respond(&p, 480, "Retry-After: 100\n");
	uint64_t ms = wait_for_request(5000000);
	assert_true(ms >= 99000 && ms <= 101000);
	assert_string_equal(play_got(&p), "");
	play_fail(&p, 404, ERR_NOT_FOUND); /* no route: not an absent user */
	assert_state(W_WAITING);
}

static void test_online(void **state)
{
	(void)state;
	subscribed(); /* SUB-X12 */
	play_wait(&p, 6000);
	play_stanza(&p, "<presence from='juliet@example.com/a' to='romeo@example.net'/>");
	play_stanza(&p, "<presence type='probe' from='juliet@example.com/a' to='romeo@example.net'/>");
	play_wait(&p, 2000);
	play_stanza(&p, "<presence from='juliet@example.com/b' to='romeo@example.net'/>");
	play_stanza(&p, "<presence type='probe' from='juliet@example.com/b' to='romeo@example.net'/>");
	assert_sent(1); /* one for two resources */
	play_respond(&p, 200, OK);
	play_stanza(&p, "<presence type='probe' from='juliet@example.com/b' to='romeo@example.net'/>");
	assert_sent(0);
	/* SUB-P01: from what is known, to who asked */
	assert_has(play_got(&p), "<presence from='romeo@example.net/dr4' to='juliet@example.com/b'/>");
}

static void test_offline(void **state)
{
	(void)state;
	subscribed(); /* SUB-X14 */
	play_stanza(&p, "<presence from='juliet@example.com/a' to='romeo@example.net'/>");
	play_stanza(&p, "<presence type='unavailable' from='juliet@example.com/a' to='romeo@example.net'/>");
	play_wait(&p, 30000);
	play_stanza(&p, "<presence from='juliet@example.com/a' to='romeo@example.net'/>"); /* back within the grace */
	if (p.n_requests)
		play_respond(&p, 200, OK);
	play_wait(&p, 60000);
	assert_sent(0);
	play_stanza(&p, "<presence type='unavailable' from='juliet@example.com/a' to='romeo@example.net'/>");
	play_wait(&p, 59000);
	assert_sent(0);
	play_wait(&p, 2000);
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "0");
	play_respond(&p, 200, OK);
	assert_int_equal(notify("terminated;reason=timeout", PIDF(CLOSED("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), "");
	assert_state(W_IDLE);
	assert_true(the_watch()->is_authorised);
	play_stanza(&p, "<presence from='juliet@example.com/a' to='romeo@example.net'/>");
	assert_sent(1);
	learn();
	play_respond(&p, 200, OK);
	(void)notify("active;expires=3600", PIDF(OPEN("ID-dr4")));
	assert_string_equal(play_got(&p), "<presence from='romeo@example.net/dr4' to='juliet@example.com'/>");
}

static void test_unsubscribe(void **state)
{
	(void)state;
	subscribed(); /* SUB-X15 */
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>");
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "0");
	assert_string_equal(play_header(&p, "Call-ID"), call_id);
	assert_string_equal(play_got(&p), "");
	play_respond(&p, 200, OK);
	assert_string_equal(play_got(&p), "<presence type='unsubscribed' " FROM_ROMEO "/>");
	assert_int_equal(notify("terminated;reason=timeout", PIDF(OPEN("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), "");
	assert_null(the_watch());
	assert_int_equal(notify("terminated;reason=timeout", NULL), 481); /* SUB-X22 */

	subscribed(); /* BUG-03: the last NOTIFY is waited for, 32 s at most */
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>");
	play_respond(&p, 200, OK);
	play_wait(&p, 31000);
	assert_non_null(the_watch());
	play_wait(&p, 2000);
	assert_null(the_watch());
	assert_sent(0);
}

static void test_unsubscribe_without_dialog(void **state)
{
	(void)state;
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>"); /* SUB-X16 */
	assert_string_equal(play_got(&p), "<presence type='unsubscribed' " FROM_ROMEO "/>");
	subscribe();
	play_respond(&p, 500, "");
	assert_state(W_WAITING);
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>");
	assert_string_equal(play_got(&p), "<presence type='unsubscribed' " FROM_ROMEO "/>");
	assert_null(the_watch());
	assert_sent(0);
}

static void test_unsubscribe_while_asking(void **state)
{
	(void)state;
	subscribe();
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>");
	assert_sent(1);
	play_respond(&p, 200, OK);
	assert_sent(1);
	assert_string_equal(play_header(&p, "Expires"), "0");
	play_respond(&p, 200, OK);
	assert_string_equal(play_got(&p), "<presence type='unsubscribed' " FROM_ROMEO "/>");
	(void)notify("terminated;reason=timeout", NULL);
	assert_null(the_watch());
}

/* ---- the other side ends it ---- */

static void test_ends(void **state)
{
	static const struct {
		const char *state;
		bool is_gone, is_unsubscribed;
		enum watch_state next;
	} rows[] = {
		{ "terminated;reason=rejected", true, true, W_IDLE },           /* SUB-X17 */
		{ "terminated;reason=noresource", true, true, W_IDLE },         /* SUB-X20 */
		{ "terminated;reason=deactivated", false, false, W_ASKING },    /* SUB-X18 */
		{ "terminated;reason=timeout", false, false, W_ASKING },
		{ "terminated;reason=probation;retry-after=50", true, false, W_WAITING }, /* SUB-X19 */
		{ "terminated;reason=giveup", true, false, W_WAITING },
		{ "terminated;reason=invariant", false, false, W_FROZEN },      /* SUB-X21 */
		{ "terminated;reason=newword", true, false, W_WAITING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		subscribed();
		assert_int_equal(notify(rows[i].state, NULL), 200);
		const char *got = play_got(&p);
		assert_int_equal(strstr(got, "unavailable") != NULL, rows[i].is_gone);
		assert_int_equal(strstr(got, "unsubscribed") != NULL, rows[i].is_unsubscribed);
		if (rows[i].next == W_IDLE)
			assert_null(the_watch());
		else
			assert_state(rows[i].next);
		if (rows[i].next == W_FROZEN) {
			play_wait(&p, 4000000);
			assert_sent(0);
			play_stanza(&p, "<presence type='probe' from='juliet@example.com/a' to='romeo@example.net'/>");
			assert_string_equal(play_got(&p), "<presence from='romeo@example.net/dr4' to='juliet@example.com/a'/>");
		}
		if (rows[i].next == W_WAITING)
			assert_true(wait_for_request(60000) >= 24000);
		play_close(&p);
		play_open(&p, "");
	}
}

static void test_bad_notify(void **state)
{
	(void)state;
	subscribed();
	assert_int_equal(notify("active", "<presence xmlns='urn:ietf:params:xml:ns:pidf'>"), 400); /* SUB-X24 */
	notify_as("remote", ++their_seq, "active", "Content-Type: application/pidf-diff+xml\n", "<x/>"); /* PRE-S17 */
	assert_int_equal(p.answer.status, 415);
	assert_has(p.answer.headers, "Accept: application/pidf+xml");
	notify_as("remote", ++their_seq, "active", "Content-Type: text/plain\n", "hello");
	assert_int_equal(p.answer.status, 415);
	notify_as("remote", 1, "active", "Content-Type: application/pidf+xml\n", PIDF(CLOSED("ID-dr4"))); /* SUB-X23 */
	assert_int_equal(p.answer.status, 500);
	assert_string_equal(play_got(&p), "");
	assert_state(W_HELD);
	assert_int_equal(notify("active", PIDF(CLOSED("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>");
	snprintf(our_tag, sizeof our_tag, "0123456789abcdef");
	assert_int_equal(notify("active", NULL), 481); /* SUB-X22 */
	snprintf(our_tag, sizeof our_tag, "x");
	assert_int_equal(notify("active", NULL), 481);
}

static void test_who_may(void **state)
{
	(void)state;
	play_stanza(&p, "<presence type='subscribe' from='tybalt@elsewhere.example' to='romeo@example.net'/>"); /* SUB-X25 */
	assert_has(play_got(&p), "<forbidden");
	assert_sent(0);
}

/* ---- documents ---- */

static const char *told(const char *body)
{
	assert_int_equal(notify("active", body), 200);
	return play_got(&p);
}

static void test_documents(void **state)
{
	(void)state;
	subscribed();
	assert_string_equal(told(PIDF(OPEN("ID-dr4"))), ""); /* PRE-S15 */
	assert_string_equal(told(PIDF(OPEN("ID-dr4") OPEN("x1"))), "<presence from='romeo@example.net/x1' to='juliet@example.com'/>"); /* PRE-S03 */
	assert_string_equal(told(PIDF(OPEN("x1"))), "<presence type='unavailable' from='romeo@example.net/dr4' to='juliet@example.com'/>"); /* PRE-S13 */
	assert_string_equal(told(PIDF(CLOSED("x1"))), "<presence type='unavailable' from='romeo@example.net/x1' to='juliet@example.com'/>"); /* PRE-S02 */
	assert_string_equal(told(PIDF("<tuple id='x1'><status/></tuple>")), ""); /* PRE-S16 */
	assert_string_equal(told(NULL), ""); /* PRE-S14 */
	assert_string_equal(told(PIDF("<tuple id='ID-dr4'><status><basic>open</basic><show xmlns='jabber:client'>away</show></status>"
		"<contact priority='0.5'>sip:romeo@example.net</contact><note xml:lang='it'>via</note></tuple>")),
		"<presence from='romeo@example.net/dr4' to='juliet@example.com'><show>away</show><status xml:lang='it'>via</status>"
		"<priority>64</priority></presence>"); /* PRE-S05 to S07 */
	/* PRE-S20 */
	assert_has(told(PIDF("<tuple id='t'><status><basic>open</basic></status><timestamp>2026-01-02T03:04:05Z</timestamp></tuple>")), "romeo@example.net/t'");
	assert_string_equal(told(PIDF("<tuple id='t'><status><basic>closed</basic></status><timestamp>2026-01-02T03:04:04Z</timestamp></tuple>")), "");
	/* PRE-S04 */
	notify_as("remote", ++their_seq, "active", "Content-Type: application/pidf+xml\nContent-Language: cs\n", PIDF(OPEN("l")));
	assert_has(play_got(&p), "<presence from='romeo@example.net/l' to='juliet@example.com' xml:lang='cs'/>");
	/* PRE-S19 */
	assert_int_equal(notify("active", "<!DOCTYPE p [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>" PIDF("<note>&b;</note>")), 400);
}

static void test_notes_of_lync(void **state)
{
	static const char busy[] = PIDF("<tuple id='t'><status><basic>open</basic></status><note>Busy</note></tuple>");

	(void)state;
	subscribed(); /* PRE-S18 */
	assert_lacks(told(busy), "<show>");
	play_close(&p);
	play_open(&p, "sip peer example.net type = lync\n");
	subscribed();
	assert_has(told(busy), "<show>dnd</show><status>Busy</status>");
}

/* SUB-P01 */
static void test_look(void **state)
{
	(void)state;
	play_stanza(&p, "<presence type='probe' from='juliet@example.com/a' to='romeo@example.net'/>");
	assert_sent(1);
	learn();
	assert_string_equal(play_header(&p, "Expires"), "0");
	play_respond(&p, 200, OK);
	assert_int_equal(notify("terminated;reason=timeout", PIDF(OPEN("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), "<presence from='romeo@example.net/dr4' to='juliet@example.com/a'/>");
	assert_null(the_watch());
	play_stanza(&p, "<presence type='probe' from='juliet@example.com/a' to='romeo@example.net'/>");
	learn();
	play_respond(&p, 480, "");
	assert_string_equal(play_got(&p), "<presence type='unavailable' from='romeo@example.net' to='juliet@example.com/a'/>");
	assert_null(the_watch());
	assert_int_equal(p.x.presence->n, 0);
}

/* SUB-P03: what one watcher is told, nobody else is. */
static void test_no_leak(void **state)
{
	(void)state;
	subscribed();
	play_stanza(&p, "<presence type='subscribe' from='nurse@example.com' to='romeo@example.net'/>");
	play_respond(&p, 200, OK);
	assert_int_equal(notify("active", PIDF(OPEN("ID-dr4") OPEN("ID-x"))), 200);
	assert_lacks(play_got(&p), "nurse");
}

/* ---- restarts, limits, memory ---- */

static void test_restart(void **state)
{
	(void)state;
	subscribed();
	play_wait(&p, 2000);
	assert_int_equal(p.n_rows, 1);
	play_restart(&p, 60000);
	assert_state(W_HELD);
	assert_true(the_watch()->is_authorised);
	assert_int_equal(notify("active;expires=3500", PIDF(OPEN("ID-dr4"))), 200);
	assert_string_equal(play_got(&p), ""); /* it is known what she was told */
	play_stanza(&p, "<presence type='unsubscribe' from='juliet@example.com' to='romeo@example.net'/>");
	assert_sent(1);
	assert_has(play_header(&p, "To"), ";tag=remote");
	play_respond(&p, 200, OK);
	(void)notify("terminated;reason=timeout", NULL);
	play_wait(&p, 3000);
	assert_int_equal(p.n_rows, 0);
}

static void test_restart_is_no_storm(void **state)
{
	unsigned most = 0;
	char stanza[200];

	(void)state;
	for (int i = 0; i < 60; i++) {
		snprintf(stanza, sizeof stanza, "<presence type='subscribe' from='u%d@example.com' to='romeo@example.net'/>", i);
		play_stanza(&p, stanza);
		play_respond(&p, 200, OK);
	}
	play_wait(&p, 3000);
	play_restart(&p, 7200000); /* all have run out meanwhile */
	p.is_quiet = true;
	unsigned before = p.n_sent;
	for (int s = 0; s < 61; s++) {
		unsigned was = p.n_sent;
		play_wait(&p, 1000);
		if (p.n_sent - was > most)
			most = p.n_sent - was;
	}
	assert_int_equal(p.n_sent - before, 60);
	assert_true(most < 20); /* SUB-S19: spread over a minute */
}

static void test_waits_for_store(void **state)
{
	(void)state;
	subscribed();
	play_wait(&p, 2000);
	p.is_store_silent = true;
	play_restart(&p, 1000);
	assert_int_equal(notify("active", NULL), 500);
	assert_has(p.answer.headers, "Retry-After");
	play_stanza(&p, "<presence type='subscribe' from='a@example.com' to='romeo@example.net'/>");
	assert_true(p.is_done && p.done_rc != 0); /* its origin keeps it */
	p.is_store_silent = false;
	play_wait(&p, 6000);
	assert_true(p.x.presence->is_loaded);
	assert_state(W_HELD);
	assert_int_equal(notify("active", NULL), 200);
}

/* There is no gh-store on an edge: subscriptions work at once, and end with the program; what stands when the box becomes another is kept. */
static void test_edge(void **state)
{
	static const char other[] = "domain example.com certificate = c\nsip peer example.net action = allow\n";
	struct settings *before;
	unsigned line;

	(void)state;
	play_close(&p);
	play_open(&p, "system role = edge\n");
	assert_true(p.x.presence->is_loaded);
	subscribed();
	play_wait(&p, 3000);
	assert_int_equal(p.n_rows, 0);
	play_restart(&p, 1000);
	assert_true(p.x.presence->is_loaded);
	assert_int_equal(p.x.presence->watches.count, 0);
	assert_int_equal(notify("active", NULL), 481);
	subscribed();
	before = p.settings;
	assert_int_equal(settings_parse(bytes_of(other), &p.settings, &line), 0);
	xlate_apply(&p.x, p.settings);
	settings_free(before);
	play_wait(&p, 6000);
	assert_true(p.x.presence->is_loaded);
	assert_int_equal(p.n_rows, 1);
}

static void test_limits(void **state)
{
	(void)state;
	play_close(&p);
	play_open(&p, "gateway subscriptions-user = 2\ngateway subscriptions-domain = 3\n");
	play_stanza(&p, "<presence type='subscribe' from='a@example.com' to='r1@example.net'/>");
	play_stanza(&p, "<presence type='subscribe' from='a@example.com' to='r2@example.net'/>");
	assert_sent(2);
	play_stanza(&p, "<presence type='subscribe' from='a@example.com' to='r3@example.net'/>");
	assert_has(play_got(&p), "<resource-constraint");
	play_stanza(&p, "<presence type='subscribe' from='b@example.com' to='r3@example.net'/>");
	assert_sent(3);
	play_stanza(&p, "<presence type='subscribe' from='c@example.com' to='r4@example.net'/>");
	assert_has(play_got(&p), "<resource-constraint");
	play_respond(&p, 403, "");
	play_stanza(&p, "<presence type='subscribe' from='c@example.com' to='r4@example.net'/>");
	assert_sent(3); /* there is room again */
	assert_int_equal(p.x.presence->n, 3);
}

static void test_presence_off(void **state)
{
	(void)state;
	play_close(&p);
	play_open(&p, "gateway presence = off\n");
	play_stanza(&p, "<presence type='subscribe' from='juliet@example.com' to='romeo@example.net'/>");
	assert_has(play_got(&p), "<service-unavailable");
	assert_sent(0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_subscribe), T(test_contact_at_sip_host), T(test_early_notify), T(test_fork), T(test_refused), T(test_interval),
		T(test_refresh), T(test_refresh_times), T(test_notify_shortens), T(test_no_refresh_without_server), T(test_lost_dialog), T(test_lost_dialog_of_unknown_state),
		T(test_absent), T(test_back_off), T(test_online), T(test_offline), T(test_unsubscribe), T(test_unsubscribe_without_dialog),
		T(test_unsubscribe_while_asking), T(test_ends), T(test_bad_notify), T(test_who_may), T(test_documents), T(test_notes_of_lync),
		T(test_look), T(test_no_leak), T(test_restart), T(test_restart_is_no_storm), T(test_waits_for_store), T(test_edge), T(test_limits),
		T(test_presence_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
