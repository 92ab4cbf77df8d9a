/* Plays: subscriptions from end to end (RFC 6121 3), here and over domains. */
#include "play/play.h"
#include "presence/authorise.h"
#include "user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define ROSTER "<iq type='get' id='r0'><query xmlns='jabber:iq:roster'/></iq>"

/* Available, and wants roster pushes. */
static struct client *arrive(struct play *p, const char *name)
{
	struct client *c = client_login(p, name, "x");

	client_send(c, ROSTER);
	client_send(c, "<presence/>");
	(void)client_got(c);
	return c;
}

static void from_request_to_both_and_back(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	/* 3.1.2, 3.1.3 */
	client_send(alice, "<presence id='s1' type='subscribe' to='bob@a.example/x'><status>hi</status></presence>");
	assert_has(client_got(alice), "<item jid='bob@a.example' subscription='none' ask='subscribe'></item>");
	const char *got = client_got(bob);
	assert_has(got, "<presence from='alice@a.example' to='bob@a.example' id='s1' type='subscribe'><status>hi</status></presence>");
	assert_lacks(got, "<iq"); /* none + pending in is in no roster (3.1.3) */
	/* 3.1.5, 3.1.6 */
	client_send(bob, "<presence type='subscribed' to='alice@a.example'/>");
	assert_has(client_got(bob), "<item jid='alice@a.example' subscription='from'></item>");
	got = client_got(alice);
	assert_has(got, "<item jid='bob@a.example' subscription='to'></item>");
	assert_has(got, "<presence from='bob@a.example' to='alice@a.example' type='subscribed'/>");
	assert_has(got, "<presence to='alice@a.example' from='bob@a.example/x'/>");
	client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
	client_send(alice, "<presence type='subscribed' to='bob@a.example'/>");
	assert_has(client_got(alice), "subscription='both'");
	assert_has(client_got(bob), "subscription='both'");
	/* 3.3: alice does not want to see bob any more */
	client_send(alice, "<presence type='unsubscribe' to='bob@a.example'/>");
	got = client_got(alice);
	assert_has(got, "subscription='from'");
	assert_has(got, "<presence to='alice@a.example' type='unavailable' from='bob@a.example/x'/>");
	got = client_got(bob);
	assert_has(got, "subscription='to'");
	assert_has(got, "type='unsubscribe'");
	/* 3.2: and does not want to be seen */
	client_send(alice, "<presence type='unsubscribed' to='bob@a.example'/>");
	got = client_got(bob);
	assert_has(got, "subscription='none'");
	assert_has(got, "type='unsubscribed'");
	assert_has(got, "<presence to='bob@a.example' type='unavailable' from='alice@a.example/x'/>");
	client_send(bob, "<presence><show>away</show></presence>");
	assert_lacks(client_got(alice), "away");
	play_close(&p);
}

/* 3.1.3: a request waits for its answer over sessions and restarts, and is shown once a session. */
static void a_request_waits(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	client_send(alice, "<presence type='subscribe' to='bob@a.example'><status>please</status></presence>");
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	play_wait(&p, 100);
	im_restart(&p);
	struct client *bob = client_login(&p, "bob", "x");
	assert_string_equal(client_got(bob), "");
	client_send(bob, "<presence/>");
	const char *first = strstr(client_got(bob), "type='subscribe'");
	assert_non_null(first);
	assert_has(first, "please"); /* the first one */
	assert_null(strstr(first + 1, "type='subscribe'"));
	client_send(bob, "<presence type='unsubscribed' to='alice@a.example'/>");
	bob = client_online(&p, "bob", "y", 0);
	assert_lacks(client_got(bob), "type='subscribe'");
	/* the refusal waits too: as a state, of which the roster tells */
	alice = arrive(&p, "alice");
	client_send(alice, ROSTER);
	assert_has(client_got(alice), "<item jid='bob@a.example' subscription='none'></item>");
	play_close(&p);
}

/* 3.1.4 and 3.4: granted already, or before it was asked. */
static void answered_for_the_user(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	client_send(bob, "<presence type='subscribed' to='alice@a.example'/>");
	assert_has(client_got(bob), "subscription='none' approved='true'");
	assert_lacks(client_got(alice), "subscribed");
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	const char *got = client_got(alice);
	assert_has(got, "type='subscribed'");
	assert_has(got, "subscription='to'");
	assert_has(got, "from='bob@a.example/x'");
	assert_lacks(client_got(bob), "type='subscribe'");
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	assert_lacks(client_got(bob), "type='subscribe'");
	/* 3.4.3: an approval can be taken back */
	client_send(bob, "<presence type='subscribed' to='carol@a.example'/>");
	client_send(bob, "<presence type='unsubscribed' to='carol@a.example'/>");
	struct client *carol = arrive(&p, "carol");
	(void)client_got(bob);
	client_send(carol, "<presence type='subscribe' to='bob@a.example'/>");
	assert_has(client_got(bob), "<presence from='carol@a.example' to='bob@a.example' type='subscribe'/>");
	play_close(&p);
}

/* 3.1.3: no account: unsubscribed, as from one who does not want to. Oneself: nothing. */
static void to_nobody_and_to_oneself(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	client_send(alice, "<presence type='subscribe' to='dave@a.example'/>");
	const char *got = client_got(alice);
	assert_has(got, "<presence from='dave@a.example' to='alice@a.example' type='unsubscribed'/>");
	assert_has(got, "<item jid='dave@a.example' subscription='none'></item>"); /* it does not wait */
	client_send(alice, "<presence type='subscribe' to='alice@a.example'/>");
	assert_string_equal(client_got(alice), "");
	play_close(&p);
}

static void over_domains(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = arrive(&p, "alice");
	client_send(alice, "<presence type='subscribe' to='remote@b.example/x'/>");
	assert_has(hub_got(&p), "<presence from='alice@a.example' to='remote@b.example' type='subscribe'/>");
	(void)client_got(alice);
	hub_send(&p, 0, "<presence type='subscribed' from='remote@b.example/y' to='alice@a.example'/>");
	assert_has(client_got(alice), "<item jid='remote@b.example' subscription='to'></item>");
	hub_send(&p, 0, "<presence type='subscribed' from='remote@b.example' to='alice@a.example'/>");
	assert_string_equal(client_got(alice), ""); /* A.3.2: changes nothing, is not delivered */
	hub_send(&p, 0, "<presence type='subscribe' from='other@b.example' to='alice@a.example'/>");
	assert_has(client_got(alice), "<presence from='other@b.example' to='alice@a.example' type='subscribe'/>");
	client_send(alice, "<presence type='subscribed' to='other@b.example'/>");
	assert_has(hub_got(&p), "<presence from='alice@a.example' to='other@b.example' type='subscribed'/>");
	(void)client_got(alice);
	hub_send(&p, 0, "<presence type='subscribe' from='remote@b.example' to='alice@a.example'/>");
	assert_lacks(client_got(alice), "type='subscribe'"); /* a contact already (D-AUT-07) */
	const char *out = hub_got(&p);
	assert_has(out, "<presence from='alice@a.example' to='remote@b.example' type='subscribed'/>");
	assert_has(out, "<presence to='remote@b.example' from='alice@a.example/x'/>");
	/* removed from the roster: both directions end (2.5.2) */
	client_send(alice, "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='remote@b.example' subscription='remove'/></query></iq>");
	out = hub_got(&p);
	assert_has(out, "<presence to='remote@b.example' type='unavailable' from='alice@a.example/x'/>");
	assert_has(out, "<presence from='alice@a.example' to='remote@b.example' type='unsubscribed'/>");
	assert_has(out, "<presence from='alice@a.example' to='remote@b.example' type='unsubscribe'/>");
	assert_has(client_got(alice), "<item jid='remote@b.example' subscription='remove'/>");
	play_close(&p);
}

#define SUBSCRIBE(to) "<presence type='subscribe' to='" to "'/>"
#define ASKS(from) "<presence type='subscribe' from='" from "' to='alice@a.example'/>"

/* D-AUT-02, D-AUT-09: people here are not asked about each other; about others they are. */
static void people_here_see_each_other(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	client_send(bob, SUBSCRIBE("alice@a.example"));
	const char *got = client_got(bob);
	assert_has(got, "type='subscribed'");
	assert_has(got, "<item jid='alice@a.example' subscription='to'></item>");
	assert_has(got, "<presence to='bob@a.example' from='alice@a.example/x'/>");
	got = client_got(alice);
	assert_has(got, "<item jid='bob@a.example' subscription='from'></item>"); /* who sees her, she knows */
	assert_lacks(got, "type='subscribe'");
	/* D-AUT-04: but for whom she blocks */
	client_send(alice, "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='carol@a.example'/></block></iq>");
	struct client *carol = arrive(&p, "carol");
	client_send(carol, SUBSCRIBE("alice@a.example"));
	assert_lacks(client_got(carol), "subscribed");
	/* nobody is there to be asked, and need not be */
	client_leave(alice);
	client_send(carol, SUBSCRIBE("bob@a.example"));
	assert_has(client_got(carol), "from='bob@a.example/x'");
	hub_send(&p, 0, "<presence type='subscribe' from='remote@b.example' to='bob@a.example'/>");
	assert_has(client_got(bob), "<presence from='remote@b.example' to='bob@a.example' type='subscribe'/>");
	assert_lacks(hub_got(&p), "subscribed");
	play_close(&p);
}

/* D-AUT-07, 08: whom she has in her list she is not asked about, wherever they are. */
static void contacts_are_approved(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	client_send(alice, SUBSCRIBE("remote@b.example"));
	(void)hub_got(&p);
	hub_send(&p, 0, ASKS("remote@b.example"));
	assert_has(hub_got(&p), "<presence from='alice@a.example' to='remote@b.example' type='subscribed'/>");
	hub_send(&p, 0, "<presence type='subscribed' from='remote@b.example' to='alice@a.example'/>");
	const char *got = client_got(alice);
	assert_lacks(got, "type='subscribe'");
	assert_has(got, "<item jid='remote@b.example' subscription='both'></item>");
	play_close(&p);
}

/* Who is refused by policy is told so, and does not go on waiting. */
static void who_is_refused_knows(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	struct user *u = user_find(&p.im, BYTES("alice@a.example"));
	assert_int_equal(authorise_set(u, bytes_make("\3\0\0", 3)), 0); /* block, nobody is allowed */
	client_send(bob, SUBSCRIBE("alice@a.example"));
	const char *got = client_got(bob);
	assert_has(got, "<presence from='alice@a.example' to='bob@a.example' type='unsubscribed'/>");
	assert_has(got, "<item jid='alice@a.example' subscription='none'></item>");
	hub_send(&p, 0, ASKS("remote@b.example"));
	assert_has(hub_got(&p), "<presence from='alice@a.example' to='remote@b.example' type='unsubscribed'/>");
	assert_string_equal(client_got(alice), "");
	assert_null(user_contact(u, BYTES("remote@b.example")));
	play_close(&p);
}

/* C-AVL-15: the one who is too many is told so, and those before stay. */
static void watchers_have_a_limit(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im watchers-max = 1\nim roster-max = 1\n");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	struct client *carol = arrive(&p, "carol");
	client_send(bob, SUBSCRIBE("alice@a.example"));
	assert_has(client_got(bob), "type='subscribed'");
	client_send(carol, SUBSCRIBE("alice@a.example"));
	const char *got = client_got(carol);
	assert_has(got, "type='unsubscribed'");
	assert_has(got, "<item jid='alice@a.example' subscription='none'></item>");
	hub_send(&p, 0, ASKS("remote@b.example"));
	assert_has(hub_got(&p), "<resource-constraint");
	/* a watcher does not count as a contact; as one whom she watches too it does */
	client_send(alice, SUBSCRIBE("carol@a.example"));
	assert_lacks(client_got(alice), "<resource-constraint");
	client_send(alice, SUBSCRIBE("bob@a.example"));
	assert_has(client_got(alice), "<resource-constraint");
	client_send(carol, "<presence><show>away</show></presence>");
	assert_has(client_got(alice), "away");
	play_close(&p);
}

/* Strangers cannot fill a person's list, nor the disk. */
static void have_a_limit(void **state)
{
	struct play p;
	char text[200];

	(void)state;
	play_open(&p, "im roster-max = 1\nim watchers-max = 3\n");
	struct client *alice = arrive(&p, "alice");
	for (int i = 0; i < 5; i++) {
		(void)snprintf(text, sizeof text, "<presence id='s%d' type='subscribe' from='u%d@b.example' to='alice@a.example'/>", i, i);
		hub_send(&p, 0, text);
	}
	const char *got = client_got(alice);
	assert_has(got, "u2@b.example");
	assert_lacks(got, "u3@b.example");
	const char *out = hub_got(&p);
	assert_has(out, "<presence type='error' id='s3'");
	assert_has(out, "<resource-constraint");
	assert_int_equal(user_find(&p.im, BYTES("alice@a.example"))->n_contacts, 3);
	client_send(alice, "<presence id='s9' type='subscribe' to='bob@a.example'/>");
	assert_lacks(client_got(alice), "<resource-constraint");
	client_send(alice, "<presence id='s9' type='subscribe' to='carol@a.example'/>");
	assert_has(client_got(alice), "<resource-constraint");
	assert_int_equal(user_find(&p.im, BYTES("alice@a.example"))->n_contacts, 4);
	play_close(&p);
}

/* C-AVL-11: whose list is full adds nobody, and nobody adds them; whom they have added already may. */
static void a_full_list_is_closed_both_ways(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im roster-max = 1\n");
	struct client *alice = arrive(&p, "alice");
	struct client *bob = arrive(&p, "bob");
	struct client *carol = arrive(&p, "carol");
	client_send(alice, SUBSCRIBE("bob@a.example"));
	assert_has(client_got(alice), "type='subscribed'");
	client_send(alice, SUBSCRIBE("carol@a.example"));
	assert_has(client_got(alice), "<resource-constraint");
	client_send(carol, SUBSCRIBE("alice@a.example"));
	assert_has(client_got(carol), "<presence from='alice@a.example' to='carol@a.example' type='unsubscribed'/>");
	hub_send(&p, 0, ASKS("remote@b.example"));
	assert_has(hub_got(&p), "<resource-constraint");
	client_send(bob, SUBSCRIBE("alice@a.example"));
	assert_has(client_got(bob), "type='subscribed'");
	/* there is room again: live */
	play_settle(&p, "im roster-max = 2\n");
	client_send(carol, SUBSCRIBE("alice@a.example"));
	assert_has(client_got(carol), "type='subscribed'");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_request_to_both_and_back),
		cmocka_unit_test(a_request_waits),
		cmocka_unit_test(answered_for_the_user),
		cmocka_unit_test(to_nobody_and_to_oneself),
		cmocka_unit_test(over_domains),
		cmocka_unit_test(people_here_see_each_other),
		cmocka_unit_test(contacts_are_approved),
		cmocka_unit_test(who_is_refused_knows),
		cmocka_unit_test(watchers_have_a_limit),
		cmocka_unit_test(have_a_limit),
		cmocka_unit_test(a_full_list_is_closed_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
