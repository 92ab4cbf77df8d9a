/* Plays: lists of contacts in pieces, beside people who are here, and while gh-store dies. */
#include "bulk/bulk.h"
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/wire.h"
#include "presence/shared.h"
#include "run/bulk.h"
#include "run/proc.h"

/* ---- gh-conf's end ---- */

struct answer {
	bool is_done;
	int rc;
	long long consumed, line, skip, done, errors, more, lines, left_out;
	char text[200], results[400]; /* "line:result:lists " each */
	char part[64 << 10], user[128], contact[128];
};

static void put_results(struct answer *a, struct bytes value)
{
	struct wire w = wire_of(value);

	while (wire_left(&w)) {
		size_t n = strlen(a->results);
		unsigned line = wire_u32(&w), result = wire_u8(&w), lists = wire_u32(&w);
		(void)snprintf(a->results + n, sizeof a->results - n, "%u:%u:%u ", line, result, lists);
	}
	assert_false(wire_failed(&w));
}

static void take_number(struct answer *a, const char *key, struct bytes value)
{
	const struct {
		const char *key;
		long long *to;
	} keys[] = { { "consumed", &a->consumed }, { "line", &a->line }, { "skip", &a->skip }, { "done", &a->done }, { "errors", &a->errors },
		     { "more", &a->more }, { "lines", &a->lines }, { "left-out", &a->left_out } };
	char text[24];

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(keys[i].key, key) != 0)
			continue;
		(void)snprintf(text, sizeof text, "%.*s", BYTES_FMT(value));
		*keys[i].to = atoll(text);
		return;
	}
	fail_msg("%s", key);
}

static void take(struct answer *a, struct bytes key, struct bytes value)
{
	char name[32];

	(void)snprintf(name, sizeof name, "%.*s", BYTES_FMT(key));
	if (!strcmp(name, "results"))
		put_results(a, value);
	else if (!strcmp(name, "part"))
		(void)snprintf(a->part, sizeof a->part, "%.*s", BYTES_FMT(value));
	else if (!strcmp(name, "user"))
		(void)snprintf(a->user, sizeof a->user, "%.*s", BYTES_FMT(value));
	else if (!strcmp(name, "contact"))
		(void)snprintf(a->contact, sizeof a->contact, "%.*s", BYTES_FMT(value));
	else
		take_number(a, name, value);
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

	assert_false(a->is_done);
	a->is_done = true;
	a->rc = rc;
	(void)snprintf(a->text, sizeof a->text, "%s", text);
}

static void begin(struct play *p, struct answer *a, const char *kind, const char *text, bool is_last)
{
	const struct bytes args[] = { bytes_of(kind), BYTES("1"), BYTES_NONE, is_last ? BYTES("1") : BYTES_NONE, bytes_of(text) };

	const struct proc_asker who = { on_record, on_done, a };

	*a = (struct answer){ .is_done = false };
	bulk_feed(&p->im, proc_ask_new(&who), args, 5);
}

static struct answer feed(struct play *p, const char *kind, const char *text)
{
	struct answer a;

	begin(p, &a, kind, text, true);
	play_run(p);
	assert_true(a.is_done);
	return a;
}

static struct answer page(struct play *p, const char *who, const char *user, const char *contact)
{
	const struct bytes args[] = { bytes_of(who), bytes_of(user), bytes_of(contact) };
	struct answer a = { .is_done = false };
	const struct proc_asker asker = { on_record, on_done, &a };

	bulk_page(&p->im, proc_ask_new(&asker), args, 3);
	play_run(p);
	assert_true(a.is_done);
	return a;
}

static const char *roster_of(struct client *c)
{
	(void)client_got(c);
	client_send(c, "<iq id='r' type='get'><query xmlns='jabber:iq:roster'/></iq>");
	return client_got(c);
}

/* ---- the tests ---- */

static void a_row_that_is_not_whole_waits(void **state)
{
	static const char text[] = "alice,a.example,x,far.example,X,G\nnobody,a.example,x,far.example,,G\nalice,a.exa";
	struct answer a;
	struct play p;

	(void)state;
	play_open(&p, "");
	begin(&p, &a, "import", text, false);
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	assert_int_equal(a.consumed, sizeof text - 1 - strlen("alice,a.exa"));
	assert_int_equal(a.line, 3);
	assert_int_equal(a.done, 1);
	assert_string_equal(a.results, "2:5:0 ");
	struct client *c = client_login(&p, "alice", "r");
	assert_has(roster_of(c), "<item jid='x@far.example' name='X' subscription='none'><group>G</group></item>");
	play_close(&p);
}

/* gh-store dies before it has answered: the same is asked again, and is there once. */
static void the_store_dies(void **state)
{
	char text[8000] = "";
	struct answer a;
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *c = client_login(&p, "bob", "r");
	for (int i = 0; i < 100; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s,a.example,c%d,far.example,,G\n", i % 2 ? "alice" : "bob", i);
	(void)roster_of(c);
	store_leave(&p);
	begin(&p, &a, "import", text, true);
	play_run(&p);
	assert_false(a.is_done);
	store_join(&p);
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	assert_int_equal(a.done, 100);
	assert_string_equal(a.results, "");
	assert_has(client_got(c), "c98@far.example");
	struct answer all = page(&p, "bob@a.example", "", "");
	assert_int_equal(all.lines, 50);
	assert_int_equal(page(&p, "all", "", "").lines, 100);
	play_close(&p);
}

/* Two seconds are enough for one piece: the rest is for the next one. */
static void a_piece_that_takes_long(void **state)
{
	char text[8000] = "";
	struct answer a;
	struct play p;

	(void)state;
	play_open(&p, "");
	for (int i = 0; i < 100; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "alice,a.example,c%02d,far.example,,G\n", i);
	store_leave(&p);
	begin(&p, &a, "import", text, true);
	play_wait(&p, 3000);
	store_join(&p);
	play_run(&p);
	assert_true(a.is_done && a.rc == 0);
	assert_int_equal(a.done, 64);
	assert_int_equal(a.line, 65);
	assert_int_equal(a.consumed, 64 * strlen(text) / 100);
	a = feed(&p, "import", text + a.consumed);
	assert_int_equal(a.done, 36);
	assert_int_equal(page(&p, "all", "", "").lines, 100);
	play_close(&p);
}

static void one_piece_at_a_time(void **state)
{
	struct answer a, second;
	struct play p;

	(void)state;
	play_open(&p, "");
	begin(&p, &a, "import", "alice,a.example,x,far.example,,G\n", true);
	begin(&p, &second, "import", "alice,a.example,y,far.example,,G\n", true);
	assert_true(second.is_done && second.rc == ERR_AGAIN);
	play_run(&p);
	assert_true(a.is_done && a.done == 1);
	begin(&p, &a, "other", "x\n", true);
	assert_int_equal(a.rc, ERR_SYNTAX);
	/* It ends with gh-im, too. */
	begin(&p, &a, "rename", "alice@a.example,b@far.example\n", true);
	play_close(&p);
}

/* Contacts of the directory's groups are the directory's, and no others come in beyond im roster-max. */
static void the_directory_and_the_limit(void **state)
{
	const struct shared list[] = { { BYTES("bob@a.example"), BYTES("Bob"), BYTES("\0\4team") } };
	struct play p;

	(void)state;
	play_open(&p, "im roster-max = 2\n");
	struct client *c = client_login(&p, "alice", "r");
	(void)shared_apply(&p.im, user_find(&p.im, BYTES("alice@a.example")), list, 1);
	play_run(&p);
	struct answer a = feed(&p, "import", "alice,a.example,bob,a.example,,G\nalice,a.example,x,far.example,,G\nalice,a.example,y,far.example,,G\n");
	assert_int_equal(a.done, 1);
	assert_string_equal(a.results, "1:6:0 3:4:0 ");
	a = feed(&p, "rename", "bob@a.example,z@far.example\nx@far.example,bob@a.example\nx@far.example,alice@a.example\n");
	assert_string_equal(a.results, "1:6:0 2:6:0 3:3:0 ");
	assert_has(roster_of(c), "x@far.example");
	/* D-CEX: what the directory gives is not the person's. */
	assert_string_equal(page(&p, "all", "", "").part, "alice,a.example,x,far.example,,G\n");
	play_close(&p);
}

/* More lists than a slice has, and a contact that is there already. */
static void a_rename_in_many_lists(void **state)
{
	char text[16000] = "";
	struct play p;

	(void)state;
	play_open(&p, "");
	for (int i = 0; i < 150; i++) {
		char jid[64];
		(void)snprintf(jid, sizeof jid, "u%03d@a.example", i);
		play_account(&p, jid);
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "u%03d,a.example,old,far.example,Old,G\n", i);
	}
	assert_int_equal(feed(&p, "import", text).done, 150);
	assert_int_equal(feed(&p, "import", "u007,a.example,new,far.example,New,H\n").done, 1);
	struct answer a = feed(&p, "rename", "Contact ID, New Contact ID\r\nold@far.example, new@far.example\r\nold@far.example,x@far.example");
	assert_string_equal(a.results, "2:0:150 3:7:0 ");
	assert_int_equal(a.done, 1);
	assert_string_equal(page(&p, "u007@a.example", "", "").part, "u007,a.example,new,far.example,New,H\nu007,a.example,new,far.example,New,G\n");
	/* Nobody is kept in memory for it. */
	assert_null(user_find(&p.im, BYTES("u100@a.example")));
	play_close(&p);
}

static void pages(void **state)
{
	char text[16000] = "";
	struct play p;

	(void)state;
	play_open(&p, "");
	for (int i = 0; i < 250; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "alice,a.example,c%03d,far.example,,G\n", i);
	assert_int_equal(feed(&p, "import", text).done, 250);
	struct answer first = page(&p, "a.example", "", ""), second = page(&p, "a.example", first.user, first.contact);
	assert_true(first.more && !second.more);
	assert_int_equal(first.lines, 200);
	assert_int_equal(second.lines, 50);
	assert_string_equal(first.contact, "c199@far.example");
	assert_string_equal(second.part, strstr(text, "alice,a.example,c200"));
	assert_int_equal(page(&p, "b.example", "", "").lines, 0);
	assert_int_equal(page(&p, "alice@a.example/r", "", "").rc, ERR_SYNTAX);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_that_is_not_whole_waits), cmocka_unit_test(the_store_dies), cmocka_unit_test(a_piece_that_takes_long), cmocka_unit_test(one_piece_at_a_time),
		cmocka_unit_test(the_directory_and_the_limit),   cmocka_unit_test(a_rename_in_many_lists), cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
