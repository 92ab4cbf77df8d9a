/* Accounts as text, roles, passwords' quality, one-time codes, and how fast one may try. */
#include "account.h"
#include "accounts.h"
#include "base/err.h"
#include "base/log.h"
#include "quality.h"
#include "rights.h"
#include "lockout.h"
#include "summed.h"
#include "throttle.h"
#include "totp.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the file ---- */

static void fill(struct account *a, const char *name)
{
	*a = (struct account){ .role = OPER_CRYPTO, .created_s = 1, .changed_s = 2, .expiry_days = 30, .must_change = true, .failures = 7,
			       .login_s = 99, .totp = TOTP_ON, .totp_step = 5, .n_keys = 2, .n_old = 2 };
	snprintf(a->name, sizeof a->name, "%s", name);
	snprintf(a->login_from, sizeof a->login_from, "2001:db8::1");
	snprintf(a->keys[0], sizeof a->keys[0], "ssh-ed25519 AAAA a \"quoted\" comment");
	snprintf(a->keys[1], sizeof a->keys[1], "ssh-rsa BBBB");
	scrypt_fresh(&a->password);
	scrypt_fresh(&a->old[0]);
	scrypt_fresh(&a->old[1]);
	memset(a->totp_secret, 0x5a, sizeof a->totp_secret);
}

static void test_file_comes_back(void **state)
{
	struct account v[2], *w = calloc(ACCOUNTS_MAX, sizeof *w);
	struct buf text, again;
	unsigned line;
	size_t n;

	(void)state;
	fill(&v[0], "anna");
	fill(&v[1], "b.2-x_y");
	v[1].totp = TOTP_OFF;
	v[1].expiry_days = ACCOUNT_EXPIRY_DEFAULT;
	buf_init(&text, ACCOUNT_TEXT_MAX);
	buf_init(&again, ACCOUNT_TEXT_MAX);
	account_file_put(v, 2, &text);
	assert_int_equal(account_file_read(buf_bytes(&text), w, &n, &line), 0);
	assert_int_equal(n, 2);
	assert_string_equal(w[0].keys[0], v[0].keys[0]);
	assert_string_equal(w[0].login_from, "2001:db8::1");
	assert_memory_equal(&w[0].old[1], &v[0].old[1], sizeof v[0].old[1]);
	assert_int_equal(w[0].totp_step, 5);
	assert_int_equal(w[1].expiry_days, ACCOUNT_EXPIRY_DEFAULT);
	account_file_put(w, n, &again);
	assert_true(bytes_eq(buf_bytes(&text), buf_bytes(&again)));
	buf_fini(&text);
	buf_fini(&again);
	free(w);
}

/* Each byte that is changed, and each cut, is found. */
static void test_file_damage(void **state)
{
	struct account v, *w = calloc(ACCOUNTS_MAX, sizeof *w);
	struct buf text;
	unsigned line;
	size_t n;

	(void)state;
	fill(&v, "anna");
	buf_init(&text, ACCOUNT_TEXT_MAX);
	account_file_put(&v, 1, &text);
	for (size_t i = 0; i < buf_len(&text); i++) {
		assert_true(account_file_read(bytes_make(text.p, i), w, &n, &line) < 0);
		text.p[i] ^= 1;
		assert_true(account_file_read(buf_bytes(&text), w, &n, &line) < 0);
		text.p[i] ^= 1;
	}
	assert_int_equal(account_file_read(buf_bytes(&text), w, &n, &line), 0);
	buf_fini(&text);
	free(w);
}

/* What a newer version would have written (an upgrade that went back): two accounts, with lines more than this one knows. */
static void newer_file(const struct account v[static 2], const char *more0, const char *more1, struct buf *out)
{
	struct buf plain;

	buf_init(&plain, ACCOUNT_TEXT_MAX);
	account_file_put(v, 2, &plain);
	struct bytes text = buf_bytes(&plain), second = BYTES("account bob\n");
	size_t at = 0, end = text.n;
	while (!bytes_starts(bytes_skip(text, at), second))
		at++;
	while (!bytes_starts(bytes_skip(text, end), BYTES("sha256 ")))
		end--;
	buf_put(out, text.p, at);
	buf_put_str(out, more0);
	buf_put(out, text.p + at, end - at);
	buf_put_str(out, more1);
	summed_end(out);
	buf_fini(&plain);
}

static void test_file_of_a_newer_version(void **state)
{
	struct account v[2], *w = calloc(ACCOUNTS_MAX, sizeof *w);
	static const char more0[] = "colour \"dark blue\" 7\n", more1[] = "!only-from 192.0.2.0/24\n";
	struct buf newer, ours;
	unsigned line;
	size_t n;

	(void)state;
	fill(&v[0], "anna");
	fill(&v[1], "bob");
	buf_init(&newer, ACCOUNT_TEXT_MAX);
	buf_init(&ours, ACCOUNT_TEXT_MAX);
	newer_file(v, more0, more1, &newer);
	assert_int_equal(account_file_read(buf_bytes(&newer), w, &n, &line), 0);
	assert_int_equal(n, 2);
	assert_true(w[0].role == v[0].role && w[0].n_keys == 2 && w[1].n_keys == 2); /* what it knows */
	assert_false(account_is_shut(&w[0]));
	assert_true(account_is_shut(&w[1])); /* it must not be used without its limit */
	/* Through our own writes, also of a change. */
	account_file_put(w, n, &ours);
	assert_true(bytes_eq(buf_bytes(&ours), buf_bytes(&newer)));
	w[0].failures++;
	buf_clear(&ours);
	account_file_put(w, n, &ours);
	assert_non_null(strstr(buf_cstr(&ours), more0));
	assert_non_null(strstr(buf_cstr(&ours), more1));
	buf_fini(&newer);
	buf_fini(&ours);
	free(w);
}

static void test_newer_words_in_fields_of_ours(void **state)
{
	static const struct {
		const char *text;
		bool is_shut;
	} rows[] = {
		{ "role wizard\n", true },
		{ "password 30 8 1 00112233445566778899aabbccddeeff 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", true },
		{ "key one\nkey two\nkey three\nkey four\nkey five\nkey six\nkey seven\n", false }, /* two are there */
	};
	struct account v[2], *w = calloc(ACCOUNTS_MAX, sizeof *w);
	struct buf newer, ours;
	unsigned line;
	size_t n;

	(void)state;
	fill(&v[0], "anna");
	fill(&v[1], "bob");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&newer, ACCOUNT_TEXT_MAX);
		buf_init(&ours, ACCOUNT_TEXT_MAX);
		newer_file(v, rows[i].text, "", &newer);
		assert_int_equal(account_file_read(buf_bytes(&newer), w, &n, &line), 0);
		assert_int_equal(account_is_shut(&w[0]), rows[i].is_shut);
		assert_false(account_is_shut(&w[1]));
		account_file_put(w, n, &ours);
		const char *last = strrchr(rows[i].text, ' ');
		assert_non_null(strstr(buf_cstr(&ours), last));
		assert_int_equal(account_file_read(buf_bytes(&ours), w, &n, &line), 0);
		assert_int_equal(account_is_shut(&w[0]), rows[i].is_shut);
		buf_fini(&newer);
		buf_fini(&ours);
	}
	/* There is an end to it, and what is no field is damage. */
	static const char *const bad[] = { "Colour 7\n", "\"two words\" 7\n", "!\n", "expiry many\n", "account\n" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		buf_init(&newer, ACCOUNT_TEXT_MAX);
		newer_file(v, bad[i], "", &newer);
		assert_true(account_file_read(buf_bytes(&newer), w, &n, &line) < 0);
		buf_fini(&newer);
	}
	char much[KEPT_BYTES + 8];
	memset(much, 'x', sizeof much);
	memcpy(much + sizeof much - 2, "\n", 2);
	buf_init(&newer, ACCOUNT_TEXT_MAX);
	newer_file(v, much, "", &newer);
	assert_int_equal(account_file_read(buf_bytes(&newer), w, &n, &line), ERR_LIMIT);
	buf_fini(&newer);
	free(w);
}

/* A power cut between any two steps leaves the old or the new file; a damaged one is put aside. */
static void test_accounts_on_disk(void **state)
{
	char folder[] = "/tmp/accounts-XXXXXX";
	struct accounts a;

	(void)state;
	assert_non_null(mkdtemp(folder));
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(accounts_open(&a, dir), 0);
	assert_int_equal(a.n, 0);
	fill(accounts_add(&a, BYTES("anna")), "anna");
	fill(accounts_add(&a, BYTES("bob")), "bob");
	accounts_find(&a, BYTES("bob"))->role = OPER_ADMIN;
	assert_int_equal(accounts_count_admins(&a, NULL), 1);
	assert_int_equal(accounts_count_admins(&a, accounts_find(&a, BYTES("bob"))), 0);
	assert_int_equal(accounts_save(&a), 0);
	accounts_drop(&a, accounts_find(&a, BYTES("anna")));
	assert_null(accounts_find(&a, BYTES("anna")));
	accounts_close(&a);

	struct stat st;
	assert_int_equal(fstatat(dir, "accounts", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int fd = openat(dir, "accounts.new", O_WRONLY | O_CREAT, 0600); /* what a cut leaves */
	assert_int_equal(write(fd, "gatehouse acc", 13), 13);
	close(fd);
	assert_int_equal(accounts_open(&a, dir), 0);
	assert_int_equal(a.n, 2);
	accounts_close(&a);

	fd = openat(dir, "accounts", O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 40), 1);
	close(fd);
	assert_int_equal(accounts_open(&a, dir), 0);
	assert_int_equal(a.n, 0);
	assert_true(a.is_damaged);
	assert_int_equal(fstatat(dir, "accounts.damaged", &st, 0), 0);
	accounts_close(&a);
	unlinkat(dir, "accounts.damaged", 0);
	unlinkat(dir, "accounts.new", 0);
	close(dir);
	rmdir(folder);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(account_is_name(BYTES("anna")));
	assert_true(account_is_name(BYTES("a.b-c_9")));
	for (size_t i = 0; i < 7; i++) {
		static const char *const bad[] = { "", "root", "Anna", "9a", "a b", "a/b", "abcdefghijabcdefghijabcdefghijabc" };
		assert_false(account_is_name(bytes_of(bad[i])));
	}
}

/* ---- roles ---- */

static void test_rights(void **state)
{
	/* auditor, operator, admin, crypto, api, compliance */
	static const struct {
		unsigned needed;
		bool may[OPER_ROLE_COUNT];
	} rows[] = {
		{ OPER_AUDITOR, { 1, 1, 1, 1, 1, 1 } },    { OPER_OPERATOR, { 0, 1, 1, 0, 1, 0 } }, { OPER_ADMIN, { 0, 0, 1, 0, 0, 0 } },
		{ OPER_CRYPTO, { 0, 0, 1, 1, 0, 0 } },     { OPER_CHANGER, { 0, 1, 1, 1, 1, 1 } },
		{ OPER_COMPLIANCE, { 0, 0, 1, 0, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned role = 0; role < OPER_ROLE_COUNT; role++)
			assert_int_equal(rights_may((enum oper_role)role, rows[i].needed), rows[i].may[role]);
	assert_false(rights_may(OPER_ADMIN, OPER_CHANGER + 1));
	assert_false(rights_may(OPER_ROLE_COUNT, OPER_AUDITOR));
	assert_true(rights_includes(OPER_ADMIN, OPER_CRYPTO));
	assert_false(rights_includes(OPER_CRYPTO, OPER_OPERATOR));
	assert_false(rights_includes(OPER_OPERATOR, OPER_ADMIN));
	assert_int_equal(rights_setting(BYTES("certificate a chain")), OPER_CRYPTO);
	assert_int_equal(rights_setting(BYTES("domain x.example certificate")), OPER_CRYPTO);
	assert_int_equal(rights_setting(BYTES("domain x.example contact")), OPER_ADMIN);
	assert_int_equal(rights_setting(BYTES("domain x.example")), OPER_ADMIN);
	assert_int_equal(rights_setting(BYTES("compliance hold a@x.example")), OPER_COMPLIANCE);
	assert_int_equal(rights_setting(BYTES("compliance mode")), OPER_ADMIN);
	assert_int_equal(rights_setting(BYTES("turn drain")), OPER_OPERATOR);
	assert_int_equal(rights_setting(BYTES("operators idle-timeout")), OPER_ADMIN);
	assert_int_equal(rights_setting(BYTES("")), OPER_ADMIN);
}

/* ---- passwords ---- */

static void test_quality(void **state)
{
	static const char *const bad[] = { "short", "aaaaaaaaaaaaaaaa", "abcdefghijklmnop", "123456789012", "password1234", "anna-anna-anna",
		                           "Gatehouse2026", "abababababab", "with\ttab inside it", "admin admin admin", "\xff\xfe not text at all" };
	static const char *const good[] = { "tulip-Garden-77 river", "correct horse battery", "k3f7-q2mz-81pd-xw", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e pass-phrase 4" };
	char room[96];
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (quality_check(bytes_of(bad[i]), "anna", 12, room, &why) != ERR_RANGE)
			fail_msg("%s is taken", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (quality_check(bytes_of(good[i]), "anna", 12, room, &why) != 0)
			fail_msg("%s is refused: %s", good[i], why);
}

static void test_scrypt(void **state)
{
	struct scrypt s = { .log2_n = 4, .r = 8, .p = 1 }, t;
	uint8_t a[SCRYPT_HASH_BYTES], b[SCRYPT_HASH_BYTES];

	(void)state;
	memcpy(s.salt, "0123456789abcdef", 16);
	t = s;
	assert_int_equal(scrypt_compute(&s, BYTES("x"), a), 0);
	assert_int_equal(scrypt_compute(&t, BYTES("x"), b), 0);
	assert_memory_equal(a, b, sizeof a);
	assert_int_equal(scrypt_compute(&t, BYTES("y"), b), 0);
	assert_memory_not_equal(a, b, sizeof a);
	t.log2_n = 60;
	assert_true(scrypt_compute(&t, BYTES("x"), b) < 0);
}

/* ---- codes ---- */

/* RFC 6238 appendix B, SHA-1, the last six of its eight digits */
static void test_totp_vectors(void **state)
{
	static const struct {
		uint64_t time_s;
		const char *code;
	} rows[] = { { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
		     { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" } };
	const uint8_t *secret = (const uint8_t *)"12345678901234567890";
	char code[TOTP_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(totp_code(secret, rows[i].time_s / TOTP_STEP_S, code), 0);
		assert_string_equal(code, rows[i].code);
	}
}

static void test_totp_once(void **state)
{
	const uint8_t *secret = (const uint8_t *)"12345678901234567890";
	uint64_t last = 0;

	(void)state;
	assert_int_equal(totp_check(secret, BYTES("287 082"), 59, &last), 0);
	assert_int_equal(last, 1);
	assert_int_equal(totp_check(secret, BYTES("287082"), 59, &last), ERR_AUTH);
	last = 0;
	assert_int_equal(totp_check(secret, BYTES("287082"), 89, &last), 0);   /* one step late */
	last = 0;
	assert_int_equal(totp_check(secret, BYTES("287082"), 119, &last), ERR_AUTH); /* two */
	assert_int_equal(totp_check(secret, BYTES("28708"), 59, &last), ERR_AUTH);
	assert_int_equal(totp_check(secret, BYTES("2870822"), 59, &last), ERR_AUTH);
	assert_int_equal(totp_check(secret, BYTES("28708a"), 59, &last), ERR_AUTH);
	assert_int_equal(last, 0);
}

static void test_base32(void **state)
{
	/* RFC 4648 10, without padding */
	static const char *const rows[][2] = { { "f", "MY" }, { "fo", "MZXQ" }, { "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "foobar", "MZXW6YTBOI" } };
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&b, 64);
		totp_put_base32(bytes_of(rows[i][0]), &b);
		assert_string_equal(buf_cstr(&b), rows[i][1]);
		buf_fini(&b);
	}
}

/* ---- how fast ---- */

static uint64_t attempt(struct throttle *t, const char *name, const char *source, bool is_usual, uint64_t now_ms, struct throttle_try *out)
{
	*out = (struct throttle_try){ .name = bytes_of(name), .source = source, .is_console = strcmp(source, "console") == 0,
				      .is_usual = is_usual, .tries = 3, .longest_ms = 900000 };
	return throttle_begin(t, out, now_ms);
}

static void test_waits_grow_and_end(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try try;
	uint64_t now = 1000;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 4; i++)
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 1000);
	now += 1000;
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 2000);
	for (int i = 0; i < 30; i++) {
		uint64_t wait = attempt(t, "anna", "192.0.2.1", false, now, &try);
		assert_true(wait <= 900000);
		now += wait;
	}
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 900000);
	assert_int_equal(attempt(t, "anna", "192.0.2.2", true, now, &try), 0); /* her own place */
	now += 1800001;
	for (int i = 0; i < 3; i++)
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 0); /* forgotten */
	free(t);
}

/* Thousands of strangers cannot keep the administrator out: nowhere for more than the small delay, at the console and
 * her own place not at all. */
static void test_strangers_do_not_lock_out(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try try;
	char source[64];
	uint64_t now = 1000;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 3000; i++) {
		snprintf(source, sizeof source, "10.%d.%d.1", i / 250, i % 250);
		(void)attempt(t, "anna", source, false, now, &try);
		now += 100;
	}
	assert_int_equal(attempt(t, "anna", "console", false, now, &try), 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", true, now, &try), 0);
	assert_true(attempt(t, "anna", "198.51.100.7", false, now, &try) <= THROTTLE_ACCOUNT_MAX_MS);
	assert_true(throttle_account_wait(t, BYTES("anna"), now) > 0);
	throttle_forgive(t, BYTES("anna"));
	assert_int_equal(throttle_account_wait(t, BYTES("anna"), now), 0);
	assert_int_equal(attempt(t, "anna", "198.51.100.8", false, now, &try), 0);
	free(t);
}

static void test_ipv6_is_one_network(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try try;
	char source[64];

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 4; i++) {
		snprintf(source, sizeof source, "2001:db8:1:2::%x", i + 1);
		assert_int_equal(attempt(t, "anna", source, false, 1000, &try), 0);
	}
	assert_int_equal(attempt(t, "anna", "2001:db8:1:2:ffff::9", false, 1000, &try), 1000);
	assert_int_equal(attempt(t, "anna", "2001:db8:1:3::1", false, 1000, &try), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(attempt(t, "bob", "::ffff:192.0.2.9", false, 1000, &try), 0);
	assert_int_equal(attempt(t, "bob", "192.0.2.9", false, 1000, &try), 1000);
	free(t);
}

/* One source over many names, that exist or not. */
static void test_names_are_not_tried_in_turn(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try try;
	char name[32];
	int free_tries = 0;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "n%d", i);
		free_tries += attempt(t, name, "192.0.2.1", false, 1000, &try) == 0;
	}
	assert_int_equal(free_tries, 3 * THROTTLE_SOURCE_FACTOR + 1);
	free(t);
}

/* A question for the code is no failure; but it does not take back a failure beside it. */
static void test_undo_is_of_one(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try first, second;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 1000, &first), 0);
		throttle_undo(t, &first);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 1000, &second), 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 1000, &first), 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 1000, &second), 0); /* the fourth: a wait begins */
	throttle_undo(t, &first);
	assert_true(attempt(t, "anna", "192.0.2.1", false, 1000, &first) > 0);
	assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 2000, &first), 0);
	throttle_passed(t, &first);
	for (int i = 0; i < 3; i++)
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, 2000, &first), 0);
	free(t);
}

static void test_console_waits_little(void **state)
{
	struct throttle *t = malloc(sizeof *t);
	struct throttle_try try;
	uint64_t now = 1000;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 40; i++) {
		uint64_t wait = attempt(t, "anna", "console", false, now, &try);
		assert_true(wait <= THROTTLE_CONSOLE_MAX_MS);
		now += wait;
	}
	free(t);
}

/* What waits goes on waiting after a new start, for what is left and no longer; a file that is cut off or is none counts as none. */
static void test_waits_outlive_the_program(void **state)
{
	struct throttle *t = malloc(sizeof *t), *again = malloc(sizeof *again);
	struct throttle_try try;
	struct buf file;
	const uint64_t now = 5000, wall = 1800000000000;

	(void)state;
	throttle_init(t);
	for (int i = 0; i < 4; i++)
		assert_int_equal(attempt(t, "anna", "192.0.2.1", false, now, &try), 0);
	buf_init(&file, LOCKOUT_FILE_MAX);
	lockout_put(t, now, wall, &file);
	assert_false(buf_failed(&file));
	assert_int_equal(lockout_read(buf_bytes(&file), again, 100, wall + 400), 0); /* the loop's clock begins anew */
	assert_int_equal(attempt(again, "anna", "192.0.2.1", false, 100, &try), 600);
	assert_int_equal(attempt(again, "anna", "192.0.2.9", false, 100, &try), 0);
	assert_int_equal(attempt(again, "anna", "192.0.2.1", false, 700, &try), 0);
	assert_int_equal(attempt(again, "anna", "192.0.2.1", false, 700, &try), 2000); /* it goes on where it was */
	assert_int_equal(lockout_read(buf_bytes(&file), again, 100, wall - 99999999), 0); /* a clock that was set back */
	assert_int_equal(attempt(again, "anna", "192.0.2.1", false, 100, &try), 1000);
	for (size_t n = 0; n < buf_len(&file); n++) {
		assert_true(lockout_read(bytes_make(buf_bytes(&file).p, n), again, 100, wall) < 0);
		assert_int_equal(attempt(again, "anna", "192.0.2.1", false, 100, &try), 0);
	}
	for (int i = 0; i < 3000; i++) {
		char source[32];
		snprintf(source, sizeof source, "10.%d.%d.1", i / 250, i % 250);
		(void)attempt(t, "anna", source, false, now, &try);
	}
	buf_clear(&file);
	lockout_put(t, now, wall, &file);
	assert_false(buf_failed(&file)); /* a full one fits */
	assert_int_equal(lockout_read(buf_bytes(&file), again, now, wall), 0);
	buf_fini(&file);
	free(again);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_comes_back),  cmocka_unit_test(test_file_damage), cmocka_unit_test(test_file_of_a_newer_version),
		cmocka_unit_test(test_newer_words_in_fields_of_ours),
		cmocka_unit_test(test_accounts_on_disk), cmocka_unit_test(test_names),
		cmocka_unit_test(test_rights),           cmocka_unit_test(test_quality),
		cmocka_unit_test(test_scrypt),           cmocka_unit_test(test_totp_vectors),
		cmocka_unit_test(test_totp_once),        cmocka_unit_test(test_base32),
		cmocka_unit_test(test_waits_grow_and_end), cmocka_unit_test(test_strangers_do_not_lock_out),
		cmocka_unit_test(test_ipv6_is_one_network), cmocka_unit_test(test_names_are_not_tried_in_turn),
		cmocka_unit_test(test_undo_is_of_one),   cmocka_unit_test(test_console_waits_little),
		cmocka_unit_test(test_waits_outlive_the_program),
	};

	log_open("test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
