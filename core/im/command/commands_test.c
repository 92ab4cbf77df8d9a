/* Plays: what operators do to accounts and sessions. */
#include "command/commands.h"
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "base/wire.h"
#include "proto/scram.h"
#include "run/session.h"
#include "sip/digest.h"

/* ---- the operator's end, instead of gh-conf's ---- */

/* What a command answered. */
struct answer {
	bool is_done;
	int rc;
	char text[200];
	char records[4096]; /* key=value, each record a line */
};

static void put(struct answer *a, const char *fmt, ...)
{
	size_t n = strlen(a->records);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->records + n, sizeof a->records - n, fmt, ap);
	va_end(ap);
}

static void on_record(void *arg, struct bytes fields, uint16_t n)
{
	struct wire w = wire_of(fields);

	for (; n && !wire_failed(&w); n--) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		put(arg, "%.*s=%.*s ", BYTES_FMT(key), BYTES_FMT(value));
	}
	assert_int_equal(wire_end(&w), 0);
	put(arg, "\n");
}

static void on_done(void *arg, int rc, const char *text)
{
	struct answer *a = arg;

	assert_false(a->is_done);
	a->is_done = true;
	a->rc = rc;
	(void)snprintf(a->text, sizeof a->text, "%s", text);
}

static struct answer run(struct play *p, const char *verb, const char *first, const char *second)
{
	struct answer a = { .is_done = false };
	const struct proc_asker who = { on_record, on_done, &a };
	const struct bytes args[] = { bytes_of(first), bytes_of(second) };
	size_t n = second ? 2 : first ? 1 : 0;

	for (size_t i = 0; i < im_n_commands; i++)
		if (!strcmp(im_commands[i].verb, verb))
			im_commands[i].fn(&p->im, proc_ask_new(&who), args, n);
	play_run(p);
	assert_true(a.is_done);
	return a;
}

static bool can_log_in(struct play *p, const char *name, const char *password)
{
	struct client *c = client_new(p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%c%s%c%s", 0, name, 0, password);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .initial = bytes_make(plain, (size_t)n) });
	return c->answer == MSG_AUTH_OK;
}

static bool can_register(struct play *p, const char *user, const char *password, int algorithm)
{
	line_check(p, &(struct digest_try){ user, password, NULL, algorithm, false });
	return p->verdict == 0;
}

#define SETTINGS "im scram-iterations = 4096\n"

/* ---- the tests ---- */

static void accounts_come_change_and_go(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_false(can_log_in(&p, "dave", "first"));
	assert_int_equal(run(&p, "user add", "Dave@A.example", "first").rc, 0);
	assert_true(can_log_in(&p, "dave", "first"));
	struct answer again = run(&p, "user add", "dave@a.example", "other");
	assert_int_equal(again.rc, ERR_EXISTS);
	assert_has(again.text, "already");
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "second").rc, 0);
	assert_false(can_log_in(&p, "dave", "first"));
	assert_true(can_log_in(&p, "dave", "second"));
	assert_int_equal(run(&p, "user passwd", "erin@a.example", "x").rc, ERR_NOT_FOUND);
	assert_has(run(&p, "show users", NULL, NULL).records, "user=dave@a.example");
	assert_int_equal(run(&p, "user delete", "dave@a.example", NULL).rc, 0);
	assert_false(can_log_in(&p, "dave", "second"));
	assert_int_equal(run(&p, "user delete", "dave@a.example", NULL).rc, ERR_NOT_FOUND);
	assert_lacks(run(&p, "show users", NULL, NULL).records, "dave");
	play_close(&p);
}

/* D-AUT-06: at once, and still so after a restart. */
static void policies_are_set_and_shown(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS "im approve-local = off\n");
	struct client *alice = client_online(&p, "alice", "x", 0);
	assert_has(run(&p, "user policy show", "alice@a.example", NULL).records, "default=unset");
	assert_int_equal(run(&p, "user policy set", "alice@a.example", "perhaps").rc, ERR_RANGE);
	assert_int_equal(run(&p, "user policy set", "erin@a.example", "block").rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "user policy show", "erin@a.example", NULL).rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "user policy set", "Alice@a.example", "block").rc, 0);
	assert_has(run(&p, "user policy show", "alice@a.example", NULL).records, "default=block");
	for (int i = 0; i < 2; i++) {
		struct client *bob = client_online(&p, "bob", "x", 0);
		client_send(bob, "<presence type='subscribe' to='alice@a.example'/>");
		assert_has(client_got(bob), "type='unsubscribed'");
		assert_lacks(client_got(alice), "type='subscribe'");
		im_restart(&p);
		alice = client_online(&p, "alice", "x", 0);
	}
	play_close(&p);
}

/* The password in the answer of user app-password add. */
static const char *made(struct answer *a)
{
	char *at = strstr(a->records, "password=");

	assert_int_equal(a->rc, 0);
	assert_non_null(at);
	at += strlen("password=");
	at[strcspn(at, " ")] = '\0';
	assert_int_equal(strlen(at), 34); /* seven groups of four */
	return at;
}

/* A session by this password; in the sessions' list it has the label. */
static struct client *session_by(struct play *p, const char *password, const char *resource)
{
	struct client *c = client_new(p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%cdave%c%s", 0, 0, password);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .initial = bytes_make(plain, (size_t)n) });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	if (resource)
		client_open(c, resource, SESSION_TLS, "", 0);
	return c;
}

static void one_application_password_is_revoked(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user app-password add", "dave@a.example", "phone").rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	struct answer phone = run(&p, "user app-password add", "dave@a.example", "phone");
	struct answer desk = run(&p, "user app-password add", "dave@a.example", "desk");
	assert_string_not_equal(made(&phone), made(&desk));
	assert_int_equal(run(&p, "user app-password add", "dave@a.example", "desk").rc, ERR_EXISTS);
	assert_has(run(&p, "user app-password list", "dave@a.example", NULL).records, "label=phone created=1970-01-01T00:00:00Z used=never");
	struct client *by_phone = session_by(&p, made(&phone), "phone"), *by_desk = session_by(&p, made(&desk), "desk");
	struct client *by_own = session_by(&p, "first", "own"), *waits = session_by(&p, made(&phone), NULL);
	assert_has(run(&p, "show sessions", "dave@a.example", NULL).records, "app-password=phone");
	assert_has(run(&p, "user app-password list", "dave@a.example", NULL).records, "address=192.0.2.1");
	assert_int_equal(run(&p, "user app-password delete", "dave@a.example", "phone").rc, 0);
	assert_true(by_phone->is_closed);
	assert_false(by_desk->is_closed);
	assert_false(by_own->is_closed);
	client_open(waits, "late", SESSION_TLS, "", 0); /* it had logged in and had no session yet */
	assert_int_equal(waits->answer, MSG_SESSION_REFUSED);
	assert_false(can_log_in(&p, "dave", made(&phone)));
	assert_true(can_log_in(&p, "dave", made(&desk)));
	assert_false(can_register(&p, "dave", made(&phone), DIGEST_SHA256));
	assert_true(can_register(&p, "dave", made(&desk), DIGEST_SHA256));
	assert_int_equal(run(&p, "user app-password delete", "dave@a.example", "phone").rc, ERR_NOT_FOUND);
	play_close(&p);
}

/* Its verifiers hang on the account's salt. */
static void a_new_password_takes_them_along(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	struct answer phone = run(&p, "user app-password add", "dave@a.example", "phone");
	struct client *by_phone = session_by(&p, made(&phone), "phone"), *by_own = session_by(&p, "first", "own");
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "second").rc, 0);
	assert_true(by_phone->is_closed);
	assert_false(by_own->is_closed);
	assert_false(can_log_in(&p, "dave", made(&phone)));
	assert_string_equal(run(&p, "user app-password list", "dave@a.example", NULL).records, "");
	play_close(&p);
}

/* A session belongs to the password of the stream that carries it now. */
static void a_resumed_session_goes_with_its_new_login(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	struct answer phone = run(&p, "user app-password add", "dave@a.example", "phone");
	struct client *first = session_by(&p, "first", NULL), *second = session_by(&p, made(&phone), NULL);
	client_open(first, "own", SESSION_TLS | SESSION_SM | SESSION_SM_RESUME, "", 60);
	client_lose(first);
	client_resume(second, first->sm_id, 0);
	assert_int_equal(second->answer, MSG_SESSION_RESUMED);
	assert_int_equal(run(&p, "user app-password delete", "dave@a.example", "phone").rc, 0);
	assert_true(second->is_closed);
	play_close(&p);
}

/* dave's "pc", with a token, or one for the next time. */
static struct client *device_by(struct play *p, const char *password)
{
	struct client *c = client_new(p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%cdave%c%s", 0, 0, password);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS | AUTH_SASL2,
						 .initial = bytes_make(plain, (size_t)n), .client = "pc", .wanted = "HT-SHA-256-NONE" });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_int_equal(strncmp(c->token, "secret-token:", 13), 0);
	return c;
}

/* With its sessions and logins, and nobody else's. */
static void a_device_is_revoked(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user device list", "erin@a.example", NULL).rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	assert_string_equal(run(&p, "user device list", "dave@a.example", NULL).records, "");
	struct client *with = device_by(&p, "first"), *waits = device_by(&p, "first"), *other = session_by(&p, "first", "own");
	client_open(with, "r", SESSION_TLS, "", 0);
	assert_has(run(&p, "user device list", "dave@a.example", NULL).records, "device=pc name= app-password= created=");
	assert_int_equal(run(&p, "user device revoke", "dave@a.example", "").rc, ERR_RANGE);
	assert_int_equal(run(&p, "user device revoke", "dave@a.example", "phone").rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "user device revoke", "dave@a.example", "pc").rc, 0);
	assert_true(with->is_closed);
	assert_false(other->is_closed);
	client_open(waits, "late", SESSION_TLS, "", 0);
	assert_int_equal(waits->answer, MSG_SESSION_REFUSED);
	assert_string_equal(run(&p, "user device list", "dave@a.example", NULL).records, "");
	play_close(&p);
}

/* What a token stems from takes it along. */
static void tokens_end_with_their_password(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	struct answer phone = run(&p, "user app-password add", "dave@a.example", "phone");
	(void)device_by(&p, made(&phone));
	assert_has(run(&p, "user device list", "dave@a.example", NULL).records, "app-password=phone");
	assert_int_equal(run(&p, "user app-password delete", "dave@a.example", "phone").rc, 0);
	assert_string_equal(run(&p, "user device list", "dave@a.example", NULL).records, "");
	(void)device_by(&p, "first");
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "second").rc, 0);
	assert_string_equal(run(&p, "user device list", "dave@a.example", NULL).records, "");
	play_close(&p);
}

static void labels_that_are_none(void **state)
{
	struct play p;
	char longest[66];

	(void)state;
	play_open(&p, SETTINGS);
	memset(longest, 'x', sizeof longest);
	longest[65] = '\0';
	assert_int_equal(run(&p, "user app-password add", "alice@a.example", longest).rc, ERR_RANGE);
	assert_int_equal(run(&p, "user app-password add", "alice@a.example", "").rc, ERR_RANGE);
	assert_int_equal(run(&p, "user app-password add", "alice@a.example", "a\nb").rc, ERR_RANGE);
	assert_int_equal(run(&p, "user app-password add", "alice@a.example", "a\xff").rc, ERR_RANGE);
	assert_int_equal(run(&p, "user app-password add", "alice@a.example", longest + 1).rc, 0);
	play_close(&p);
}

/* Only what was asked for before is forgotten: the account is there for messages at once. */
static void a_new_account_is_seen_at_once(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	(void)client_got(alice);
	client_send(alice, "<message id='1' type='chat' to='dave@a.example'><body>x</body></message>");
	assert_has(client_got(alice), "<service-unavailable");
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	client_send(alice, "<message id='2' type='chat' to='dave@a.example'><body>x</body></message>");
	assert_string_equal(client_got(alice), "");
	assert_int_equal(play_store_offline(&p.store, "dave@a.example"), 1);
	play_close(&p);
}

static void a_deleted_user_leaves(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	struct client *alice = client_online(&p, "alice", "desk", 0);
	struct client *bob = client_online(&p, "bob", "b", 0);
	client_send(alice, "<presence type='subscribe' to='bob@a.example'/>");
	client_send(bob, "<presence type='subscribed' to='alice@a.example'/>");
	struct client *half = client_auth(&p, "bob"); /* between login and session */
	(void)client_got(alice);
	assert_int_equal(run(&p, "user delete", "bob@a.example", NULL).rc, 0);
	assert_true(bob->is_closed);
	assert_string_equal(bob->condition, "not-authorized");
	assert_has(client_got(alice), "type='unavailable' from='bob@a.example/b'");
	client_open(half, "x", 0, "", 0);
	assert_int_equal(half->answer, MSG_SESSION_REFUSED);
	client_send(alice, "<message id='1' type='chat' to='bob@a.example'><body>x</body></message>");
	assert_has(client_got(alice), "<service-unavailable");
	play_close(&p);
}

static void what_is_no_account_is_refused(void **state)
{
	static const struct {
		const char *jid, *password, *why;
	} rows[] = {
		{ "dave@a.example", NULL, "too few" },
		{ "dave", "x", "name@domain" },
		{ "dave@a.example/r", "x", "name@domain" },
		{ "@", "x", "name@domain" },
		{ "dave@b.example", "x", "does not live here" },
		{ "dave@a.example", "", "cannot be used" },
		{ "dave@a.example", "\x01", "cannot be used" },
	};
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct answer a = run(&p, "user add", rows[i].jid, rows[i].password);
		assert_int_not_equal(a.rc, 0);
		assert_has(a.text, rows[i].why);
	}
	assert_int_equal(p.store.n_asked[STORE_ACCOUNT_PUT], 0);
	play_close(&p);
}

/* RFC 5803: a verifier from elsewhere, the password unknown. */
static void verifiers_are_imported(void **state)
{
	struct scram_verifier v;
	struct buf b;
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(scram_make_verifier(SCRAM_SHA256, BYTES("moved"), BYTES("some salt"), 4096, &v), 0);
	buf_init(&b, 1024);
	buf_put_str(&b, "SCRAM-SHA-256$4096:");
	text_base64(bytes_make(v.salt, v.salt_n), &b);
	buf_put_str(&b, "$");
	text_base64(bytes_make(v.stored_key, 32), &b);
	buf_put_str(&b, ":");
	text_base64(bytes_make(v.server_key, 32), &b);
	assert_int_equal(run(&p, "user import", "dave@a.example", buf_cstr(&b)).rc, 0);
	buf_fini(&b);
	assert_true(can_log_in(&p, "dave", "moved"));
	assert_false(can_log_in(&p, "dave", "guess"));
	static const char *const bad[] = { "MD5$1:a$b:c", "SCRAM-SHA-256$4096:a", "SCRAM-SHA-256$0:c2FsdA==$c2FsdA==:c2FsdA==", "" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_not_equal(run(&p, "user import", "erin@a.example", bad[i]).rc, 0);
	play_close(&p);
}

static void sessions_are_shown_and_closed(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	struct client *desk = client_online(&p, "alice", "desk", 3);
	struct client *phone = client_login(&p, "alice", "phone");
	(void)client_login(&p, "bob", "b");
	client_enable_sm(phone, true, 60);
	client_lose(phone);
	struct answer a = run(&p, "show sessions", "alice@a.example", NULL);
	assert_has(a.records, "session=alice@a.example/desk state=attached presence=available priority=3 management=off");
	assert_has(a.records, "session=alice@a.example/phone state=lost presence=unavailable priority=0 management=resumable");
	assert_lacks(a.records, "bob");
	assert_has(run(&p, "show sessions", NULL, NULL).records, "bob@a.example/b");
	assert_has(run(&p, "show users", NULL, NULL).records, "user=alice@a.example created=1970-01-01T00:00:00Z sessions=2");
	assert_int_equal(run(&p, "session close", "alice@a.example/desk", NULL).rc, 0);
	assert_true(desk->is_closed);
	assert_string_equal(desk->condition, "policy-violation");
	assert_int_equal(run(&p, "session close", "alice@a.example/phone", NULL).rc, 0); /* a lost one, too */
	assert_int_equal(p.im.resumable.count, 0);
	assert_int_equal(run(&p, "session close", "alice@a.example/desk", NULL).rc, ERR_NOT_FOUND);
	assert_int_equal(run(&p, "session close", "nonsense", NULL).rc, ERR_NOT_FOUND);
	play_close(&p);
}

static void an_unwell_store_is_reported(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	p.store.sick_ops = 1u << STORE_ACCOUNT_PUT;
	struct answer a = run(&p, "user add", "dave@a.example", "x");
	assert_int_equal(a.rc, ERR_IO);
	assert_string_equal(a.text, err_text(ERR_IO));
	play_close(&p);
}

/* A password is good for SIP clients too; MD5 only while the setting is on; an imported account has none. */
static void passwords_make_digests(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, SETTINGS);
	assert_int_equal(run(&p, "user add", "dave@a.example", "first").rc, 0);
	assert_true(can_register(&p, "dave", "first", DIGEST_SHA256));
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "second").rc, 0);
	assert_false(can_register(&p, "dave", "first", DIGEST_SHA256));
	assert_true(can_register(&p, "dave", "second", DIGEST_SHA256));
	p.im.config.has_digest_md5 = true;
	assert_false(can_register(&p, "dave", "second", DIGEST_MD5));
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "third").rc, 0);
	assert_true(can_register(&p, "dave", "third", DIGEST_MD5));
	p.im.config.has_digest_md5 = false;
	assert_int_equal(run(&p, "user passwd", "dave@a.example", "third").rc, 0);
	p.im.config.has_digest_md5 = true;
	assert_false(can_register(&p, "dave", "third", DIGEST_MD5)); /* the old one has gone */
	play_close(&p);
}

/* A-09: each input, and what it comes to. */
static void presence_is_composed(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	assert_int_equal(run(&p, "show presence", "erin@a.example", NULL).rc, ERR_NOT_FOUND);
	assert_string_equal(run(&p, "show presence", "alice@a.example", NULL).records,
			    "what=composed resource= presence=offline by=nobody priority=0 idle=no since= \n");
	struct client *desk = client_online(&p, "alice", "desk", 5);
	struct client *pocket = client_online(&p, "alice", "pocket", 0);
	client_send(desk, "<presence><show>away</show><priority>5</priority><idle xmlns='urn:xmpp:idle:1' since='2026-01-01T00:00:00Z'/></presence>");
	struct answer a = run(&p, "show presence", "alice@a.example", NULL);
	assert_has(a.records, "what=composed resource=pocket presence=available by=device priority=0 idle=no since=");
	assert_has(a.records, "what=device resource=desk presence=away by= priority=5 idle=yes since=");
	assert_has(a.records, "what=device resource=pocket presence=available by= priority=0 idle=no since=");
	/* the telephone, by negative priority */
	struct client *phone = client_phone(&p, "alice@a.example");
	client_send(phone, "<presence><show>dnd</show><priority>-1</priority></presence>");
	a = run(&p, "show presence", "alice@a.example", NULL);
	assert_has(a.records, "what=composed resource=phone presence=dnd by=phone");
	assert_has(a.records, "what=phone resource=phone presence=dnd");
	/* A-09.02: what she says herself comes before it; A-09.03: until that device has gone */
	client_send(desk, "<presence><show>chat</show></presence>");
	assert_has(run(&p, "show presence", "alice@a.example", NULL).records, "what=composed resource=desk presence=chat by=manual");
	client_leave(desk);
	assert_has(run(&p, "show presence", "alice@a.example", NULL).records, "what=composed resource=phone presence=dnd by=phone");
	client_leave(phone);
	client_send(pocket, "<presence><show>xa</show><query xmlns='jabber:iq:last' seconds='900'/></presence>"); /* XEP-0256 */
	assert_has(run(&p, "show presence", "alice@a.example", NULL).records, "what=composed resource=pocket presence=xa by=device priority=0 idle=yes");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presence_is_composed),
		cmocka_unit_test(passwords_make_digests),
		cmocka_unit_test(one_application_password_is_revoked),
		cmocka_unit_test(a_new_password_takes_them_along),
		cmocka_unit_test(a_resumed_session_goes_with_its_new_login),
		cmocka_unit_test(a_device_is_revoked),
		cmocka_unit_test(tokens_end_with_their_password),
		cmocka_unit_test(labels_that_are_none),
		cmocka_unit_test(accounts_come_change_and_go),
		cmocka_unit_test(policies_are_set_and_shown),
		cmocka_unit_test(a_new_account_is_seen_at_once),
		cmocka_unit_test(a_deleted_user_leaves),
		cmocka_unit_test(what_is_no_account_is_refused),
		cmocka_unit_test(verifiers_are_imported),
		cmocka_unit_test(sessions_are_shown_and_closed),
		cmocka_unit_test(an_unwell_store_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
