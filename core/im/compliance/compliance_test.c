/* Plays: the compliance archive in front of everything else; gh-comply is played. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/xmpp.h"

#define BLOCKING "compliance mode = blocking\n"
#define FAST "compliance mode = fast\n"

static void a_message_waits_until_it_is_written(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING);
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_got(b);
	client_send(a, "<message to='bob@a.example' type='chat'><body>one</body></message>");
	assert_lacks(client_got(b), "one");
	assert_has(comply_got(&p), "<body>one</body>");
	assert_has(comply_got(&p), "from='alice@a.example/r'");
	comply_answer(&p, 0);
	assert_has(client_got(b), "one");
	/* To itself, without an address. */
	client_send(a, "<message type='chat'><body>two</body></message>");
	assert_has(comply_got(&p), "two");
	comply_answer(&p, 0);
	assert_has(client_got(a), "two");
	play_close(&p);
}

static void nothing_overtakes_it_and_others_pass(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING);
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0), *c = client_online(&p, "carol", "r", 0);
	client_got(a), client_got(b), client_got(c);
	client_send(a, "<message to='bob@a.example'><body>one</body></message>");
	client_send(a, "<iq type='get' id='p1' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_send(a, "<message to='bob@a.example'><body>two</body></message>");
	client_send(c, "<iq type='get' id='p2' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_got(c), "p2");
	assert_lacks(client_got(a), "p1");
	comply_answer(&p, 0);
	assert_has(client_got(a), "p1");
	const char *got = client_got(b);
	assert_has(got, "one");
	assert_has(got, "two");
	assert_true(strstr(got, "one") < strstr(got, "two"));
	/* What its sender says before it goes is said. */
	client_send(a, "<message to='bob@a.example'><body>three</body></message>");
	client_leave(a);
	assert_lacks(client_got(b), "three");
	comply_answer(&p, 0);
	assert_has(client_got(b), "three");
	assert_int_equal(p.im.compliance.gates.count, 0);
	assert_int_equal(p.im.compliance.n_notes, 0);
	play_close(&p);
}

static void what_cannot_be_written_is_refused(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING);
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_got(a), client_got(b);
	client_send(a, "<message to='bob@a.example' id='m1' type='chat'><body>one</body></message>");
	comply_answer(&p, ERR_FULL);
	const char *got = client_got(a);
	assert_has(got, "id='m1'");
	assert_has(got, "resource-constraint");
	assert_has(got, "archived");
	/* A partner's, and its door may forget it: it has an error. */
	hub_send(&p, 77, "<message from='x@far.example/r' to='bob@a.example' id='m2'><body>far</body></message>");
	assert_true(p.done_id != 77);
	comply_answer(&p, ERR_IO);
	assert_true(p.done_id == 77);
	assert_has(hub_got(&p), "resource-constraint");
	assert_lacks(client_got(b), "<body>");
	/* And when it can again. */
	hub_send(&p, 78, "<message from='x@far.example/r' to='bob@a.example' id='m3'><body>near</body></message>");
	comply_answer(&p, 0);
	assert_has(client_got(b), "near");
	play_close(&p);
}

static void who_waits_too_long_is_refused(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING "compliance wait = 5\n");
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_got(a), client_got(b);
	/* There is none; it comes in time, and goes with what it got, and comes again. */
	client_send(a, "<message to='bob@a.example' id='m1'><body>one</body></message>");
	play_wait(&p, 2000);
	comply_join(&p);
	assert_has(comply_got(&p), "one");
	comply_leave(&p);
	play_wait(&p, 1000);
	assert_lacks(client_got(a), "m1");
	comply_join(&p);
	assert_has(comply_got(&p), "one");
	comply_answer(&p, 0);
	assert_has(client_got(b), "one");
	/* It does not answer: what it may have on the disk, it hears was not delivered. */
	client_send(a, "<message to='bob@a.example' id='m2'><body>two</body></message>");
	play_wait(&p, 4900);
	assert_lacks(client_got(a), "m2");
	play_wait(&p, 200);
	const char *got = client_got(a);
	assert_has(got, "m2");
	assert_has(got, "resource-constraint");
	assert_has(comply_got(&p), "not-delivered trace=");
	comply_answer(&p, 0);
	assert_lacks(client_got(b), "two");
	/* It is not there. */
	comply_leave(&p);
	client_send(a, "<message to='bob@a.example' id='m3'><body>three</body></message>");
	play_wait(&p, 5100);
	assert_has(client_got(a), "m3");
	comply_join(&p);
	assert_lacks(comply_got(&p), "three");
	assert_lacks(client_got(b), "three");
	/* The mode ends meanwhile: nothing goes out unarchived that was to be archived. */
	client_send(a, "<message to='bob@a.example' id='m4'><body>four</body></message>");
	play_settle(&p, "compliance mode = off\n");
	assert_has(client_got(a), "m4");
	assert_lacks(client_got(b), "four");
	client_send(a, "<message to='bob@a.example' id='m5'><body>five</body></message>");
	assert_has(client_got(b), "five");
	play_close(&p);
}

static void stream_management_counts_what_was_handled(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING);
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_send(a, "<message to='bob@a.example'><body>zero</body></message>");
	client_enable_sm(a, true, 300); /* the first counts for nothing */
	comply_answer(&p, 0);
	assert_int_equal(a->answer, MSG_SM_ENABLED);
	client_send(a, "<message to='bob@a.example'><body>one</body></message>");
	client_request(a);
	assert_int_equal(a->n_answers, 0);
	comply_answer(&p, 0);
	play_wait(&p, 100);
	assert_true(a->n_answers == 1 && a->h == 1);
	/* Its stream is lost while one waits: the client hears that it was not handled, and sends it again. */
	client_send(a, "<message to='bob@a.example'><body>two</body></message>");
	struct client *again = client_auth(&p, "alice");
	client_resume(again, a->sm_id, 0);
	play_wait(&p, 2100);
	assert_int_equal(again->answer, MSG_SESSION_RESUMED);
	assert_int_equal(again->h, 1);
	comply_answer(&p, 0);
	client_got(b);
	client_send(again, "<message to='bob@a.example'><body>two</body></message>");
	comply_answer(&p, 0);
	assert_has(client_got(b), "two");
	/* Lost and not resumed yet: it is handled, and counts. */
	client_send(again, "<message to='bob@a.example'><body>three</body></message>");
	client_lose(again);
	comply_answer(&p, 0);
	assert_has(client_got(b), "three");
	struct client *third = client_auth(&p, "alice");
	client_resume(third, again->sm_id[0] ? again->sm_id : a->sm_id, 0);
	play_wait(&p, 2100);
	assert_int_equal(third->h, 3);
	play_close(&p);
}

static void fast_mode_waits_for_nothing_and_loses_nothing(void **state)
{
	struct play p;
	char text[128];

	(void)state;
	play_open(&p, FAST);
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_got(b);
	client_send(a, "<message to='bob@a.example'><body>one</body></message>");
	assert_has(client_got(b), "one");
	assert_has(comply_got(&p), "one");
	/* It dies before it said that it has it, and its successor cannot write at first. */
	comply_leave(&p);
	client_send(a, "<message to='bob@a.example'><body>two</body></message>");
	assert_has(client_got(b), "two");
	comply_join(&p);
	assert_has(comply_got(&p), "one");
	assert_has(comply_got(&p), "two");
	comply_answer(&p, ERR_FULL);
	client_send(a, "<message to='bob@a.example'><body>three</body></message>");
	assert_string_equal(comply_got(&p), "");
	play_wait(&p, 1100);
	for (int i = 1; i <= 3; i++) {
		snprintf(text, sizeof text, "<body>%s</body>", i == 1 ? "one" : i == 2 ? "two" : "three");
		assert_has(comply_got(&p), text);
	}
	comply_answer(&p, 0);
	assert_int_equal(p.im.compliance.n_notes, 0);
	assert_int_equal(p.im.compliance.bytes, 0);
	play_close(&p);
}

static void what_fast_mode_loses_is_on_record(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, FAST);
	struct client *a = client_online(&p, "alice", "r", 0);
	uint64_t before = im_stats[STAT_COMPLY_LOST];
	p.im.compliance.bytes += 64 << 20; /* as if so much waited */
	client_send(a, "<message to='bob@a.example'><body>lost</body></message>");
	p.im.compliance.bytes -= 64 << 20;
	assert_true(im_stats[STAT_COMPLY_LOST] == before + 1);
	client_send(a, "<message to='bob@a.example'><body>kept</body></message>");
	comply_join(&p);
	assert_has(comply_got(&p), "kept");
	assert_lacks(comply_got(&p), "lost records");
	comply_answer(&p, 0);
	assert_has(comply_got(&p), "lost records=1 since=");
	play_close(&p);
}

static void whose_it_is(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, FAST "compliance only = alice@a.example far.example\ncompliance except = carol@a.example\n");
	comply_join(&p);
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_send(b, "<message to='b2@a.example'><body>nobody's</body></message>");
	client_send(a, "<message to='carol@a.example'><body>counsel's</body></message>");
	assert_string_equal(comply_got(&p), "");
	client_send(b, "<message to='alice@a.example'><body>hers</body></message>");
	client_send(b, "<message to='x@far.example'><body>theirs</body></message>");
	assert_has(comply_got(&p), "hers");
	assert_has(comply_got(&p), "theirs");
	assert_int_equal(p.n_noted, 2); /* and no presence */
	play_settle(&p, FAST "compliance presence = on\n");
	client_send(a, "<presence><show>away</show></presence>");
	assert_has(comply_got(&p), "away");
	/* What a moderator takes back is a request. */
	client_send(a, "<iq type='set' id='x' to='room@rooms.a.example'><moderate xmlns='" NS_MODERATE "' id='1'><retract xmlns='" NS_RETRACT
	               "'/></moderate></iq>");
	assert_has(comply_got(&p), "<moderate");
	play_close(&p);
}

/* A door is held up, not the box: what one sender may have waiting has an end. */
static void one_sender_fills_only_its_own_place(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, BLOCKING "compliance wait = 60\n");
	struct client *a = client_online(&p, "alice", "r", 0), *b = client_online(&p, "bob", "r", 0);
	client_got(a);
	for (int i = 0; i < 1005; i++)
		client_send(a, "<message to='bob@a.example' id='n%d'><body>x</body></message>", i);
	const char *got = client_got(a);
	assert_lacks(got, "n999'");
	assert_has(got, "n1000'");
	assert_has(got, "n1004'");
	hub_send(&p, 9, "<message from='x@far.example/r' to='bob@a.example'><body>far</body></message>");
	client_send(b, "<message to='alice@a.example' id='y'><body>x</body></message>");
	assert_lacks(client_got(b), "'y'");
	assert_int_equal(p.im.compliance.n_held, 1002);
	client_got(b);
	comply_join(&p);
	comply_answer(&p, 0);
	assert_has(client_got(b), "far");
	assert_int_equal(p.im.compliance.n_held, 0);
	assert_int_equal(p.im.compliance.held_bytes, 0);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_waits_until_it_is_written),
		cmocka_unit_test(nothing_overtakes_it_and_others_pass),
		cmocka_unit_test(what_cannot_be_written_is_refused),
		cmocka_unit_test(who_waits_too_long_is_refused),
		cmocka_unit_test(stream_management_counts_what_was_handled),
		cmocka_unit_test(fast_mode_waits_for_nothing_and_loses_nothing),
		cmocka_unit_test(what_fast_mode_loses_is_on_record),
		cmocka_unit_test(whose_it_is),
		cmocka_unit_test(one_sender_fills_only_its_own_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
