/* Plays: acknowledgements and resumption (XEP-0198), and what becomes of the unacknowledged. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/session.h"

static void are_counted_both_ways(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im resume = 100\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_enable_sm(alice, true, 0);
	assert_int_equal(alice->answer, MSG_SM_ENABLED);
	assert_int_equal(strlen(alice->sm_id), 32);
	assert_int_equal(alice->sm_max_s, 100);
	client_request(alice);
	assert_int_equal(alice->answer, MSG_SM_ANSWER);
	assert_int_equal(alice->h, 0);
	client_send(alice, "<presence/>");
	client_send(alice, "<iq type='get' id='1' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_request(alice);
	assert_int_equal(alice->h, 2);
	client_ack(alice, 2); /* its own presence, the answer */
	assert_false(alice->is_closed);
	/* more than it got (XEP-0198 4) */
	client_ack(alice, 3);
	assert_true(alice->is_closed);
	assert_string_equal(alice->condition, "undefined-condition");
	assert_null(map_get(&p.im.resumable, bytes_of(alice->sm_id)));
	play_close(&p);
}

static void the_shorter_time_holds(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im resume = 100\n");
	struct client *a = client_online(&p, "alice", "a", 0);
	client_enable_sm(a, true, 5000);
	assert_int_equal(a->sm_max_s, 100);
	struct client *b = client_online(&p, "alice", "b", 0);
	client_enable_sm(b, true, 30);
	assert_int_equal(b->sm_max_s, 30);
	struct client *c = client_online(&p, "alice", "c", 0);
	client_enable_sm(c, false, 30);
	assert_string_equal(c->sm_id, "");
	assert_int_equal(c->sm_max_s, 0);
	play_close(&p);
}

/* A stream is lost in the middle; the next one goes on where it was. */
static void resume(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_login(&p, "bob", "phone");
	client_enable_sm(bob, true, 60);
	client_send(bob, "<presence/>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>two</body></message>");
	(void)client_got(bob);
	client_ack(bob, 2); /* presence, one */
	client_lose(bob);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>three</body></message>");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	struct client *again = client_auth(&p, "bob");
	client_resume(again, bob->sm_id, 2);
	assert_int_equal(again->answer, MSG_SESSION_RESUMED);
	assert_string_equal(again->full, "bob@a.example/phone");
	assert_int_equal(again->h, 1); /* the presence it sent */
	const char *got = client_got(again);
	assert_lacks(got, ">one<");
	assert_true(strstr(got, ">two<") && strstr(got, ">two<") < strstr(got, ">three<"));
	/* the count goes on */
	client_ack(again, 4);
	client_send(again, "<presence/>");
	client_request(again);
	assert_int_equal(again->h, 2);
	/* and again, with what was not acknowledged */
	client_send(alice, "<message type='chat' to='bob@a.example'><body>four</body></message>");
	(void)client_got(again);
	client_lose(again);
	struct client *third = client_auth(&p, "bob");
	client_resume(third, bob->sm_id, 5);
	assert_has(client_got(third), ">four<");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

static void resume_while_the_old_stream_lives(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "phone", 0);
	client_enable_sm(bob, true, 60);
	struct client *again = client_auth(&p, "bob");
	client_resume(again, bob->sm_id, 0);
	assert_int_equal(again->answer, MSG_SESSION_RESUMED);
	assert_int_equal(bob->answer, MSG_SESSION_CLOSE);
	assert_string_equal(bob->condition, "conflict");
	(void)client_got(bob);
	client_leave(bob); /* the old stream's end is not the session's */
	client_send(alice, "<message type='chat' to='bob@a.example/phone'><body>hi</body></message>");
	assert_has(client_got(again), "hi");
	assert_string_equal(client_got(bob), "");
	play_close(&p);
}

static void refused(struct play *p, const char *name, const char *id, uint32_t h, const char *condition)
{
	struct client *c = client_auth(p, name);

	client_resume(c, id, h);
	assert_int_equal(c->answer, MSG_SESSION_RESUME_FAILED);
	assert_string_equal(c->condition, condition);
	client_open(c, "other", 0, "", 0); /* it may still bind (XEP-0198 5) */
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
}

static void are_not_resumed_by_others_nor_twice(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *bob = client_online(&p, "bob", "phone", 0);
	client_enable_sm(bob, true, 60);
	client_lose(bob);
	refused(&p, "alice", bob->sm_id, 0, "item-not-found");
	refused(&p, "bob", "00000000000000000000000000000000", 0, "item-not-found");
	/* who has not logged in at all */
	struct client *nobody = client_new(&p);
	client_resume(nobody, bob->sm_id, 0);
	assert_int_equal(nobody->answer, MSG_SESSION_RESUME_FAILED);
	/* one that counts what it never got ends the session */
	refused(&p, "bob", bob->sm_id, 7, "unexpected-request");
	refused(&p, "bob", bob->sm_id, 0, "item-not-found");
	play_close(&p);
}

/* After its time the session is over: messages go to storage, requests come back, contacts see it. */
static void expire(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "phone", 0);
	client_send(alice, "<presence to='bob@a.example/phone'/>");
	client_send(bob, "<presence to='alice@a.example/desk'/>");
	client_enable_sm(bob, true, 60);
	client_lose(bob);
	(void)client_got(alice);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	client_send(alice, "<message type='normal' to='bob@a.example/phone'><body>two</body></message>");
	client_send(alice, "<message type='headline' to='bob@a.example'><body>news</body></message>");
	client_send(alice, "<iq type='get' id='q1' to='bob@a.example/phone'><ping xmlns='urn:xmpp:ping'/></iq>");
	play_wait(&p, 59000);
	assert_string_equal(client_got(alice), "");
	play_wait(&p, 2000);
	const char *got = client_got(alice);
	assert_has(got, "<presence");
	assert_has(got, "type='unavailable'");
	assert_has(got, "<iq type='error' id='q1'");
	assert_has(got, "<service-unavailable");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 2);
	refused(&p, "bob", bob->sm_id, 0, "item-not-found");
	play_close(&p);
}

/* What one resource did not get, another one does. */
static void leave_their_messages_to_another_resource(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *phone = client_online(&p, "bob", "phone", 5);
	struct client *desk = client_online(&p, "bob", "desk", 0);
	client_enable_sm(phone, true, 60);
	client_lose(phone);
	client_send(alice, "<message type='chat' to='bob@a.example/phone'><body>one</body></message>");
	assert_lacks(client_got(desk), ">one<");
	play_wait(&p, 61000);
	assert_has(client_got(desk), ">one<");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

/* Both resources had been sent it and neither confirmed it: it is not lost with the second. */
static void of_two_that_are_lost_keep_the_message(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *phone = client_online(&p, "bob", "phone", 0);
	struct client *desk = client_online(&p, "bob", "desk", 0);
	client_enable_sm(phone, true, 60);
	client_enable_sm(desk, true, 90);
	client_lose(phone);
	client_lose(desk);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	play_wait(&p, 61000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_wait(&p, 40000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	/* one that was confirmed by either is done */
	phone = client_online(&p, "bob", "phone", 0);
	play_wait(&p, 1000);
	desk = client_online(&p, "bob", "desk", 0);
	(void)client_got(phone);
	(void)client_got(desk);
	client_enable_sm(phone, true, 60);
	client_enable_sm(desk, true, 90);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>two</body></message>");
	(void)client_got(desk);
	client_ack(desk, 1);
	client_lose(phone);
	client_lose(desk);
	play_wait(&p, 100000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

static void without_resumption_end_at_once(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "phone", 0);
	client_enable_sm(bob, false, 0);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	client_lose(bob);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	assert_int_equal(p.im.sessions.count, 1);
	play_close(&p);
}

/* A proper end: what its kernel took has arrived, acknowledged or not; the rest has not. */
static void that_are_closed_have_read_everything(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "phone", 0);
	client_enable_sm(bob, true, 60);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	bob->is_stuck = true;
	client_send(alice, "<message type='chat' to='bob@a.example'><body>two</body></message>");
	client_leave(bob);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	struct client *again = client_online(&p, "bob", "phone", 0);
	assert_has(client_got(again), ">two<");
	play_close(&p);
}

static void outlive_their_door(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_enable_sm(alice, true, 60);
	struct client *bob = client_online(&p, "bob", "phone", 0); /* without */
	client_send(alice, "<presence to='bob@a.example/phone'/>");
	door_leave(&p);
	assert_int_equal(p.im.sessions.count, 0);
	assert_int_equal(p.im.resumable.count, 1);
	door_join(&p);
	(void)client_got(bob);
	struct client *again = client_auth(&p, "alice");
	client_resume(again, alice->sm_id, 0);
	assert_int_equal(again->answer, MSG_SESSION_RESUMED);
	assert_int_equal(again->h, 1);
	play_close(&p);
}

/* XEP-0198 with bind2: on from the session's start. */
static void start_with_the_session(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_auth(&p, "alice");
	client_open(alice, "", SESSION_SM | SESSION_SM_RESUME | SESSION_CARBONS, "Phone", 50);
	assert_int_equal(alice->answer, MSG_SESSION_OPENED);
	assert_true(strncmp(alice->full, "alice@a.example/Phone~", 22) == 0);
	assert_int_equal(strlen(alice->sm_id), 32);
	assert_int_equal(alice->sm_max_s, 50);
	client_lose(alice);
	struct client *again = client_auth(&p, "alice");
	client_resume(again, alice->sm_id, 0);
	assert_int_equal(again->answer, MSG_SESSION_RESUMED);
	assert_string_equal(again->full, alice->full);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_counted_both_ways),
		cmocka_unit_test(the_shorter_time_holds),
		cmocka_unit_test(resume),
		cmocka_unit_test(resume_while_the_old_stream_lives),
		cmocka_unit_test(are_not_resumed_by_others_nor_twice),
		cmocka_unit_test(expire),
		cmocka_unit_test(leave_their_messages_to_another_resource),
		cmocka_unit_test(of_two_that_are_lost_keep_the_message),
		cmocka_unit_test(without_resumption_end_at_once),
		cmocka_unit_test(that_are_closed_have_read_everything),
		cmocka_unit_test(outlive_their_door),
		cmocka_unit_test(start_with_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
