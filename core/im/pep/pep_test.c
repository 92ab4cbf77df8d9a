/* Plays: what people publish of themselves (XEP-0163, XEP-0060, XEP-0115). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define PUBSUB(inner) "<pubsub xmlns='http://jabber.org/protocol/pubsub'>" inner "</pubsub>"
#define OWNER(inner) "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>" inner "</pubsub>"
#define TUNE(id, text) PUBSUB("<publish node='tune'><item id='" id "'><tune xmlns='x:tune'>" text "</tune></item></publish>")
#define FORM(type, fields)                                                                                           \
	"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#" type \
	"</value></field>" fields "</x>"
#define FIELD(name, value) "<field var='pubsub#" name "'><value>" value "</value></field>"
#define OPTIONS(fields) "<publish-options>" FORM("publish-options", fields) "</publish-options>"
#define INFO "<query xmlns='http://jabber.org/protocol/disco#info'"
/* sha-1 of "client/pc//X<a+notify<tune+notify<" */
#define VER "Y87NuSZJRGVfGLQK/4F1sQaqw4E="
#define CAPS "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='x:client' ver='" VER "'/>"
#define FEATURES INFO "><identity category='client' type='pc' name='X'/><feature var='tune+notify'/><feature var='a+notify'/></query>"

static const char *ask(struct client *c, const char *type, const char *to, const char *inner)
{
	(void)client_got(c);
	client_send(c, "<iq type='%s' id='q1'%s%s%s>%s</iq>", type, to ? " to='" : "", to ? to : "", to ? "'" : "", inner);
	return client_got(c);
}

/* Value of the id attribute of the question in what came. */
static void answer_caps(struct client *c, const char *got, const char *to)
{
	const char *id = strstr(got, "id='caps");
	char text[64];

	assert_non_null(id);
	(void)snprintf(text, sizeof text, "%.*s", (int)strcspn(id + 4, "'"), id + 4);
	client_send(c, "<iq type='result' id='%s' to='%s'>" FEATURES "</iq>", text, to);
}

/* Online, and wants to hear of tunes. What it got at once, where its hash was known, is in `first`. */
static char first[4096];
static struct client *listener(struct play *p, const char *name, const char *resource)
{
	struct client *c = client_login(p, name, resource);
	char bare[64];

	client_send(c, "<presence>" CAPS "</presence>");
	const char *got = client_got(c);
	(void)snprintf(bare, sizeof bare, "%s@a.example", name);
	(void)snprintf(first, sizeof first, "%s", got);
	if (strstr(got, "id='caps"))
		answer_caps(c, got, bare);
	return c;
}

static void befriend(struct client *a, struct client *b, const char *a_jid, const char *b_jid)
{
	client_send(a, "<presence type='subscribe' to='%s'/>", b_jid);
	client_send(b, "<presence type='subscribed' to='%s'/>", a_jid);
	client_send(b, "<presence type='subscribe' to='%s'/>", a_jid);
	client_send(a, "<presence type='subscribed' to='%s'/>", b_jid);
}

static void items_are_published_read_and_retracted(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	assert_has(ask(alice, "set", NULL, TUNE("i1", "one")), "<publish node='tune'><item id='i1'/></publish>");
	assert_has(ask(alice, "get", NULL, PUBSUB("<items node='tune'/>")), "<items node='tune'><item id='i1'><tune xmlns='x:tune'>one</tune></item></items>");
	ask(alice, "set", NULL, TUNE("i2", "two")); /* max_items is 1 */
	const char *got = ask(alice, "get", NULL, PUBSUB("<items node='tune'/>"));
	assert_has(got, "two");
	assert_lacks(got, "one");
	assert_has(ask(alice, "get", NULL, PUBSUB("<items node='tune'><item id='i1'/></items>")), "<item-not-found");
	assert_has(ask(alice, "set", NULL, PUBSUB("<retract node='tune'><item id='i1'/></retract>")), "<item-not-found");
	assert_has(ask(alice, "set", NULL, PUBSUB("<retract node='tune'><item id='i2'/></retract>")), "type='result'");
	assert_lacks(ask(alice, "get", NULL, PUBSUB("<items node='tune'/>")), "<item ");
	assert_has(ask(alice, "set", NULL, OWNER("<delete node='tune'/>")), "type='result'");
	assert_has(ask(alice, "get", NULL, PUBSUB("<items node='tune'/>")), "<item-not-found");
	/* without an id, one is made */
	assert_has(ask(alice, "set", NULL, PUBSUB("<publish node='n'><item><a xmlns='x:a'/></item></publish>")), "<item id='");
	play_close(&p);
}

static void bad_requests_have_their_errors(void **state)
{
	static const struct {
		const char *type, *inner, *error, *detail;
	} rows[] = {
		{ "set", PUBSUB("<publish><item/></publish>"), "bad-request", "nodeid-required" },
		{ "set", PUBSUB("<publish node='n'/>"), "bad-request", "item-required" },
		{ "set", PUBSUB("<publish node='n'><item/><item/></publish>"), "not-allowed", "max-items-exceeded" },
		{ "set", PUBSUB("<publish node='n'><item><a xmlns='x'/><b xmlns='x'/></item></publish>"), "bad-request", "invalid-payload" },
		{ "set", PUBSUB("<retract><item id='1'/></retract>"), "bad-request", "nodeid-required" },
		{ "set", PUBSUB("<retract node='tune'/>"), "bad-request", "item-required" },
		{ "get", PUBSUB("<items node='none'/>"), "item-not-found", "" },
		{ "get", PUBSUB("<items node='tune' max_items='x'/>"), "bad-request", "" },
		{ "get", PUBSUB("<items node='tune'/><set xmlns='http://jabber.org/protocol/rsm'><index>1</index></set>"), "feature-not-implemented", "" },
		{ "get", PUBSUB("<publish node='tune'/>"), "bad-request", "" },
		{ "get", PUBSUB(""), "bad-request", "" },
		{ "get", PUBSUB("<options node='tune' jid='alice@a.example'/>"), "feature-not-implemented", "subscription-options" },
		{ "set", PUBSUB("<create node='tune'/>"), "conflict", "" },
		{ "set", PUBSUB("<create node='x'/><configure>" FORM("node_config", FIELD("access_model", "authorize")) "</configure>"), "not-acceptable", "" },
		{ "set", PUBSUB("<create node='x'/><configure>" FORM("node_config", FIELD("max_items", "0")) "</configure>"), "bad-request", "" },
		{ "set", PUBSUB("<subscribe node='tune' jid='bob@a.example'/>"), "bad-request", "invalid-jid" },
		{ "set", PUBSUB("<unsubscribe node='tune' jid='alice@a.example'/>"), "unexpected-request", "not-subscribed" },
		{ "set", OWNER("<configure node='tune'/>"), "bad-request", "" },
		{ "set", OWNER("<affiliations node='tune'><affiliation jid='bob@a.example' affiliation='owner'/></affiliations>"), "not-acceptable", "" },
	};
	struct play p;

	(void)state;
	play_open(&p, "im pep-nodes = 3\nim pep-item-bytes = 1024\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	ask(alice, "set", NULL, TUNE("i1", "one"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = ask(alice, rows[i].type, NULL, rows[i].inner);
		assert_has(got, rows[i].error);
		assert_has(got, rows[i].detail);
	}
	/* limits */
	char big[2000];
	(void)snprintf(big, sizeof big, PUBSUB("<publish node='n'><item><a xmlns='x'>%01200d</a></item></publish>"), 0);
	assert_has(ask(alice, "set", NULL, big), "<payload-too-big");
	ask(alice, "set", NULL, PUBSUB("<create node='two'/>"));
	ask(alice, "set", NULL, PUBSUB("<create node='three'/>"));
	assert_has(ask(alice, "set", NULL, PUBSUB("<create node='four'/>")), "<max-nodes-exceeded");
	assert_has(ask(alice, "set", NULL, PUBSUB("<publish node='four'><item><a xmlns='x'/></item></publish>")), "<max-nodes-exceeded");
	play_close(&p);
}

static void contacts_with_an_interest_hear_of_it(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *deaf = client_online(&p, "bob", "deaf", 0);
	struct client *bob = listener(&p, "bob", "b"), *carol = listener(&p, "carol", "c");
	befriend(alice, bob, "alice@a.example", "bob@a.example");
	(void)client_got(bob), (void)client_got(carol), (void)client_got(deaf);
	ask(alice, "set", NULL, TUNE("i1", "one"));
	const char *got = client_got(bob);
	assert_has(got, "<message type='headline'");
	assert_has(got, "from='alice@a.example' to='bob@a.example/b'><event xmlns='http://jabber.org/protocol/pubsub#event'>"
			"<items node='tune'><item id='i1'><tune xmlns='x:tune'>one</tune></item></items></event></message>");
	assert_string_equal(client_got(carol), "");
	assert_string_equal(client_got(deaf), "");
	ask(alice, "set", NULL, PUBSUB("<retract node='tune'><item id='i1'/></retract>"));
	assert_has(client_got(bob), "<items node='tune'><retract id='i1'/></items>");
	ask(alice, "set", NULL, OWNER("<purge node='tune'/>"));
	assert_has(client_got(bob), "<purge node='tune'/>");
	ask(alice, "set", NULL, OWNER("<delete node='tune'/>"));
	assert_has(client_got(bob), "<delete node='tune'/>");
	ask(alice, "set", NULL, PUBSUB("<publish node='other'><item><a xmlns='x:a'/></item></publish>"));
	assert_string_equal(client_got(bob), "");
	/* who is no contact any more hears nothing */
	client_send(alice, "<presence type='unsubscribed' to='bob@a.example'/>");
	(void)client_got(bob);
	ask(alice, "set", NULL, TUNE("i2", "two"));
	assert_lacks(client_got(bob), "two");
	play_close(&p);
}

static void who_comes_gets_the_last_item(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "b", 0);
	befriend(alice, bob, "alice@a.example", "bob@a.example");
	ask(alice, "set", NULL, TUNE("i1", "one"));
	client_leave(alice);
	play_wait(&p, 120000); /* nobody has alice in memory */
	struct client *later = listener(&p, "bob", "later");
	const char *got = client_got(later);
	assert_has(got, "<item id='i1'><tune xmlns='x:tune'>one</tune></item>");
	assert_has(got, "<delay xmlns='urn:xmpp:delay' stamp='2023-11-14T");
	unsigned asked = (unsigned)im_stats[STAT_CAPS_ASKED];
	/* the hash is known: nobody else is asked */
	(void)listener(&p, "alice", "desk2");
	assert_int_equal(im_stats[STAT_CAPS_ASKED], asked);
	assert_has(first, "<tune xmlns='x:tune'>one</tune>");
	/* after a crash it is all there */
	im_restart(&p);
	struct client *again = listener(&p, "bob", "again");
	assert_has(client_got(again), "<tune xmlns='x:tune'>one</tune>");
	play_close(&p);
}

static void lies_count_for_their_teller_alone(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *liar = client_login(&p, "bob", "liar"), *alice = client_login(&p, "alice", "desk");
	client_send(liar, "<presence>" CAPS "</presence>");
	const char *id = strstr(client_got(liar), "id='caps");
	char text[64];
	assert_non_null(id);
	(void)snprintf(text, sizeof text, "%.*s", (int)strcspn(id + 4, "'"), id + 4);
	/* another may not answer in its place */
	client_send(alice, "<iq type='result' id='%s' to='bob@a.example'>" FEATURES "</iq>", text);
	client_send(liar, "<iq type='result' id='%s' to='bob@a.example'>" INFO "><feature var='evil+notify'/></query></iq>", text);
	assert_int_equal(im_stats[STAT_CAPS_FALSE], 1);
	client_send(alice, "<presence>" CAPS "</presence>");
	assert_has(client_got(alice), "id='caps"); /* not believed: asked for itself */
	ask(liar, "set", NULL, PUBSUB("<publish node='evil'><item><a xmlns='x:a'/></item></publish>"));
	play_close(&p);
}

static void access_models_hold(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "b", 0);
	struct client *carol = client_online(&p, "carol", "c", 0);
	befriend(alice, bob, "alice@a.example", "bob@a.example");
#define WITH(node, fields) PUBSUB("<publish node='" node "'><item id='1'><a xmlns='x:a'/></item></publish>" OPTIONS(fields))
#define READ(node) PUBSUB("<items node='" node "'/>")
	ask(alice, "set", NULL, WITH("open", FIELD("access_model", "open")));
	ask(alice, "set", NULL, WITH("pres", FIELD("access_model", "presence")));
	ask(alice, "set", NULL, WITH("list", FIELD("access_model", "whitelist")));
	ask(alice, "set", NULL, WITH("group", FIELD("access_model", "roster") FIELD("roster_groups_allowed", "Friends")));
	assert_has(ask(bob, "get", "alice@a.example", READ("open")), "<item id='1'>");
	assert_has(ask(bob, "get", "alice@a.example", READ("pres")), "<item id='1'>");
	assert_has(ask(bob, "get", "alice@a.example", READ("list")), "<closed-node");
	assert_has(ask(bob, "get", "alice@a.example", READ("group")), "<not-in-roster-group");
	assert_has(ask(bob, "get", "alice@a.example", READ("none")), "<item-not-found");
	client_send(alice, "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='bob@a.example'><group>Friends</group></item></query></iq>");
	assert_has(ask(bob, "get", "alice@a.example", READ("group")), "<item id='1'>");
	ask(alice, "set", NULL, OWNER("<affiliations node='list'><affiliation jid='bob@a.example' affiliation='member'/></affiliations>"));
	assert_has(ask(bob, "get", "alice@a.example", READ("list")), "<item id='1'>");
	assert_has(ask(bob, "set", "alice@a.example", WITH("list", "")), "<forbidden");
	ask(alice, "set", NULL, OWNER("<affiliations node='list'><affiliation jid='bob@a.example' affiliation='publisher'/></affiliations>"));
	assert_has(ask(bob, "set", "alice@a.example", WITH("list", "")), "type='result'");
	assert_has(ask(alice, "get", NULL, READ("list")), "publisher='bob@a.example'");
	assert_has(ask(alice, "get", NULL, OWNER("<affiliations node='list'/>")), "<affiliation jid='bob@a.example' affiliation='publisher'/>");
	ask(alice, "set", NULL, OWNER("<affiliations node='open'><affiliation jid='bob@a.example' affiliation='outcast'/></affiliations>"));
	assert_has(ask(bob, "get", "alice@a.example", READ("open")), "<forbidden");
	/* a stranger reads what is open; all else, and who is there, it does not learn */
	assert_has(ask(carol, "get", "alice@a.example", READ("open")), "<item id='1'>");
	assert_has(ask(carol, "get", "alice@a.example", READ("pres")), "<service-unavailable");
	assert_has(ask(carol, "get", "alice@a.example", READ("none")), "<service-unavailable");
	assert_has(ask(carol, "set", "alice@a.example", WITH("new", "")), "<service-unavailable");
	assert_has(ask(carol, "get", "alice@a.example", OWNER("<configure node='open'/>")), "<service-unavailable");
	assert_has(ask(bob, "get", "alice@a.example", OWNER("<configure node='open'/>")), "<forbidden");
	hub_send(&p, 0, "<iq type='get' id='r1' from='x@b.example/y' to='alice@a.example'>" READ("open") "</iq>");
	assert_has(hub_got(&p), "<item id='1'>");
	hub_send(&p, 0, "<iq type='get' id='r1' from='x@b.example/y' to='alice@a.example'>" READ("pres") "</iq>");
	assert_has(hub_got(&p), "<service-unavailable");
	play_close(&p);
}

static void options_are_a_precondition(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	assert_has(ask(alice, "set", NULL, WITH("n", FIELD("access_model", "open") FIELD("max_items", "max") FIELD("persist_items", "true"))), "type='result'");
	assert_has(ask(alice, "set", NULL, WITH("n", FIELD("access_model", "open") FIELD("max_items", "max"))), "type='result'");
	assert_has(ask(alice, "set", NULL, WITH("n", FIELD("access_model", "whitelist"))), "<precondition-not-met");
	assert_has(ask(alice, "set", NULL, WITH("n", FIELD("unheard_of", "1"))), "<precondition-not-met");
	const char *got = ask(alice, "get", NULL, OWNER("<configure node='n'/>"));
	assert_has(got, "<field var='pubsub#max_items' type='text-single'><value>max</value>");
	assert_has(got, "<field var='pubsub#access_model' type='list-single'><value>open</value>");
	assert_has(ask(alice, "set", NULL, OWNER("<configure node='n'>" FORM("node_config", FIELD("access_model", "whitelist")) "</configure>")), "type='result'");
	assert_has(ask(alice, "set", NULL, WITH("n", FIELD("access_model", "whitelist"))), "type='result'");
	assert_has(ask(alice, "get", NULL, OWNER("<default/>")), "<value>presence</value>");
	play_close(&p);
}

static void pages_are_told(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	for (int i = 0; i < 5; i++) {
		char inner[600];
		(void)snprintf(inner, sizeof inner, PUBSUB("<publish node='n'><item id='k%d'><a xmlns='x:a'/></item></publish>" OPTIONS(FIELD("max_items", "max"))), i);
		assert_has(ask(alice, "set", NULL, inner), "type='result'");
	}
#define SET(inner) "<set xmlns='http://jabber.org/protocol/rsm'>" inner "</set>"
	const char *got = ask(alice, "get", NULL, PUBSUB("<items node='n'/>" SET("<max>2</max>")));
	assert_has(got, "<item id='k0'><a xmlns='x:a'/></item><item id='k1'><a xmlns='x:a'/></item></items>");
	assert_has(got, "<first index='0'>k0</first><last>k1</last><count>5</count></set>");
	got = ask(alice, "get", NULL, PUBSUB("<items node='n'/>" SET("<max>2</max><after>k1</after>")));
	assert_has(got, "<first index='2'>k2</first><last>k3</last><count>5</count></set>");
	got = ask(alice, "get", NULL, PUBSUB("<items node='n'/>" SET("<max>2</max><before/>")));
	assert_has(got, "<first index='3'>k3</first><last>k4</last><count>5</count></set>");
	got = ask(alice, "get", NULL, PUBSUB("<items node='n'/>" SET("<max>2</max><before>k1</before>")));
	assert_has(got, "<first index='0'>k0</first><last>k0</last><count>5</count></set>");
	assert_has(ask(alice, "get", NULL, PUBSUB("<items node='n'/>" SET("<max>0</max>"))), "</items><set xmlns='http://jabber.org/protocol/rsm'><count>5</count></set>");
	got = ask(alice, "get", NULL, PUBSUB("<items node='n' max_items='2'/>"));
	assert_has(got, "<items node='n'><item id='k3'><a xmlns='x:a'/></item><item id='k4'>");
	got = ask(alice, "get", NULL, PUBSUB("<items node='n'><item id='k2'/><item id='k0'/></items>"));
	assert_has(got, "<item id='k2'>");
	assert_has(got, "<item id='k0'>");
	/* fewer are allowed now: the newest stay */
	ask(alice, "set", NULL, OWNER("<configure node='n'>" FORM("node_config", FIELD("max_items", "2")) "</configure>"));
	got = ask(alice, "get", NULL, PUBSUB("<items node='n'/>"));
	assert_has(got, "<items node='n'><item id='k3'>");
	play_close(&p);
}

static void subscriptions_are_explicit_too(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0), *carol = client_online(&p, "carol", "c", 0);
	ask(alice, "set", NULL, WITH("open", FIELD("access_model", "open")));
	const char *got = ask(carol, "set", "alice@a.example", PUBSUB("<subscribe node='open' jid='carol@a.example'/>"));
	assert_has(got, "<subscription node='open' jid='carol@a.example' subscription='subscribed'/>");
	assert_has(got, "<message type='headline'"); /* the last item */
	ask(alice, "set", NULL, WITH("open", ""));
	assert_has(client_got(carol), "to='carol@a.example/c'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='open'>");
	assert_has(ask(carol, "get", "alice@a.example", PUBSUB("<subscriptions/>")), "<subscription node='open' jid='carol@a.example'");
	assert_has(ask(alice, "get", NULL, OWNER("<subscriptions node='open'/>")), "<subscription jid='carol@a.example' subscription='subscribed'/>");
	assert_has(ask(alice, "set", NULL, OWNER("<subscriptions node='open'><subscription jid='carol@a.example' subscription='none'/></subscriptions>")), "type='result'");
	(void)client_got(carol);
	ask(alice, "set", NULL, WITH("open", ""));
	assert_string_equal(client_got(carol), "");
	/* somebody at another domain */
	hub_send(&p, 0, "<iq type='set' id='r1' from='x@b.example/y' to='alice@a.example'>" PUBSUB("<subscribe node='open' jid='x@b.example'/>") "</iq>");
	(void)hub_got(&p);
	ask(alice, "set", NULL, WITH("open", ""));
	assert_has(hub_got(&p), "from='alice@a.example' to='x@b.example'><event");
	play_close(&p);
}

static void other_domains_take_part(void **state)
{
	struct play p;
	char id[64];

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	ask(alice, "set", NULL, TUNE("i1", "one"));
	hub_send(&p, 0, "<presence type='subscribe' from='x@b.example' to='alice@a.example'/>");
	client_send(alice, "<presence type='subscribed' to='x@b.example'/>");
	(void)hub_got(&p);
	hub_send(&p, 0, "<presence from='x@b.example/y' to='alice@a.example'>" CAPS "</presence>");
	const char *got = hub_got(&p), *at = strstr(got, "id='caps");
	assert_non_null(at);
	assert_has(got, "from='alice@a.example' to='x@b.example/y'");
	assert_has(got, "node='x:client#" VER "'");
	(void)snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 4, "'"), at + 4);
	char answer[900];
	(void)snprintf(answer, sizeof answer, "<iq type='result' id='%s' from='x@b.example/y' to='alice@a.example'>" FEATURES "</iq>", id);
	hub_send(&p, 0, answer);
	assert_has(hub_got(&p), "to='x@b.example/y'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='tune'><item id='i1'>");
	ask(alice, "set", NULL, TUNE("i2", "two"));
	assert_has(hub_got(&p), "two");
	hub_send(&p, 0, "<presence type='unavailable' from='x@b.example/y' to='alice@a.example'/>");
	ask(alice, "set", NULL, TUNE("i3", "three"));
	assert_lacks(hub_got(&p), "three");
	play_close(&p);
}

static void accounts_say_what_they_can(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	const char *got = ask(alice, "get", "alice@a.example", INFO "/>");
	assert_has(got, "<identity category='pubsub' type='pep'/>");
	assert_has(got, "<feature var='http://jabber.org/protocol/pubsub#publish-options'/>");
	ask(alice, "set", NULL, TUNE("i1", "one"));
	assert_has(ask(alice, "get", "alice@a.example", "<query xmlns='http://jabber.org/protocol/disco#items'/>"), "<item jid='alice@a.example' node='tune'/>");
	assert_has(ask(alice, "get", "alice@a.example", INFO " node='tune'/>"), "<identity category='pubsub' type='leaf'/>");
	play_close(&p);
}

/* What is answered is on disk; what is not, was not acknowledged. */
static void nothing_is_acknowledged_before_it_is_kept(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	p.store.is_slow = true;
	assert_string_equal(ask(alice, "set", NULL, TUNE("i1", "one")), "");
	store_leave(&p); /* it dies, and has nothing */
	store_join(&p);
	assert_string_equal(client_got(alice), "");
	play_store_sync(&p.store);
	play_run(&p);
	assert_has(client_got(alice), "type='result'");
	p.store.is_slow = false;
	p.store.sick_ops = UINT64_C(1) << STORE_PEP_PUBLISH;
	assert_has(ask(alice, "set", NULL, TUNE("i2", "two")), "<internal-server-error");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_published_read_and_retracted),
		cmocka_unit_test(bad_requests_have_their_errors),
		cmocka_unit_test(contacts_with_an_interest_hear_of_it),
		cmocka_unit_test(who_comes_gets_the_last_item),
		cmocka_unit_test(lies_count_for_their_teller_alone),
		cmocka_unit_test(access_models_hold),
		cmocka_unit_test(options_are_a_precondition),
		cmocka_unit_test(pages_are_told),
		cmocka_unit_test(subscriptions_are_explicit_too),
		cmocka_unit_test(other_domains_take_part),
		cmocka_unit_test(accounts_say_what_they_can),
		cmocka_unit_test(nothing_is_acknowledged_before_it_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
