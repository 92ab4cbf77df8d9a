/* Plays: archives of messages (XEP-0313), and the ids by which messages are known there (XEP-0359). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "archive/archive.h"

#define QUERY(inner) "<query xmlns='urn:xmpp:mam:2' queryid='q'>" inner "</query>"
#define SUBMIT(fields) "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>" fields "</x>"
#define FIELD(name, value) "<field var='" name "'><value>" value "</value></field>"
#define SET(inner) "<set xmlns='http://jabber.org/protocol/rsm'>" inner "</set>"
#define BODY(text) "<body>" text "</body>"

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static const char *ask(struct client *c, const char *inner)
{
	(void)client_got(c);
	client_send(c, "<iq type='set' id='1'>%s</iq>", inner);
	return client_got(c);
}

/* The number'th id of a text, from 0. */
static const char *id_of(const char *text, unsigned number)
{
	static char id[4][ARCHIVE_ID_CHARS + 1];
	static unsigned slot;
	char *out = id[slot++ % 4];

	for (; (text = strstr(text, " id='")); text++) {
		text += 5;
		if (strcspn(text, "'") == ARCHIVE_ID_CHARS && !number--)
			break;
	}
	assert_non_null(text);
	(void)snprintf(out, ARCHIVE_ID_CHARS + 1, "%s", text);
	return out;
}

static void say(struct client *from, const char *to, const char *inner)
{
	client_send(from, "<message type='chat' to='%s'>%s</message>", to, inner);
	play_wait(from->play, 1000);
}

static void both_sides_have_it(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "phone", 0);
	struct client *second = client_online(&p, "alice", "sofa", -1);
	client_send(second, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
	(void)client_got(second);
	(void)client_got(bob);
	say(alice, "bob@a.example", BODY("one") "<origin-id xmlns='urn:xmpp:sid:0' id='mine'/>");
	const char *got = client_got(bob);
	assert_has(got, "<body>one</body><origin-id xmlns='urn:xmpp:sid:0' id='mine'/><stanza-id xmlns='urn:xmpp:sid:0' by='bob@a.example' id='");
	assert_int_equal(times(got, "<stanza-id"), 1);
	const char *bobs = id_of(got, 0);
	const char *carbon = client_got(second);
	assert_has(carbon, "<sent xmlns='urn:xmpp:carbons:2'>");
	assert_has(carbon, "by='alice@a.example'");
	const char *alices = id_of(carbon, 0);
	assert_string_not_equal(alices, bobs);
	assert_int_equal(play_store_archived(&p.store, "alice@a.example"), 1);
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 1);
	got = ask(bob, QUERY(""));
	assert_has(got, "<message from='bob@a.example' to='bob@a.example/phone'><result xmlns='urn:xmpp:mam:2' queryid='q' id='");
	assert_has(got, "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2023-11-14T22:13:2");
	assert_has(got, "<message xmlns='jabber:client' from='alice@a.example/desk' to='bob@a.example' type='chat'><body>one</body>");
	assert_string_equal(id_of(got, 0), bobs);
	assert_has(got, "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><first>");
	assert_has(got, "</last><count>1</count></set></fin>");
	got = ask(alice, QUERY(""));
	assert_string_equal(id_of(got, 0), alices);
	/* a phone that gets the copy of what came: with its owner's id */
	client_send(alice, "<presence type='unavailable'/>");
	play_close(&p);
}

static void what_is_kept(void **state)
{
	static const struct {
		const char *type, *inner;
		unsigned kept;
	} rows[] = {
		{ "chat", BODY("x"), 1 },
		{ "normal", BODY("x"), 1 },
		{ "chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", 0 },
		{ "chat", "<active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>", 0 },
		{ "chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>", 1 },
		{ "chat", BODY("x") "<no-store xmlns='urn:xmpp:hints'/>", 0 },
		{ "chat", BODY("x") "<no-permanent-store xmlns='urn:xmpp:hints'/>", 0 },
		{ "chat", "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>", 1 }, /* XEP-0444 */
		{ "chat", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>", 1 },                              /* XEP-0424 */
		{ "chat", BODY("y") "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>", 1 },                    /* XEP-0308 */
		{ "chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", 1 },                               /* XEP-0333 */
		{ "chat", "<received xmlns='urn:xmpp:receipts' id='1'/>", 1 },
		{ "headline", BODY("x"), 0 },
		{ "groupchat", BODY("x"), 0 },
		{ "error", BODY("x"), 0 },
		{ "chat", "<sent xmlns='urn:xmpp:carbons:2'/>", 0 },
	};
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_online(&p, "bob", "phone", 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned before = play_store_archived(&p.store, "bob@a.example"), sent = play_store_archived(&p.store, "alice@a.example");
		client_send(alice, "<message type='%s' to='bob@a.example/phone'>%s</message>", rows[i].type, rows[i].inner);
		play_wait(&p, 100);
		if (play_store_archived(&p.store, "bob@a.example") - before != rows[i].kept ||
		    play_store_archived(&p.store, "alice@a.example") - sent != rows[i].kept)
			fail_msg("row %zu", i);
	}
	play_close(&p);
}

static void nobody_else_says_where(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *bob = client_online(&p, "bob", "phone", 0);
	(void)client_got(bob);
	hub_send(&p, 7, "<message from='r@b.example/x' to='bob@a.example' type='chat'><body>&lt;x&gt;</body>"
	                "<stanza-id xmlns='urn:xmpp:sid:0' by='BOB@a.example/y' id='spoofed'/>"
	                "<stanza-id xmlns='urn:xmpp:sid:0' by='room@b.example' id='of-the-room'/></message>");
	play_wait(&p, 1000);
	const char *got = client_got(bob);
	assert_lacks(got, "spoofed");
	assert_has(got, "by='room@b.example' id='of-the-room'");
	assert_has(got, "<body>&lt;x&gt;</body>");
	assert_int_equal(times(got, "by='bob@a.example'"), 1);
	assert_int_equal(p.done_id, 7);
	play_close(&p);
}

/* Many messages in the order of their numbers; page by page. */
static void pages(void **state)
{
	struct play p;
	char inner[600], first[40], last[40];

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "phone", 0);
	for (int i = 0; i < 60; i++) {
		client_send(alice, "<message type='chat' to='%s'><body>m%d.</body></message>", i % 2 ? "bob@a.example/phone" : "carol@a.example", i);
		play_wait(&p, 1000);
	}
	const char *got = ask(alice, QUERY(SET("<max>7</max>")));
	assert_int_equal(times(got, "<result "), 7);
	assert_has(got, "m6.");
	assert_true(strstr(got, "m0.") < strstr(got, "m6."));
	assert_has(got, "<fin xmlns='urn:xmpp:mam:2'><set");
	assert_has(got, "<count>60</count>");
	(void)snprintf(last, sizeof last, "%s", id_of(got, 6));
	(void)snprintf(inner, sizeof inner, QUERY(SET("<max>100</max><after>%s</after>")), last);
	got = ask(alice, inner);
	assert_int_equal(times(got, "<result "), 53);
	assert_has(got, "complete='true'");
	assert_lacks(got, "<count>");
	/* the last page, in the order of the archive; then flipped */
	got = ask(alice, QUERY(SET("<max>5</max><before/>")));
	assert_int_equal(times(got, "<result "), 5);
	assert_true(strstr(got, "m55.") && strstr(got, "m55.") < strstr(got, "m59."));
	(void)snprintf(first, sizeof first, "<first>%s</first>", id_of(got, 0));
	assert_has(got, first);
	got = ask(alice, QUERY(SET("<max>5</max><before/>") "<flip-page/>"));
	assert_true(strstr(got, "m59.") && strstr(got, "m59.") < strstr(got, "m55."));
	assert_has(got, first);
	/* before a page */
	(void)snprintf(inner, sizeof inner, QUERY(SET("<max>5</max><before>%s</before>")), id_of(got, 4));
	got = ask(alice, inner);
	assert_has(got, "m50.");
	assert_has(got, "m54.");
	assert_lacks(got, "m55.");
	/* no more than there is room for */
	got = ask(alice, QUERY(SET("<max>0</max>")));
	assert_int_equal(times(got, "<result "), 0);
	assert_has(got, "<count>60</count>");
	got = ask(alice, QUERY(""));
	assert_int_equal(times(got, "<result "), 50);
	/* by whom, by time, by id */
	got = ask(alice, QUERY(SUBMIT(FIELD("with", "Bob@a.example"))));
	assert_int_equal(times(got, "<result "), 30);
	got = ask(alice, QUERY(SUBMIT(FIELD("with", "bob@a.example/phone"))));
	assert_int_equal(times(got, "<result "), 30);
	got = ask(alice, QUERY(SUBMIT(FIELD("with", "bob@a.example/other"))));
	assert_int_equal(times(got, "<result "), 0);
	assert_has(got, "complete='true'");
	got = ask(alice, QUERY(SUBMIT(FIELD("start", "2023-11-14T22:13:30Z") FIELD("end", "2023-11-14T22:13:34Z"))));
	assert_int_equal(times(got, "<result "), 5);
	assert_has(got, "stamp='2023-11-14T22:13:30.000Z'");
	assert_has(got, "stamp='2023-11-14T22:13:34.000Z'");
	(void)snprintf(first, sizeof first, "%s", id_of(got, 0));
	(void)snprintf(last, sizeof last, "%s", id_of(got, 4));
	(void)snprintf(inner, sizeof inner, QUERY(SUBMIT(FIELD("after-id", "%s") FIELD("before-id", "%s"))), first, last);
	assert_int_equal(times(ask(alice, inner), "<result "), 3);
	(void)snprintf(inner, sizeof inner, QUERY(SUBMIT("<field var='ids'><value>%s</value><value>%s</value></field>")), last, first);
	got = ask(alice, inner);
	assert_int_equal(times(got, "<result "), 2);
	assert_has(got, "complete='true'");
	/* somebody else's id is none of bob's */
	(void)snprintf(inner, sizeof inner, QUERY(SET("<after>%s</after>")), first);
	assert_has(ask(bob, inner), "<item-not-found");
	(void)snprintf(inner, sizeof inner, QUERY(SUBMIT("<field var='ids'><value>%s</value></field>")), first);
	assert_has(ask(bob, inner), "<item-not-found");
	first[ARCHIVE_ID_CHARS - 1] ^= 1;
	(void)snprintf(inner, sizeof inner, QUERY(SET("<after>%s</after>")), first);
	assert_has(ask(alice, inner), "<item-not-found");
	/* metadata */
	(void)client_got(alice);
	client_send(alice, "<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>");
	got = client_got(alice);
	assert_has(got, "<metadata xmlns='urn:xmpp:mam:2'><start id='");
	assert_has(got, "timestamp='2023-11-14T22:13:21.000Z'/><end id='");
	assert_has(got, "timestamp='2023-11-14T22:14:20.000Z'/></metadata>");
	play_close(&p);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *inner, *why;
	} rows[] = {
		{ QUERY(SUBMIT(FIELD("colour", "red"))), "<feature-not-implemented" },
		{ QUERY(SET("<index>3</index>")), "<feature-not-implemented" },
		{ QUERY(SUBMIT(FIELD("start", "yesterday"))), "<bad-request" },
		{ QUERY(SUBMIT(FIELD("with", "@"))), "<bad-request" },
		{ QUERY(SUBMIT(FIELD("include-groupchat", "maybe"))), "<bad-request" },
		{ QUERY(SUBMIT(FIELD("before-id", "1"))), "<item-not-found" },
		{ QUERY(SUBMIT(FIELD("ids", "1"))), "<item-not-found" },
		{ QUERY("<x xmlns='jabber:x:data' type='submit'/>"), "<bad-request" },
		{ QUERY("<x xmlns='jabber:x:data' type='result'/>"), "<bad-request" },
		{ QUERY(SET("<max>many</max>")), "<bad-request" },
		{ "<query xmlns='urn:xmpp:mam:2' node='n'/>", "<item-not-found" },
		{ "<prefs xmlns='urn:xmpp:mam:2' default='sometimes'/>", "<bad-request" },
		{ "<prefs xmlns='urn:xmpp:mam:2' default='always'><never><jid>@</jid></never></prefs>", "<jid-malformed" },
		{ "<prefs xmlns='urn:xmpp:mam:2' default='always'><never><who/></never></prefs>", "<bad-request" },
	};
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "phone", 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_has(ask(alice, rows[i].inner), rows[i].why);
	/* another's is nobody's business */
	(void)client_got(bob);
	client_send(bob, "<iq type='set' id='1' to='alice@a.example'>" QUERY("") "</iq>");
	assert_has(client_got(bob), "<forbidden");
	p.store.sick_ops = 1ull << STORE_ARCHIVE_PAGE;
	assert_has(ask(alice, QUERY("")), "<internal-server-error");
	play_close(&p);
}

static void words(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "phone", 0);
	say(alice, "bob@a.example", BODY("a red fox"));
	say(alice, "bob@a.example", BODY("a blue fox"));
	(void)client_got(bob);
	client_send(bob, "<iq type='get' id='f'>" QUERY("") "</iq>");
	assert_has(client_got(bob), "var='{urn:xmpp:fulltext:0}fulltext'");
	client_send(bob, "<iq type='get' id='f' to='bob@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	const char *got = client_got(bob);
	assert_has(got, "<feature var='urn:xmpp:mam:2'/><feature var='urn:xmpp:mam:2#extended'/>");
	assert_has(got, "<feature var='urn:xmpp:fulltext:0'/>");
	got = ask(bob, QUERY(SUBMIT(FIELD("{urn:xmpp:fulltext:0}fulltext", "blue"))));
	assert_int_equal(times(got, "<result "), 1);
	assert_has(got, "a blue fox");
	play_close(&p);

	play_open(&p, "im archive-search = off\n");
	bob = client_online(&p, "bob", "phone", 0);
	assert_has(ask(bob, QUERY(SUBMIT(FIELD("{urn:xmpp:fulltext:0}fulltext", "blue")))), "<feature-not-implemented");
	client_send(bob, "<iq type='get' id='f'>" QUERY("") "</iq>");
	assert_lacks(client_got(bob), "fulltext");
	play_close(&p);
}

static void preferences(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *bob = client_online(&p, "bob", "phone", 0), *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(bob);
	client_send(bob, "<iq type='get' id='1'><prefs xmlns='urn:xmpp:mam:2'/></iq>");
	assert_has(client_got(bob), "<prefs xmlns='urn:xmpp:mam:2' default='always'><always></always><never></never></prefs>");
	assert_has(ask(bob, "<prefs xmlns='urn:xmpp:mam:2' default='never'><always><jid>Alice@a.example</jid></always><never/></prefs>"),
	           "<always><jid>alice@a.example</jid></always>");
	say(alice, "bob@a.example", BODY("kept"));
	say(bob, "carol@a.example", BODY("not kept"));
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 1);
	/* they outlive gh-im */
	im_restart(&p);
	bob = client_online(&p, "bob", "phone", 0);
	say(bob, "carol@a.example", BODY("not kept"));
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 1);
	(void)ask(bob, "<prefs xmlns='urn:xmpp:mam:2' default='roster'><never><jid>alice@a.example/desk</jid></never></prefs>");
	alice = client_online(&p, "alice", "desk", 0);
	say(alice, "bob@a.example", BODY("not kept"));
	say(bob, "carol@a.example", BODY("not kept"));
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 1);
	client_send(bob, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='carol@a.example'/></query></iq>");
	say(bob, "carol@a.example", BODY("kept"));
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 2);
	/* alice keeps her own side all along */
	assert_int_equal(play_store_archived(&p.store, "alice@a.example"), 2);
	play_close(&p);
}

/* The archive is on disk before the sender hears that the message is safe. */
static void nothing_is_acknowledged_before(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	client_online(&p, "bob", "phone", 0);
	client_enable_sm(alice, true, 60);
	p.store.is_slow = true;
	client_send(alice, "<message type='chat' to='bob@a.example'><body>one</body></message>");
	client_request(alice);
	play_wait(&p, 1000);
	assert_int_equal(alice->n_answers, 0);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(alice->h, 1);
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 1);
	play_close(&p);
}

/* Who reads the archive first gets no offline copy of what it has read; who does not gets all. */
static void offline_and_archive_do_not_double(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	for (int i = 0; i < 3; i++)
		say(alice, "bob@a.example", BODY("early"));
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 3);
	struct client *bob = client_login(&p, "bob", "phone");
	assert_int_equal(times(ask(bob, QUERY(SET("<max>2</max><before/>"))), "early"), 2);
	say(alice, "bob@a.example", BODY("late"));
	(void)client_got(bob);
	client_send(bob, "<presence/>");
	play_wait(&p, 1000);
	const char *got = client_got(bob);
	assert_int_equal(times(got, "early"), 1); /* the one before the page */
	assert_int_equal(times(got, "late"), 1);
	assert_has(got, "by='bob@a.example' id='");
	play_wait(&p, 1000);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

static void can_be_turned_off_and_ends(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im archive = off\n");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "phone", 0);
	(void)client_got(bob);
	say(alice, "bob@a.example", BODY("x"));
	assert_lacks(client_got(bob), "stanza-id");
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 0);
	assert_has(ask(bob, QUERY("")), "<service-unavailable");
	client_send(bob, "<iq type='get' id='f' to='bob@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_lacks(client_got(bob), "urn:xmpp:mam:2");
	play_close(&p);

	play_open(&p, "im archive-life = 1\n");
	alice = client_online(&p, "alice", "desk", 0);
	say(alice, "bob@a.example", BODY("x"));
	assert_int_equal(play_store_archived(&p.store, "alice@a.example"), 1);
	play_wait(&p, 24 * 3600 * 1000);
	assert_int_equal(times(ask(alice, QUERY("")), "<result "), 0);
	play_wait(&p, 60000);
	assert_int_equal(play_store_archived(&p.store, "alice@a.example"), 0);
	play_close(&p);
}

/* A page that gh-store gives twice, because it died in the middle, comes once. */
static void a_page_comes_once(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	say(alice, "bob@a.example", BODY("x"));
	say(alice, "bob@a.example", BODY("y"));
	p.store.slow_ops = 1ull << STORE_ARCHIVE_PAGE;
	assert_lacks(ask(alice, QUERY("")), "<fin");
	store_leave(&p);
	p.store.slow_ops = 0;
	store_join(&p);
	play_wait(&p, 1000);
	const char *got = client_got(alice);
	assert_int_equal(times(got, "<result "), 2);
	assert_int_equal(times(got, "<fin"), 1);
	/* who has gone meanwhile is not looked for */
	p.store.slow_ops = 1ull << STORE_ARCHIVE_PAGE;
	(void)ask(alice, QUERY(""));
	client_leave(alice);
	play_store_sync(&p.store);
	play_wait(&p, 1000);
	play_close(&p);
}

#define DEN "den@rooms.a.example"
#define ROOMS "domain rooms.a.example certificate = a\nim rooms a.example service = rooms.a.example\n"

static void enter(struct client *c, const char *nick)
{
	client_send(c, "<presence to='" DEN "/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", nick);
	play_wait(c->play, 100);
}

static struct client *den(struct play *p, const char *rows)
{
	play_open(p, rows);
	struct client *bob = client_online(p, "bob", "desk", 0);
	enter(bob, "Bob");
	client_send(bob, "<iq type='set' id='o' to='" DEN "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
			 "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
			 FIELD("muc#roomconfig_persistentroom", "1") "</x></query></iq>");
	play_wait(p, 100);
	assert_has(client_got(bob), "type='result'");
	return bob;
}

static const char *ask_den(struct client *c, const char *inner)
{
	(void)client_got(c);
	client_send(c, "<iq type='set' id='1' to='" DEN "'>%s</iq>", inner);
	play_wait(c->play, 100);
	return client_got(c);
}

static void say_in_den(struct client *c, const char *inner)
{
	client_send(c, "<message type='groupchat' to='" DEN "'>%s</message>", inner);
	play_wait(c->play, 100);
}

static void rooms_have_one(void **state)
{
	struct play p;

	(void)state;
	struct client *bob = den(&p, ROOMS), *alice = client_online(&p, "alice", "desk", 0);
	say_in_den(bob, BODY("one"));
	say_in_den(bob, BODY("two"));
	assert_int_equal(play_store_archived(&p.store, DEN), 2);
	assert_int_equal(play_store_archived(&p.store, "bob@a.example"), 0);
	assert_has(ask_den(alice, QUERY("")), "<forbidden ");
	enter(alice, "Alice");
	const char *seen = client_got(alice);
	const char *got = ask_den(alice, QUERY(SET("<max>1</max>")));
	assert_has(got, "<message from='" DEN "' to='alice@a.example/desk'><result xmlns='urn:xmpp:mam:2' queryid='q' id='");
	assert_has(got, "<message xmlns='jabber:client' from='" DEN "/Bob' type='groupchat'><body>one</body>");
	assert_lacks(got, "two");
	assert_has(got, "<count>2</count>");
	assert_int_equal(times(got, "<result "), 1);
	char first[ARCHIVE_ID_CHARS + 1], page[512];
	(void)snprintf(first, sizeof first, "%s", id_of(got, 0));
	(void)snprintf(page, sizeof page, QUERY(SET("<after>%s</after>")), first);
	got = ask_den(alice, page);
	assert_has(got, "<body>two</body>");
	assert_lacks(got, "<body>one</body>");
	(void)seen;
	/* the id in the message is the one in the archive */
	say_in_den(bob, BODY("three"));
	char by[128];
	got = client_got(alice);
	(void)snprintf(first, sizeof first, "%s", id_of(got, 0));
	(void)snprintf(by, sizeof by, "<stanza-id xmlns='urn:xmpp:sid:0' id='%s' by='" DEN "'/>", first);
	assert_has(got, by);
	(void)snprintf(page, sizeof page, QUERY(SUBMIT(FIELD("ids", "%s"))), first);
	assert_has(ask_den(alice, page), "<body>three</body>");
	/* by words, by who said it; metadata */
	assert_has(ask_den(alice, QUERY(SUBMIT(FIELD("{urn:xmpp:fulltext:0}fulltext", "two")))), "<body>two</body>");
	assert_has(ask_den(alice, QUERY(SUBMIT(FIELD("with", DEN "/Bob")))), "<body>two</body>");
	assert_lacks(ask_den(alice, QUERY(SUBMIT(FIELD("with", DEN "/Alice")))), "<body>");
	(void)client_got(alice);
	client_send(alice, "<iq type='get' id='m' to='" DEN "'><metadata xmlns='urn:xmpp:mam:2'/></iq>");
	play_wait(&p, 100);
	got = client_got(alice);
	assert_has(got, "<metadata xmlns='urn:xmpp:mam:2'><start id='");
	assert_has(got, first);
	/* an id of hers is none of the room's */
	say(bob, "alice@a.example", BODY("private"));
	(void)snprintf(page, sizeof page, QUERY(SET("<after>%s</after>")), id_of(client_got(alice), 0));
	assert_has(ask_den(alice, page), "<item-not-found ");
	play_close(&p);
}

static void rooms_keep_before_they_acknowledge(void **state)
{
	struct play p;

	(void)state;
	struct client *bob = den(&p, ROOMS);
	client_enable_sm(bob, true, 60);
	store_leave(&p);
	say_in_den(bob, BODY("one"));
	client_request(bob);
	play_wait(&p, 500);
	assert_true(!bob->has_h || bob->h == 0);
	store_join(&p);
	play_wait(&p, 500);
	assert_int_equal(bob->h, 1);
	assert_int_equal(play_store_archived(&p.store, DEN), 1);
	im_restart(&p);
	bob = client_online(&p, "bob", "desk", 0);
	assert_has(ask_den(bob, QUERY("")), "<body>one</body>"); /* an owner need not be in it */
	play_close(&p);
}

static void a_moderator_takes_words_back(void **state)
{
	struct play p;
	char id[ARCHIVE_ID_CHARS + 1], ask[512];

	(void)state;
	struct client *bob = den(&p, ROOMS "im room-history-max = 0\n"), *alice = client_online(&p, "alice", "desk", 0);
	enter(alice, "Alice");
	(void)client_got(bob);
	say_in_den(alice, BODY("spam words"));
	(void)snprintf(id, sizeof id, "%s", id_of(client_got(bob), 0));
	assert_int_equal(play_store_archive_has(&p.store, "spam words"), 1);
	(void)snprintf(ask, sizeof ask, "<moderate xmlns='urn:xmpp:message-moderate:1' id='%s'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>", id);
	assert_has(ask_den(alice, ask), "<forbidden ");
	assert_int_equal(play_store_archive_has(&p.store, "spam words"), 1);
	assert_has(ask_den(bob, ask), "type='result'");
	assert_int_equal(play_store_archive_has(&p.store, "spam words"), 0);
	const char *got = ask_den(alice, QUERY(""));
	assert_has(got, "from='" DEN "/Alice' type='groupchat'><retracted xmlns='urn:xmpp:message-retract:1'");
	assert_has(got, "<retract xmlns='urn:xmpp:message-retract:1' id='"); /* and that it was taken back, for who has it */
	assert_int_equal(times(got, "<result "), 2);
	assert_has(ask_den(bob, "<moderate xmlns='urn:xmpp:message-moderate:1' id='no-such'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>"), "<item-not-found ");
	play_close(&p);
}

static void other_domains_read_rooms(void **state)
{
	struct play p;

	(void)state;
	struct client *bob = den(&p, ROOMS);
	say_in_den(bob, BODY("one"));
	hub_send(&p, 0, "<iq type='set' id='q1' from='romeo@b.example/r' to='" DEN "'>" QUERY("") "</iq>");
	play_wait(&p, 100);
	assert_has(hub_got(&p), "<forbidden ");
	hub_send(&p, 0, "<presence from='romeo@b.example/r' to='" DEN "/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
	play_wait(&p, 100);
	(void)hub_got(&p);
	hub_send(&p, 0, "<iq type='set' id='q2' from='romeo@b.example/r' to='" DEN "'>" QUERY("") "</iq>");
	play_wait(&p, 100);
	const char *got = hub_got(&p);
	assert_has(got, "<message from='" DEN "' to='romeo@b.example/r'><result ");
	assert_has(got, "<body>one</body>");
	assert_has(got, "<iq type='result' id='q2'");
	assert_int_equal(p.im.archive.n_of_rooms, 0);
	play_close(&p);
}

static void rooms_without(void **state)
{
	struct play p;

	(void)state;
	struct client *bob = den(&p, ROOMS "im room-archive = off\n");
	say_in_den(bob, BODY("one"));
	assert_int_equal(play_store_archived(&p.store, DEN), 0);
	assert_has(ask_den(bob, QUERY("")), "<service-unavailable ");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_have_it),
		cmocka_unit_test(what_is_kept),
		cmocka_unit_test(nobody_else_says_where),
		cmocka_unit_test(pages),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(words),
		cmocka_unit_test(preferences),
		cmocka_unit_test(nothing_is_acknowledged_before),
		cmocka_unit_test(offline_and_archive_do_not_double),
		cmocka_unit_test(can_be_turned_off_and_ends),
		cmocka_unit_test(a_page_comes_once),
		cmocka_unit_test(rooms_have_one),
		cmocka_unit_test(rooms_keep_before_they_acknowledge),
		cmocka_unit_test(a_moderator_takes_words_back),
		cmocka_unit_test(other_domains_read_rooms),
		cmocka_unit_test(rooms_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
