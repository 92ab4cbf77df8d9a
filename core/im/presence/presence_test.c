/* Plays: presence to contacts, to oneself, directed, probed (RFC 6121 4). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* alice sees bob, and bob alice. */
static void befriend(struct play *p)
{
	struct client *alice = client_login(p, "alice", "friend");
	struct client *bob = client_login(p, "bob", "friend");

	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	client_send(bob, "<presence type='subscribed' to='alice@a.example'/>");
	client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
	client_send(alice, "<presence type='subscribed' to='bob@a.example'/>");
	client_leave(alice);
	client_leave(bob);
}

/* alice and remote@b.example see each other. */
static void befriend_remote(struct play *p, const char *name)
{
	struct client *c = client_login(p, name, "friend");
	char text[200];

	client_send(c, "<presence type='subscribe' to='remote@b.example'/>");
	(void)snprintf(text, sizeof text, "<presence type='subscribed' from='remote@b.example' to='%s@a.example'/>", name);
	hub_send(p, 0, text);
	(void)snprintf(text, sizeof text, "<presence type='subscribe' from='remote@b.example' to='%s@a.example'/>", name);
	hub_send(p, 0, text);
	client_send(c, "<presence type='subscribed' to='remote@b.example'/>");
	client_leave(c);
	(void)hub_got(p);
}

/* 4.2.2, 4.3.2, 4.4, 4.5: a day of two friends. */
static void between_friends(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	befriend(&p);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_login(&p, "bob", "b");
	(void)client_got(alice);
	assert_string_equal(client_got(bob), ""); /* a session alone sees and shows nothing */
	client_send(bob, "<presence><show>dnd</show><status>busy</status></presence>");
	assert_string_equal(client_got(alice), "<presence to='alice@a.example' from='bob@a.example/b'><show>dnd</show><status>busy</status></presence>");
	assert_has(client_got(bob), "<presence to='bob@a.example/b' from='alice@a.example/desk'><priority>0</priority></presence>");
	/* a later one goes out, and asks for nothing */
	client_send(alice, "<presence><show>away</show></presence>");
	assert_string_equal(client_got(bob), "<presence to='bob@a.example' from='alice@a.example/desk'><show>away</show></presence>");
	assert_has(client_got(alice), "<show>away");
	/* who comes later sees the last one */
	struct client *second = client_online(&p, "bob", "c", 0);
	const char *got = client_got(second);
	assert_has(got, "<show>away</show>");
	assert_has(got, "from='bob@a.example/b'><show>dnd</show>");
	(void)client_got(alice);
	(void)client_got(bob);
	client_send(bob, "<presence type='unavailable'><status>bye</status></presence>");
	assert_string_equal(client_got(alice), "<presence to='alice@a.example' from='bob@a.example/b' type='unavailable'><status>bye</status></presence>");
	assert_has(client_got(second), "from='bob@a.example/b' type='unavailable'");
	assert_has(client_got(bob), "type='unavailable'"); /* 4.5.2: also to the one that sent it */
	client_send(alice, "<presence/>");
	assert_string_equal(client_got(bob), "");
	/* a lost stream without a word */
	(void)client_got(alice);
	client_lose(second);
	assert_string_equal(client_got(alice), "<presence to='alice@a.example' type='unavailable' from='bob@a.example/c'/>");
	play_close(&p);
}

static void is_nobody_elses_business(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	befriend(&p);
	struct client *carol = client_online(&p, "carol", "c", 0);
	(void)client_got(carol);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_send(alice, "<presence type='unavailable'/>");
	assert_string_equal(client_got(carol), "");
	assert_string_equal(hub_got(&p), "");
	client_send(carol, "<presence type='probe' to='alice@a.example'/>"); /* clients do not probe */
	assert_string_equal(client_got(carol), "");
	play_close(&p);
}

/* 4.3.1 and 4.3.2 over domains. */
static void is_asked_for_and_told_over_domains(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	befriend_remote(&p, "alice");
	struct client *alice = client_login(&p, "alice", "desk");
	assert_string_equal(hub_got(&p), "");
	hub_send(&p, 0, "<presence type='probe' from='remote@b.example' to='alice@a.example'/>");
	assert_has(hub_got(&p), "<presence type='unavailable' from='alice@a.example' to='remote@b.example'/>");
	client_send(alice, "<presence><show>chat</show></presence>");
	const char *out = hub_got(&p);
	assert_has(out, "<presence to='remote@b.example' from='alice@a.example/desk'><show>chat</show></presence>");
	assert_has(out, "<presence type='probe' from='alice@a.example' to='remote@b.example'/>");
	client_send(alice, "<presence><show>away</show></presence>");
	assert_lacks(hub_got(&p), "probe");
	hub_send(&p, 0, "<presence type='probe' from='remote@b.example/x' to='alice@a.example'/>");
	assert_string_equal(hub_got(&p), "<presence to='remote@b.example/x' from='alice@a.example/desk'><show>away</show></presence>");
	/* who may not see it, and who asks for nobody, hear the same */
	hub_send(&p, 0, "<presence type='probe' from='stranger@b.example' to='alice@a.example'/>");
	assert_string_equal(hub_got(&p), "<presence type='unsubscribed' from='alice@a.example' to='stranger@b.example'/>");
	hub_send(&p, 0, "<presence type='probe' from='stranger@b.example' to='dave@a.example'/>");
	assert_string_equal(hub_got(&p), "<presence type='unsubscribed' from='dave@a.example' to='stranger@b.example'/>");
	/* theirs comes in, to all resources that are available */
	struct client *phone = client_online(&p, "alice", "phone", -5);
	struct client *mute = client_login(&p, "alice", "mute");
	(void)client_got(alice);
	(void)client_got(phone);
	hub_send(&p, 0, "<presence from='remote@b.example/x' to='alice@a.example'><show>dnd</show></presence>");
	assert_has(client_got(alice), "dnd");
	assert_has(client_got(phone), "dnd");
	assert_string_equal(client_got(mute), "");
	client_lose(alice);
	assert_has(hub_got(&p), "type='unavailable' from='alice@a.example/desk'");
	play_close(&p);
}

/* 4.6: to whom it may concern, without a subscription; it ends when the sender goes. */
static void directed(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_login(&p, "alice", "desk");
	struct client *carol = client_online(&p, "carol", "c", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(carol);
	(void)client_got(bob);
	client_send(alice, "<presence to='carol@a.example/c'><show>chat</show></presence>");
	client_send(alice, "<presence to='bob@a.example'/>");
	client_send(alice, "<presence to='room@b.example/alice'/>");
	assert_string_equal(client_got(carol), "<presence from='alice@a.example/desk' to='carol@a.example/c'><show>chat</show></presence>");
	assert_has(client_got(bob), "from='alice@a.example/desk'");
	assert_has(hub_got(&p), "to='room@b.example/alice'");
	/* withdrawn from one by hand (4.6.2) */
	client_send(alice, "<presence type='unavailable' to='bob@a.example'/>");
	assert_has(client_got(bob), "type='unavailable'");
	/* 4.6.3: broadcast does not reach them, the end does */
	client_send(alice, "<presence><show>away</show></presence>");
	assert_string_equal(client_got(carol), "");
	client_send(alice, "<presence type='unavailable'/>");
	assert_string_equal(client_got(carol), "<presence to='carol@a.example/c' from='alice@a.example/desk' type='unavailable'/>");
	assert_string_equal(client_got(bob), "");
	assert_has(hub_got(&p), "<presence to='room@b.example/alice' from='alice@a.example/desk' type='unavailable'/>");
	/* once */
	client_leave(alice);
	assert_string_equal(client_got(carol), "");
	assert_string_equal(hub_got(&p), "");
	/* also of a session that was never available, and is lost */
	alice = client_login(&p, "alice", "desk");
	client_send(alice, "<presence to='carol@a.example'/>");
	(void)client_got(carol);
	client_lose(alice);
	assert_string_equal(client_got(carol), "<presence to='carol@a.example' type='unavailable' from='alice@a.example/desk'/>");
	play_close(&p);
}

/* A contact that was also sent directed presence hears of the end once. */
static void ends_once_for_each(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	befriend(&p);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	client_send(alice, "<presence to='bob@a.example'><show>xa</show></presence>");
	(void)client_got(bob);
	client_lose(alice);
	assert_string_equal(client_got(bob), "<presence to='bob@a.example' type='unavailable' from='alice@a.example/desk'/>");
	play_close(&p);
}

static void follows_priority(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 3);
	client_send(bob, "<presence><priority>-128</priority></presence>");
	(void)client_got(bob);
	client_send(alice, "<message type='chat' to='bob@a.example'><body>1</body></message>");
	assert_string_equal(client_got(bob), "");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 1);
	/* 4.7.2.3: what is no number from -128 to 127 counts as none */
	client_send(bob, "<presence><priority>-129</priority></presence>");
	assert_has(client_got(bob), "<body>1</body>");
	play_close(&p);
}

/* C-AVL-03, acceptance 1: off while all are there. Neither side sees the other any more, here and over domains; each sees oneself. */
static void sharing_ends_live(void **state)
{
	static const char last[] = "<iq type='get' id='l' to='alice@a.example'><query xmlns='jabber:iq:last'/></iq>";
	static const char items[] = "<iq type='get' id='d' to='alice@a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
	struct play p;

	(void)state;
	play_open(&p, "");
	befriend(&p);
	befriend_remote(&p, "alice");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	struct client *carol = client_online(&p, "carol", "c", 0);
	client_send(alice, "<presence to='carol@a.example/c'/>");
	hub_send(&p, 0, "<presence from='remote@b.example/x' to='alice@a.example'/>");
	client_send(bob, last);
	assert_has(client_got(bob), "seconds='0'");
	client_send(bob, items);
	assert_has(client_got(bob), "jid='alice@a.example/desk'");
	(void)client_got(alice);
	(void)client_got(carol);
	(void)hub_got(&p);
	play_settle(&p, "im presence = off\n");
	play_run(&p);
	assert_has(client_got(bob), "type='unavailable' from='alice@a.example/desk'");
	assert_has(client_got(carol), "type='unavailable' from='alice@a.example/desk'"); /* what alice showed by herself */
	assert_has(hub_got(&p), "<presence to='remote@b.example' type='unavailable' from='alice@a.example/desk'/>");
	const char *got = client_got(alice);
	assert_has(got, "type='unavailable' from='bob@a.example/b'");
	assert_has(got, "<presence type='unavailable' from='remote@b.example' to='alice@a.example'/>");
	assert_lacks(got, "from='alice@a.example/desk'");
	/* while it is off */
	client_send(alice, "<presence><show>dnd</show></presence>");
	assert_has(client_got(alice), "<show>dnd</show>"); /* her own */
	hub_send(&p, 0, "<presence from='remote@b.example/x' to='alice@a.example'><show>chat</show></presence>");
	hub_send(&p, 0, "<presence type='probe' from='remote@b.example' to='alice@a.example'/>");
	assert_string_equal(client_got(alice), "");
	assert_string_equal(hub_got(&p), "<presence type='unavailable' from='alice@a.example' to='remote@b.example'/>");
	client_send(alice, "<presence to='carol@a.example'/>");
	assert_string_equal(client_got(carol), "");
	client_send(bob, last);
	assert_has(client_got(bob), "<forbidden");
	client_send(bob, items);
	assert_lacks(client_got(bob), "alice@a.example/desk");
	/* on again: as it is now */
	play_settle(&p, "");
	play_run(&p);
	assert_has(client_got(bob), "from='alice@a.example/desk'><show>dnd</show>");
	assert_has(hub_got(&p), "<presence type='probe' from='alice@a.example' to='remote@b.example'/>");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_friends),
		cmocka_unit_test(is_nobody_elses_business),
		cmocka_unit_test(is_asked_for_and_told_over_domains),
		cmocka_unit_test(directed),
		cmocka_unit_test(ends_once_for_each),
		cmocka_unit_test(follows_priority),
		cmocka_unit_test(sharing_ends_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
