/* Plays: logins of people whose passwords an LDAP directory knows; gh-dir is played. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/directory.h"
#include "run/session.h"
#include "auth/directory.h"

#define ON "directory enabled = on\ndirectory authentication = on\n"

static struct client *plain(struct play *p, struct bytes message)
{
	struct client *c = client_new(p);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_TLS | AUTH_HAS_INITIAL, .initial = message });
	return c;
}

static void assert_failed(const struct client *c, const char *condition)
{
	assert_int_equal(c->answer, MSG_AUTH_FAILED);
	assert_string_equal(c->condition, condition);
}

static void the_first_login_makes_the_account(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	struct client *c = plain(&p, BYTES("\0dave\0of dave"));
	assert_int_equal(p.n_dir_asks, 1);
	assert_string_equal(p.dir_jid, "dave@a.example");
	assert_string_equal(p.dir_password, "of dave");
	assert_int_equal(c->answer, 0);
	dir_answer(&p, 0);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	client_open(c, "r", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	/* It has an account and a note now; what the directory says counts each time. */
	c = plain(&p, BYTES("\0dave\0of dave"));
	assert_int_equal(p.n_dir_asks, 2);
	dir_answer(&p, 0);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	c = plain(&p, BYTES("\0dave\0guess"));
	dir_answer(&p, ERR_AUTH);
	assert_failed(c, "not-authorized");
	play_close(&p);
}

static void accounts_of_the_box_are_not_asked_for(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	assert_int_equal(plain(&p, BYTES("\0alice\0open sesame"))->answer, MSG_AUTH_OK);
	assert_failed(plain(&p, BYTES("\0alice\0of the directory")), "not-authorized");
	assert_int_equal(p.n_dir_asks, 0);
	play_close(&p);
}

static void a_refusal_makes_nothing(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	struct client *c = plain(&p, BYTES("\0dave\0guess"));
	dir_answer(&p, ERR_AUTH);
	assert_failed(c, "not-authorized");
	c = plain(&p, BYTES("\0dave\0guess"));
	dir_answer(&p, ERR_AGAIN);
	assert_failed(c, "temporary-auth-failure");
	assert_int_equal(p.store.n_asked[STORE_ACCOUNT_PUT], 0);
	play_close(&p);
}

static void nobody_waits_for_ever(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	assert_failed(plain(&p, BYTES("\0dave\0of dave")), "temporary-auth-failure"); /* there is no gh-dir */
	dir_join(&p);
	struct client *c = plain(&p, BYTES("\0dave\0of dave")), *d = plain(&p, BYTES("\0erin\0of erin"));
	play_wait(&p, 61000);
	assert_failed(c, "temporary-auth-failure");
	assert_failed(d, "temporary-auth-failure");
	dir_answer(&p, 0); /* too late */
	assert_int_equal(d->answer, MSG_AUTH_FAILED);
	c = plain(&p, BYTES("\0dave\0of dave"));
	dir_leave(&p);
	assert_failed(c, "temporary-auth-failure");
	assert_int_equal(p.im.directory.n_waits, 0);
	play_close(&p);
}

/* It goes while the directory is asked: the answer is for nobody. */
static void a_client_that_goes(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	(void)plain(&p, BYTES("\0dave\0of dave"));
	door_leave(&p);
	dir_answer(&p, 0);
	assert_int_equal(p.im.directory.n_waits, 0);
	assert_int_equal(p.store.n_asked[STORE_ACCOUNT_PUT], 0);
	door_join(&p);
	play_close(&p);
}

/* Somebody makes an account of this name at the same moment: it is not theirs. */
static void an_account_that_was_quicker(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	struct client *c = plain(&p, BYTES("\0dave\0of dave"));
	play_account(&p, "dave@a.example");
	dir_answer(&p, 0);
	assert_failed(c, "not-authorized");
	play_close(&p);
}

/* Two of their devices log in for the first time, at once. */
static void two_first_logins(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	struct client *c = plain(&p, BYTES("\0dave\0of dave"));
	uint32_t first = p.dir_id;
	struct client *d = plain(&p, BYTES("\0dave\0of dave"));
	dir_answer(&p, 0);
	assert_int_equal(d->answer, MSG_AUTH_OK);
	p.dir_id = first;
	dir_answer(&p, 0);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_int_equal(p.im.directory.n_waits, 0);
	play_close(&p);
}

static void off_means_off(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "directory enabled = on\n");
	dir_join(&p);
	assert_failed(plain(&p, BYTES("\0dave\0of dave")), "not-authorized");
	assert_int_equal(p.n_dir_asks, 0);
	play_close(&p);
}

/* What a synchronisation asks for, and whom it must not touch. */
static void accounts_follow_the_directory(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	dir_change(&p, DIRECTORY_ADD, "dave@a.example");
	assert_int_equal(p.dir_changed, 0);
	dir_change(&p, DIRECTORY_ADD, "alice@a.example");
	assert_int_equal(p.dir_changed, ERR_EXISTS);
	dir_change(&p, DIRECTORY_ADD, "x@elsewhere.example");
	assert_int_equal(p.dir_changed, ERR_RANGE);
	for (int what = DIRECTORY_UPDATE; what < DIRECTORY_CHANGE_COUNT; what++) {
		dir_change(&p, what, "alice@a.example"); /* this box's own */
		assert_int_equal(p.dir_changed, ERR_EXISTS);
		dir_change(&p, what, "nobody@a.example");
		assert_true(p.dir_changed == ERR_NOT_FOUND || p.dir_changed == ERR_EXISTS);
	}
	assert_int_equal(plain(&p, BYTES("\0alice\0open sesame"))->answer, MSG_AUTH_OK);
	dir_ask_known(&p, "");
	assert_string_equal(p.dir_known, "dave@a.example ");
	dir_ask_known(&p, "dave@a.example");
	assert_int_equal(p.n_dir_known, 0);
	play_close(&p);
}

/* Nobody of theirs is in, and nobody comes in; back in the directory they have what they had. */
static void who_is_gone_is_locked_out(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	dir_change(&p, DIRECTORY_ADD, "dave@a.example");
	struct client *c = plain(&p, BYTES("\0dave\0of dave"));
	dir_answer(&p, 0);
	client_open(c, "r", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	struct client *late = plain(&p, BYTES("\0dave\0of dave"));
	dir_answer(&p, 0);
	assert_int_equal(late->answer, MSG_AUTH_OK);
	dir_change(&p, DIRECTORY_GONE, "dave@a.example");
	assert_true(c->is_closed);
	client_open(late, "r", 0, "", 0); /* it had logged in before */
	assert_int_equal(late->answer, MSG_SESSION_REFUSED);
	unsigned asked = p.n_dir_asks;
	assert_failed(plain(&p, BYTES("\0dave\0of dave")), "not-authorized");
	assert_int_equal(p.n_dir_asks, asked);
	dir_ask_known(&p, "");
	assert_string_equal(p.dir_known, "dave@a.example! ");
	dir_change(&p, DIRECTORY_UPDATE, "dave@a.example");
	c = plain(&p, BYTES("\0dave\0of dave"));
	dir_answer(&p, 0);
	client_open(c, "r", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	dir_change(&p, DIRECTORY_REMOVE, "dave@a.example");
	assert_int_equal(p.dir_changed, 0);
	assert_true(c->is_closed);
	dir_ask_known(&p, "");
	assert_int_equal(p.n_dir_known, 0);
	play_close(&p);
}

/* Nobody knows what its own password is. */
static void scram_does_not_work(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, ON);
	dir_join(&p);
	(void)plain(&p, BYTES("\0dave\0of dave"));
	dir_answer(&p, 0);
	struct client *c = client_new(&p);
	client_auth_start(c, &(struct auth_try){ .mechanism = "SCRAM-SHA-256", .flags = AUTH_TLS | AUTH_HAS_INITIAL, .initial = BYTES("n,,n=dave,r=x") });
	assert_int_equal(c->answer, MSG_AUTH_CHALLENGE);
	assert_int_equal(p.n_dir_asks, 1);
	play_close(&p);
}

static void notes(void **state)
{
	const struct directory_note n = { .is_gone = true, .gone_ms = 5, .roster = 7, .user = BYTES("u"), .name = BYTES("N"), .mail = BYTES("m"), .uri = BYTES("x") };
	struct directory_note got;
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	directory_note_put(&b, &n);
	assert_int_equal(directory_note_read(buf_bytes(&b), &got), 0);
	assert_true(got.is_gone && got.gone_ms == 5 && got.roster == 7 && bytes_eq_str(got.user, "u") && bytes_eq_str(got.uri, "x"));
	for (size_t i = 0; i < buf_len(&b); i++)
		assert_int_equal(directory_note_read(bytes_make(buf_bytes(&b).p, i), &got), ERR_SYNTAX);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_login_makes_the_account), cmocka_unit_test(accounts_of_the_box_are_not_asked_for),
		cmocka_unit_test(a_refusal_makes_nothing),           cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(a_client_that_goes),                cmocka_unit_test(an_account_that_was_quicker),
		cmocka_unit_test(off_means_off),                     cmocka_unit_test(scram_does_not_work),
		cmocka_unit_test(notes),                             cmocka_unit_test(two_first_logins),
		cmocka_unit_test(accounts_follow_the_directory),     cmocka_unit_test(who_is_gone_is_locked_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
