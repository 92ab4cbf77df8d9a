/* Plays: messages of a domain to all of its people, and the message of the day. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "announce/announce.h"
#include "announce/notice.h"
#include "base/err.h"

static struct play p;

static void on_record(void *arg, struct bytes fields, uint16_t n)
{
	(void)fields;
	(void)n;
	(void)arg;
}

static void on_done(void *arg, int rc, const char *text)
{
	(void)text;
	*(int *)arg = rc;
}

static int run(void (*command)(void *, struct proc_ask *, const struct bytes *, size_t), const char *domain, const char *text)
{
	int rc = 1;
	const struct proc_asker who = { on_record, on_done, &rc };
	const struct bytes args[] = { bytes_of(domain), bytes_of(text ? text : "") };

	command(&p.im, proc_ask_new(&who), args, text ? 2 : 1);
	play_run(&p);
	return rc;
}

/* Forty clients do not get it in one turn; all get it, and those alone that take messages. */
static void not_all_at_once(void **state)
{
	struct client *c[40];
	unsigned n = 0;

	(void)state;
	play_open(&p, "im sessions-per-user = 100\n");
	struct client *silent = client_login(&p, "bob", "silent"), *other = client_online(&p, "bob", "negative", -1);
	for (unsigned i = 0; i < 40; i++) {
		char resource[8];
		(void)snprintf(resource, sizeof resource, "r%u", i);
		c[i] = client_online(&p, "alice", resource, 0);
	}
	for (unsigned i = 0; i < 40; i++)
		(void)client_got(c[i]);
	assert_int_equal(run(announce_send, "a.example", "all of you"), 0);
	play_wait(&p, 50);
	for (unsigned i = 0; i < 40; i++)
		n += strstr(client_got(c[i]), "all of you") != NULL;
	assert_in_range(n, 1, 39);
	play_wait(&p, 200);
	for (unsigned i = 0; i < 40; i++)
		n += strstr(client_got(c[i]), "all of you") != NULL;
	assert_int_equal(n, 40);
	assert_lacks(client_got(silent), "all of you");
	assert_lacks(client_got(other), "all of you");
	play_close(&p);
}

static void refused(void **state)
{
	char long_text[ANNOUNCE_TEXT_MAX + 2];

	(void)state;
	play_open(&p, "");
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	assert_int_equal(run(announce_send, "b.example", "x"), ERR_RANGE);
	assert_int_equal(run(announce_send, "alice@a.example", "x"), ERR_RANGE);
	assert_int_equal(run(announce_send, "a.example", ""), ERR_RANGE);
	assert_int_equal(run(announce_send, "a.example", "\xff"), ERR_RANGE);
	assert_int_equal(run(announce_send, "a.example", long_text), ERR_RANGE);
	for (unsigned i = 0; i < ANNOUNCE_WAITING_MAX; i++)
		assert_int_equal(announce_start(&p.im, BYTES("a.example"), BYTES("x"), 0), 0);
	assert_int_equal(announce_start(&p.im, BYTES("a.example"), BYTES("x"), 0), ERR_FULL);
	play_wait(&p, 1000);
	assert_int_equal(announce_start(&p.im, BYTES("a.example"), BYTES("x"), 0), 0);
	play_close(&p);
}

static void everybody_gets_it_once(void **state)
{
	(void)state;
	play_open(&p, "");
	struct client *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	assert_int_equal(run(announce_motd_set, "a.example", "maintenance tonight"), 0);
	play_wait(&p, 1000);
	assert_has(client_got(alice), "maintenance tonight");
	assert_lacks(client_got(client_online(&p, "alice", "phone", 0)), "maintenance");
	assert_has(client_got(client_online(&p, "bob", "desk", 0)), "<message type='headline' from='a.example' to='bob@a.example/desk'><body>maintenance tonight");
	/* another text: for those who have not had the first */
	assert_int_equal(run(announce_motd_edit, "a.example", "maintenance tomorrow"), 0);
	play_wait(&p, 1000);
	assert_lacks(client_got(alice), "maintenance");
	/* it outlives gh-im, and so does who has seen it */
	im_restart(&p);
	assert_lacks(client_got(client_online(&p, "bob", "desk", 0)), "maintenance");
	assert_has(client_got(client_online(&p, "carol", "desk", 0)), "maintenance tomorrow");
	assert_int_equal(run(announce_motd_delete, "a.example", NULL), 0);
	assert_int_equal(run(announce_motd_delete, "a.example", NULL), ERR_NOT_FOUND);
	im_restart(&p);
	play_account(&p, "dave@a.example");
	assert_lacks(client_got(client_online(&p, "dave", "desk", 0)), "maintenance");
	assert_int_equal(run(announce_motd_edit, "a.example", "x"), ERR_NOT_FOUND);
	/* a new one is for all again */
	play_wait(&p, 10);
	assert_int_equal(run(announce_motd_set, "a.example", "over"), 0);
	assert_has(client_got(client_online(&p, "carol", "desk", 0)), "over");
	play_close(&p);
}

/* One record of what a domain says, not one for each who hears it. */
static void into_the_compliance_archive(void **state)
{
	(void)state;
	play_open(&p, "compliance mode = blocking\n");
	comply_join(&p);
	struct client *alice = client_online(&p, "alice", "desk", 0), *bob = client_online(&p, "bob", "desk", 0);
	(void)client_got(alice), (void)client_got(bob);
	assert_int_equal(run(announce_send, "a.example", "all of you"), 0);
	play_wait(&p, 200);
	assert_has(client_got(alice), "all of you");
	assert_has(client_got(bob), "all of you");
	const char *got = comply_got(&p);
	assert_has(got, "<message type='headline' from='a.example' to='a.example'><body>all of you</body></message>");
	assert_null(strstr(strstr(got, "all of you") + 1, "all of you"));
	assert_int_equal(run(announce_motd_set, "a.example", "tonight"), 0);
	assert_int_equal(run(announce_motd_edit, "a.example", "tomorrow"), 0);
	play_wait(&p, 200);
	got = comply_got(&p);
	assert_has(got, "<body>tonight");
	assert_has(got, "<body>tomorrow");
	/* where it cannot be noted it is not said */
	comply_leave(&p);
	p.im.compliance.bytes += 1 << 30;
	assert_int_equal(run(announce_send, "a.example", "in secret"), ERR_DENIED);
	p.im.compliance.bytes -= 1 << 30;
	play_wait(&p, 200);
	assert_lacks(client_got(alice), "in secret");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_all_at_once),
		cmocka_unit_test(refused),
		cmocka_unit_test(everybody_gets_it_once),
		cmocka_unit_test(into_the_compliance_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
