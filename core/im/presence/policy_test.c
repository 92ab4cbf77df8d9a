/* Plays: "block everyone" (C-AVL-17 to C-AVL-19, acceptance 7): bob is in alice's own list, carol in none, and dora only by a group of the
 * directory. */
#include "play/play.h"

#include "command/commands.h"
#include "presence/shared.h"
#include "user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct four {
	struct play p;
	struct client *alice, *bob, *carol, *dora;
};

static void on_record(void *arg, struct bytes fields, uint16_t n)
{
	(void)arg;
	(void)fields;
	(void)n;
}

static void on_done(void *arg, int rc, const char *text)
{
	(void)text;
	*(int *)arg = rc;
}

static void set_policy(struct play *p, const char *what, const char *allowed)
{
	int rc = 1;
	const struct proc_asker who = { on_record, on_done, &rc };
	const struct bytes args[] = { BYTES("alice@a.example"), bytes_of(what), bytes_of(allowed ? allowed : "") };

	for (size_t i = 0; i < im_n_commands; i++)
		if (!strcmp(im_commands[i].verb, "user policy set"))
			im_commands[i].fn(&p->im, proc_ask_new(&who), args, allowed ? 3 : 2);
	play_run(p);
	assert_int_equal(rc, 0);
}

static void forget_all(struct four *f)
{
	(void)client_got(f->alice);
	(void)client_got(f->bob);
	(void)client_got(f->carol);
	(void)client_got(f->dora);
	(void)hub_got(&f->p);
}

/* What groups of the directory make of it on either side. */
static void group(struct play *p, const char *whose, const char *whom)
{
	const struct shared one = { .jid = bytes_of(whom), .name = BYTES("Somebody"), .groups = bytes_make("\0\5Staff", 7) };

	assert_int_equal(shared_apply(&p->im, user_find(&p->im, bytes_of(whose)), &one, 1), 0);
	play_run(p);
}

static void open_four(struct four *f)
{
	play_open(&f->p, "");
	play_account(&f->p, "dora@a.example");
	f->alice = client_online(&f->p, "alice", "desk", 0);
	f->bob = client_online(&f->p, "bob", "b", 0);
	f->carol = client_online(&f->p, "carol", "c", 0);
	f->dora = client_online(&f->p, "dora", "d", 0);
	client_send(f->alice, "<presence type='subscribe' to='bob@a.example'/>"); /* people here see each other: im approve-local */
	client_send(f->bob, "<presence type='subscribe' to='alice@a.example'/>");
	group(&f->p, "alice@a.example", "dora@a.example");
	group(&f->p, "dora@a.example", "alice@a.example");
	forget_all(f);
}

static bool may_write(struct four *f, struct client *from)
{
	client_send(from, "<message id='m' type='chat' to='alice@a.example'><body>hello</body></message>");
	bool has_come = strstr(client_got(f->alice), "<body>hello</body>") != NULL;
	bool is_refused = strstr(client_got(from), "<service-unavailable") != NULL;
	assert_true(has_come != is_refused);
	return has_come;
}

static bool may_see(struct four *f, struct client *who)
{
	forget_all(f);
	client_send(f->alice, "<presence><show>dnd</show></presence>");
	bool shown = strstr(client_got(who), "<show>dnd</show>") != NULL;
	client_send(f->alice, "<presence/>");
	forget_all(f);
	return shown;
}

static void contacts_alone_get_through(void **state)
{
	struct four f;

	(void)state;
	open_four(&f);
	assert_true(may_see(&f, f.dora));
	assert_true(may_write(&f, f.carol));
	set_policy(&f.p, "block", NULL);
	/* dora sees alice go, at once; bob does not */
	assert_has(client_got(f.dora), "<presence to='dora@a.example' type='unavailable' from='alice@a.example/desk'/>");
	assert_string_equal(client_got(f.bob), "");
	assert_true(may_write(&f, f.bob) && may_see(&f, f.bob));
	assert_false(may_write(&f, f.carol) || may_see(&f, f.carol));
	assert_false(may_write(&f, f.dora) || may_see(&f, f.dora));
	/* who asks: bob has the answer of before, carol is refused whatever im approve-local says, dora's group shows nothing */
	client_send(f.carol, "<presence type='subscribe' to='alice@a.example'/>");
	assert_has(client_got(f.carol), "<presence from='alice@a.example' to='carol@a.example' type='unsubscribed'/>");
	client_send(f.dora, "<presence type='subscribe' to='alice@a.example'/>");
	assert_lacks(client_got(f.dora), "from='alice@a.example/desk'");
	struct client *dora2 = client_online(&f.p, "dora", "e", 0);
	assert_lacks(client_got(dora2), "from='alice@a.example/desk'");
	client_send(f.carol, "<iq type='get' id='l' to='alice@a.example/desk'><query xmlns='jabber:iq:version'/></iq>");
	assert_has(client_got(f.carol), "<service-unavailable");
	assert_lacks(client_got(f.alice), "jabber:iq:version");
	set_policy(&f.p, "unset", NULL);
	assert_has(client_got(f.dora), "<presence to='dora@a.example' from='alice@a.example/desk'");
	assert_true(may_write(&f, f.carol) && may_write(&f, f.dora));
	play_close(&f.p);
}

static void neither_way(void **state)
{
	struct four f;

	(void)state;
	open_four(&f);
	set_policy(&f.p, "block", NULL);
	forget_all(&f);
	client_send(f.alice, "<message id='m1' type='chat' to='carol@a.example'><body>x</body></message>");
	const char *got = client_got(f.alice);
	assert_has(got, "<message type='error' id='m1'");
	assert_has(got, "<not-acceptable");
	assert_string_equal(client_got(f.carol), "");
	client_send(f.alice, "<message type='chat' to='bob@a.example'><body>to bob</body></message>");
	assert_has(client_got(f.bob), "to bob");
	client_send(f.carol, "<presence to='alice@a.example'/>");
	assert_string_equal(client_got(f.alice), "");
	/* a service is nobody; a person who is asked for becomes a contact */
	client_send(f.alice, "<message to='b.example'><body>to a service</body></message>");
	assert_has(hub_got(&f.p), "to a service");
	client_send(f.alice, "<presence type='subscribe' to='carol@a.example'/>");
	assert_has(client_got(f.alice), "type='subscribed'");
	assert_true(may_write(&f, f.carol));
	play_close(&f.p);
}

/* Policy names people and domains that are let in; a room of another domain is one that alice has entered. */
static void but_whom_she_lets_in(void **state)
{
	struct four f;

	(void)state;
	open_four(&f);
	set_policy(&f.p, "block", "dora@a.example");
	assert_true(may_write(&f, f.dora) && may_see(&f, f.dora));
	assert_false(may_write(&f, f.carol));
	hub_send(&f.p, 0, "<message type='groupchat' from='room@b.example/x' to='alice@a.example/desk'><body>early</body></message>");
	assert_string_equal(client_got(f.alice), "");
	client_send(f.alice, "<presence to='room@b.example/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
	assert_has(hub_got(&f.p), "to='room@b.example/alice'");
	hub_send(&f.p, 0, "<message type='groupchat' from='room@b.example/x' to='alice@a.example/desk'><body>in time</body></message>");
	assert_has(client_got(f.alice), "in time");
	client_send(f.alice, "<message type='groupchat' to='room@b.example'><body>hello room</body></message>");
	assert_has(hub_got(&f.p), "hello room");
	client_send(f.alice, "<presence type='unavailable' to='room@b.example/alice'/>");
	hub_send(&f.p, 0, "<presence type='unavailable' from='room@b.example/alice' to='alice@a.example/desk'/>");
	assert_has(client_got(f.alice), "from='room@b.example/alice' to='alice@a.example/desk' type='unavailable'"); /* the client waits for it */
	play_close(&f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_alone_get_through),
		cmocka_unit_test(neither_way),
		cmocka_unit_test(but_whom_she_lets_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
