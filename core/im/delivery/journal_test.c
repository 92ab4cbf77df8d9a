/* Plays: nothing is acknowledged before it is safe, whoever dies (core/im/README.md). */
#include "play/play.h"
#include "delivery/sm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "delivery/journal.h"

#define CHAT(to, text) "<message id='" text "' type='chat' to='" to "'><body>" text "</body></message>"

/* A sender that counts. */
static struct client *counting(struct play *p, const char *name)
{
	struct client *c = client_online(p, name, "desk", 0);

	client_enable_sm(c, true, 60);
	(void)client_got(c);
	return c;
}

static void a_message_for_storage_waits_for_the_disk(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	p.store.is_slow = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	play_wait(&p, 5000);
	assert_int_equal(alice->n_answers, 0);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(alice->h, 1);
	assert_int_equal(play_store_journal(&p.store), 0); /* what waits for the disk needs no journal */
	play_close(&p);
}

/* Answers come in order: a ping behind a message that is not safe yet does not overtake it. */
static void what_is_not_safe_holds_what_follows(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	p.store.is_slow = true;
	client_send(alice, "<iq type='get' id='1' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_send(alice, CHAT("bob@a.example", "one"));
	client_send(alice, "<iq type='get' id='2' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	client_request(alice);
	assert_int_equal(alice->n_answers, 0);
	/* a resumed stream hears of what is safe only, and sends the rest again */
	client_lose(alice);
	struct client *again = client_auth(&p, "alice");
	client_resume(again, alice->sm_id, 0);
	play_wait(&p, SM_SAFE_WAIT_MS);
	assert_int_equal(again->h, 1);
	play_close(&p);
}

static void a_confirmed_message_needs_no_disk(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im archive = off\n");
	struct client *alice = counting(&p, "alice");
	struct client *bob = client_online(&p, "bob", "b", 0);
	p.store.is_slow = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	assert_has(client_got(bob), "one");
	assert_int_equal(alice->n_answers, 1);
	play_wait(&p, 1000);
	assert_int_equal(p.store.n_asked[STORE_JOURNAL_ADD], 0);
	play_close(&p);
}

/* One that nobody confirms is in the journal after JOURNAL_WAIT_MS, and out of it when it arrived. */
static void an_unconfirmed_message_is_journalled(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(bob);
	bob->is_stuck = true;
	p.store.is_slow = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	play_wait(&p, JOURNAL_WAIT_MS - 1);
	assert_int_equal(p.store.n_asked[STORE_JOURNAL_ADD], 0);
	play_wait(&p, 1);
	assert_int_equal(p.store.n_asked[STORE_JOURNAL_ADD], 1);
	assert_int_equal(alice->n_answers, 0);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(play_store_journal(&p.store), 1);
	p.store.is_slow = false;
	client_unstick(bob);
	play_wait(&p, 200);
	assert_int_equal(play_store_journal(&p.store), 0);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

/* gh-im dies with a message acknowledged and not delivered: the next one has it. */
static void gh_im_dies(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(bob);
	bob->is_stuck = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	play_wait(&p, 100);
	assert_int_equal(alice->n_answers, 1);
	im_restart(&p);
	bob = client_online(&p, "bob", "b", 0);
	assert_has(client_got(bob), ">one<");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	assert_int_equal(play_store_journal(&p.store), 0);
	play_close(&p);
}

/* gh-store dies with writes that it never committed: they are asked again, in order, once. */
static void gh_store_dies(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	p.store.is_slow = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_send(alice, "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='x@y'/></query></iq>");
	client_send(alice, CHAT("bob@a.example", "two"));
	client_request(alice);
	store_leave(&p);
	p.store.is_slow = false;
	client_send(alice, CHAT("bob@a.example", "three"));
	client_send(alice, CHAT("carol@a.example", "four")); /* carol is not even loaded */
	client_request(alice);
	play_wait(&p, 3000);
	assert_int_equal(alice->n_answers, 0);
	assert_lacks(client_got(alice), "type=");
	store_join(&p);
	play_run(&p);
	assert_int_equal(alice->n_answers, 2);
	assert_int_equal(alice->h, 5);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 3);
	assert_int_equal(play_store_offline(&p.store, "carol@a.example"), 1);
	assert_has(client_got(alice), "<iq type='result' id='r1'");
	struct client *bob = client_online(&p, "bob", "b", 0);
	const char *got = client_got(bob);
	assert_true(strstr(got, ">one<") && strstr(got, ">one<") < strstr(got, ">two<"));
	assert_true(strstr(got, ">two<") < strstr(got, ">three<"));
	play_close(&p);
}

/* One that committed and died before it said so is asked again, and changes nothing more. */
static void gh_store_dies_after_its_commit(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	p.store.is_slow = true;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	struct bus *dead = p.store.bus;
	p.store.bus = NULL; /* its answers go nowhere */
	play_store_sync(&p.store);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	p.store.bus = dead;
	assert_int_equal(alice->n_answers, 0);
	store_leave(&p);
	p.store.is_slow = false;
	store_join(&p);
	play_wait(&p, 100);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	play_close(&p);
}

/* A disk that refuses the journal: no acknowledgement, and another try. */
static void the_journal_fails(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(bob);
	bob->is_stuck = true;
	p.store.sick_ops = 1u << STORE_JOURNAL_ADD;
	client_send(alice, CHAT("bob@a.example", "one"));
	client_request(alice);
	play_wait(&p, 500);
	assert_int_equal(alice->n_answers, 0);
	p.store.sick_ops = 0;
	play_wait(&p, 2000);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(play_store_journal(&p.store), 1);
	play_close(&p);
}

/* What need not survive is acknowledged at once. */
static void fleeting_things(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(bob);
	bob->is_stuck = true;
	p.store.is_slow = true;
	client_send(alice, "<message type='chat' to='bob@a.example'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
	client_send(alice, "<message type='headline' to='bob@a.example'><body>news</body></message>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>");
	client_send(alice, "<presence to='bob@a.example'/>");
	client_request(alice);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(alice->h, 4);
	play_close(&p);
}

/* A subscription is state: it is on disk before it is acknowledged. */
static void subscriptions_wait_for_the_disk(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = counting(&p, "alice");
	(void)client_online(&p, "bob", "b", 0);
	p.store.is_slow = true;
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	client_request(alice);
	play_wait(&p, 1000);
	assert_int_equal(alice->n_answers, 0);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(alice->n_answers, 1);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_for_storage_waits_for_the_disk),
		cmocka_unit_test(what_is_not_safe_holds_what_follows),
		cmocka_unit_test(a_confirmed_message_needs_no_disk),
		cmocka_unit_test(an_unconfirmed_message_is_journalled),
		cmocka_unit_test(gh_im_dies),
		cmocka_unit_test(gh_store_dies),
		cmocka_unit_test(gh_store_dies_after_its_commit),
		cmocka_unit_test(the_journal_fails),
		cmocka_unit_test(fleeting_things),
		cmocka_unit_test(subscriptions_wait_for_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
