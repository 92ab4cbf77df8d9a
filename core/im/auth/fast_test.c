/* Plays: logins by token (XEP-0484), how tokens follow each other, and all the ways in which they end. */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "proto/hashed_token.h"
#include "run/session.h"

enum { DAY_MS = 24 * 3600 * 1000 };
#define NONE "HT-SHA-256-NONE"
#define EXPR "HT-SHA-256-EXPR"
#define FLAGS (AUTH_HAS_INITIAL | AUTH_TLS | AUTH_SASL2)

/* By password, asking for a token. */
static struct client *ask_token(struct play *p, const char *password, const char *client, const char *wanted, uint8_t flags)
{
	struct client *c = client_new(p);
	char plain[160];
	int n = snprintf(plain, sizeof plain, "%calice%c%s", 0, 0, password);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = flags, .initial = bytes_make(plain, (size_t)n),
						 .client = client, .device = "Testclient", .wanted = wanted });
	return c;
}

struct by_token {
	const char *token, *client, *mechanism, *user, *cb_type, *wanted;
	uint8_t more; /* flags */
	uint64_t count;
};

static struct client *by_token(struct play *p, struct by_token t)
{
	struct client *c = client_new(p);
	const char *user = t.user ? t.user : "alice";
	uint8_t in[64 + HASHED_TOKEN_BYTES];
	size_t n = strlen(user) + 1;

	memcpy(in, user, n);
	assert_int_equal(hashed_token_make(bytes_of(t.token), HASHED_TOKEN_INITIATOR, t.cb_type ? BYTES("the binding") : BYTES_NONE, in + n), 0);
	client_auth_start(c, &(struct auth_try){ .mechanism = t.mechanism ? t.mechanism : NONE, .flags = (uint8_t)(FLAGS | AUTH_FAST | t.more),
						 .initial = bytes_make(in, n + HASHED_TOKEN_BYTES), .client = t.client ? t.client : "pc",
						 .cb_type = t.cb_type, .cb_data = BYTES("the binding"), .wanted = t.wanted,
						 .count = t.count });
	return c;
}

static void assert_failed(const struct client *c, const char *condition)
{
	assert_int_equal(c->answer, MSG_AUTH_FAILED);
	assert_string_equal(c->condition, condition);
}

/* A token of alice's "pc". */
static struct client *first_token(struct play *p)
{
	struct client *c = ask_token(p, PLAY_PASSWORD, "pc", NONE, FLAGS);

	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_int_equal(strncmp(c->token, "secret-token:fast-", 18), 0);
	return c;
}

static void test_login(void **state)
{
	struct play p;
	uint8_t answer[HASHED_TOKEN_BYTES];

	(void)state;
	play_open(&p, "");
	const struct client *first = first_token(&p);
	assert_int_equal(first->expires_ms, loop_wall_ms(p.loop) + 30ull * DAY_MS);
	struct client *c = by_token(&p, (struct by_token){ .token = first->token });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_string_equal(c->bare, "alice@a.example");
	assert_string_equal(c->token, ""); /* too young for a new one */
	assert_int_equal(hashed_token_make(bytes_of(first->token), HASHED_TOKEN_RESPONDER, BYTES_NONE, answer), 0);
	assert_memory_equal(c->challenge, answer, strnlen((char *)answer, sizeof answer));
	client_open(c, "r", 0, "", 0);
	assert_int_equal(c->answer, MSG_SESSION_OPENED);
	play_close(&p);
}

/* Good for nobody, nothing and nowhere else. */
static void test_bound(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = first_token(&p)->token;
	assert_failed(by_token(&p, (struct by_token){ .token = token, .client = "other" }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token, .user = "bob" }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token, .user = "nobody" }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = "secret-token:fast-x" }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token, .mechanism = EXPR, .cb_type = "tls-exporter" }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token, .mechanism = "HT-SHA-512-NONE" }), "invalid-mechanism");
	assert_int_equal(by_token(&p, (struct by_token){ .token = token })->answer, MSG_AUTH_OK);
	play_close(&p);
}

static void test_channel_binding(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = ask_token(&p, PLAY_PASSWORD, "pc", EXPR, FLAGS)->token;
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "not-authorized"); /* downgraded */
	assert_failed(by_token(&p, (struct by_token){ .token = token, .mechanism = EXPR }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token, .mechanism = EXPR, .cb_type = "tls-unique" }), "not-authorized");
	assert_int_equal(by_token(&p, (struct by_token){ .token = token, .mechanism = EXPR, .cb_type = "tls-exporter" })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* No token without TLS, SASL2, an id, a mechanism that is known, or the setting. */
static void test_refused_wishes(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "pc", NULL, FLAGS)->token, "");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "", NONE, FLAGS)->token, "");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "a\nb", NONE, FLAGS)->token, "");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "pc", "HT-SHA-256-X", FLAGS)->token, "");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "pc", NONE, AUTH_HAS_INITIAL | AUTH_TLS)->token, "");
	assert_failed(ask_token(&p, "wrong", "pc", NONE, FLAGS), "not-authorized");
	play_close(&p);
	play_open(&p, "im fast-token-life = 0\n");
	assert_string_equal(ask_token(&p, PLAY_PASSWORD, "pc", NONE, FLAGS)->token, "");
	assert_failed(by_token(&p, (struct by_token){ .token = "secret-token:fast-x" }), "invalid-mechanism");
	play_close(&p);
}

static void test_expiry(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im fast-token-life = 3\n");
	const char *token = first_token(&p)->token;
	play_wait(&p, 3ull * DAY_MS - 1000);
	struct client *c = by_token(&p, (struct by_token){ .token = token });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_int_not_equal(strcmp(c->token, token), 0); /* its successor */
	play_wait(&p, 2000);
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "credentials-expired");
	assert_failed(by_token(&p, (struct by_token){ .token = "wrong" }), "not-authorized");
	assert_int_equal(by_token(&p, (struct by_token){ .token = c->token })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* The old one is good until the new one is used, whether the client got it or not. */
static void test_rotation(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *old = first_token(&p)->token;
	const char *lost = by_token(&p, (struct by_token){ .token = old, .wanted = NONE })->token;
	assert_int_not_equal(lost[0], 0);
	im_restart(&p);
	struct client *c = by_token(&p, (struct by_token){ .token = old, .wanted = NONE });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	const char *next = c->token;
	im_restart(&p);
	assert_int_equal(by_token(&p, (struct by_token){ .token = next })->answer, MSG_AUTH_OK);
	assert_failed(by_token(&p, (struct by_token){ .token = old }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = lost }), "not-authorized");
	assert_int_equal(by_token(&p, (struct by_token){ .token = next })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* gh-im dies while gh-store still writes the successor: neither token is lost to the client. */
static void test_death_between(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *old = first_token(&p)->token;
	p.store.is_slow = true;
	struct client *c = by_token(&p, (struct by_token){ .token = old, .wanted = NONE });
	assert_int_equal(c->answer, 0); /* nothing is said before it is written */
	play_store_sync(&p.store); /* the use */
	play_run(&p);
	assert_int_equal(c->answer, 0); /* and now the new one waits */
	im_restart(&p);
	p.store.is_slow = false;
	play_store_sync(&p.store);
	assert_int_equal(by_token(&p, (struct by_token){ .token = old })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* A store that is unwell: no token that is not kept is given out, and none is refused for good. */
static void test_sick_store(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = first_token(&p)->token;
	p.store.sick_ops = 1u << STORE_FAST_PUT;
	struct client *c = ask_token(&p, PLAY_PASSWORD, "pc", NONE, FLAGS);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_string_equal(c->token, "");
	p.store.sick_ops = 1u << STORE_FAST_USE;
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "temporary-auth-failure");
	p.store.sick_ops = 1u << STORE_FAST_DEL;
	assert_failed(by_token(&p, (struct by_token){ .token = token, .more = AUTH_FAST_INVALIDATE }), "temporary-auth-failure");
	p.store.sick_ops = 1u << STORE_FAST_GET;
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "temporary-auth-failure");
	p.store.sick_ops = 0;
	assert_int_equal(by_token(&p, (struct by_token){ .token = token })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* A gh-im that has just begun and does not know the box's secret says nothing about a token. */
static void test_before_the_secret(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = first_token(&p)->token;
	p.store.slow_ops = 1u << STORE_SECRET;
	im_restart(&p);
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "temporary-auth-failure");
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(by_token(&p, (struct by_token){ .token = token })->answer, MSG_AUTH_OK);
	play_close(&p);
}

static void test_invalidate(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = first_token(&p)->token;
	struct client *c = by_token(&p, (struct by_token){ .token = token, .more = AUTH_FAST_INVALIDATE, .wanted = NONE });
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_string_equal(c->token, "");
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "not-authorized");
	play_close(&p);
}

static void test_count(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	const char *token = first_token(&p)->token;
	assert_int_equal(by_token(&p, (struct by_token){ .token = token, .count = 5 })->answer, MSG_AUTH_OK);
	assert_failed(by_token(&p, (struct by_token){ .token = token, .count = 5 }), "not-authorized");
	assert_failed(by_token(&p, (struct by_token){ .token = token }), "not-authorized");
	assert_int_equal(by_token(&p, (struct by_token){ .token = token, .count = 6 })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* A token is as good as the password that it stems from, from outside too. */
static void test_outside(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im login-outside = app-password\n");
	play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
	const char *main = first_token(&p)->token;
	const char *app = ask_token(&p, "of the phone", "phone", NONE, FLAGS)->token;
	assert_failed(by_token(&p, (struct by_token){ .token = main, .more = AUTH_OUTSIDE }), "not-authorized");
	assert_int_equal(by_token(&p, (struct by_token){ .token = main })->answer, MSG_AUTH_OK);
	const char *next = by_token(&p, (struct by_token){ .token = main, .wanted = NONE })->token;
	assert_failed(by_token(&p, (struct by_token){ .token = next, .more = AUTH_OUTSIDE }), "not-authorized"); /* inherited */
	assert_int_equal(by_token(&p, (struct by_token){ .token = app, .client = "phone", .more = AUTH_OUTSIDE })->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* a domain may give none to clients outside, and take none. */
static void test_none_outside(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im authorise a.example fast-token = off\n");
	const char *token = first_token(&p)->token;
	assert_int_equal(by_token(&p, (struct by_token){ .token = token })->answer, MSG_AUTH_OK);
	assert_failed(by_token(&p, (struct by_token){ .token = token, .more = AUTH_OUTSIDE }), "invalid-mechanism");
	struct client *c = ask_token(&p, PLAY_PASSWORD, "phone", NONE, FLAGS | AUTH_OUTSIDE);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_string_equal(c->token, "");
	play_close(&p);
}

/* The same malformed or unfinished as by the other mechanisms. */
static void test_messages(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *c = client_new(&p);
	struct auth_try t = { .mechanism = NONE, .flags = FLAGS | AUTH_FAST, .client = "pc", .initial = BYTES("alice") };
	client_auth_start(c, &t);
	assert_failed(c, "malformed-request");
	t.flags = AUTH_TLS | AUTH_SASL2 | AUTH_FAST;
	client_auth_start(c, &t);
	assert_int_equal(c->answer, MSG_AUTH_CHALLENGE);
	assert_string_equal(c->challenge, "");
	client_auth_response(c, BYTES("alice\0""0123456789abcdef0123456789abcdef"));
	assert_failed(c, "not-authorized");
	t.flags = FLAGS; /* not as one of FAST */
	client_auth_start(c, &t);
	assert_failed(c, "invalid-mechanism");
	t.flags = AUTH_HAS_INITIAL | AUTH_SASL2 | AUTH_FAST;
	client_auth_start(c, &t);
	assert_failed(c, "invalid-mechanism");
	t.flags = FLAGS | AUTH_FAST;
	t.client = "";
	client_auth_start(c, &t);
	assert_failed(c, "invalid-mechanism");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_channel_binding),
		cmocka_unit_test(test_refused_wishes),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_death_between),
		cmocka_unit_test(test_sick_store),
		cmocka_unit_test(test_before_the_secret),
		cmocka_unit_test(test_invalidate),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_none_outside),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
