/* Plays: SIP clients. Their digests are judged, and what gh-xlate opens for them is a session like any other. */
#include "play/play.h"

#include "auth/app_password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "run/session.h"
#include "sip/digest.h"

static struct play p;

static void judges(void **state)
{
	static const struct {
		struct digest_try t;
		int rc;
	} rows[] = {
		{ { "alice", PLAY_PASSWORD, NULL, DIGEST_SHA256, false }, 0 },
		{ { "alice", "wrong", NULL, DIGEST_SHA256, false }, ERR_AUTH },
		{ { "nobody", PLAY_PASSWORD, NULL, DIGEST_SHA256, false }, ERR_AUTH },
		{ { "Alice", PLAY_PASSWORD, NULL, DIGEST_SHA256, false }, ERR_AUTH }, /* the HA1 is of the name as it is kept */
		{ { "no body", PLAY_PASSWORD, NULL, DIGEST_SHA256, false }, ERR_AUTH },
		{ { "alice", PLAY_PASSWORD, "elsewhere.example", DIGEST_SHA256, false }, ERR_AUTH },
		{ { "alice", PLAY_PASSWORD, NULL, DIGEST_MD5, false }, ERR_AUTH }, /* off */
	};

	(void)state;
	play_open(&p, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned n = p.store.n_asked[STORE_AUTH_GET];
		p.verdict = 1;
		line_check(&p, &rows[i].t);
		assert_int_equal(p.verdict, rows[i].rc);
		assert_string_equal(p.verdict_jid, rows[i].rc ? "" : "alice@a.example");
		assert_int_equal(p.store.n_asked[STORE_AUTH_GET], n + 1); /* whoever it is: the same work */
	}
	play_close(&p);
}

static void md5_is_a_setting(void **state)
{
	const struct digest_try t = { "bob", PLAY_PASSWORD, NULL, DIGEST_MD5, false };

	(void)state;
	play_open(&p, "line digest = both\n");
	line_check(&p, &t);
	assert_int_equal(p.verdict, 0);
	assert_string_equal(p.verdict_jid, "bob@a.example");
	play_close(&p);
}

static void a_sick_store_is_no_verdict(void **state)
{
	const struct digest_try t = { "bob", PLAY_PASSWORD, NULL, DIGEST_SHA256, false };

	(void)state;
	play_open(&p, "");
	p.store.sick_ops = 1u << STORE_AUTH_GET;
	line_check(&p, &t);
	assert_int_equal(p.verdict, ERR_IO);
	play_close(&p);
}

/* Application passwords: the label is told, the use is kept; `im login-outside` holds as for XMPP. */
static void app_passwords(void **state)
{
	static const struct {
		struct digest_try t;
		int rc;
		const char *label;
	} rows[] = {
		{ { "alice", "of the phone", NULL, DIGEST_SHA256, false }, 0, "phone" },
		{ { "alice", "of the laptop", NULL, DIGEST_SHA256, true }, 0, "laptop" },
		{ { "alice", PLAY_PASSWORD, NULL, DIGEST_SHA256, false }, 0, "" },
		{ { "alice", PLAY_PASSWORD, NULL, DIGEST_SHA256, true }, ERR_AUTH, "" },
		{ { "bob", "of the phone", NULL, DIGEST_SHA256, true }, ERR_AUTH, "" },
	};

	(void)state;
	play_open(&p, "im login-outside = app-password\n");
	play_store_app(&p.store, "alice@a.example", "laptop", "of the laptop");
	play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		line_check(&p, &rows[i].t);
		assert_int_equal(p.verdict, rows[i].rc);
		assert_string_equal(p.verdict_label, rows[i].label);
	}
	assert_int_equal(p.store.n_asked[STORE_APP_USED], 2);
	app_password_revoked(&p.im, BYTES("alice@a.example"), BYTES("phone"));
	play_run(&p);
	assert_string_equal(p.revoked_label, "phone");
	play_close(&p);
	play_open(&p, "im authorise a.example user-credentials = off\nim authorise a.example app-password = off\n");
	play_store_app(&p.store, "alice@a.example", "laptop", "of the laptop");
	line_check(&p, &rows[1].t);
	assert_int_equal(p.verdict, ERR_AUTH);
	play_close(&p);
}

static void enters(void **state)
{
	(void)state;
	play_open(&p, "");
	struct client *a = client_online(&p, "alice", "xmpp", 0);
	struct client *b = client_enter(&p, "bob@a.example", "phone");
	assert_int_equal(b->answer, MSG_SESSION_OPENED);
	assert_string_equal(b->full, "bob@a.example/phone");
	client_send(b, "<presence/>");
	client_send(a, "<message to='bob@a.example'><body>to a phone</body></message>");
	assert_has(client_got(b), "to a phone");
	client_send(b, "<message to='alice@a.example' type='chat'><body>from a phone</body></message>");
	const char *got = client_got(a);
	assert_has(got, "from a phone");
	assert_has(got, "bob@a.example/phone");
	play_close(&p);
}

static void refuses(void **state)
{
	(void)state;
	play_open(&p, "");
	assert_int_equal(client_enter(&p, "nobody@a.example", "x")->answer, MSG_SESSION_REFUSED);
	struct client *c = client_enter(&p, "bob@elsewhere.example", "x");
	assert_int_equal(c->answer, MSG_SESSION_REFUSED);
	assert_string_equal(c->condition, "item-not-found");
	assert_int_equal(client_enter(&p, "bob@a.example", "")->answer, MSG_SESSION_OPENED);
	assert_has(p.clients[2].full, "bob@a.example/sip~");
	play_close(&p);
}

/* What a phone was sent and has not taken goes to storage when its door dies or the flow is lost. */
static void loses_nothing(void **state)
{
	(void)state;
	play_open(&p, "");
	struct client *a = client_online(&p, "alice", "xmpp", 0);
	struct client *b = client_enter(&p, "bob@a.example", "phone");
	client_send(b, "<presence/>");
	b->is_stuck = true;
	client_enable_sm(a, false, 0);
	client_send(a, "<message to='bob@a.example'><body>one</body></message>");
	assert_has(client_got(b), "one");
	client_lose(b);
	assert_true(play_store_has(&p.store, "one"));
	struct client *c = client_enter(&p, "bob@a.example", "phone");
	client_send(c, "<presence/>");
	assert_has(client_got(c), "one");
	c->is_stuck = true;
	client_send(a, "<message to='bob@a.example'><body>two</body></message>");
	sip_leave(&p);
	assert_true(play_store_has(&p.store, "two"));
	assert_int_equal(a->is_closed, false); /* the other door's streams stay */
	client_send(a, "<message to='alice@a.example'><body>still here</body></message>");
	assert_has(client_got(a), "still here");
	sip_join(&p);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges), cmocka_unit_test(md5_is_a_setting), cmocka_unit_test(a_sick_store_is_no_verdict),
		cmocka_unit_test(app_passwords), cmocka_unit_test(enters), cmocka_unit_test(refuses), cmocka_unit_test(loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
