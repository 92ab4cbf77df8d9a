/* Plays: push notifications (XEP-0357). The app server is push.example, behind gh-switch. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "push/push.h"
#include "run/session.h"

#define ALLOWED "im push push.example content = count\n"
#define APP "app@push.example/1"
#define FORM "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>" \
	     "<field var='secret'><value>s3cret</value></field></x>"

static const char *ask(struct client *c, const char *inner)
{
	(void)client_got(c);
	client_send(c, "<iq type='set' id='1'>%s</iq>", inner);
	play_wait(c->play, 100);
	return client_got(c);
}

static void enable(struct client *c, const char *node)
{
	char inner[256];

	(void)snprintf(inner, sizeof inner, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='%s'/>", node);
	assert_has(ask(c, inner), "type='result'");
}

static void say(struct client *from, const char *to, const char *type, const char *inner)
{
	client_send(from, "<message type='%s' to='%s'>%s</message>", type, to, inner);
	play_run(from->play);
}

static unsigned pushed(struct play *p)
{
	const char *got = hub_got(p);
	unsigned n = 0;

	for (; (got = strstr(got, "<notification xmlns='urn:xmpp:push:0'>")); got++)
		n++;
	return n;
}

/* The id of the notification in this text. */
static void id_in(const char *text, char out[static 64])
{
	const char *at = strstr(text, "id='push-");

	assert_non_null(at);
	(void)snprintf(out, 64, "%.*s", (int)strcspn(at + 4, "'"), at + 4);
}

/* alice has left and is registered; bob writes to her. */
static struct client *begin(struct play *p, const char *rows)
{
	play_open(p, rows);
	struct client *alice = client_online(p, "alice", "phone", 0), *bob = client_online(p, "bob", "desk", 0);
	enable(alice, "n1");
	client_leave(alice);
	return bob;
}

static void requests_and_their_errors(void **state)
{
	struct play p;
	char node[PUSH_NODE_MAX + 2], big[PUSH_NODE_MAX + 200];

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n'/>"), "<not-allowed ");
	client_send(alice, "<iq type='get' id='d' to='alice@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_lacks(client_got(alice), "urn:xmpp:push:0");
	play_close(&p);

	play_open(&p, ALLOWED);
	alice = client_online(&p, "alice", "phone", 0);
	bob = client_online(&p, "bob", "desk", 0);
	client_send(alice, "<iq type='get' id='d' to='alice@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_has(client_got(alice), "<feature var='urn:xmpp:push:0'/>");
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' node='n'/>"), "<bad-request ");
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='@push.example' node='n'/>"), "<jid-malformed ");
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='push.example.evil' node='n'/>"), "<not-allowed ");
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n'><x xmlns='jabber:x:data' type='form'/></enable>"), "<bad-request ");
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n'><other/></enable>"), "<bad-request ");
	assert_has(ask(alice, "<disable xmlns='urn:xmpp:push:0'/>"), "<bad-request ");
	assert_has(ask(alice, "<disable xmlns='urn:xmpp:push:0' jid='" APP "'/>"), "type='result'"); /* it is off */
	memset(node, 'x', sizeof node - 1);
	node[sizeof node - 1] = '\0';
	(void)snprintf(big, sizeof big, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='%s'/>", node);
	assert_has(ask(alice, big), "<not-acceptable ");
	/* nobody registers for another */
	client_send(bob, "<iq type='set' id='2' to='alice@a.example'><enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n'/></iq>");
	assert_has(client_got(bob), "<forbidden ");
	client_leave(alice);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	assert_int_equal(pushed(&p), 0);
	play_close(&p);
}

static void what_is_in_it(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED);
	struct client *alice = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	assert_has(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n&amp;1'>" FORM "</enable>"), "type='result'");
	client_leave(alice);
	say(bob, "alice@a.example", "chat", "<body>the secret</body>");
	const char *got = hub_got(&p);
	assert_has(got, "<iq type='set' id='push-");
	assert_has(got, "from='alice@a.example' to='" APP "'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n&amp;1'><item>"
			"<notification xmlns='urn:xmpp:push:0'>");
	assert_has(got, "<value>urn:xmpp:push:summary</value></field><field var='message-count'><value>1</value></field></x>");
	assert_has(got, "<publish-options><x xmlns='jabber:x:data' type='submit'>");
	assert_has(got, "<field var='secret'><value>s3cret</value></field>");
	assert_lacks(got, "the secret");
	assert_lacks(got, "bob");
	play_close(&p);

	bob = begin(&p, "im push push.example content = sender\n");
	say(bob, "alice@a.example", "chat", "<body>the secret</body>");
	got = hub_got(&p);
	assert_has(got, "<field var='last-message-sender'><value>bob@a.example/desk</value></field>");
	assert_lacks(got, "the secret");
	play_close(&p);

	bob = begin(&p, "im push push.example content = body\n");
	say(bob, "alice@a.example", "chat", "<body>the &lt;secret&gt;</body>");
	assert_has(hub_got(&p), "<field var='last-message-body'><value>the &lt;secret&gt;</value></field>");
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	say(bob, "alice@a.example", "chat", "<encrypted xmlns='x'/><store xmlns='urn:xmpp:hints'/>");
	got = hub_got(&p);
	assert_has(got, "last-message-sender");
	assert_lacks(got, "last-message-body"); /* not that of the one before */
	play_close(&p);
}

static void which_messages(void **state)
{
	static const struct {
		const char *type, *inner;
		unsigned n;
	} rows[] = {
		{ "chat", "<body>x</body>", 1 },
		{ "normal", "<body>x</body>", 1 },
		{ "headline", "<body>x</body>", 0 },
		{ "error", "<body>x</body>", 0 },
		{ "groupchat", "<body>x</body>", 0 }, /* refused: nobody is there for it */
		{ "chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", 0 },
		{ "chat", "<received xmlns='urn:xmpp:receipts' id='1'/><store xmlns='urn:xmpp:hints'/>", 0 },
		{ "chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/><store xmlns='urn:xmpp:hints'/>", 0 },
		{ "chat", "<body>x</body><request xmlns='urn:xmpp:receipts'/>", 1 },
		{ "chat", "<encrypted xmlns='urn:xmpp:omemo:2'/><store xmlns='urn:xmpp:hints'/>", 1 },
		{ "chat", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/><store xmlns='urn:xmpp:hints'/>", 1 },
		{ "chat", "<body>x</body><no-store xmlns='urn:xmpp:hints'/>", 0 },
		{ "chat", "<sent xmlns='urn:xmpp:carbons:2'/>", 0 },
	};
	struct play p;

	(void)state;
	struct client *bob = begin(&p, ALLOWED);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		say(bob, "alice@a.example", rows[i].type, rows[i].inner);
		unsigned n = pushed(&p);
		if (n != rows[i].n)
			fail_msg("row %zu: %u", i, n);
		play_wait(&p, 2 * PUSH_PAUSE_MS);
	}
	play_close(&p);
}

static unsigned after(struct client *bob, const char *to)
{
	say(bob, to, "chat", "<body>x</body>");
	unsigned n = pushed(bob->play);
	play_wait(bob->play, 2 * PUSH_PAUSE_MS);
	assert_int_equal(pushed(bob->play), 0);
	return n;
}

static void who_is_there_is_not_woken(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED);
	struct client *phone = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	enable(phone, "n1");
	assert_int_equal(after(bob, "alice@a.example"), 0);
	client_csi(phone, false);
	assert_int_equal(after(bob, "alice@a.example"), 1);
	assert_int_equal(after(bob, phone->full), 1);
	client_csi(phone, true);
	assert_int_equal(after(bob, "alice@a.example"), 0);
	client_send(phone, "<presence><show>xa</show></presence>");
	assert_int_equal(after(bob, "alice@a.example"), 1);
	client_send(phone, "<presence><show>dnd</show></presence>");
	assert_int_equal(after(bob, "alice@a.example"), 0);
	client_enable_sm(phone, true, 600);
	client_lose(phone);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	(void)pushed(&p);
	assert_int_equal(after(bob, "alice@a.example"), 1); /* it hibernates */
	assert_int_equal(after(bob, phone->full), 1);
	/* another client: nobody is woken while it is looked at, wherever the message goes */
	struct client *desk = client_online(&p, "alice", "desk", 0);
	assert_int_equal(after(bob, "alice@a.example"), 0);
	assert_int_equal(after(bob, phone->full), 0);
	/* what she says herself, and to herself, is no news */
	client_send(desk, "<presence><show>away</show></presence>");
	assert_int_equal(after(desk, "bob@a.example"), 0);
	assert_int_equal(after(desk, "alice@a.example"), 0);
	assert_int_equal(after(bob, "alice@a.example"), 1);
	play_close(&p);
}

static void a_lost_stream_has_seen_nothing(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED);
	struct client *phone = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	enable(phone, "n1");
	client_enable_sm(phone, true, 600);
	say(bob, "alice@a.example", "chat", "<body>one</body>");
	say(bob, "alice@a.example", "chat", "<body>two</body>");
	assert_int_equal(pushed(&p), 0);
	client_lose(phone);
	assert_has(hub_got(&p), "<field var='message-count'><value>2</value>");
	play_wait(&p, 700 * 1000); /* it expires: they go to storage, and were told */
	assert_int_equal(pushed(&p), 0);
	play_close(&p);
}

static void many_are_told_in_one(void **state)
{
	struct play p;

	(void)state;
	struct client *bob = begin(&p, ALLOWED);
	for (int i = 0; i < 20; i++)
		say(bob, "alice@a.example", "chat", "<body>x</body>");
	assert_int_equal(pushed(&p), 1);
	play_wait(&p, PUSH_PAUSE_MS + 100);
	assert_has(hub_got(&p), "<field var='message-count'><value>19</value>");
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	assert_int_equal(pushed(&p), 0);
	/* who is back meanwhile has seen them */
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	assert_int_equal(pushed(&p), 1);
	client_online(&p, "alice", "phone", 0);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	assert_int_equal(pushed(&p), 0);
	play_close(&p);
}

static void answer(struct play *p, const char *from, const char *to, const char *id, const char *error, const char *condition)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "<iq type='error' id='%s' from='%s' to='%s'><error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
		       id, from, to, error, condition);
	hub_send(p, 0, text);
	play_run(p);
}

static void app_servers_that_fail(void **state)
{
	struct play p;
	char id[64];

	(void)state;
	struct client *bob = begin(&p, ALLOWED);
	/* away: so often, in a row */
	for (int i = 0; i < 2 * PUSH_FAILURES_MAX - 1; i++) {
		say(bob, "alice@a.example", "chat", "<body>x</body>");
		id_in(hub_got(&p), id);
		if (i == PUSH_FAILURES_MAX - 1) {
			char text[256];
			(void)snprintf(text, sizeof text, "<iq type='result' id='%s' from='" APP "' to='alice@a.example'/>", id);
			hub_send(&p, 0, text);
		} else if (i % 2) {
			answer(&p, APP, "alice@a.example", id, "wait", "resource-constraint");
		} else {
			answer(&p, APP, "alice@a.example", id, "cancel", "remote-server-not-found");
		}
		play_wait(&p, 2 * PUSH_PAUSE_MS);
	}
	/* others have no say, nor has an answer to something else */
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	id_in(hub_got(&p), id);
	answer(&p, "evil@push.example/1", "alice@a.example", id, "cancel", "item-not-found");
	answer(&p, APP, "alice@a.example", "push-1", "cancel", "item-not-found");
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	assert_int_equal(after(bob, "alice@a.example"), 1);
	/* the one time too many */
	for (int i = 0; i < PUSH_FAILURES_MAX && p.im.users.count; i++) {
		say(bob, "alice@a.example", "chat", "<body>x</body>");
		const char *got = hub_got(&p);
		if (!strstr(got, "push-"))
			break;
		id_in(got, id);
		answer(&p, APP, "alice@a.example", id, "wait", "remote-server-timeout");
		play_wait(&p, 2 * PUSH_PAUSE_MS);
	}
	assert_int_equal(after(bob, "alice@a.example"), 0);
	im_restart(&p);
	bob = client_online(&p, "bob", "desk", 0);
	assert_int_equal(after(bob, "alice@a.example"), 0);
	play_close(&p);
}

static void a_refusal_ends_it(void **state)
{
	struct play p;
	char id[64];

	(void)state;
	play_open(&p, ALLOWED);
	struct client *alice = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	enable(alice, "n1");
	enable(alice, "n2");
	client_leave(alice);
	uint64_t before = im_stats[STAT_PUSH_DROPPED];
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	id_in(hub_got(&p), id); /* of the first */
	answer(&p, APP, "alice@a.example", id, "cancel", "item-not-found");
	assert_int_equal(im_stats[STAT_PUSH_DROPPED] - before, 1);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	const char *got = hub_got(&p);
	assert_has(got, "node='n2'");
	assert_lacks(got, "node='n1'");
	/* also after a death */
	im_restart(&p);
	bob = client_online(&p, "bob", "desk", 0);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	got = hub_got(&p);
	assert_has(got, "node='n2'");
	assert_lacks(got, "node='n1'");
	play_close(&p);
}

static void so_many_and_no_more(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED "im push-per-user = 2\n");
	struct client *alice = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	enable(alice, "n1");
	enable(alice, "n2");
	enable(alice, "n1"); /* again: it is the newest */
	enable(alice, "n3");
	client_leave(alice);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	const char *got = hub_got(&p);
	assert_has(got, "node='n1'");
	assert_has(got, "node='n3'");
	assert_lacks(got, "node='n2'");
	alice = client_online(&p, "alice", "phone", 0);
	assert_has(ask(alice, "<disable xmlns='urn:xmpp:push:0' jid='" APP "' node='n1'/>"), "type='result'");
	client_leave(alice);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	got = hub_got(&p);
	assert_has(got, "node='n3'");
	assert_lacks(got, "node='n1'");
	alice = client_online(&p, "alice", "phone", 0);
	assert_has(ask(alice, "<disable xmlns='urn:xmpp:push:0' jid='" APP "'/>"), "type='result'");
	client_leave(alice);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	assert_int_equal(after(bob, "alice@a.example"), 0);
	im_restart(&p);
	bob = client_online(&p, "bob", "desk", 0);
	assert_int_equal(after(bob, "alice@a.example"), 0);
	play_close(&p);
}

/* Answered only when it is on disk. */
static void it_is_kept(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED);
	struct client *alice = client_online(&p, "alice", "phone", 0);
	store_leave(&p);
	assert_string_equal(ask(alice, "<enable xmlns='urn:xmpp:push:0' jid='" APP "' node='n1'>" FORM "</enable>"), "");
	store_join(&p);
	play_wait(&p, 100);
	assert_has(client_got(alice), "type='result'");
	im_restart(&p);
	struct client *bob = client_online(&p, "bob", "desk", 0);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	const char *got = hub_got(&p);
	assert_has(got, "node='n1'");
	assert_has(got, "s3cret");
	/* the way out is broken for a moment: it arrives all the same */
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	hub_leave(&p);
	say(bob, "alice@a.example", "chat", "<body>x</body>");
	hub_join(&p);
	play_wait(&p, 2000);
	assert_int_equal(pushed(&p), 1);
	play_close(&p);
}

static void rooms_wake_who_sleeps(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ALLOWED "im rooms a.example service = rooms.a.example\n");
	struct client *alice = client_online(&p, "alice", "phone", 0), *bob = client_online(&p, "bob", "desk", 0);
	enable(alice, "n1");
	client_send(bob, "<presence to='den@rooms.a.example/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
	play_wait(&p, 100);
	client_send(bob, "<iq type='set' id='o' to='den@rooms.a.example'><query xmlns='http://jabber.org/protocol/muc#owner'>"
			 "<x xmlns='jabber:x:data' type='submit'/></query></iq>");
	play_wait(&p, 100);
	client_send(alice, "<presence to='den@rooms.a.example/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
	play_wait(&p, 100);
	say(bob, "den@rooms.a.example", "groupchat", "<body>x</body>");
	assert_has(client_got(alice), "<body>x</body>");
	assert_int_equal(pushed(&p), 0);
	client_csi(alice, false);
	say(bob, "den@rooms.a.example", "groupchat", "<body>y</body>");
	play_wait(&p, 100);
	assert_has(client_got(alice), "<body>y</body>");
	assert_int_equal(pushed(&p), 1);
	play_wait(&p, 2 * PUSH_PAUSE_MS);
	say(bob, "den@rooms.a.example", "groupchat", "<subject>z</subject>");
	play_wait(&p, 100);
	assert_int_equal(pushed(&p), 0);
	say(bob, "den@rooms.a.example/Alice", "chat", "<body>whispered</body>");
	play_wait(&p, 100);
	assert_int_equal(pushed(&p), 1);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_their_errors),
		cmocka_unit_test(what_is_in_it),
		cmocka_unit_test(which_messages),
		cmocka_unit_test(who_is_there_is_not_woken),
		cmocka_unit_test(a_lost_stream_has_seen_nothing),
		cmocka_unit_test(many_are_told_in_one),
		cmocka_unit_test(app_servers_that_fail),
		cmocka_unit_test(a_refusal_ends_it),
		cmocka_unit_test(so_many_and_no_more),
		cmocka_unit_test(it_is_kept),
		cmocka_unit_test(rooms_wake_who_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
