/* Plays: a file of people in pieces of every size, while gh-store dies, given up in the middle, and given out again. */
#include "portable/portable.h"
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/wire.h"
#include "run/portable.h"
#include "run/proc.h"

#define HEAD "<server-data xmlns='urn:xmpp:pie:0'><host jid='a.example'>"
#define TAIL "</host></server-data>"
#define CARL                                                                                                                         \
	"<user name='Carl' password='" PLAY_PASSWORD "'><query xmlns='jabber:iq:roster'><item jid='x@far.example' name='X' subscription='to'>" \
	"<group>G</group></item></query><presence xmlns='jabber:client' type='subscribe' from='y@far.example'/>"                     \
	"<offline-messages><message xmlns='jabber:client' from='x@far.example' to='carl@a.example' type='chat'><body>hello</body>"    \
	"</message></offline-messages><query xmlns='jabber:iq:private'><p xmlns='urn:p'>mine</p></query>"                            \
	"<vCard xmlns='vcard-temp'><FN>Carl</FN></vCard><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:n'>"       \
	"<item id='i'><v xmlns='urn:v'/></item></items></pubsub></user>"

struct answer {
	bool is_done;
	int rc;
	long long made, existed, more, users;
	char results[2000], error[200];
	size_t part_n;
	char part[64 << 10];
};

static void put_results(struct answer *a, struct bytes value)
{
	struct wire w = wire_of(value);

	while (wire_left(&w)) {
		size_t n = strlen(a->results);
		struct bytes user = wire_str(&w);
		unsigned result = wire_u8(&w), counts[PORTABLE_COUNTS];
		for (int i = 0; i < PORTABLE_COUNTS; i++)
			counts[i] = wire_u32(&w);
		(void)wire_str(&w);
		(void)snprintf(a->results + n, sizeof a->results - n, "%.*s:%u:%u.%u.%u.%u.%u.%u ", BYTES_FMT(user), result, counts[0], counts[1], counts[2],
		               counts[3], counts[4], counts[5]);
	}
	assert_false(wire_failed(&w));
}

static void take(struct answer *a, struct bytes key, struct bytes value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(value));
	if (bytes_eq_str(key, "results")) {
		put_results(a, value);
	} else if (bytes_eq_str(key, "error")) {
		(void)snprintf(a->error, sizeof a->error, "%.*s", BYTES_FMT(value));
	} else if (bytes_eq_str(key, "part")) {
		assert_true(a->part_n + value.n < sizeof a->part);
		memcpy(a->part + a->part_n, value.p, value.n);
		a->part_n += value.n;
	} else if (bytes_eq_str(key, "made")) {
		a->made += atoll(text);
	} else if (bytes_eq_str(key, "existed")) {
		a->existed += atoll(text);
	} else if (bytes_eq_str(key, "more")) {
		a->more = atoll(text);
	} else {
		assert_true(bytes_eq_str(key, "users"));
		a->users += atoll(text);
	}
}

static void on_record(void *arg, struct bytes fields, uint16_t n)
{
	struct wire w = wire_of(fields);

	for (; n && !wire_failed(&w); n--) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		take(arg, key, value);
	}
	assert_int_equal(wire_end(&w), 0);
}

static void on_done(void *arg, int rc, const char *text)
{
	struct answer *a = arg;

	(void)text;
	assert_false(a->is_done);
	a->is_done = true;
	a->rc = rc;
}

static void piece(struct play *p, struct answer *a, const char *pass, bool is_first, bool is_last, struct bytes text)
{
	const struct bytes args[] = { bytes_of(pass), is_first ? BYTES("1") : BYTES_NONE, is_last ? BYTES("1") : BYTES_NONE, text };
	const struct proc_asker who = { on_record, on_done, a };

	a->is_done = false;
	portable_feed(&p->im, proc_ask_new(&who), args, 4);
}

/* A whole file, both times. */
static void feed(struct play *p, struct answer *a, const char *text, size_t n)
{
	*a = (struct answer){ .is_done = false };
	for (int pass = 0; pass < 2; pass++) {
		struct bytes rest = bytes_of(text);
		bool is_first = true;
		do {
			struct bytes part = bytes_make(rest.p, rest.n < n ? rest.n : n);
			rest = bytes_skip(rest, part.n);
			piece(p, a, pass ? "data" : "accounts", is_first, rest.n == 0, part);
			play_run(p);
			assert_true(a->is_done);
			is_first = false;
		} while (rest.n && !a->rc && !a->error[0]);
	}
}

static void give(struct play *p, struct answer *a, const char *who)
{
	const struct proc_asker asker = { on_record, on_done, a };
	bool is_first = true;

	*a = (struct answer){ .more = 1 };
	while (a->more && !a->rc) {
		const struct bytes args[] = { is_first ? BYTES("1") : BYTES_NONE, bytes_of(who), BYTES("1") };
		a->is_done = false;
		portable_page(&p->im, proc_ask_new(&asker), args, 3);
		play_run(p);
		assert_true(a->is_done);
		is_first = false;
	}
}

static void in_pieces_and_out_again(void **state)
{
	static struct answer a, out;
	struct play p;

	(void)state;
	for (size_t n = 1; n < 2000; n = n * 3 + 1) {
		play_open(&p, "");
		feed(&p, &a, HEAD CARL "<user name='alice' password='x'/><user name=' '/>" TAIL, n);
		assert_int_equal(a.made, 1);
		assert_int_equal(a.existed, 1);
		assert_string_equal(a.results, " @a.example:1:0.0.0.0.0.0 carl@a.example:0:2.1.1.0.2.0 alice@a.example:0:0.0.0.0.0.0 ");
		feed(&p, &a, HEAD CARL TAIL, n); /* again: it waits once, though it is counted */
		assert_string_equal(a.results, "carl@a.example:0:0.1.0.0.0.0 ");
		give(&p, &out, "carl@a.example");
		assert_int_equal(out.users, 1);
		assert_has(out.part, "<user name='carl'><scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'>");
		assert_has(out.part, "<item jid='x@far.example' name='X' subscription='to'><group>G</group></item>");
		assert_has(out.part, "<p xmlns='urn:p'>mine</p>");
		assert_has(out.part, "<items node='urn:n'><item id='i'><v xmlns='urn:v'/></item></items>");
		struct client *c = client_login(&p, "carl", "r");
		client_send(c, "<presence/>");
		assert_has(client_got(c), "<body>hello</body>");
		play_close(&p);
		play_open(&p, "");
		feed(&p, &a, out.part, n);
		assert_string_equal(a.results, "carl@a.example:0:2.1.1.0.2.0 ");
		play_close(&p);
	}
}

/* gh-store dies before it has answered: the same is asked again, and is there once. */
static void the_store_dies(void **state)
{
	static struct answer a;
	struct play p;

	(void)state;
	play_open(&p, "");
	piece(&p, &a, "accounts", true, true, BYTES(HEAD CARL TAIL));
	play_run(&p);
	store_leave(&p);
	a = (struct answer){ .is_done = false };
	piece(&p, &a, "data", true, true, BYTES(HEAD CARL TAIL));
	play_run(&p);
	assert_false(a.is_done);
	static struct answer other;
	other = (struct answer){ .is_done = false };
	piece(&p, &other, "data", true, true, BYTES(HEAD TAIL));
	assert_true(other.is_done && other.rc == ERR_AGAIN); /* one file at a time */
	store_join(&p);
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	assert_string_equal(a.results, "carl@a.example:0:2.1.1.0.2.0 ");
	static struct answer out;
	give(&p, &out, "carl@a.example");
	assert_has(out.part, "<body>hello</body>");
	play_close(&p);
}

/* What is given up in the middle is forgotten, and what comes behind is no file. */
static void given_up(void **state)
{
	static struct answer a;
	struct play p;

	(void)state;
	play_open(&p, "");
	piece(&p, &a, "accounts", true, false, BYTES(HEAD CARL));
	play_run(&p);
	piece(&p, &a, "data", true, false, BYTES(HEAD "<user name='alice'><vCard xmlns='vcard-temp'>"));
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	play_wait(&p, PORTABLE_IDLE_MS + 1000);
	piece(&p, &a, "data", false, true, BYTES("</vCard></user>" TAIL));
	play_run(&p);
	assert_true(a.is_done && a.rc == ERR_CLOSED);
	a = (struct answer){ .is_done = false };
	piece(&p, &a, "data", true, true, BYTES(HEAD "<user name='alice'><vCard xmlns='vcard-temp'>"));
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	assert_has(a.error, "line 1");
	assert_has(a.results, "alice@a.example:5:");
	give(&p, &a, "nobody@b.nowhere");
	assert_int_equal(a.rc, ERR_SYNTAX);
	piece(&p, &a, "data", true, false, BYTES(HEAD "<user name='alice'><vCard xmlns='vcard-temp'>"));
	play_run(&p);
	play_close(&p); /* in the middle */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces_and_out_again),
		cmocka_unit_test(the_store_dies),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
