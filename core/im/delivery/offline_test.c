/* Plays: messages for people who are signed out (XEP-0160), and those a full queue turned away. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void come_with_their_time(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	play_wait(&p, 5000);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>two</body></message>");
	/* neither chat states nor what asks not to be kept (XEP-0160 3, XEP-0334) */
	client_send(alice, "<message type='chat' to='bob@a.example'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
	client_send(alice, "<message type='chat' to='bob@a.example'><body>secret</body><no-store xmlns='urn:xmpp:hints'/></message>");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 2);
	/* a session alone gets nothing, nor does one with a negative priority */
	struct client *bob = client_online(&p, "bob", "phone", -1);
	assert_lacks(client_got(bob), "<message");
	client_send(bob, "<presence/>");
	const char *got = client_got(bob);
	assert_has(got, "<body>one</body><stanza-id ");
	assert_has(got, "/><delay xmlns='urn:xmpp:delay' from='a.example' stamp='2023-11-14T22:13:21");
	assert_has(got, "<body>two</body><stanza-id ");
	assert_has(got, "/><delay xmlns='urn:xmpp:delay' from='a.example' stamp='2023-11-14T22:13:26");
	assert_true(strstr(got, "one") < strstr(got, "two"));
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	client_send(bob, "<presence/>");
	assert_lacks(client_got(bob), "<message");
	play_close(&p);
}

static void stay_until_the_client_has_them(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	struct client *bob = client_login(&p, "bob", "phone");
	bob->is_stuck = true;
	client_send(bob, "<presence/>");
	assert_has(client_got(bob), "one");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	client_lose(bob);
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	bob = client_online(&p, "bob", "phone", 0);
	assert_has(client_got(bob), "one");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

/* With stream management the client's own word counts, not its kernel's. */
static void stay_until_acknowledged(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	struct client *bob = client_login(&p, "bob", "phone");
	client_enable_sm(bob, true, 60);
	client_send(bob, "<presence/>"); /* comes back to itself: number 1 */
	assert_has(client_got(bob), "one");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	client_ack(bob, 2);
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

/* xmpp.md lesson 19: a page follows when the last one has arrived. */
static void come_in_pages(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	for (int i = 0; i < 70; i++)
		client_send(alice, "<message type='chat' to='bob@a.example'><body>%d.</body></message>", i);
	struct client *bob = client_login(&p, "bob", "phone");
	bob->is_stuck = true;
	client_send(bob, "<presence/>");
	assert_int_equal(times(client_got(bob), "<body>"), 50);
	client_unstick(bob);
	play_wait(&p, 1000);
	const char *rest = client_got(bob);
	assert_int_equal(times(rest, "<body>"), 20);
	assert_has(rest, "<body>50.</body>");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

static void have_a_limit_for_each_and_for_all(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im offline-per-user = 2\nim offline-total = 3\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	for (int i = 0; i < 2; i++)
		client_send(alice, "<message type='chat' to='bob@a.example'><body>x</body></message>");
	assert_string_equal(client_got(alice), "");
	client_send(alice, "<message id='m3' type='chat' to='bob@a.example'><body>x</body></message>");
	const char *back = client_got(alice);
	assert_has(back, "id='m3' from='bob@a.example'");
	assert_has(back, "<service-unavailable");
	client_send(alice, "<message type='chat' to='carol@a.example'><body>x</body></message>");
	assert_string_equal(client_got(alice), "");
	client_send(alice, "<message id='m5' type='chat' to='carol@a.example'><body>x</body></message>");
	assert_has(client_got(alice), "id='m5'");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 2);
	assert_int_equal(play_store_offline(&p.store, "carol@a.example"), 1);
	play_close(&p);
}

static void can_be_turned_off(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im offline = off\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_send(alice, "<message id='m1' type='chat' to='bob@a.example'><body>x</body></message>");
	assert_has(client_got(alice), "<service-unavailable");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

static void are_refused_when_the_disk_is(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	p.store.sick_ops = 1u << STORE_OFFLINE_ADD;
	client_send(alice, "<message id='m1' type='chat' to='bob@a.example'><body>x</body></message>");
	assert_has(client_got(alice), "<service-unavailable");
	play_close(&p);
}

/* A client that acknowledges nothing keeps `im unacknowledged` stanzas in memory; the rest waits on
 * disk and comes, in order, as soon as there is room again. */
static void take_what_a_full_queue_does_not(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im unacknowledged = 100\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "phone", 0);
	(void)client_got(bob);
	client_enable_sm(bob, true, 60);
	uint32_t base = bob->taken;
	for (int i = 0; i < 160; i++)
		client_send(alice, "<message type='chat' to='bob@a.example'><body>%d.</body></message>", i);
	assert_int_equal(times(client_got(bob), "<body>"), 100);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 60);
	/* another resource with less priority comes: nothing spins, nothing is lost */
	unsigned before = p.store.n_asked[STORE_OFFLINE_PAGE];
	client_send(bob, "<presence><priority>9</priority></presence>");
	struct client *second = client_online(&p, "bob", "watch", 0);
	play_wait(&p, 1000);
	assert_true(p.store.n_asked[STORE_OFFLINE_PAGE] - before < 10);
	client_leave(second);
	client_ack(bob, 100);
	play_wait(&p, 1000);
	const char *more = client_got(bob);
	assert_has(more, "<body>100.</body>");
	client_ack(bob, bob->taken - base);
	play_wait(&p, 1000);
	client_ack(bob, bob->taken - base);
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(come_with_their_time),
		cmocka_unit_test(stay_until_the_client_has_them),
		cmocka_unit_test(stay_until_acknowledged),
		cmocka_unit_test(come_in_pages),
		cmocka_unit_test(have_a_limit_for_each_and_for_all),
		cmocka_unit_test(can_be_turned_off),
		cmocka_unit_test(are_refused_when_the_disk_is),
		cmocka_unit_test(take_what_a_full_queue_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
