/* Plays: messages to and from other domains, and a gh-switch that comes and goes. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "delivery/remote.h"

#define OUT(text) "<message id='" text "' type='chat' to='remote@b.example'><body>" text "</body></message>"
#define IN(to, text) "<message id='" text "' type='chat' from='remote@b.example/x' to='" to "'><body>" text "</body></message>"

static struct client *counting(struct play *p, const char *name)
{
	struct client *c = client_online(p, name, "desk", 0);

	client_enable_sm(c, true, 60);
	(void)client_got(c);
	return c;
}

/* With archives, acknowledgements wait for them as well: archive_test. */
static const char no_archive[] = "im archive = off\n";

/* Outward: acknowledged when somebody else has taken it, or it is in the journal. */
static void go_out_and_are_kept_until_taken(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *alice = counting(&p, "alice");
	p.is_hub_silent = true;
	p.store.is_slow = true;
	client_send(alice, OUT("one"));
	client_request(alice);
	assert_has(hub_got(&p), "<message from='alice@a.example/desk' to='remote@b.example' id='one' type='chat'>");
	assert_int_equal(alice->n_answers, 0);
	assert_int_not_equal(p.sent_id, 0);
	hub_done(&p, p.sent_id, 0);
	play_run(&p);
	assert_int_equal(alice->n_answers, 1);
	client_send(alice, OUT("two"));
	client_request(alice);
	play_wait(&p, 100);
	assert_int_equal(alice->n_answers, 1);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(alice->n_answers, 2);
	assert_int_equal(play_store_journal(&p.store), 1);
	p.store.is_slow = false;
	hub_done(&p, p.sent_id, 0);
	play_wait(&p, 1000);
	assert_int_equal(play_store_journal(&p.store), 0);
	play_close(&p);
}

static void go_out_again_after_a_break(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *alice = counting(&p, "alice");
	p.is_hub_silent = true;
	client_send(alice, OUT("one"));
	uint64_t first = p.sent_id;
	client_send(alice, "<presence to='remote@b.example'/>"); /* worth nothing tomorrow */
	(void)hub_got(&p);
	hub_leave(&p);
	client_send(alice, OUT("two"));
	hub_join(&p);
	const char *out = hub_got(&p);
	assert_true(strstr(out, ">one<") && strstr(out, ">one<") < strstr(out, ">two<"));
	assert_lacks(out, "<presence");
	/* not now: again a little later, under the same name */
	hub_done(&p, first, ERR_FULL);
	play_wait(&p, REMOTE_AGAIN_MS);
	out = hub_got(&p);
	assert_has(out, ">one<");
	assert_lacks(out, ">two<");
	assert_true(p.sent_id == first);
	play_close(&p);
}

static void come_back_when_the_way_stays_closed(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *alice = counting(&p, "alice");
	hub_leave(&p);
	client_send(alice, OUT("one"));
	client_request(alice);
	play_wait(&p, REMOTE_AGE_MS - 1000);
	assert_string_equal(client_got(alice), "");
	play_wait(&p, 2000);
	const char *got = client_got(alice);
	assert_has(got, "<message type='error' id='one' from='remote@b.example' to='alice@a.example/desk'>");
	assert_has(got, "<remote-server-timeout");
	assert_int_equal(play_store_journal(&p.store), 0);
	hub_join(&p);
	assert_string_equal(hub_got(&p), "");
	play_close(&p);
}

/* gh-im dies: what the journal holds of it goes out again. */
static void outlive_gh_im(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *alice = counting(&p, "alice");
	p.is_hub_silent = true;
	client_send(alice, OUT("one"));
	client_request(alice);
	play_wait(&p, 100);
	assert_int_equal(alice->n_answers, 1);
	(void)hub_got(&p);
	uint64_t id = p.sent_id;
	p.is_hub_silent = false;
	im_restart(&p);
	assert_has(hub_got(&p), ">one<");
	assert_true(p.sent_id == id);
	play_wait(&p, 1000);
	assert_int_equal(play_store_journal(&p.store), 0);
	play_close(&p);
}

/* Inward: ROUTE_DONE when the client has it, it is on disk, or its sender has an error. */
static void come_in_and_are_answered_when_safe(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(bob);
	bob->is_stuck = true;
	p.store.is_slow = true;
	hub_send(&p, 71, IN("bob@a.example", "one"));
	assert_has(client_got(bob), ">one<");
	assert_int_equal(p.n_done, 0);
	/* the same again, from a peer that did not hear: neither delivered twice nor answered early */
	hub_send(&p, 71, IN("bob@a.example", "one"));
	assert_string_equal(client_got(bob), "");
	assert_int_equal(p.n_done, 0);
	client_unstick(bob);
	assert_int_equal(p.n_done, 1);
	assert_true(p.done_id == 71);
	hub_send(&p, 71, IN("bob@a.example", "one"));
	assert_string_equal(client_got(bob), "");
	assert_int_equal(p.n_done, 2);
	/* to storage */
	hub_send(&p, 72, IN("carol@a.example", "two"));
	play_wait(&p, 1000);
	assert_int_equal(p.n_done, 2);
	play_store_sync(&p.store);
	play_run(&p);
	assert_true(p.done_id == 72);
	/* to nobody */
	hub_send(&p, 73, IN("dave@a.example", "three"));
	assert_true(p.done_id == 73);
	assert_has(hub_got(&p), "<message type='error' id='three' from='dave@a.example' to='remote@b.example/x'>");
	/* to a domain of somebody else */
	hub_send(&p, 74, IN("eve@c.example", "four"));
	assert_true(p.done_id == 74);
	assert_has(hub_got(&p), "<item-not-found");
	/* by the journal, when the client stays silent */
	p.store.is_slow = false;
	bob->is_stuck = true;
	hub_send(&p, 75, IN("bob@a.example", "five"));
	assert_true(p.done_id == 74);
	play_wait(&p, 100);
	assert_true(p.done_id == 75);
	play_close(&p);
}

/* On disk, but gh-im dies before it says so: the same comes again under the same id, and is known. */
static void come_in_again_after_gh_im_and_are_stored_once(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	hub_send(&p, 91, IN("bob@a.example", "one"));
	assert_true(p.done_id == 91);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	im_restart(&p);
	hub_send(&p, 91, IN("bob@a.example", "one"));
	play_wait(&p, 1000);
	assert_int_equal(p.n_done, 2);
	assert_true(p.done_id == 91);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	/* another one is not taken for it */
	hub_send(&p, 92, IN("bob@a.example", "two"));
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 2);
	play_close(&p);
}

/* The same by way of the journal: its row became an offline message when gh-im started. */
static void come_in_again_after_the_journal_and_are_stored_once(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, no_archive);
	struct client *bob = client_online(&p, "bob", "b", 0);
	bob->is_stuck = true;
	hub_send(&p, 93, IN("bob@a.example", "one"));
	play_wait(&p, 100);
	assert_int_equal(play_store_journal(&p.store), 1);
	im_restart(&p);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	hub_send(&p, 93, IN("bob@a.example", "one"));
	play_wait(&p, 1000);
	assert_true(p.done_id == 93);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	play_close(&p);
}

/* Stored too many: the error is the safe end. */
static void come_in_and_bounce(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im offline-per-user = 1\nim archive = off\n");
	hub_send(&p, 81, IN("bob@a.example", "one"));
	hub_send(&p, 82, IN("bob@a.example", "two"));
	assert_true(p.done_id == 82);
	assert_has(hub_got(&p), "<message type='error' id='two'");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_out_and_are_kept_until_taken),
		cmocka_unit_test(go_out_again_after_a_break),
		cmocka_unit_test(come_back_when_the_way_stays_closed),
		cmocka_unit_test(outlive_gh_im),
		cmocka_unit_test(come_in_and_are_answered_when_safe),
		cmocka_unit_test(come_in_again_after_gh_im_and_are_stored_once),
		cmocka_unit_test(come_in_again_after_the_journal_and_are_stored_once),
		cmocka_unit_test(come_in_and_bounce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
