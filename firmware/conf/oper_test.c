/* The operators' socket on a virtual clock: who may say what before a login, and when a session ends. */
#include "audited.h"
#include "oper_fixture.h"

#include "base/err.h"
#include "base/log.h"
#include "recovery.h"
#include "run/alarm.h"
#include "run/disk.h"
#include "totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HASHES = 20, DAY_MS = 86400000 };
static const char word[] = "plough horse 9 rain", other[] = "seven quiet windows 4";

static int set_up(void **state)
{
	struct oper_fixture *f = calloc(1, sizeof *f);

	oper_fixture_open(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	oper_fixture_close(*state);
	free(*state);
	return 0;
}

/* ---- a person ---- */

struct said {
	enum oper_frame end; /* OPER_DONE, OPER_NEED, or 0: nothing */
	int rc;              /* or what is needed */
	unsigned n_banners, n_records, n_files;
	bool is_closed;
	char text[512];
};

static void send_frame(int fd, enum oper_frame type, const struct buf *body)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	wire_put_u32(&b, (uint32_t)buf_len(body) + 1);
	wire_put_u8(&b, (uint8_t)type);
	buf_put_bytes(&b, buf_bytes(body));
	assert_int_equal(send(fd, buf_bytes(&b).p, buf_len(&b), MSG_NOSIGNAL), (ssize_t)buf_len(&b));
	buf_fini(&b);
}

static void take_frame(struct said *s, struct wire w)
{
	enum oper_frame type = (enum oper_frame)wire_u8(&w);

	s->n_banners += type == OPER_BANNER;
	s->n_records += type == OPER_RECORD;
	s->n_files += type == OPER_FILE;
	if (type != OPER_DONE && type != OPER_NEED)
		return;
	s->end = type;
	s->rc = type == OPER_DONE ? (int)wire_u32(&w) : wire_u8(&w);
	if (type == OPER_NEED)
		(void)wire_u16(&w);
	struct bytes text = wire_str(&w);
	snprintf(s->text, sizeof s->text, "%.*s", BYTES_FMT(text));
}

static struct said hear(struct oper_fixture *f, int fd)
{
	struct said s = { 0 };
	struct buf in;
	ssize_t n;

	oper_fixture_settle(f, HASHES);
	buf_init(&in, 8 << 20);
	while ((n = recv(fd, buf_reserve(&in, 65536), 65536, 0)) > 0)
		buf_commit(&in, (size_t)n);
	s.is_closed = n == 0;
	for (struct bytes b = buf_bytes(&in); b.n >= 5;) {
		struct wire w = wire_of(b);
		uint32_t length = wire_u32(&w);
		take_frame(&s, wire_of(bytes_make(b.p + 4, length)));
		b = bytes_skip(b, 4 + length);
	}
	buf_fini(&in);
	return s;
}

static struct said hello(struct oper_fixture *f, int fd, enum oper_role role)
{
	struct buf b;

	buf_init(&b, 16 << 10);
	wire_put_u16(&b, OPER_VERSION);
	wire_put_u8(&b, (uint8_t)role);
	send_frame(fd, OPER_HELLO, &b);
	buf_fini(&b);
	return hear(f, fd);
}

static struct said log_in(struct oper_fixture *f, int fd, const char *name, const char *password, const char *fresh, const char *code)
{
	struct buf b;

	buf_init(&b, 4096);
	wire_put_str(&b, bytes_of(name));
	wire_put_bytes(&b, bytes_of(password));
	if (fresh)
		wire_put_bytes(&b, bytes_of(fresh));
	wire_put_str(&b, bytes_of(code));
	send_frame(fd, fresh ? OPER_LOGIN_NEW : OPER_LOGIN, &b);
	buf_fini(&b);
	return hear(f, fd);
}

static struct said ask(struct oper_fixture *f, int fd, const char *line)
{
	struct bytes rest = bytes_of(line);
	struct buf b;
	uint16_t n = 1;

	for (size_t i = 0; i < rest.n; i++)
		n += rest.p[i] == ' ';
	buf_init(&b, 4096);
	wire_put_u16(&b, n);
	while (rest.n > 0) {
		struct bytes w = bytes_make(rest.p, bytes_find(rest, ' '));
		wire_put_u8(&b, OPER_WORD_TYPED);
		wire_put_bytes(&b, w);
		rest = bytes_skip(rest, w.n + 1);
	}
	send_frame(fd, OPER_ASK, &b);
	buf_fini(&b);
	return hear(f, fd);
}

static void assert_done(struct said s, int rc)
{
	if (s.end != OPER_DONE || s.rc != rc)
		fail_msg("%s, %d %s", s.end == OPER_NEED ? "need" : s.end ? "done" : "nothing", s.rc, s.text);
}

/* ---- before a login ---- */

static void test_nothing_before_login(void **state)
{
	struct oper_fixture *f = *state;
	static const enum oper_frame closing[] = { OPER_ASK, OPER_COMPLETE, OPER_ABORT, OPER_DONE, 0, 99 };
	struct buf empty;

	buf_init(&empty, 64);
	wire_put_u16(&empty, 0);
	for (size_t i = 0; i < sizeof closing / sizeof closing[0]; i++) {
		int fd = oper_fixture_connect(f, "192.0.2.1");
		assert_done(hello(f, fd, OPER_ADMIN), 0);
		send_frame(fd, closing[i], &empty);
		assert_true(hear(f, fd).is_closed);
		close(fd);
	}
	buf_fini(&empty);
	assert_int_equal(f->conf.n_opers, 0);
	int root = oper_fixture_connect(f, NULL);
	assert_done(ask(f, root, "show version"), 0);
	close(root);
}

/* Half frames, broken ones, long ones. */
static void test_broken_frames(void **state)
{
	struct oper_fixture *f = *state;
	static const struct {
		size_t n;
		const char *bytes;
	} rows[] = {
		{ 5, "\0\0\0\0\5" }, { 5, "\0\0\x10\x01\x05" }, { 5, "\xff\xff\xff\xff\x05" }, { 6, "\0\0\0\2\5\0" },
		{ 7, "\0\0\0\3\5\0\x09" }, { 8, "\0\0\0\4\1\0\1\2" }, { 8, "\0\0\0\4\1\0\2\x63" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd = oper_fixture_connect(f, "192.0.2.1");
		assert_int_equal(send(fd, rows[i].bytes, rows[i].n, 0), (ssize_t)rows[i].n);
		assert_true(hear(f, fd).is_closed);
		close(fd);
	}
}

static void test_a_minute_to_log_in(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1"), root = oper_fixture_connect(f, NULL);

	loop_fake_advance(f->conf.loop, LOGIN_WAIT_MS - 6000);
	assert_false(hear(f, fd).is_closed);
	loop_fake_advance(f->conf.loop, 12000);
	assert_true(hear(f, fd).is_closed);
	loop_fake_advance(f->conf.loop, (uint64_t)365 * DAY_MS / 100);
	assert_done(ask(f, root, "show version"), 0);
	close(fd);
	close(root);
}

static void test_three_tries(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	assert_done(log_in(f, fd, "anna", "wrong", NULL, ""), ERR_AUTH);
	assert_done(log_in(f, fd, "nobody", word, NULL, ""), ERR_AUTH);
	struct said s = log_in(f, fd, "a name that is much longer than names are", word, NULL, "");
	assert_int_equal(s.rc, ERR_AUTH);
	assert_true(s.is_closed);
	assert_int_equal(accounts_find(&f->conf.accounts, BYTES("anna"))->failures, 1);
	close(fd);
}

/* A newer version limits the account (kept.h): nobody gets in by it, or takes the limit away unseen; it may be deleted. */
static void test_limited_by_another_version(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1"), root = oper_fixture_connect(f, NULL);
	struct account *a = oper_fixture_account(f, "anna", OPER_ADMIN, word);

	a->kept.is_shut = true;
	assert_done(log_in(f, fd, "anna", word, NULL, ""), ERR_AUTH);
	assert_done(ask(f, root, "operator role anna auditor"), ERR_BAD_STATE);
	assert_int_equal(a->role, OPER_ADMIN);
	a->kept.is_shut = false;
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	oper_fixture_account(f, "bob", OPER_ADMIN, word)->kept.is_shut = true;
	assert_done(ask(f, root, "operator delete anna"), ERR_DENIED); /* the last admin that can log in */
	assert_done(ask(f, root, "operator delete bob"), 0);
	close(fd);
	close(root);
}

/* ---- in ---- */

static void test_first_login(void **state)
{
	struct oper_fixture *f = *state;
	struct account *a = oper_fixture_account(f, "anna", OPER_OPERATOR, word);
	int fd = oper_fixture_connect(f, "2001:db8::7");

	a->must_change = true;
	oper_fixture_set(f, "operators banner", "one|two");
	assert_int_equal(hello(f, fd, OPER_ADMIN).n_banners, 1);
	struct said s = log_in(f, fd, "anna", word, NULL, "");
	assert_int_equal(s.end, OPER_NEED);
	assert_int_equal(s.rc, OPER_NEED_PASSWORD_NEW);
	assert_done(log_in(f, fd, "anna", word, word, ""), ERR_RANGE);
	assert_done(log_in(f, fd, "anna", word, "short", ""), ERR_RANGE);
	assert_done(log_in(f, fd, "anna", word, other, ""), 0);
	assert_int_equal(a->n_old, 1);
	assert_false(a->must_change);
	assert_string_equal(a->login_from, "2001:db8::7");
	assert_done(ask(f, fd, "show version"), 0);
	assert_done(ask(f, fd, "set system name x"), ERR_DENIED);
	assert_done(ask(f, fd, "set log level debug"), 0);
	assert_done(ask(f, fd, "operator add x admin tulip-Garden-77river"), ERR_DENIED);
	close(fd);
	hear(f, fd);
	int again = oper_fixture_connect(f, "2001:db8::7");
	assert_done(log_in(f, again, "anna", word, NULL, ""), ERR_AUTH);
	assert_done(log_in(f, again, "anna", other, NULL, ""), 0);
	close(again);
}

/* The empty password of a fresh box opens nothing over a network, and at the console only the question for another one. */
static void test_factory_account(void **state)
{
	struct oper_fixture *f = *state;
	int far = oper_fixture_connect(f, "192.0.2.9"), near = oper_fixture_connect(f, NULL);

	assert_int_equal(factory_account(&f->conf.accounts, 1000), 0);
	assert_int_equal(f->conf.accounts.n, 1);
	assert_done(log_in(f, far, FACTORY_NAME, "", NULL, ""), ERR_AUTH);
	assert_done(log_in(f, far, FACTORY_NAME, "", other, ""), ERR_AUTH);
	struct said s = log_in(f, near, FACTORY_NAME, "", NULL, "");
	assert_int_equal(s.end, OPER_NEED);
	assert_int_equal(s.rc, OPER_NEED_PASSWORD_NEW);
	assert_done(log_in(f, near, FACTORY_NAME, "", "", ""), ERR_RANGE);
	assert_done(log_in(f, near, FACTORY_NAME, "", other, ""), 0);
	assert_done(log_in(f, far, FACTORY_NAME, other, NULL, ""), 0);
	assert_int_equal(factory_account(&f->conf.accounts, 2000), 0);
	assert_int_equal(f->conf.accounts.n, 1);
	close(far);
	close(near);
}

static void leave(struct oper_fixture *f, const char *text)
{
	assert_int_equal(disk_replace(f->conf.store.dir_fd, RECOVERY_ASKED_FILE, bytes_of(text)), 0);
}

struct seen {
	const char *event, *part;
	unsigned times;
};

static void look_at_line(void *arg, const struct trail_line *line)
{
	struct seen *s = arg;

	s->times += bytes_eq_str(line->event, s->event) && memmem(line->rest.p, line->rest.n, s->part, strlen(s->part));
}

static void count_alarm(void *arg, const struct alarm_news *n)
{
	*(unsigned *)arg += n->is_raised && n->alarm == ALARM_ADMIN_RECOVERED;
}

/* How many stand now. */
static unsigned alarm_count(void)
{
	unsigned n = 0;

	alarm_set_sink(count_alarm, &n);
	alarm_set_sink(NULL, NULL);
	return n;
}

static unsigned lines(struct oper_fixture *f, const char *event, const char *part)
{
	struct seen s = { event, part, 0 };

	assert_int_equal(trail_show(&f->conf.trail, 100, look_at_line, &s), 0);
	return s.times;
}

static unsigned recoveries(struct oper_fixture *f, const char *part)
{
	return lines(f, "audit.recovery", part);
}

static void nothing_more(void *arg, const struct rows *old, const char *by)
{
	(void)arg, (void)old, (void)by;
}

/* What ends gh-conf between a commit and its audit lines leaves a change without them: the next start writes those that are missing. */
static void test_audit_lines_are_made_up_for(void **state)
{
	struct oper_fixture *f = *state;
	int root = oper_fixture_connect(f, NULL);

	audit_complete(&f->conf); /* a start */
	assert_done(ask(f, root, "set system name one"), 0);
	assert_done(ask(f, root, "commit"), 0);
	f->ops.switched = nothing_more; /* it ends before */
	assert_done(ask(f, root, "set system name two"), 0);
	assert_done(ask(f, root, "set log level debug"), 0);
	assert_done(ask(f, root, "commit"), 0);
	assert_int_equal(lines(f, "audit.setting", "generation=\"2\""), 0);
	const struct trail_pair first[] = { { "generation", BYTES("2") }, { "setting", BYTES("system name") } };
	assert_int_equal(trail_put(&f->conf.trail, TRAIL_NOW, "audit.setting", first, 2), 0); /* one of them came through */
	audit_complete(&f->conf);
	assert_int_equal(lines(f, "audit.setting", "setting=\"system name\""), 2); /* of both generations */
	assert_int_equal(lines(f, "audit.setting", "setting=\"log level\" change=\"set\" before=\"\" after=\"debug\" committed=\"20"), 1);
	assert_int_equal(lines(f, "audit.setting", "completed=\"at start\""), 1);
	audit_complete(&f->conf); /* once */
	assert_int_equal(lines(f, "audit.setting", ""), 3);
	/* The file was not yet on the disk when power went: nothing is missing all the same. */
	assert_int_equal(audited_write(f->conf.store.dir_fd, 1), 0);
	audit_complete(&f->conf);
	assert_int_equal(lines(f, "audit.setting", ""), 3);
	struct trail_verdict v;
	assert_int_equal(trail_verify(&f->conf.trail, &v), 0);
	/* A version before this one knew no such file: its lines are not written again. */
	assert_int_equal(unlinkat(f->conf.store.dir_fd, "trail-generation", 0), 0);
	audit_complete(&f->conf);
	assert_int_equal(lines(f, "audit.setting", ""), 3);
	uint32_t done = 0;
	assert_true(audited_read(f->conf.store.dir_fd, &done) && done == 2);
	close(root);
}

/* Who chose it in the boot menu gets admin at the console; keys and codes of the one before open it no more; anna stays who she is. */
static void test_lost_password(void **state)
{
	struct oper_fixture *f = *state;
	struct conf *c = &f->conf;

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	oper_fixture_account(f, FACTORY_NAME, OPER_AUDITOR, word);
	struct account *a = accounts_find(&c->accounts, BYTES(FACTORY_NAME));
	a->totp = TOTP_ON;
	a->n_keys = 1;
	a->failures = 7;
	a->kept.is_shut = a->has_kept_role = true;
	recovery_take(c); /* nobody asked */
	leave(f, "refused\n");
	recovery_take(c);
	leave(f, "something else\n");
	recovery_take(c);
	assert_int_equal(recoveries(f, "refused"), 1);
	assert_false(a->must_change);
	assert_int_equal(a->role, OPER_AUDITOR);
	assert_int_equal(alarm_count(), 0);
	leave(f, "password\n");
	recovery_take(c);
	assert_int_equal(recoveries(f, "is empty until"), 1);
	assert_int_equal(alarm_count(), 1);
	assert_int_equal(faccessat(c->store.dir_fd, RECOVERY_ASKED_FILE, F_OK, 0), -1);
	recovery_take(c); /* once */
	assert_int_equal(recoveries(f, "is empty until"), 1);
	assert_true(a->must_change && a->role == OPER_ADMIN && a->totp == TOTP_OFF && a->n_keys == 0 && a->failures == 0 && !account_is_shut(a) && !a->has_kept_role);
	int far = oper_fixture_connect(f, "192.0.2.9"), near = oper_fixture_connect(f, NULL);
	assert_done(log_in(f, far, FACTORY_NAME, word, NULL, ""), ERR_AUTH);
	assert_done(log_in(f, far, FACTORY_NAME, "", other, ""), ERR_AUTH);
	assert_done(log_in(f, near, FACTORY_NAME, "", other, ""), 0);
	assert_done(log_in(f, far, "anna", word, NULL, ""), 0);
	assert_int_equal(c->accounts.n, 2);
	close(far);
	close(near);
}

/* What gh-entry may do lies beside, as the setting says. */
static void test_boot_menu_word(void **state)
{
	struct oper_fixture *f = *state;
	struct buf b;

	for (unsigned i = 0; i < 3; i++) {
		static const char *const words[] = { "on", "reset", "off" };
		if (i > 0)
			oper_fixture_set(f, "operators boot-menu", words[i]);
		recovery_publish(&f->conf);
		buf_init(&b, 16 << 10);
		assert_int_equal(disk_read(f->conf.store.dir_fd, RECOVERY_MAY_FILE, &b), 0);
		assert_true(bytes_eq_str(buf_bytes(&b), words[i]));
		buf_fini(&b);
	}
}

static void test_hello_lowers(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_account(f, "anna", OPER_CRYPTO, word);
	assert_done(hello(f, fd, OPER_OPERATOR), 0); /* not one of crypto's: no more than crypto has */
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	assert_done(ask(f, fd, "set log level debug"), ERR_DENIED);
	assert_done(ask(f, fd, "set domain a.example certificate x"), 0);
	assert_done(hello(f, fd, OPER_AUDITOR), 0);
	assert_done(ask(f, fd, "set domain a.example certificate x"), ERR_DENIED);
	assert_done(hello(f, fd, OPER_ADMIN), 0);
	assert_done(ask(f, fd, "set domain a.example certificate x"), ERR_DENIED);
	close(fd);
}

static void test_password_expires(void **state)
{
	struct oper_fixture *f = *state;
	int fd;

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	loop_fake_advance(f->conf.loop, (uint64_t)179 * DAY_MS);
	fd = oper_fixture_connect(f, "192.0.2.1");
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	close(fd);
	loop_fake_advance(f->conf.loop, DAY_MS);
	fd = oper_fixture_connect(f, "192.0.2.1");
	assert_int_equal(log_in(f, fd, "anna", word, NULL, "").rc, OPER_NEED_PASSWORD_NEW);
	oper_fixture_set(f, "operators password-expiry", "0");
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	close(fd);
}

static void test_idle_session_ends(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	for (int i = 0; i < 5; i++) {
		loop_fake_advance(f->conf.loop, 890000);
		assert_done(ask(f, fd, "show version"), 0);
	}
	loop_fake_advance(f->conf.loop, 910000);
	assert_true(hear(f, fd).is_closed);
	close(fd);
}

static void test_waits(void **state)
{
	struct oper_fixture *f = *state;
	int fd = -1;

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	for (int i = 0; i < 6; i++) {
		fd = oper_fixture_connect(f, "192.0.2.1");
		assert_done(log_in(f, fd, "anna", "wrong", NULL, ""), ERR_AUTH);
		close(fd);
	}
	fd = oper_fixture_connect(f, "192.0.2.1");
	assert_done(log_in(f, fd, "anna", word, NULL, ""), ERR_AGAIN);
	int elsewhere = oper_fixture_connect(f, "192.0.2.2");
	assert_done(log_in(f, elsewhere, "anna", word, NULL, ""), 0);
	close(elsewhere);
	loop_fake_advance(f->conf.loop, 1000);
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	close(fd);
}

/* A code is good once, over a LOGIN_NEW too; a question for it is no failure. */
static void test_codes(void **state)
{
	struct oper_fixture *f = *state;
	struct account *a = oper_fixture_account(f, "anna", OPER_ADMIN, word);
	char code[TOTP_DIGITS + 1];
	int fd = oper_fixture_connect(f, "192.0.2.1");

	a->totp = TOTP_ON;
	a->must_change = true;
	for (int i = 0; i < 20; i++)
		assert_int_equal(log_in(f, fd, "anna", word, NULL, "").rc, OPER_NEED_CODE);
	assert_int_equal(totp_code(a->totp_secret, loop_wall_ms(f->conf.loop) / 1000 / TOTP_STEP_S, code), 0);
	assert_int_equal(log_in(f, fd, "anna", word, NULL, code).rc, OPER_NEED_PASSWORD_NEW);
	assert_done(log_in(f, fd, "anna", word, other, "12"), ERR_AUTH);
	assert_done(log_in(f, fd, "anna", word, other, code), 0);
	close(fd);
	fd = oper_fixture_connect(f, "192.0.2.1");
	assert_done(log_in(f, fd, "anna", other, NULL, code), ERR_AUTH);
	loop_fake_advance(f->conf.loop, TOTP_STEP_S * 1000);
	assert_int_equal(totp_code(a->totp_secret, loop_wall_ms(f->conf.loop) / 1000 / TOTP_STEP_S, code), 0);
	assert_done(log_in(f, fd, "anna", other, NULL, code), 0);
	close(fd);
}

/* Strangers fill their places and the hasher's queue; the console and an account's own place go on. */
static void test_strangers_are_bounded(void **state)
{
	struct oper_fixture *f = *state;
	int fds[OPERS_STRANGERS + 4];
	unsigned n_closed = 0;

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		fds[i] = oper_fixture_connect(f, "192.0.2.1");
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		n_closed += hear(f, fds[i]).is_closed;
	assert_int_equal(n_closed, 4);
	int root = oper_fixture_connect(f, NULL);
	assert_done(ask(f, root, "show version"), 0);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		close(fds[i]);
	close(root);
}

static void send_login(int fd, const char *name, const char *password)
{
	struct buf b;

	buf_init(&b, 256);
	wire_put_str(&b, bytes_of(name));
	wire_put_bytes(&b, bytes_of(password));
	wire_put_str(&b, BYTES_NONE);
	send_frame(fd, OPER_LOGIN, &b);
	buf_fini(&b);
}

/* Strangers of many networks fill the queue: one more is told to come again, and she who was here before is served next. */
static void test_full_queue(void **state)
{
	struct oper_fixture *f = *state;
	int fds[OPERS_STRANGERS - 1];
	char source[64];

	snprintf(oper_fixture_account(f, "anna", OPER_ADMIN, word)->login_from, ACCOUNT_FROM_BYTES, "192.0.2.9");
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		snprintf(source, sizeof source, "10.0.%zu.1", i);
		fds[i] = oper_fixture_connect(f, source);
		send_login(fds[i], "ghost", word);
	}
	loop_fake_advance(f->conf.loop, 0);
	assert_int_equal(f->conf.hasher.n_queued, HASHER_QUEUE_MAX - HASHER_TRUSTED);
	int fd = oper_fixture_connect(f, "192.0.2.9");
	send_login(fd, "anna", word);
	oper_fixture_settle(f, 2);
	assert_int_equal(accounts_find(&f->conf.accounts, BYTES("anna"))->login_s > 0, 1);
	unsigned n_again = 0, n_wrong = 0;
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		struct said s = hear(f, fds[i]);
		n_again += s.rc == ERR_AGAIN;
		n_wrong += s.rc == ERR_AUTH;
		close(fds[i]);
	}
	assert_int_equal(n_wrong, 1 + HASHER_QUEUE_MAX - HASHER_TRUSTED);
	assert_int_equal(n_again, sizeof fds / sizeof fds[0] - n_wrong);
	close(fd);
}

/* A connection that ends while its password is hashed takes its job along. */
static void test_gone_while_hashing(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	send_login(fd, "anna", word);
	loop_fake_advance(f->conf.loop, 0);
	assert_true(f->conf.hasher.is_at_work);
	close(fd);
	loop_fake_advance(f->conf.loop, 0);
	assert_int_equal(f->conf.n_opers, 0);
	oper_fixture_settle(f, HASHES);
	assert_false(f->conf.hasher.is_at_work);
	fd = oper_fixture_connect(f, "192.0.2.1");
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	close(fd);
}

/* Thousands of refused logins leave a few lines in the trail. */
static void test_refused_logins_do_not_fill_the_trail(void **state)
{
	struct oper_fixture *f = *state;
	char source[64];

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	for (int i = 0; i < 300; i++) {
		snprintf(source, sizeof source, "10.1.%d.1", i % 250);
		int fd = oper_fixture_connect(f, source);
		(void)log_in(f, fd, i % 2 ? "anna" : "ghost", "wrong", NULL, "");
		close(fd);
		oper_fixture_settle(f, HASHES);
	}
	assert_in_range(f->conf.trail.n, 6, 7);
	loop_fake_advance(f->conf.loop, 60001);
	int fd = oper_fixture_connect(f, "192.0.2.1");
	assert_done(log_in(f, fd, "anna", "wrong", NULL, ""), ERR_AUTH);
	assert_in_range(f->conf.trail.n, 7, 8);
	close(fd);
}

static struct oper *latest(struct oper_fixture *f)
{
	return LIST_OWNER(f->conf.opers.prev, struct oper, node);
}

/* A page with many live views is one session, and they end with it. */
static void test_further_connections(void **state)
{
	struct oper_fixture *f = *state;
	const struct account *a = oper_fixture_account(f, "anna", OPER_ADMIN, word);
	int views[6], fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_set(f, "operators sessions-account", "2");
	latest(f)->number = 7;
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	for (size_t i = 0; i < 6; i++) {
		views[i] = oper_fixture_connect(f, "192.0.2.1");
		latest(f)->number = 8 + i;
		latest(f)->like = 7;
		oper_become(latest(f), a);
		assert_done(ask(f, views[i], "show version"), 0);
	}
	int second = oper_fixture_connect(f, "192.0.2.2"), third = oper_fixture_connect(f, "192.0.2.3");
	assert_done(log_in(f, second, "anna", word, NULL, ""), 0);
	assert_done(log_in(f, third, "anna", word, NULL, ""), ERR_FULL);
	close(fd);
	for (size_t i = 0; i < 6; i++) {
		assert_true(hear(f, views[i]).is_closed);
		close(views[i]);
	}
	assert_done(ask(f, second, "show version"), 0);
	close(second);
	close(third);
}

/* Once the two-person rule is on, an account alone cannot take it away. */
static void test_two_person_rule_stays(void **state)
{
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, "192.0.2.1");

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	oper_fixture_set(f, "operators two-person", "accounts");
	assert_done(log_in(f, fd, "anna", word, NULL, ""), 0);
	assert_done(ask(f, fd, "operator add bob admin tulip-Garden-77river"), ERR_AGAIN);
	assert_null(accounts_find(&f->conf.accounts, BYTES("bob")));
	assert_done(ask(f, fd, "approve 1"), ERR_DENIED);
	assert_done(ask(f, fd, "delete operators two-person"), 0);
	assert_done(ask(f, fd, "commit"), ERR_DENIED);
	loop_fake_advance(f->conf.loop, 899000);
	assert_int_equal(ask(f, fd, "show approvals").n_records, 1);
	loop_fake_advance(f->conf.loop, 2000);
	assert_int_equal(ask(f, fd, "show approvals").n_records, 0);
	close(fd);
}

/* One end of a pair handed over by that program, as operator `number`, with what stays with it. */
static int hand_over_like(struct oper_fixture *f, enum prog by, uint64_t number, uint64_t like, int *end)
{
	int bus[2], pair[2];
	struct buf b;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bus), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(bus_attach(f->conf.bus, by, 0, bus[0]), 0);
	buf_init(&b, 256);
	wire_put_u64(&b, number);
	wire_put_str(&b, BYTES("192.0.2.9"));
	wire_put_u64(&b, like);
	const struct frame frame = { .type = MSG_OPERATOR, .body = buf_bytes(&b), .fd = pair[0] };
	assert_int_equal(handed_operator(&f->conf, bus_chan(f->conf.bus, by, 0), &frame), 0);
	buf_fini(&b);
	*end = bus[1];
	return pair[1];
}

static int hand_over(struct oper_fixture *f, enum prog by, uint64_t number, int *end)
{
	return hand_over_like(f, by, number, 0, end);
}

/* gh-snmp's pair: what its table has, no more, and no way to become anybody. */
static void test_a_monitor_asks_what_snmp_shows(void **state)
{
	struct oper_fixture *f = *state;
	static const char *const denied[] = { "show settings", "show log", "show audit", "show operators", "save", "help", "set system name x", "show metrics" };
	int bus, fd = hand_over(f, PROG_SNMP, 1, &bus);

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	oper_fixture_set(f, "snmp listen a", "127.0.0.1 161");
	oper_fixture_set(f, "ssh listen a", "[::1]:22");
	assert_done(hello(f, fd, OPER_ADMIN), 0);
	assert_done(ask(f, fd, "show version"), 0);
	assert_int_equal(ask(f, fd, "show listeners").n_records, 2);
	assert_done(ask(f, fd, "certificate show"), 0);
	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++)
		assert_done(ask(f, fd, denied[i]), ERR_DENIED);
	assert_true(log_in(f, fd, "anna", word, NULL, "").is_closed);
	close(fd);
	close(bus);
}

/* Collectors without an account: metrics alone, while a source is named; and nobody becomes anybody on that pair. */
static void test_a_collector_reads_metrics_alone(void **state)
{
	struct oper_fixture *f = *state;
	static const char *const denied[] = { "show settings", "show counters", "show version", "show log", "save", "set system name x", "commit" };
	int bus[2], fd = hand_over_like(f, PROG_ADMIN, 7, OPER_LIKE_COLLECTOR, &bus[0]), further;

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	assert_done(hello(f, fd, OPER_ADMIN), 0);
	assert_done(ask(f, fd, "show metrics"), ERR_DENIED);
	oper_fixture_set(f, "web metrics-source noc", "192.0.2.0/24");
	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++)
		assert_done(ask(f, fd, denied[i]), ERR_DENIED);
	further = hand_over_like(f, PROG_ADMIN, 8, 7, &bus[1]); /* it is no session that another could belong to */
	assert_true(hear(f, further).is_closed);
	assert_true(log_in(f, fd, "anna", word, NULL, "").is_closed);
	close(fd);
	close(further);
	close(bus[0]);
	close(bus[1]);
	fd = hand_over_like(f, PROG_ADMIN, 9, OPER_LIKE_COLLECTOR, &bus[0]);
	assert_int_equal(ask(f, fd, "show metrics").end, 0); /* under way: the programs are asked */
	close(fd);
	close(bus[0]);
}

/* It has no number: what comes or goes with gh-admin's operator of that number is none of its own. */
static void test_a_monitor_is_nobodys_session(void **state)
{
	struct oper_fixture *f = *state;
	int bus[2], fd = hand_over(f, PROG_SNMP, 7, &bus[0]), web = hand_over(f, PROG_ADMIN, 7, &bus[1]);

	oper_fixture_account(f, "anna", OPER_ADMIN, word);
	assert_done(log_in(f, web, "anna", word, NULL, ""), 0);
	handed_down(&f->conf, PROG_SNMP);
	assert_true(hear(f, fd).is_closed);
	assert_done(ask(f, web, "show settings"), 0);
	handed_down(&f->conf, PROG_ADMIN);
	assert_true(hear(f, web).is_closed);
	close(fd);
	close(web);
	close(bus[0]);
	close(bus[1]);
}

/* ---- lists of contacts ---- */

static struct said piece(struct oper_fixture *f, int fd, uint64_t offset, const char *content)
{
	struct buf b;

	buf_init(&b, 4096);
	wire_put_u32(&b, 0);
	wire_put_u64(&b, offset);
	wire_put_bytes(&b, bytes_of(content));
	send_frame(fd, OPER_PIECE, &b);
	buf_fini(&b);
	return hear(f, fd);
}

/* gh-im is not there, for a minute: the work ends, and what it has not come to is counted (D-CIM-12). */
static void test_contacts_without_gh_im(void **state)
{
	static const char first[] = "u,a.test,c,b.test,,G\nu,a.test,d,b.test,,G\nu,a.test,", second[] = "e,b.test,,G\nlast";
	struct oper_fixture *f = *state;
	int fd = oper_fixture_connect(f, NULL), other_fd = oper_fixture_connect(f, NULL);

	assert_int_equal(ask(f, fd, "contacts import list.csv").end, 0);
	assert_int_equal(piece(f, fd, 0, first).end, 0);
	assert_done(ask(f, other_fd, "contacts rename list.csv"), ERR_AGAIN);
	loop_fake_advance(f->conf.loop, 50000);
	assert_int_equal(hear(f, fd).end, 0);
	loop_fake_advance(f->conf.loop, 15000);
	assert_int_equal(piece(f, fd, sizeof first - 1, second).end, 0);
	struct said s = piece(f, fd, sizeof first + sizeof second - 2, "");
	assert_done(s, ERR_CLOSED);
	assert_int_equal(s.n_records, 1);
	assert_non_null(strstr(s.text, "0 imported, 0 errors, 0 ignored, 4 unprocessed"));
	/* And who goes away leaves the place to others. */
	assert_int_equal(ask(f, fd, "contacts rename list.csv").end, 0);
	assert_int_equal(piece(f, fd, 0, first).end, 0);
	close(fd);
	oper_fixture_settle(f, 0);
	assert_int_equal(ask(f, other_fd, "contacts import list.csv").end, 0);
	close(other_fd);
	oper_fixture_settle(f, 0);
	loop_fake_advance(f->conf.loop, 65000);
	assert_int_equal(f->conf.transfer.oper_id, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_nothing_before_login), T(test_broken_frames), T(test_a_minute_to_log_in), T(test_three_tries), T(test_limited_by_another_version), T(test_first_login), T(test_factory_account), T(test_lost_password), T(test_boot_menu_word), T(test_audit_lines_are_made_up_for),
		T(test_hello_lowers), T(test_password_expires), T(test_idle_session_ends), T(test_waits), T(test_codes),
		T(test_strangers_are_bounded), T(test_full_queue), T(test_further_connections), T(test_refused_logins_do_not_fill_the_trail), T(test_gone_while_hashing), T(test_two_person_rule_stays),
		T(test_a_monitor_asks_what_snmp_shows), T(test_a_monitor_is_nobodys_session),
		T(test_a_collector_reads_metrics_alone), T(test_contacts_without_gh_im),
	};
#undef T

	log_open("test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
