/* Plays: rosters (RFC 6121 2). */
#include "play/play.h"

#include "run/alarm.h"
#include "user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define QUERY(inner) "<query xmlns='jabber:iq:roster'>" inner "</query>"
#define GET "<iq type='get' id='r0'>" QUERY("") "</iq>"
#define SET(item) "<iq type='set' id='r1'>" QUERY(item) "</iq>"

static struct client *arrive(struct play *p, const char *name, const char *resource)
{
	struct client *c = client_login(p, name, resource);

	client_send(c, GET);
	(void)client_got(c);
	return c;
}

static void sets_are_pushed_to_all_interested(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *desk = arrive(&p, "alice", "desk");
	struct client *phone = arrive(&p, "alice", "phone");
	struct client *deaf = client_online(&p, "alice", "deaf", 0);
	(void)client_got(deaf);
	client_send(desk, SET("<item jid='Bob@a.example/x' name='B &lt;o&gt; b'><group>Friends</group><group>R&amp;D</group></item>"));
	const char *got = client_got(desk);
	assert_has(got, "<item jid='bob@a.example' name='B &lt;o&gt; b' subscription='none'><group>Friends</group><group>R&amp;D</group></item>");
	assert_has(got, "<iq type='result' id='r1' from='alice@a.example' to='alice@a.example/desk'/>");
	got = client_got(phone);
	assert_has(got, "<iq type='set' id='push");
	assert_has(got, "to='alice@a.example/phone'>");
	assert_lacks(got, "result");
	assert_string_equal(client_got(deaf), "");
	client_send(desk, SET("<item jid='bob@a.example'/>")); /* replaces name and groups */
	assert_has(client_got(phone), "<item jid='bob@a.example' subscription='none'></item>");
	client_send(desk, SET("<item jid='bob@a.example' subscription='remove'/>"));
	assert_has(client_got(phone), "<item jid='bob@a.example' subscription='remove'/>");
	(void)client_got(desk);
	client_send(desk, GET);
	assert_lacks(client_got(desk), "<item");
	play_close(&p);
}

/* The number behind ver='. */
static void version_of(const char *text, char out[24])
{
	const char *at = strstr(text, "ver='");

	assert_non_null(at);
	(void)snprintf(out, 24, "%.*s", (int)strcspn(at + 5, "'"), at + 5);
}

/* 2.6 */
static void have_versions(void **state)
{
	struct play p;
	char before[24], pushed[24], after[24];

	(void)state;
	play_open(&p, "");
	struct client *desk = arrive(&p, "alice", "desk");
	client_send(desk, GET);
	version_of(client_got(desk), before);
	client_send(desk, SET("<item jid='bob@a.example'/>"));
	version_of(client_got(desk), pushed);
	assert_string_not_equal(before, pushed);
	client_send(desk, "<iq type='get' id='r2'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", pushed);
	assert_has(client_got(desk), "<iq type='result' id='r2' from='alice@a.example' to='alice@a.example/desk'/>");
	client_send(desk, "<iq type='get' id='r3'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", before);
	const char *got = client_got(desk);
	version_of(got, after);
	assert_string_equal(after, pushed);
	assert_has(got, "<item jid='bob@a.example'");
	client_send(desk, "<iq type='get' id='r4'><query xmlns='jabber:iq:roster' ver=''/></iq>");
	assert_has(client_got(desk), "<item jid='bob@a.example'");
	/* and over a restart */
	play_wait(&p, 100);
	im_restart(&p);
	desk = client_login(&p, "alice", "desk");
	client_send(desk, "<iq type='get' id='r5'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", pushed);
	assert_has(client_got(desk), "<iq type='result' id='r5' from='alice@a.example' to='alice@a.example/desk'/>");
	client_send(desk, GET);
	assert_has(client_got(desk), "<item jid='bob@a.example'");
	play_close(&p);
}

static void say_done_when_it_is_on_disk(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = arrive(&p, "alice", "desk");
	client_enable_sm(alice, true, 60);
	p.store.is_slow = true;
	client_send(alice, SET("<item jid='bob@a.example'/>"));
	client_request(alice);
	play_wait(&p, 2000);
	assert_lacks(client_got(alice), "type='result'");
	assert_int_equal(alice->n_answers, 0);
	play_store_sync(&p.store);
	assert_has(client_got(alice), "type='result'");
	assert_int_equal(alice->n_answers, 1);
	assert_int_equal(alice->h, 1);
	play_close(&p);
}

static void say_so_when_the_disk_refuses(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = arrive(&p, "alice", "desk");
	p.store.sick_ops = 1u << STORE_CONTACT_PUT | 1u << STORE_CONTACT_DEL;
	client_send(alice, SET("<item jid='bob@a.example'/>"));
	const char *got = client_got(alice);
	assert_has(got, "<iq type='error' id='r1'");
	assert_has(got, "<internal-server-error");
	client_send(alice, SET("<item jid='bob@a.example' subscription='remove'/>"));
	assert_has(client_got(alice), "<iq type='error' id='r1'");
	play_close(&p);
}

/* 2.3.3, 2.5.3 and the limits. */
static void refuse(void **state)
{
	static const struct {
		const char *inner, *error;
	} rows[] = {
		{ "", "bad-request" },
		{ "<item/>", "bad-request" },
		{ "<item jid='@'/>", "bad-request" },
		{ "<item jid='a@b'/><item jid='c@d'/>", "bad-request" },
		{ "<item jid='a@b'><group>x</group><group>x</group></item>", "bad-request" },
		{ "<item jid='a@b'><group/></item>", "not-acceptable" },
		{ "<item jid='a@b' subscription='remove'/>", "item-not-found" },
		{ "<item jid='alice@a.example'/>", "not-allowed" },
	};
	struct play p;
	char long_name[1100];

	(void)state;
	play_open(&p, "im roster-max = 2\n");
	struct client *alice = arrive(&p, "alice", "desk");
	struct client *bob = arrive(&p, "bob", "b");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		client_send(alice, "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'>%s</query></iq>", rows[i].inner);
		const char *got = client_got(alice);
		assert_has(got, "<iq type='error' id='r1'");
		assert_has(got, rows[i].error);
	}
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	client_send(alice, "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='a@b' name='%s'/></query></iq>", long_name);
	assert_has(client_got(alice), "not-acceptable");
	/* somebody else's (2.1.5) */
	client_send(bob, "<iq type='set' id='r1' to='alice@a.example'>" QUERY("<item jid='a@b'/>") "</iq>");
	assert_has(client_got(bob), "<forbidden");
	client_send(bob, "<iq type='get' id='r1' to='alice@a.example'>" QUERY("") "</iq>");
	assert_has(client_got(bob), "<forbidden");
	/* full */
	client_send(alice, SET("<item jid='a@b'/>"));
	client_send(alice, SET("<item jid='c@d'/>"));
	(void)client_got(alice);
	client_send(alice, SET("<item jid='e@f'/>"));
	assert_has(client_got(alice), "<resource-constraint");
	client_send(alice, SET("<item jid='a@b' name='A'/>"));
	assert_has(client_got(alice), "<iq type='result' id='r1'");
	play_close(&p);
}

static void keep_the_state_that_clients_cannot_set(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im approve-local = off\n");
	struct client *alice = arrive(&p, "alice", "desk");
	client_send(alice, SET("<item jid='bob@a.example' subscription='both' ask='subscribe' approved='true'/>"));
	assert_has(client_got(alice), "<item jid='bob@a.example' subscription='none'></item>");
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	(void)client_got(alice);
	client_send(alice, SET("<item jid='bob@a.example' name='B'/>"));
	assert_has(client_got(alice), "<item jid='bob@a.example' name='B' subscription='none' ask='subscribe'></item>");
	play_close(&p);
}

/* C-AVL-13: alarms of full lists, by person. */
struct alarms {
	unsigned n_raised, n_cleared;
	char last[64];
};

static void on_alarm(void *arg, const struct alarm_news *n)
{
	struct alarms *a = arg;

	if (n->alarm != ALARM_ROSTER_FULL)
		return;
	a->n_raised += n->is_raised;
	a->n_cleared += !n->is_raised;
	(void)snprintf(a->last, sizeof a->last, "%.*s", BYTES_FMT(n->key));
}

static void are_reported_when_full(void **state)
{
	struct alarms a = { .n_raised = 0 };
	struct play p;

	(void)state;
	alarm_set_sink(on_alarm, &a);
	play_open(&p, "im roster-max = 2\n");
	struct client *alice = arrive(&p, "alice", "desk");
	client_send(alice, SET("<item jid='a@b'/>"));
	assert_int_equal(a.n_raised, 0);
	client_send(alice, SET("<item jid='c@d'/>"));
	client_send(alice, SET("<item jid='c@d' name='C'/>"));
	assert_int_equal(a.n_raised, 1);
	assert_string_equal(a.last, "alice@a.example");
	client_send(alice, SET("<item jid='a@b' subscription='remove'/>"));
	assert_int_equal(a.n_cleared, 1);
	client_send(alice, SET("<item jid='a@b'/>"));
	assert_int_equal(a.n_raised, 2);
	/* it stands while she is not there, and after a restart it is found again when she is */
	client_leave(alice);
	play_wait(&p, 24 * 3600 * 1000);
	assert_int_equal(a.n_cleared, 1);
	im_restart(&p);
	alice = arrive(&p, "alice", "desk");
	assert_int_equal(a.n_raised, 3);
	a.n_cleared = 0;
	play_settle(&p, "im roster-max = 3\n");
	assert_int_equal(a.n_cleared, 1);
	play_settle(&p, "im roster-max = 1\n");
	assert_int_equal(a.n_raised, 4);
	play_close(&p);
	alarm_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_pushed_to_all_interested),
		cmocka_unit_test(have_versions),
		cmocka_unit_test(say_done_when_it_is_on_disk),
		cmocka_unit_test(say_so_when_the_disk_refuses),
		cmocka_unit_test(refuse),
		cmocka_unit_test(keep_the_state_that_clients_cannot_set),
		cmocka_unit_test(are_reported_when_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
