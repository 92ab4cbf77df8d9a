/* Plays: from a login to a session, and its end (RFC 6120 7, XEP-0386). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "run/session.h"

static void names_of_resources(void **state)
{
	struct play p;
	char long_name[1100];

	(void)state;
	play_open(&p, "");
	struct client *own = client_login(&p, "alice", "De sk");
	assert_string_equal(own->full, "alice@a.example/De sk");
	struct client *any = client_auth(&p, "alice");
	client_open(any, "", 0, "", 0);
	assert_int_equal(any->answer, MSG_SESSION_OPENED);
	assert_true(strlen(any->full) > strlen("alice@a.example/") + 10);
	struct client *tagged = client_auth(&p, "alice");
	client_open(tagged, "", 0, "Psi", 0);
	assert_true(strncmp(tagged->full, "alice@a.example/Psi~", 20) == 0);
	memset(long_name, 'r', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	struct client *c = client_auth(&p, "alice");
	client_open(c, long_name, 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_REFUSED);
	assert_string_equal(c->condition, "bad-request");
	client_open(c, "short", 0, "", 0); /* it may ask again */
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	play_close(&p);
}

/* RFC 6120 7.7.2.2: the newcomer wins; what the old one had not got goes on. */
static void the_same_resource_again(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *bob = client_online(&p, "bob", "b", 0);
	struct client *old = client_online(&p, "alice", "desk", 0);
	client_enable_sm(old, true, 60);
	client_send(bob, "<message type='chat' to='alice@a.example'><body>one</body></message>");
	struct client *now = client_login(&p, "alice", "desk");
	assert_true(old->is_closed);
	assert_string_equal(old->condition, "conflict");
	assert_int_equal(p.im.sessions.count, 2);
	client_send(now, "<presence/>");
	assert_has(client_got(now), ">one<");
	client_lose(old); /* the door's last word about the old one */
	client_send(bob, "<message type='chat' to='alice@a.example/desk'><body>two</body></message>");
	assert_has(client_got(now), ">two<");
	play_close(&p);
}

static void have_a_limit(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im sessions-per-user = 2\n");
	struct client *first = client_login(&p, "alice", "1");
	client_enable_sm(first, true, 600);
	(void)client_login(&p, "alice", "2");
	struct client *third = client_auth(&p, "alice");
	client_open(third, "3", 0, "", 0);
	assert_int_equal(third->answer, MSG_SESSION_REFUSED);
	assert_string_equal(third->condition, "resource-constraint");
	/* a lost one makes room */
	client_lose(first);
	client_open(third, "3", 0, "", 0);
	assert_int_equal(third->answer, MSG_SESSION_OPENED);
	struct client *again = client_auth(&p, "alice");
	client_resume(again, first->sm_id, 0);
	assert_int_equal(again->answer, MSG_SESSION_RESUME_FAILED);
	play_close(&p);
}

/* An unwell store is no reason to say that somebody has no account. */
static void wait_for_the_store(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_auth(&p, "alice");
	p.store.sick_ops = 1u << STORE_USER_GET;
	client_open(alice, "desk", 0, "", 0);
	assert_int_equal(alice->answer, MSG_SESSION_REFUSED);
	assert_string_equal(alice->condition, "internal-server-error");
	p.store.sick_ops = 0;
	client_open(alice, "desk", 0, "", 0);
	assert_int_equal(alice->answer, MSG_SESSION_OPENED);
	/* slow: the login waits; one that gives up meanwhile is forgotten */
	p.store.slow_ops = 1u << STORE_USER_GET;
	struct client *bob = client_auth(&p, "bob"), *gone = client_auth(&p, "bob");
	bob->answer = gone->answer = MSG_COUNT;
	client_open(bob, "b", 0, "", 0);
	client_open(gone, "g", 0, "", 0);
	assert_int_equal(bob->answer, MSG_COUNT);
	client_leave(gone);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(bob->answer, MSG_SESSION_OPENED);
	assert_int_equal(gone->answer, MSG_COUNT);
	assert_int_equal(p.im.sessions.count, 2);
	play_close(&p);
}

/* No session without a login, no stanza without a session. */
static void need_a_login(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *nobody = client_new(&p);
	client_open(nobody, "x", 0, "", 0);
	assert_int_equal(p.im.sessions.count, 0);
	struct client *alice = client_auth(&p, "alice");
	(void)snprintf(alice->full, sizeof alice->full, "alice@a.example/forged");
	client_send(alice, "<message to='bob@a.example'><body>x</body></message>");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	/* a stream that ends behind its login leaves nothing */
	assert_int_equal(p.im.logins.count, 1);
	client_lose(alice);
	assert_int_equal(p.im.logins.count, 0);
	play_close(&p);
}

/* XEP-0352: of what can wait only the last of a sender goes out, with stream management too; what cannot takes it along. */
static void inactive_clients_are_spared(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *phone = client_online(&p, "alice", "phone", 0), *desk = client_online(&p, "alice", "desk", 0);
	client_enable_sm(phone, true, 300);
	(void)client_got(phone);
	uint32_t base = phone->taken;
	client_csi(phone, false);
	for (int i = 0; i < 3; i++)
		client_send(desk, "<presence><status>s%d</status></presence>", i);
	client_send(desk, "<message to='alice@a.example/phone' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
	client_send(desk, "<message to='alice@a.example/phone' type='chat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>");
	assert_string_equal(client_got(phone), "");
	uint64_t saved = im_stats[STAT_CSI_SAVED];
	assert_true(saved > 100);
	client_send(desk, "<message to='alice@a.example/phone' type='chat'><body>wake</body></message>");
	const char *got = client_got(phone);
	assert_has(got, "<status>s2</status>");
	assert_has(got, "<paused");
	assert_lacks(got, "<status>s1</status>");
	assert_lacks(got, "<composing");
	assert_true(strstr(got, "<body>wake") > strstr(got, "<paused"));
	/* it looks up */
	client_send(desk, "<presence><status>s3</status></presence>");
	assert_string_equal(client_got(phone), "");
	client_csi(phone, true);
	assert_has(client_got(phone), "<status>s3</status>");
	/* it is lost while something waits, and comes back: it has all, and the numbers hold */
	client_csi(phone, false);
	client_send(desk, "<presence><status>s4</status></presence>");
	uint32_t h = phone->taken - base;
	client_lose(phone);
	client_send(desk, "<presence><status>s5</status></presence>");
	struct client *again = client_auth(&p, "alice");
	client_resume(again, phone->sm_id, h);
	got = client_got(again);
	assert_has(got, "<status>s5</status>");
	assert_lacks(got, "<status>s4</status>");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_resources),
		cmocka_unit_test(the_same_resource_again),
		cmocka_unit_test(have_a_limit),
		cmocka_unit_test(wait_for_the_store),
		cmocka_unit_test(inactive_clients_are_spared),
		cmocka_unit_test(need_a_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
