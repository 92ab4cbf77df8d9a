/* Plays: requests to the domain, to accounts and between clients (RFC 6121 8.5, RFC 6120 8.2.3). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/turncred.h"

static const char *ask(struct client *c, const char *type, const char *to, const char *inner)
{
	(void)client_got(c);
	client_send(c, "<iq type='%s' id='q1'%s%s%s>%s</iq>", type, to ? " to='" : "", to ? to : "", to ? "'" : "", inner);
	return client_got(c);
}

#define PING "<ping xmlns='urn:xmpp:ping'/>"
#define VCARD "<vCard xmlns='vcard-temp'/>"

static void go_from_client_to_client(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_login(&p, "bob", "b"); /* need not be available */
	assert_string_equal(ask(alice, "get", "bob@a.example/b", PING), "");
	assert_has(client_got(bob), "<iq from='alice@a.example/desk' to='bob@a.example/b' type='get' id='q1'>" PING "</iq>");
	assert_string_equal(ask(bob, "result", "alice@a.example/desk", ""), "");
	assert_has(client_got(alice), "from='bob@a.example/b' to='alice@a.example/desk' type='result' id='q1'");
	client_send(bob, "<iq type='error' id='q2' to='alice@a.example/desk'/>");
	assert_has(client_got(alice), "type='error'");
	play_close(&p);
}

/* 8.5.1, 8.5.3.2.3: nobody there, or nobody at all: the same answer. Answers to nobody: none. */
static void to_nobody_are_answered_alike(void **state)
{
	static const char *const nobodies[] = { "bob@a.example/gone", "dave@a.example/x", "dave@a.example" };
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	for (int i = 0; i < 3; i++) {
		const char *got = ask(alice, "get", nobodies[i], VCARD);
		assert_has(got, "<iq type='error' id='q1'");
		assert_has(got, nobodies[i]);
		assert_has(got, "<error type='cancel'><service-unavailable");
		assert_string_equal(ask(alice, "result", nobodies[i], ""), "");
		assert_string_equal(ask(alice, "error", nobodies[i], ""), "");
	}
	play_close(&p);
}

static void that_nobody_knows_are_refused(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	static const char *const to[] = { NULL, "a.example", "alice@a.example", "bob@a.example" };
	for (int i = 0; i < 4; i++)
		assert_has(ask(alice, "get", to[i], "<query xmlns='urn:x:unknown'/>"), "<service-unavailable");
	assert_has(ask(alice, "set", "a.example", PING), "<service-unavailable");
	assert_has(ask(alice, "get", "a.example/echo", PING), "<iq type=");
	play_close(&p);
}

static void the_domain_answers(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "domain a.example contact = mailto:abuse@a.example\n");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	assert_has(ask(alice, "get", "a.example", PING), "<iq type='result' id='q1' from='a.example' to='alice@a.example/desk'/>");
	assert_has(ask(alice, "get", NULL, PING), "<iq type='result'");
	assert_has(ask(alice, "get", "a.example", "<time xmlns='urn:xmpp:time'/>"), "<tzo>+00:00</tzo><utc>2023-11-14T22:13:21Z</utc>");
	const char *got = ask(alice, "get", "a.example", "<query xmlns='jabber:iq:version'/>");
	assert_has(got, "<name>Gatehouse</name>");
	assert_lacks(got, "<os>");
	play_wait(&p, 5000);
	assert_has(ask(alice, "get", "a.example", "<query xmlns='jabber:iq:last'/>"), "seconds='5'");
	got = ask(alice, "get", "a.example", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
	assert_has(got, "<identity category='server' type='im'");
	assert_has(got, "<feature var='urn:xmpp:carbons:2'/>");
	assert_has(got, "<field var='abuse-addresses' type='list-multi'><value>mailto:abuse@a.example</value>");
	assert_has(ask(alice, "get", "a.example", "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>"), "<item-not-found");
	assert_has(ask(alice, "set", NULL, "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), "<iq type='result'");
	/* strangers may ask the domain, too */
	hub_send(&p, 0, "<iq type='get' id='q9' from='x@b.example/y' to='a.example'>" PING "</iq>");
	assert_has(hub_got(&p), "<iq type='result' id='q9' from='a.example' to='x@b.example/y'/>");
	play_close(&p);
}

#define SERVICES "<services xmlns='urn:xmpp:extdisco:2'/>"
#define RELAY "turn listen-udp v4 = 192.0.2.1 3478\nturn listen-udp v6 = 2001:db8::1 3478\nturn listen-tls a = 192.0.2.1 5349\n"

/* XEP-0215. The wall clock stands at 2023-11-14T22:13:20Z = 1700000000. */
static void the_relay_is_told_with_credentials(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, RELAY "turn service-host = relay.a.example\nturn secret one = s3cr3t\nturn service-lifetime = 2\n");
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "b", 0);
	char first[4096];
	snprintf(first, sizeof first, "%s", ask(alice, "get", "a.example", SERVICES));
	assert_has(first, "<services xmlns='urn:xmpp:extdisco:2'><service host='relay.a.example' port='3478' transport='udp' type='stun'/>");
	assert_has(first, "port='3478' transport='udp' type='turn' username='17000072");
	assert_has(first, "expires='2023-11-15T00:13:2");
	assert_has(first, "port='5349' transport='tcp' type='turns'");
	assert_lacks(first, "alice@a.example:");
	assert_null(strstr(strstr(first, "type='stun'") + 1, "type='stun'")); /* one host for both families */
	const char *name = strstr(first, "username='") + 10;
	char tag[18] = "";
	memcpy(tag, strchr(name, ':'), 17);
	assert_lacks(ask(bob, "get", "a.example", SERVICES), tag);
	const char *got = ask(alice, "get", "a.example", "<services xmlns='urn:xmpp:extdisco:2' type='turns'/>");
	assert_has(got, "<services xmlns='urn:xmpp:extdisco:2' type='turns'><service host='relay.a.example' port='5349'");
	assert_lacks(got, "3478");
	got = ask(alice, "get", "a.example", "<credentials xmlns='urn:xmpp:extdisco:2'><service host='relay.a.example' type='turn'/></credentials>");
	assert_has(got, "<credentials xmlns='urn:xmpp:extdisco:2'><service host='relay.a.example' port='3478'");
	assert_has(ask(alice, "get", "a.example", "<credentials xmlns='urn:xmpp:extdisco:2'><service host='x.example' type='turn'/></credentials>"), "<item-not-found");
	assert_has(ask(alice, "get", "a.example", "<credentials xmlns='urn:xmpp:extdisco:2'/>"), "<bad-request");
	/* strangers get none */
	hub_send(&p, 0, "<iq type='get' id='q9' from='x@b.example/y' to='a.example'>" SERVICES "</iq>");
	assert_has(hub_got(&p), "<forbidden");
	play_close(&p);
}

static void attribute(const char *in, const char *name, char out[static 128])
{
	char start[32];

	snprintf(start, sizeof start, " %s='", name);
	const char *at = strstr(in, start);
	assert_non_null(at);
	at += strlen(start);
	snprintf(out, 128, "%.*s", (int)strcspn(at, "'"), at);
}

/* While one secret follows another, clients are given what outlives the old one. */
static void credentials_are_by_the_last_secret(void **state)
{
	char name[128], password[128], want[TURNCRED_PASSWORD_BYTES];
	struct play p;

	(void)state;
	play_open(&p, RELAY "turn service-host = relay.a.example\nturn secret 2026-11 = new\nturn secret 2026-10 = old\n");
	const char *got = ask(client_online(&p, "alice", "desk", 0), "get", "a.example", SERVICES);
	attribute(got, "username", name);
	attribute(got, "password", password);
	assert_int_equal(turncred_password(BYTES("new"), bytes_of(name), want), 0);
	assert_string_equal(password, want);
	play_close(&p);
}

static void no_relay_without_a_host_and_a_secret(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, RELAY "turn secret one = s3cr3t\n");
	assert_has(ask(client_online(&p, "alice", "desk", 0), "get", "a.example", SERVICES), "<services xmlns='urn:xmpp:extdisco:2'></services>");
	play_close(&p);
	play_open(&p, RELAY "turn service-host = relay.a.example\nturn binding = off\n");
	assert_has(ask(client_online(&p, "alice", "desk", 0), "get", "a.example", SERVICES), "<services xmlns='urn:xmpp:extdisco:2'></services>");
	play_close(&p);
}

/* What presence would tell is for those who see it. */
static void accounts_tell_friends_only(void **state)
{
	static const char last[] = "<query xmlns='jabber:iq:last'/>";
	static const char info[] = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
	static const char items[] = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	assert_has(ask(bob, "get", "alice@a.example", last), "<forbidden");
	assert_has(ask(bob, "get", "alice@a.example", info), "<service-unavailable");
	assert_lacks(ask(bob, "get", "alice@a.example", items), "desk");
	client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
	client_send(alice, "<presence type='subscribed' to='bob@a.example'/>");
	assert_has(ask(bob, "get", "alice@a.example", last), "seconds='0'");
	assert_has(ask(bob, "get", "alice@a.example", info), "<identity category='account' type='registered'/>");
	assert_has(ask(bob, "get", "alice@a.example", items), "<item jid='alice@a.example/desk'/>");
	client_leave(alice);
	play_wait(&p, 7000);
	assert_has(ask(bob, "get", "alice@a.example", last), "seconds='7'");
	play_close(&p);
}

/* XEP-0054 */
static void vcards(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	assert_has(ask(alice, "get", NULL, VCARD), "<item-not-found");
	p.store.is_slow = true;
	assert_string_equal(ask(alice, "set", NULL, "<vCard xmlns='vcard-temp'><FN>Alice &amp; co</FN></vCard>"), "");
	play_store_sync(&p.store);
	p.store.is_slow = false;
	assert_has(client_got(alice), "<iq type='result'");
	assert_has(ask(bob, "get", "alice@a.example", VCARD), "<vCard xmlns='vcard-temp'><FN>Alice &amp; co</FN></vCard></iq>");
	assert_has(ask(bob, "set", "alice@a.example", VCARD), "<forbidden");
	hub_send(&p, 0, "<iq type='get' id='q9' from='x@b.example/y' to='alice@a.example'>" VCARD "</iq>");
	assert_has(hub_got(&p), "<FN>Alice &amp; co</FN>");
	p.store.sick_ops = 1u << STORE_BLOB_PUT | 1u << STORE_BLOB_GET;
	assert_has(ask(alice, "set", NULL, "<vCard xmlns='vcard-temp'><FN>A</FN></vCard>"), "<internal-server-error");
	assert_has(ask(alice, "get", NULL, VCARD), "<internal-server-error");
	play_close(&p);
}

/* XEP-0049 */
static void private_xml(void **state)
{
	static const char get[] = "<query xmlns='jabber:iq:private'><prefs xmlns='x:1'/></query>";
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	assert_has(ask(alice, "get", NULL, get), "<query xmlns='jabber:iq:private'><prefs xmlns='x:1'/></query>");
	assert_has(ask(alice, "set", NULL, "<query xmlns='jabber:iq:private'><prefs xmlns='x:1'><a/></prefs></query>"), "type='result'");
	assert_has(ask(alice, "get", NULL, get), "<prefs xmlns='x:1'><a/></prefs>");
	assert_lacks(ask(alice, "get", NULL, "<query xmlns='jabber:iq:private'><prefs xmlns='x:2'/></query>"), "<a/>");
	assert_lacks(ask(bob, "get", NULL, get), "<a/>");
	assert_has(ask(bob, "get", "alice@a.example", get), "<forbidden");
	assert_has(ask(alice, "get", NULL, "<query xmlns='jabber:iq:private'/>"), "<bad-request");
	assert_has(ask(alice, "set", NULL, "<query xmlns='jabber:iq:private'><a xmlns='x:1'/><b xmlns='x:2'/></query>"), "<bad-request");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_from_client_to_client),
		cmocka_unit_test(to_nobody_are_answered_alike),
		cmocka_unit_test(that_nobody_knows_are_refused),
		cmocka_unit_test(the_domain_answers),
		cmocka_unit_test(the_relay_is_told_with_credentials),
		cmocka_unit_test(credentials_are_by_the_last_secret),
		cmocka_unit_test(no_relay_without_a_host_and_a_secret),
		cmocka_unit_test(accounts_tell_friends_only),
		cmocka_unit_test(vcards),
		cmocka_unit_test(private_xml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
