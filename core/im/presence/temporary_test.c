/* Plays: temporary subscriptions (C-AVL-06 to C-AVL-09; acceptance 3 and 4). */
#include "play/play.h"

#include "presence/authorise.h"
#include "presence/watch.h"
#include "user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define ON "im temporary-subscriptions = on\n"
#define PROBE(to) "<presence type='probe' id='p1' to='" to "'/>"
#define ROSTER "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"

/* Updates flow until the time is over; there is no entry in either list. */
static void lasts_for_its_time(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON "im temporary-subscriptions-ttl = 30\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *other = client_online(&p, "alice", "phone", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(alice);
	(void)client_got(other);
	client_send(alice, PROBE("bob@a.example"));
	assert_string_equal(client_got(alice), "<presence to='alice@a.example/desk' from='bob@a.example/b'><priority>0</priority></presence>");
	assert_string_equal(client_got(bob), "<presence to='bob@a.example' from='bob@a.example/b'><priority>0</priority></presence>");
	client_send(bob, "<presence><show>dnd</show></presence>");
	assert_string_equal(client_got(alice), "<presence to='alice@a.example/desk' from='bob@a.example/b'><show>dnd</show></presence>");
	/* also what begins and ends meanwhile */
	struct client *second = client_online(&p, "bob", "c", 0);
	assert_has(client_got(alice), "from='bob@a.example/c'");
	client_leave(second);
	assert_has(client_got(alice), "type='unavailable' from='bob@a.example/c'");
	assert_string_equal(client_got(other), ""); /* it has asked for nothing */
	client_send(alice, ROSTER);
	assert_has(client_got(alice), "></query>");
	play_wait(&p, 29000);
	client_send(bob, "<presence><show>xa</show></presence>");
	assert_has(client_got(alice), "<show>xa</show>");
	assert_int_equal(im_stats[STAT_WATCHES], 1);
	play_wait(&p, 1001);
	assert_int_equal(im_stats[STAT_WATCHES], 0);
	assert_string_equal(client_got(alice), ""); /* C-AVL-08: it is not told */
	client_send(bob, "<presence><show>away</show></presence>");
	client_leave(bob);
	assert_string_equal(client_got(alice), "");
	assert_int_equal(p.im.watches.n, 0);
	play_close(&p);
}

/* A second probe begins it anew; directed unavailable presence, and the client's end, end it. */
static void is_renewed_and_given_up(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON "im temporary-subscriptions-ttl = 30\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	for (int i = 0; i < 3; i++) {
		client_send(alice, PROBE("bob@a.example"));
		play_wait(&p, 20000);
	}
	assert_int_equal(p.im.watches.n, 1);
	(void)client_got(alice);
	client_send(bob, "<presence><show>dnd</show></presence>");
	assert_has(client_got(alice), "dnd");
	(void)client_got(bob);
	client_send(alice, "<presence type='unavailable' to='bob@a.example'/>");
	assert_string_equal(client_got(bob), ""); /* who was shown nothing */
	client_send(bob, "<presence/>");
	assert_string_equal(client_got(alice), "");
	client_send(alice, PROBE("bob@a.example"));
	client_send(alice, "<presence type='unavailable'/>");
	assert_int_equal(p.im.watches.n, 0);
	client_send(alice, PROBE("bob@a.example"));
	assert_int_equal(p.im.watches.n, 1);
	client_lose(alice);
	assert_int_equal(p.im.watches.n, 0);
	client_send(bob, "<presence><show>chat</show></presence>");
	play_close(&p);
}

/* Somebody who is not there is waited for, however long their account is not of interest otherwise. */
static void of_somebody_who_comes_later(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON "im temporary-subscriptions-ttl = 86400\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	client_send(alice, PROBE("bob@a.example"));
	assert_string_equal(client_got(alice), "<presence type='unavailable' from='bob@a.example' to='alice@a.example/desk'/>");
	play_wait(&p, 12 * 3600 * 1000);
	struct client *bob = client_online(&p, "bob", "b", 0);
	assert_has(client_got(alice), "from='bob@a.example/b'");
	client_lose(bob);
	assert_has(client_got(alice), "type='unavailable' from='bob@a.example/b'");
	play_wait(&p, 24 * 3600 * 1000);
	assert_null(user_find(&p.im, BYTES("bob@a.example"))); /* nothing holds him */
	play_close(&p);
}

static void has_limits(void **state)
{
	struct play p;
	char text[100];

	(void)state;
	play_open(&p, ON "im temporary-subscriptions-max = 2\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	for (int i = 0; i < WATCHES_SESSION_MAX + 1; i++) {
		(void)snprintf(text, sizeof text, "u%d@a.example", i);
		play_account(&p, text);
	}
	(void)client_got(alice);
	client_send(alice, PROBE("bob@a.example"));
	client_send(bob, PROBE("carol@a.example"));
	assert_lacks(client_got(bob), "error");
	(void)client_got(alice);
	client_send(alice, PROBE("carol@a.example"));
	const char *got = client_got(alice);
	assert_has(got, "<presence type='error' id='p1' from='carol@a.example' to='alice@a.example/desk'>");
	assert_has(got, "<resource-constraint");
	client_send(alice, PROBE("bob@a.example")); /* what there is may go on */
	assert_lacks(client_got(alice), "error");
	assert_int_equal(p.im.watches.n, 2);
	/* 0: no limit of all together (acceptance 4), one of each client */
	play_settle(&p, ON "im temporary-subscriptions-max = 0\n");
	for (int i = 0; i < WATCHES_SESSION_MAX - 1; i++)
		client_send(alice, "<presence type='probe' to='u%d@a.example'/>", i);
	assert_lacks(client_got(alice), "error");
	assert_int_equal(p.im.watches.n, WATCHES_SESSION_MAX + 1);
	client_send(alice, "<presence type='probe' to='u%d@a.example'/>", WATCHES_SESSION_MAX);
	assert_has(client_got(alice), "<resource-constraint");
	/* live: other times, and off */
	play_wait(&p, 20000);
	play_settle(&p, ON "im temporary-subscriptions-ttl = 10\n");
	play_run(&p);
	assert_int_equal(p.im.watches.n, 0);
	client_send(alice, PROBE("bob@a.example"));
	assert_int_equal(p.im.watches.n, 1);
	play_settle(&p, "");
	assert_int_equal(p.im.watches.n, 0);
	(void)client_got(alice);
	client_send(alice, PROBE("bob@a.example"));
	client_send(bob, "<presence/>");
	assert_string_equal(client_got(alice), "");
	play_close(&p);
}

static void nothing_is_shown_that_policy_does_not_allow(void **state)
{
	static const char block[] = "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='alice@a.example'/></block></iq>";
	static const char unblock[] = "<iq type='set' id='b'><unblock xmlns='urn:xmpp:blocking'/></iq>";
	struct play p;

	(void)state;
	play_open(&p, ON "im approve-local = off\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	struct user *u = user_find(&p.im, BYTES("bob@a.example"));
	(void)client_got(alice);
	/* who would have to be asked, and who does not exist, look the same */
	client_send(alice, PROBE("bob@a.example"));
	assert_has(client_got(alice), "<presence type='error' id='p1' from='bob@a.example' to='alice@a.example/desk'><error type='auth'><forbidden");
	client_send(alice, PROBE("nobody@a.example"));
	assert_has(client_got(alice), "<presence type='error' id='p1' from='nobody@a.example' to='alice@a.example/desk'><error type='auth'><forbidden");
	assert_int_equal(authorise_set(u, bytes_make("\2\0\0", 3)), 0); /* allow */
	client_send(alice, PROBE("bob@a.example"));
	assert_has(client_got(alice), "from='bob@a.example/b'");
	/* blocked: seen to go at once, and from then on not there */
	client_send(bob, block);
	assert_has(client_got(alice), "type='unavailable' from='bob@a.example/b'");
	client_send(bob, "<presence><show>dnd</show></presence>");
	assert_string_equal(client_got(alice), "");
	client_send(alice, PROBE("bob@a.example"));
	assert_string_equal(client_got(alice), "<presence type='unavailable' from='bob@a.example' to='alice@a.example/desk'/>");
	assert_int_equal(p.im.watches.n, 0);
	client_send(bob, unblock);
	assert_string_equal(client_got(alice), "");
	/* policy that has changed meanwhile counts with the next presence */
	client_send(alice, PROBE("bob@a.example"));
	assert_has(client_got(alice), "dnd");
	assert_int_equal(authorise_set(u, bytes_make("\1\0\0", 3)), 0); /* ask */
	client_send(bob, "<presence><show>away</show></presence>");
	const char *got = client_got(alice);
	assert_has(got, "type='unavailable' from='bob@a.example/b'");
	assert_lacks(got, "away");
	/* people of other domains alone, and rooms, are none of it */
	client_send(alice, PROBE("remote@b.example"));
	assert_has(client_got(alice), "<not-allowed");
	assert_string_equal(hub_got(&p), "");
	client_send(alice, PROBE("alice@a.example"));
	assert_string_equal(client_got(alice), "");
	hub_send(&p, 0, "<presence type='probe' from='remote@b.example/x' to='bob@a.example'/>");
	assert_has(hub_got(&p), "type='unsubscribed'");
	play_close(&p);
}

/* One who sees the person anyway sees each presence once. */
static void gives_way_to_a_subscription(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	client_send(alice, PROBE("bob@a.example"));
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	(void)client_got(alice);
	client_send(bob, "<presence><show>dnd</show></presence>");
	assert_string_equal(client_got(alice), "<presence to='alice@a.example' from='bob@a.example/b'><show>dnd</show></presence>");
	client_send(alice, PROBE("bob@a.example"));
	assert_string_equal(client_got(alice), "<presence to='alice@a.example/desk' from='bob@a.example/b'><show>dnd</show></presence>");
	assert_int_equal(p.im.watches.n, 0);
	play_close(&p);
}

/* C-AVL-03: sharing that is switched off ends them all, and they are not taken up by themselves. */
static void ends_with_sharing(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	client_send(alice, PROBE("bob@a.example"));
	(void)client_got(alice);
	play_settle(&p, ON "im presence = off\n");
	play_run(&p);
	assert_has(client_got(alice), "type='unavailable' from='bob@a.example/b'");
	assert_int_equal(p.im.watches.n, 0);
	client_send(alice, PROBE("bob@a.example"));
	client_send(bob, "<presence/>");
	assert_string_equal(client_got(alice), "");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lasts_for_its_time),
		cmocka_unit_test(is_renewed_and_given_up),
		cmocka_unit_test(of_somebody_who_comes_later),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(nothing_is_shown_that_policy_does_not_allow),
		cmocka_unit_test(gives_way_to_a_subscription),
		cmocka_unit_test(ends_with_sharing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
