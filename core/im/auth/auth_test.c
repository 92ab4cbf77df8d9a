/* Plays: logins by each mechanism, and all the ways in which they fail (RFC 5802, 7677, 4616, 6120 6). */
#include "play/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/scram.h"
#include "run/session.h"

/* ---- a client's half of SCRAM ---- */

struct scram {
	const char *mechanism, *gs2, *user, *password;
	const char *offered;  /* type of channel binding that our side offers; NULL: none */
	struct bytes cb_data; /* what the client believes */
	char server_first[512], final[512], expected[160];
};

static const EVP_MD *md_of(const char *mechanism)
{
	return strncmp(mechanism, "SCRAM-SHA-256", 13) ? EVP_sha1() : EVP_sha256();
}

static void hmac(const EVP_MD *md, const uint8_t *key, struct bytes in, uint8_t *out)
{
	unsigned n;

	assert_non_null(HMAC(md, key, EVP_MD_size(md), in.p, in.n, out, &n));
}

static void base64(struct bytes in, char *out, size_t room)
{
	struct buf b;

	buf_init(&b, 1024);
	text_base64(in, &b);
	(void)snprintf(out, room, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static void start(struct client *c, const struct scram *s)
{
	char first[256];
	int n = snprintf(first, sizeof first, "%sn=%s,r=clientnonce", s->gs2, s->user);

	client_auth_start(c, &(struct auth_try){ .mechanism = s->mechanism, .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .cb_type = s->offered, .cb_data = BYTES("the binding"),
						 .initial = bytes_make(first, (size_t)n) });
}

/* The value of one letter in a server-first-message. */
static void field(const char *message, char letter, char *out, size_t room)
{
	const char key[] = { ',', letter, '=', '\0' };
	const char *at = *message == letter ? message - 1 : strstr(message, key);

	assert_non_null(at);
	(void)snprintf(out, room, "%.*s", (int)strcspn(at + 3, ","), at + 3);
}

static void salted_password(const struct scram *s, uint8_t *out)
{
	const EVP_MD *md = md_of(s->mechanism);
	char salt64[128], rounds[16];
	struct buf salt;

	field(s->server_first, 's', salt64, sizeof salt64);
	field(s->server_first, 'i', rounds, sizeof rounds);
	buf_init(&salt, 128);
	assert_int_equal(text_unbase64(bytes_of(salt64), &salt), 0);
	assert_int_equal(PKCS5_PBKDF2_HMAC(s->password, (int)strlen(s->password), buf_bytes(&salt).p, (int)buf_len(&salt),
					   atoi(rounds), md, EVP_MD_size(md), out), 1);
	buf_fini(&salt);
}

/* client-final-message to s->final, the server's expected signature to s->expected. */
static void prove(struct scram *s)
{
	const EVP_MD *md = md_of(s->mechanism);
	uint8_t salted[64], key[64], stored[64], proof[64], server[64];
	char header[128], c64[256], nonce[128], bare[256], message[2048], p64[128];
	size_t header_n = (size_t)snprintf(header, sizeof header, "%s%.*s", s->gs2, BYTES_FMT(s->cb_data));
	unsigned n;

	salted_password(s, salted);
	field(s->server_first, 'r', nonce, sizeof nonce);
	base64(bytes_make(header, header_n), c64, sizeof c64);
	(void)snprintf(bare, sizeof bare, "n=%s,r=clientnonce", s->user);
	int without_n = snprintf(s->final, sizeof s->final, "c=%s,r=%s", c64, nonce);
	int message_n = snprintf(message, sizeof message, "%s,%s,%s", bare, s->server_first, s->final);
	hmac(md, salted, BYTES("Client Key"), key);
	assert_int_equal(EVP_Digest(key, (size_t)EVP_MD_size(md), stored, &n, md, NULL), 1);
	hmac(md, stored, bytes_make(message, (size_t)message_n), proof);
	for (int i = 0; i < EVP_MD_size(md); i++)
		proof[i] ^= key[i];
	base64(bytes_make(proof, (size_t)EVP_MD_size(md)), p64, sizeof p64);
	(void)snprintf(s->final + without_n, sizeof s->final - (size_t)without_n, ",p=%s", p64);
	hmac(md, salted, BYTES("Server Key"), key);
	hmac(md, key, bytes_make(message, (size_t)message_n), server);
	base64(bytes_make(server, (size_t)EVP_MD_size(md)), p64, sizeof p64);
	(void)snprintf(s->expected, sizeof s->expected, "v=%s", p64);
}

/* As far as it goes; the answer is in c. */
static struct client *scram(struct play *p, struct scram s)
{
	struct client *c = client_new(p);

	start(c, &s);
	if (c->answer != MSG_AUTH_CHALLENGE)
		return c;
	(void)snprintf(s.server_first, sizeof s.server_first, "%s", c->challenge);
	prove(&s);
	client_auth_response(c, bytes_of(s.final));
	if (c->answer == MSG_AUTH_OK)
		assert_string_equal(c->challenge, s.expected);
	return c;
}

static void assert_failed(const struct client *c, const char *condition)
{
	assert_int_equal(c->answer, MSG_AUTH_FAILED);
	assert_string_equal(c->condition, condition);
}

static const char *const names[] = { "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS" };

static struct scram by(int mechanism, const char *user, const char *password)
{
	bool is_plus = mechanism >= 2;

	return (struct scram){ .mechanism = names[mechanism], .user = user, .password = password,
			       .gs2 = is_plus ? "p=tls-exporter,," : "n,,", .offered = "tls-exporter",
			       .cb_data = is_plus ? BYTES("the binding") : BYTES_NONE };
}

static struct client *plain(struct play *p, struct bytes message, uint8_t flags)
{
	struct client *c = client_new(p);

	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = flags | AUTH_HAS_INITIAL, .initial = message });
	return c;
}

/* ---- the tests ---- */

static void each_mechanism(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	for (int m = 0; m < 4; m++) {
		struct client *c = scram(&p, by(m, "alice", PLAY_PASSWORD));
		assert_int_equal(c->answer, MSG_AUTH_OK);
		assert_string_equal(c->bare, "alice@a.example");
	}
	assert_int_equal(plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS)->answer, MSG_AUTH_OK);
	/* names are prepared (RFC 8265), with or without authzid of oneself */
	assert_string_equal(plain(&p, BYTES("Alice@a.example\0ALICE\0open sesame"), AUTH_TLS)->bare, "alice@a.example");
	struct scram self = by(1, "alice", PLAY_PASSWORD);
	self.gs2 = "n,a=alice@a.example,";
	assert_int_equal(scram(&p, self)->answer, MSG_AUTH_OK);
	assert_int_equal(im_stats[STAT_AUTH_FAILED], 0);
	play_close(&p);
}

/* The challenge is the same whichever password the client has; each fits, and no other's. */
static void application_passwords(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	play_store_app(&p.store, "alice@a.example", "laptop", "of the laptop");
	play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
	play_store_app(&p.store, "bob@a.example", "phone", "of bob");
	for (int m = 0; m < 4; m++) {
		assert_int_equal(scram(&p, by(m, "alice", PLAY_PASSWORD))->answer, MSG_AUTH_OK);
		assert_int_equal(scram(&p, by(m, "alice", "of the laptop"))->answer, MSG_AUTH_OK);
		assert_int_equal(scram(&p, by(m, "alice", "of the phone"))->answer, MSG_AUTH_OK);
		assert_failed(scram(&p, by(m, "alice", "of bob")), "not-authorized");
	}
	assert_int_equal(plain(&p, BYTES("\0alice\0of the phone"), AUTH_TLS)->answer, MSG_AUTH_OK);
	assert_failed(plain(&p, BYTES("\0alice\0of bob"), AUTH_TLS), "not-authorized");
	assert_int_equal(im_stats[STAT_AUTH_FAILED], 5);
	play_close(&p);
}

/* Of another server, which kept SHA-1 alone: the password in full makes what is missing, and a proof cannot. */
static void an_account_of_sha1_alone(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	play_store_forget_hash(&p.store, "alice@a.example", SCRAM_SHA256);
	assert_failed(scram(&p, by(1, "alice", PLAY_PASSWORD)), "not-authorized");
	assert_int_equal(scram(&p, by(0, "alice", PLAY_PASSWORD))->answer, MSG_AUTH_OK);
	assert_failed(plain(&p, BYTES("\0alice\0another"), AUTH_TLS), "not-authorized");
	assert_failed(scram(&p, by(1, "alice", PLAY_PASSWORD)), "not-authorized");
	assert_int_equal(plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS)->answer, MSG_AUTH_OK);
	for (int m = 0; m < 4; m++)
		assert_int_equal(scram(&p, by(m, "alice", PLAY_PASSWORD))->answer, MSG_AUTH_OK);
	assert_int_equal(plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS)->answer, MSG_AUTH_OK);
	assert_failed(plain(&p, BYTES("\0alice\0another"), AUTH_TLS), "not-authorized");
	play_close(&p);
}

static void only_application_passwords_outside(void **state)
{
	const struct bytes own = BYTES("\0alice\0open sesame"), phone = BYTES("\0alice\0of the phone");
	const uint8_t outside = AUTH_TLS | AUTH_OUTSIDE;
	struct play p;

	(void)state;
	play_open(&p, "im login-outside = app-password\n");
	play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
	assert_int_equal(plain(&p, own, AUTH_TLS)->answer, MSG_AUTH_OK);
	assert_int_equal(plain(&p, phone, AUTH_TLS)->answer, MSG_AUTH_OK);
	assert_int_equal(plain(&p, phone, outside)->answer, MSG_AUTH_OK);
	assert_failed(plain(&p, own, outside), "not-authorized");
	play_close(&p);
	play_open(&p, "");
	assert_int_equal(plain(&p, own, outside)->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* M-07, A-26.04, A-26.05: row by row and domain by domain; im login-outside is for domains without a row. */
static void policy_by_domain(void **state)
{
	static const struct {
		const char *settings;
		bool own, app;
	} rows[] = {
		{ "", true, true },
		{ "im login-outside = app-password\n", false, true },
		{ "im authorise a.example user-credentials = off\n", false, true },
		{ "im authorise a.example app-password = off\n", true, false },
		{ "im login-outside = app-password\nim authorise a.example user-credentials = on\n", true, true },
		{ "im authorise other.example user-credentials = off\nim authorise other.example app-password = off\n", true, true },
	};
	const struct bytes own = BYTES("\0alice\0open sesame"), phone = BYTES("\0alice\0of the phone");
	const uint8_t outside = AUTH_TLS | AUTH_OUTSIDE;
	struct play p;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		play_open(&p, rows[i].settings);
		play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
		assert_int_equal(plain(&p, own, outside)->answer, rows[i].own ? MSG_AUTH_OK : MSG_AUTH_FAILED);
		assert_int_equal(plain(&p, phone, outside)->answer, rows[i].app ? MSG_AUTH_OK : MSG_AUTH_FAILED);
		assert_int_equal(plain(&p, own, AUTH_TLS)->answer, MSG_AUTH_OK);
		assert_int_equal(plain(&p, phone, AUTH_TLS)->answer, MSG_AUTH_OK);
		play_close(&p);
	}
}

/* gh-store dies between its answers: what it says again counts once. */
static void application_passwords_of_a_store_that_dies(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	play_store_app(&p.store, "alice@a.example", "phone", "of the phone");
	p.store.slow_ops = 1u << STORE_AUTH_GET;
	struct client *c = plain(&p, BYTES("\0alice\0of the phone"), AUTH_TLS);
	store_leave(&p);
	p.store.slow_ops = 0;
	store_join(&p);
	play_run(&p);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	play_close(&p);
}

static void without_an_initial_response(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *c = client_new(&p);
	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_TLS });
	assert_int_equal(c->answer, MSG_AUTH_CHALLENGE);
	assert_string_equal(c->challenge, "");
	client_auth_response(c, BYTES("\0alice\0open sesame"));
	assert_int_equal(c->answer, MSG_AUTH_OK);
	play_close(&p);
}

static void a_wrong_password(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	for (int m = 0; m < 4; m++)
		assert_failed(scram(&p, by(m, "alice", "guess")), "not-authorized");
	assert_failed(plain(&p, BYTES("\0alice\0guess"), AUTH_TLS), "not-authorized");
	/* another's password does not do */
	play_store_account(&p.store, "eve@a.example", "hers");
	assert_failed(plain(&p, BYTES("\0alice\0hers"), AUTH_TLS), "not-authorized");
	assert_int_equal(p.im.logins.count, 0);
	play_close(&p);
}

/* What the client of an unknown or a known name sees: the challenge without the nonce. */
static void look_at(struct play *p, int mechanism, const char *user, char out[128])
{
	const struct scram s = by(mechanism, user, "guess");
	struct client *c = client_new(p);
	char salt[100], rounds[16];

	start(c, &s);
	assert_int_equal(c->answer, MSG_AUTH_CHALLENGE);
	field(c->challenge, 's', salt, sizeof salt);
	field(c->challenge, 'i', rounds, sizeof rounds);
	(void)snprintf(out, 128, "%s %s", salt, rounds);
	p->n_clients--; /* the place is free again */
	buf_fini(&c->got);
}

/* RFC 5802 9: who does not exist cannot be told from who mistyped. */
static void a_user_who_does_not_exist(void **state)
{
	struct play p;
	char one[128], again[128], other[128], other_hash[128];

	(void)state;
	play_open(&p, "im scram-iterations = 4096\n");
	for (int m = 0; m < 2; m++) {
		look_at(&p, m, "dave", one);
		look_at(&p, m, "dave", again);
		look_at(&p, m, "DAVE", other); /* the same name */
		assert_string_equal(one, again);
		assert_string_equal(one, other);
		assert_has(one, " 4096");
		look_at(&p, m, "erin", other);
		assert_string_not_equal(one, other);
		look_at(&p, 1 - m, "dave", other_hash); /* a real account has a salt for each */
		assert_string_not_equal(one, other_hash);
		/* as long as a real one */
		look_at(&p, m, "alice", again);
		assert_int_equal(strcspn(one, " "), strcspn(again, " "));
	}
	/* the same steps, the same end */
	for (int m = 0; m < 4; m++)
		assert_failed(scram(&p, by(m, "dave", "guess")), "not-authorized");
	assert_failed(plain(&p, BYTES("\0dave\0guess"), AUTH_TLS), "not-authorized");
	/* and after a restart */
	look_at(&p, 1, "dave", one);
	im_restart(&p);
	look_at(&p, 1, "dave", again);
	assert_string_equal(one, again);
	play_close(&p);
}

/* RFC 5802 6, RFC 9266: nobody in between may take the channel binding away. */
static void channel_binding(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	struct scram s = by(1, "alice", PLAY_PASSWORD);
	s.gs2 = "y,,"; /* the client can, and believes that we cannot */
	assert_failed(scram(&p, s), "not-authorized");
	s.offered = NULL; /* we really cannot */
	assert_int_equal(scram(&p, s)->answer, MSG_AUTH_OK);
	s = by(3, "alice", PLAY_PASSWORD);
	s.cb_data = BYTES("another channel");
	assert_failed(scram(&p, s), "not-authorized");
	s = by(3, "alice", PLAY_PASSWORD);
	s.gs2 = "p=tls-unique,,"; /* not what the channel has */
	assert_failed(scram(&p, s), "not-authorized");
	s = by(3, "alice", PLAY_PASSWORD);
	s.gs2 = "n,,"; /* -PLUS without */
	assert_failed(scram(&p, s), "not-authorized");
	s = by(1, "alice", PLAY_PASSWORD);
	s.gs2 = "p=tls-exporter,,"; /* with, but not -PLUS */
	assert_failed(scram(&p, s), "not-authorized");
	s = by(3, "alice", PLAY_PASSWORD);
	s.offered = NULL; /* -PLUS in clear */
	assert_failed(scram(&p, s), "not-authorized");
	play_close(&p);
}

static void an_unwell_store(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	p.store.sick_ops = 1u << STORE_AUTH_GET;
	assert_failed(scram(&p, by(1, "alice", PLAY_PASSWORD)), "temporary-auth-failure");
	assert_failed(plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS), "temporary-auth-failure");
	p.store.sick_ops = 0;
	assert_int_equal(scram(&p, by(1, "alice", PLAY_PASSWORD))->answer, MSG_AUTH_OK);
	/* it dies with the question, and is back in time */
	p.store.slow_ops = 1u << STORE_AUTH_GET;
	struct client *c = plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS);
	store_leave(&p);
	p.store.slow_ops = 0;
	assert_int_equal(c->answer, 0);
	store_join(&p);
	play_run(&p);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	play_close(&p);
}

static void who_gives_up_is_forgotten(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	p.store.slow_ops = 1u << STORE_AUTH_GET;
	struct client *c = plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS);
	struct buf *b = chan_begin(bus_chan(p.door, PROG_IM, 0), MSG_AUTH_ABORT, 0);
	wire_put_u64(b, c->conn);
	assert_int_equal(chan_end(bus_chan(p.door, PROG_IM, 0)), 0);
	play_run(&p);
	assert_int_equal(p.im.logins.count, 0);
	/* impatient: a message while we look it up */
	struct client *d = plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS);
	client_auth_response(d, BYTES("x"));
	assert_failed(d, "malformed-request");
	/* another try on the same stream takes the place of the first */
	struct client *e = plain(&p, BYTES("\0alice\0guess"), AUTH_TLS);
	client_auth_start(e, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_HAS_INITIAL | AUTH_TLS,
						 .initial = BYTES("\0alice\0open sesame") });
	play_store_sync(&p.store);
	play_run(&p);
	assert_int_equal(c->answer, 0);
	assert_int_equal(e->answer, MSG_AUTH_OK);
	/* a door that dies takes its logins along */
	assert_int_equal(p.im.logins.count, 1);
	door_leave(&p);
	assert_int_equal(p.im.logins.count, 0);
	door_join(&p);
	play_close(&p);
}

/* RFC 6120 6.5: each fault by its name. */
static void conditions(void **state)
{
	static const struct {
		struct bytes message;
		const char *condition;
	} rows[] = {
		{ { NULL, 0 }, "malformed-request" },
		{ { (const uint8_t *)"alice", 5 }, "malformed-request" },
		{ { (const uint8_t *)"\0alice\0", 7 }, "malformed-request" },
		{ { (const uint8_t *)"\0\0open sesame", 13 }, "malformed-request" },
		{ { (const uint8_t *)"\0alice\0open\0sesame", 18 }, "malformed-request" },
		{ { (const uint8_t *)"bob@a.example\0alice\0open sesame", 31 }, "invalid-authzid" },
		{ { (const uint8_t *)"\0al\x7f" "ice\0open sesame", 19 }, "not-authorized" },
		{ { (const uint8_t *)"\0alice\0\x01", 8 }, "not-authorized" },
	};
	struct play p;

	(void)state;
	play_open(&p, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_failed(plain(&p, rows[i].message, AUTH_TLS), rows[i].condition);
	assert_failed(plain(&p, BYTES("\0alice\0open sesame"), 0), "encryption-required");
	struct client *c = client_new(&p);
	client_auth_start(c, &(struct auth_try){ .mechanism = "DIGEST-MD5", .flags = AUTH_TLS });
	assert_failed(c, "invalid-mechanism");
	client_auth_start(c, &(struct auth_try){ .mechanism = "PLAIN", .flags = AUTH_TLS, .domain = "b.example" });
	assert_failed(c, "not-authorized");
	struct scram other = by(1, "alice", PLAY_PASSWORD);
	other.gs2 = "n,a=bob@a.example,";
	assert_failed(scram(&p, other), "invalid-authzid");
	client_auth_start(c, &(struct auth_try){ .mechanism = "SCRAM-SHA-1", .flags = AUTH_HAS_INITIAL,
						 .initial = BYTES("n,,m=ext,n=alice,r=x") });
	assert_failed(c, "malformed-request");
	assert_int_equal(p.im.logins.count, 0);
	play_close(&p);
}

static void a_proof_for_another_nonce(void **state)
{
	struct scram s = by(1, "alice", PLAY_PASSWORD);
	struct play p;

	(void)state;
	play_open(&p, "");
	struct client *c = client_new(&p);
	start(c, &s);
	(void)snprintf(s.server_first, sizeof s.server_first, "%s", c->challenge);
	prove(&s);
	start(c, &s); /* a new challenge: the old proof is a replay */
	client_auth_response(c, bytes_of(s.final));
	assert_failed(c, "not-authorized");
	play_close(&p);
}

static void plain_can_be_turned_off(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "im plain-login = off\n");
	assert_failed(plain(&p, BYTES("\0alice\0open sesame"), AUTH_TLS), "invalid-mechanism");
	assert_int_equal(scram(&p, by(1, "alice", PLAY_PASSWORD))->answer, MSG_AUTH_OK);
	play_close(&p);
}

/* A-14.11: an "@" in the name belongs to the name. */
static void names_with_an_at(void **state)
{
	struct play p;

	(void)state;
	play_open(&p, "");
	play_account(&p, "zoe\\40corp.example@a.example");
	struct client *c = plain(&p, BYTES("\0zoe@corp.example\0open sesame"), AUTH_TLS);
	assert_int_equal(c->answer, MSG_AUTH_OK);
	assert_string_equal(c->bare, "zoe\\40corp.example@a.example");
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mechanism),
		cmocka_unit_test(application_passwords),
		cmocka_unit_test(an_account_of_sha1_alone),
		cmocka_unit_test(only_application_passwords_outside),
		cmocka_unit_test(policy_by_domain),
		cmocka_unit_test(application_passwords_of_a_store_that_dies),
		cmocka_unit_test(without_an_initial_response),
		cmocka_unit_test(a_wrong_password),
		cmocka_unit_test(a_user_who_does_not_exist),
		cmocka_unit_test(channel_binding),
		cmocka_unit_test(an_unwell_store),
		cmocka_unit_test(who_gives_up_is_forgotten),
		cmocka_unit_test(conditions),
		cmocka_unit_test(a_proof_for_another_nonce),
		cmocka_unit_test(plain_can_be_turned_off),
		cmocka_unit_test(names_with_an_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
