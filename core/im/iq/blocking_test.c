/* Plays: the blocking command (XEP-0191). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define BLOCK(jid) "<iq type='set' id='b1'><block xmlns='urn:xmpp:blocking'><item jid='" jid "'/></block></iq>"
#define UNBLOCK(jid) "<iq type='set' id='b2'><unblock xmlns='urn:xmpp:blocking'><item jid='" jid "'/></unblock></iq>"
#define UNBLOCK_ALL "<iq type='set' id='b3'><unblock xmlns='urn:xmpp:blocking'/></iq>"
#define LIST "<iq type='get' id='b0'><blocklist xmlns='urn:xmpp:blocking'/></iq>"

/* alice and bob see each other. */
static void befriend(struct client *alice, struct client *bob)
{
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	client_send(bob, "<presence type='subscribed' to='alice@a.example'/>");
	client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
	client_send(alice, "<presence type='subscribed' to='bob@a.example'/>");
	(void)client_got(alice);
	(void)client_got(bob);
}

static void stops_everything_both_ways(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	befriend(alice, bob);
	client_send(alice, BLOCK("bob@a.example"));
	assert_has(client_got(alice), "<iq type='result' id='b1'");
	/* the blocked one sees alice go */
	assert_has(client_got(bob), "<presence to='bob@a.example' type='unavailable' from='alice@a.example/desk'");
	/* inward: 3.5 */
	client_send(bob, "<message id='m1' type='chat' to='alice@a.example'><body>x</body></message>");
	assert_has(client_got(bob), "<service-unavailable");
	client_send(bob, "<iq type='get' id='q1' to='alice@a.example/desk'><ping xmlns='urn:xmpp:ping'/></iq>");
	assert_has(client_got(bob), "<service-unavailable");
	client_send(bob, "<iq type='get' id='q2' to='alice@a.example'><vCard xmlns='vcard-temp'/></iq>");
	assert_has(client_got(bob), "<service-unavailable");
	client_send(bob, "<presence to='alice@a.example'/>");
	client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
	client_send(bob, "<presence><show>away</show></presence>");
	assert_lacks(client_got(bob), "alice");
	assert_string_equal(client_got(alice), "");
	/* outward: not-acceptable and a condition of its own */
	client_send(alice, "<message id='m2' type='chat' to='bob@a.example/b'><body>x</body></message>");
	const char *got = client_got(alice);
	assert_has(got, "<message type='error' id='m2' from='bob@a.example/b' to='alice@a.example/desk'>");
	assert_has(got, "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/>");
	client_send(alice, "<presence><show>away</show></presence>");
	assert_string_equal(client_got(bob), "");
	/* and again to the light */
	client_send(alice, UNBLOCK("bob@a.example"));
	assert_has(client_got(bob), "<show>away</show>");
	client_send(bob, "<message type='chat' to='alice@a.example'><body>back</body></message>");
	assert_has(client_got(alice), "back");
	play_close(&p);
}

/* 3.3: each resource that asked for the list hears of changes; the others do not. */
static void is_pushed_to_all_who_asked(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *desk = client_online(&p, "alice", "desk", 0);
	struct client *phone = client_online(&p, "alice", "phone", 0);
	struct client *deaf = client_online(&p, "alice", "deaf", 0);
	client_send(desk, LIST);
	client_send(phone, LIST);
	assert_has(client_got(phone), "<blocklist xmlns='urn:xmpp:blocking'></blocklist>");
	(void)client_got(desk);
	(void)client_got(deaf);
	client_send(desk, BLOCK("Spam@Other.Example"));
	const char *got = client_got(phone);
	assert_has(got, "<iq type='set' id='push");
	assert_has(got, "to='alice@a.example/phone'><block xmlns='urn:xmpp:blocking'><item jid='spam@other.example'/></block></iq>");
	assert_has(client_got(desk), "<block xmlns");
	assert_string_equal(client_got(deaf), "");
	client_send(phone, UNBLOCK_ALL);
	assert_has(client_got(desk), "<unblock xmlns='urn:xmpp:blocking'></unblock>");
	client_send(desk, LIST);
	assert_has(client_got(desk), "<blocklist xmlns='urn:xmpp:blocking'></blocklist>");
	play_close(&p);
}

/* 3: an item may be a full, a bare address, a domain with a resource, or a domain. */
static void fits_by_four_forms(void **state)
{
	static const struct {
		const char *item;
		bool bob_b, bob_c, carol_b;
	} rows[] = {
		{ "bob@a.example/b", true, false, false },
		{ "bob@a.example", true, true, false },
		{ "a.example/b", true, false, true },
		{ "a.example", true, true, true },
		{ "b.example", false, false, false },
	};
	static const char *const who[] = { "bob", "bob", "carol" };
	static const char *const where[] = { "b", "c", "b" };

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct play p;
		const bool is_blocked[] = { rows[r].bob_b, rows[r].bob_c, rows[r].carol_b };
		play_open(&p, "");
		struct client *alice = client_online(&p, "alice", "desk", 0);
		client_send(alice, "<iq type='set' id='b1'><block xmlns='urn:xmpp:blocking'><item jid='%s'/></block></iq>", rows[r].item);
		for (int i = 0; i < 3; i++) {
			struct client *c = client_online(&p, who[i], where[i], 0);
			(void)client_got(alice);
			client_send(c, "<message to='alice@a.example'><body>x</body></message>");
			assert_int_equal(client_got(alice)[0] == '\0', is_blocked[i]);
		}
		play_close(&p);
	}
}

static void is_kept(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	p.store.is_slow = true;
	(void)client_got(alice);
	client_send(alice, BLOCK("bob@a.example"));
	assert_string_equal(client_got(alice), ""); /* not before it is on disk */
	play_store_sync(&p.store);
	assert_has(client_got(alice), "<iq type='result' id='b1'");
	p.store.is_slow = false;
	im_restart(&p);
	struct client *bob = client_online(&p, "bob", "b", 0);
	alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	client_send(bob, "<message type='chat' to='alice@a.example'><body>x</body></message>");
	assert_string_equal(client_got(alice), "");
	play_close(&p);
}

static void refuses_nonsense(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	(void)client_got(alice);
	client_send(alice, "<iq type='set' id='b1'><block xmlns='urn:xmpp:blocking'/></iq>"); /* 3.3: at least one */
	assert_has(client_got(alice), "<bad-request");
	client_send(alice, BLOCK("@"));
	assert_has(client_got(alice), "<bad-request");
	client_send(bob, "<iq type='set' id='b1' to='alice@a.example'><block xmlns='urn:xmpp:blocking'><item jid='c@d'/></block></iq>");
	assert_has(client_got(bob), "<forbidden");
	play_close(&p);
}

/* XEP-0377: counted, whatever else the request has. */
static void whom_one_blocks_one_may_report(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	uint64_t before = im_stats[STAT_REPORTS];
	client_send(alice, "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='x@b.example'>"
			   "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>secret words</text></report></item>"
			   "<item jid='y@b.example'/></block></iq>");
	assert_has(client_got(alice), "type='result'");
	assert_int_equal(im_stats[STAT_REPORTS], before + 1);
	assert_int_equal(p.im.n_reports, 1);
	for (int i = 0; i < 300; i++)
		client_send(alice, "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='x@b.example'>"
				   "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:abuse'/></item></block></iq>");
	assert_int_equal(p.im.n_reports, 200);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_everything_both_ways),
		cmocka_unit_test(is_pushed_to_all_who_asked),
		cmocka_unit_test(fits_by_four_forms),
		cmocka_unit_test(is_kept),
		cmocka_unit_test(whom_one_blocks_one_may_report),
		cmocka_unit_test(refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
