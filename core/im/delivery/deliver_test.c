/* Plays: messages between people here, by type, address and priority (RFC 6121 8.5, table 1). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

enum there { NOBODY, OFFLINE, NEGATIVE, BOTH, TWO }; /* bob's resources: see bob_is */

struct bob {
	struct client *low, *high;
};

static struct bob bob_is(struct play *p, enum there there)
{
	struct bob b = { NULL, NULL };

	if (there == NEGATIVE || there == BOTH)
		b.low = client_online(p, "bob", "low", -1);
	if (there == TWO)
		b.low = client_online(p, "bob", "low", 0);
	if (there == BOTH || there == TWO)
		b.high = client_online(p, "bob", "high", 5);
	return b;
}

/* Where one message ends: H and L the resources, S storage, E the sender has an error, - nowhere. */
static const struct row {
	enum there there;
	const char *to;
	const char *ends[4]; /* normal, chat, groupchat, headline */
} rows[] = {
	{ NOBODY, "dave@a.example", { "E", "E", "E", "E" } },
	{ NOBODY, "dave@a.example/x", { "E", "E", "E", "E" } },
	{ OFFLINE, "bob@a.example", { "S", "S", "E", "-" } },
	{ OFFLINE, "bob@a.example/high", { "E", "S", "E", "-" } },
	{ NEGATIVE, "bob@a.example", { "S", "S", "E", "-" } },
	{ NEGATIVE, "bob@a.example/low", { "L", "L", "L", "L" } },
	{ NEGATIVE, "bob@a.example/gone", { "E", "S", "E", "-" } },
	{ BOTH, "bob@a.example", { "H", "H", "E", "H" } },
	{ BOTH, "bob@a.example/low", { "L", "L", "L", "L" } },
	{ BOTH, "bob@a.example/high", { "H", "H", "H", "H" } },
	{ BOTH, "bob@a.example/gone", { "E", "H", "E", "-" } },
	{ TWO, "bob@a.example", { "LH", "LH", "E", "LH" } },
	{ TWO, "bob@a.example/gone", { "E", "LH", "E", "-" } },
};

static void forget_all(struct play *p)
{
	for (unsigned i = 0; i < p->n_clients; i++)
		(void)client_got(&p->clients[i]);
}

static void where_it_ends(struct play *p, struct client *alice, const struct bob *bob, char out[8])
{
	size_t n = 0;

	if (bob->low && strstr(client_got(bob->low), "<body>hi"))
		out[n++] = 'L';
	if (bob->high && strstr(client_got(bob->high), "<body>hi"))
		out[n++] = 'H';
	if (play_store_offline(&p->store, "bob@a.example"))
		out[n++] = 'S';
	const char *back = client_got(alice);
	if (strstr(back, "type='error'")) {
		assert_has(back, "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
		assert_has(back, "id='m1'");
		out[n++] = 'E';
	}
	if (!n)
		out[n++] = '-';
	out[n] = '\0';
}

static void each_type_to_each_address(void **state)
{
	static const char *const types[] = { "normal", "chat", "groupchat", "headline" };
	struct play p;

	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		for (int t = 0; t < 4; t++) {
			char ends[8];
			play_open(&p, "");
			struct client *alice = client_online(&p, "alice", "desk", 0);
			struct bob bob = bob_is(&p, rows[r].there);
			forget_all(&p);
			client_send(alice, "<message id='m1' type='%s' to='%s'><body>hi</body></message>", types[t], rows[r].to);
			where_it_ends(&p, alice, &bob, ends);
			if (strcmp(ends, rows[r].ends[t]))
				fail_msg("row %zu, %s to %s: %s", r, types[t], rows[r].to, ends);
			play_close(&p);
		}
	}
}

/* RFC 6121 8.5: errors are for those they are addressed to, and are never answered. */
static void errors_end_quietly(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "high", 5);
	forget_all(&p);
	client_send(alice, "<message type='error' to='bob@a.example'><body>hi</body></message>");
	client_send(alice, "<message type='error' to='bob@a.example/gone'><body>hi</body></message>");
	client_send(alice, "<message type='error' to='dave@a.example'><body>hi</body></message>");
	assert_string_equal(client_got(bob), "");
	client_send(alice, "<message type='error' to='bob@a.example/high'><body>hi</body></message>");
	assert_has(client_got(bob), "<body>hi");
	assert_string_equal(client_got(alice), "");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_close(&p);
}

/* Who sent it is what the door says, and a message without `to` is for oneself (RFC 6120 10.3.1). */
static void addresses(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *desk = client_online(&p, "alice", "desk", 0);
	struct client *phone = client_online(&p, "alice", "phone", 0);
	struct client *bob = client_online(&p, "bob", "high", 0);
	forget_all(&p);
	client_send(desk, "<message from='alice@a.example' to='BOB@A.example/high'><body>hi</body></message>");
	assert_has(client_got(bob), "from='alice@a.example/desk' to='bob@a.example/high'");
	client_send(desk, "<message type='chat'><body>note</body></message>");
	assert_has(client_got(phone), "note");
	assert_has(client_got(desk), "note");
	client_send(desk, "<message id='m2' to='a.example'><body>hi</body></message>");
	assert_has(client_got(desk), "<service-unavailable");
	/* a resource that is there but not available can be written to by its full address */
	struct client *mute = client_login(&p, "bob", "mute");
	client_send(desk, "<message type='chat' to='bob@a.example/mute'><body>psst</body></message>");
	assert_has(client_got(mute), "psst");
	assert_string_equal(client_got(bob), "");
	play_close(&p);
}

static void waits_for_a_user_that_is_being_loaded(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	p.store.slow_ops = 1u << STORE_USER_GET;
	client_send(alice, "<message id='m1' to='bob@a.example'><body>one</body></message>");
	client_send(alice, "<message id='m2' to='bob@a.example'><body>two</body></message>");
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 0);
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(play_store_offline(&p.store, "bob@a.example"), 2);
	assert_string_equal(client_got(alice), "");
	/* an unwell store is not an account that does not exist: the sender may try again */
	p.store.slow_ops = 0;
	p.store.sick_ops = 1u << STORE_USER_GET;
	client_send(alice, "<message id='m3' to='carol@a.example'><body>three</body></message>");
	assert_has(client_got(alice), "<internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
	p.store.sick_ops = 0;
	client_send(alice, "<message id='m4' to='carol@a.example'><body>four</body></message>");
	assert_string_equal(client_got(alice), "");
	assert_int_equal(play_store_offline(&p.store, "carol@a.example"), 1);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_to_each_address),
		cmocka_unit_test(errors_end_quietly),
		cmocka_unit_test(addresses),
		cmocka_unit_test(waits_for_a_user_that_is_being_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
