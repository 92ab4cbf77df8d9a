/* Plays: message carbons (XEP-0280). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define ENABLE "<iq type='set' id='c1'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
#define DISABLE "<iq type='set' id='c2'><disable xmlns='urn:xmpp:carbons:2'/></iq>"
#define SENT "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'"
#define RECEIVED "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'"

struct cast {
	struct play p;
	struct client *desk, *phone; /* alice's; both with carbons, the phone does not take messages itself */
	struct client *bob;
};

static void cast_open(struct cast *c)
{
	play_open(&c->p, "");
	c->desk = client_online(&c->p, "alice", "desk", 0);
	c->phone = client_online(&c->p, "alice", "phone", -1);
	c->bob = client_online(&c->p, "bob", "b", 0);
	client_send(c->desk, ENABLE);
	client_send(c->phone, ENABLE);
	assert_has(client_got(c->phone), "<iq type='result' id='c1'");
	(void)client_got(c->desk);
	(void)client_got(c->bob);
}

static void of_both_directions(void **state)
{
	static struct cast c;

	(void)state;
	cast_open(&c);
	client_send(c.desk, "<message type='chat' to='bob@a.example'><body>out</body></message>");
	const char *got = client_got(c.phone);
	assert_has(got, "<message from='alice@a.example' to='alice@a.example/phone' type='chat'>" SENT);
	assert_has(got, "from='alice@a.example/desk' to='bob@a.example'");
	assert_string_equal(client_got(c.desk), "");
	assert_lacks(client_got(c.bob), "carbons");
	client_send(c.bob, "<message type='chat' to='alice@a.example/desk'><body>in</body></message>");
	got = client_got(c.phone);
	assert_has(got, RECEIVED);
	assert_has(got, "<body>in</body>");
	assert_lacks(client_got(c.desk), "carbons");
	client_send(c.bob, "<message type='chat' to='alice@a.example'><body>in</body></message>");
	assert_has(client_got(c.phone), RECEIVED);
	client_send(c.phone, DISABLE);
	(void)client_got(c.phone);
	client_send(c.bob, "<message type='chat' to='alice@a.example'><body>in</body></message>");
	assert_string_equal(client_got(c.phone), "");
	play_close(&c.p);
}

static void who_has_the_message_gets_no_copy(void **state)
{
	static struct cast c;

	(void)state;
	cast_open(&c);
	client_send(c.phone, "<presence/>"); /* takes messages now */
	(void)client_got(c.phone);
	client_send(c.bob, "<message type='chat' to='alice@a.example'><body>in</body></message>");
	const char *got = client_got(c.phone);
	assert_has(got, "<body>in</body>");
	assert_lacks(got, "carbons");
	assert_lacks(client_got(c.desk), "carbons");
	play_close(&c.p);
}

/* XEP-0280 6.1, 6.3 and XEP-0334. */
static void of_what_is_private_there_are_none(void **state)
{
	static const char *const inner[] = {
		"type='chat'><body>x</body><private xmlns='urn:xmpp:carbons:2'/>",
		"type='chat'><body>x</body><no-copy xmlns='urn:xmpp:hints'/>",
		"type='groupchat'><body>x</body>",
		"type='headline'><body>x</body>",
		"type='chat'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/>",
		"><data xmlns='urn:x:binary'/>",
	};
	static struct cast c;

	(void)state;
	cast_open(&c);
	for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
		client_send(c.desk, "<message to='bob@a.example/b' %s</message>", inner[i]);
		assert_has(client_got(c.bob), "<message");
		assert_string_equal(client_got(c.phone), "");
		client_send(c.bob, "<message to='alice@a.example/desk' %s</message>", inner[i]);
		assert_has(client_got(c.desk), "<message");
		assert_string_equal(client_got(c.phone), "");
	}
	play_close(&c.p);
}

static void of_a_note_to_oneself_there_is_one(void **state)
{
	static struct cast c;

	(void)state;
	cast_open(&c);
	struct client *watch = client_online(&c.p, "alice", "watch", -1);
	client_send(watch, ENABLE);
	(void)client_got(watch);
	client_send(c.desk, "<message type='chat' to='alice@a.example/phone'><body>note</body></message>");
	const char *got = client_got(watch);
	assert_has(got, SENT);
	assert_lacks(got, "<received");
	assert_has(client_got(c.phone), "<message from='alice@a.example/desk' to='alice@a.example/phone' type='chat'><body>note");
	play_close(&c.p);
}

/* Nothing of them goes to storage: they are copies. */
static void end_with_their_session(void **state)
{
	static struct cast c;

	(void)state;
	cast_open(&c);
	client_enable_sm(c.phone, true, 60);
	client_send(c.desk, "<message type='chat' to='bob@a.example'><body>out</body></message>");
	client_lose(c.phone);
	play_wait(&c.p, 61000);
	assert_int_equal(play_store_offline(&c.p.store, "alice@a.example"), 0);
	assert_lacks(client_got(c.desk), "out");
	play_close(&c.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_both_directions),
		cmocka_unit_test(who_has_the_message_gets_no_copy),
		cmocka_unit_test(of_what_is_private_there_are_none),
		cmocka_unit_test(of_a_note_to_oneself_there_is_one),
		cmocka_unit_test(end_with_their_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
