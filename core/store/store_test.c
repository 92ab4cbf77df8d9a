/* gh-store killed between ask and answer, again and again: what it answered is there. */
#include "store.h"

#include "base/err.h"
#include "db/postgresql_fixture.h"
#include "run/store_op.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { ROUNDS = 12, ROUNDS_SERVER = 4, ASKS_A_ROUND = 3000, WINDOW = 200 };

struct client {
	enum prog prog;
	struct loop *loop;
	struct bus *bus;
	bool is_answered[ROUNDS * ASKS_A_ROUND + 1];
	uint32_t n_answers, items, last_item;
	int last_rc;
	bool is_down;
	char last_key[64];
	uint8_t last_body[256]; /* of the last item */
	size_t last_body_n;
};

static char dir[] = "/tmp/store_testXXXXXX";
static char path[64];
static enum db_kind kind;

/* A new and empty database of the kind that is tested. */
static void make_db(void)
{
	if (kind == DB_POSTGRESQL)
		postgresql_fixture_create("plays");
	else
		(void)unlink(path);
}

static int open_db(struct db **out)
{
	char why[DB_WHY_BYTES] = "";
	const char *text = why;
	const struct sql_dialect *sql = sql_of(kind);
	int rc = kind == DB_POSTGRESQL ? postgresql_fixture_open("plays", sql->steps, sql->n_steps, out, why) :
					 db_open(path, sql->steps, sql->n_steps, out, &text);

	if (rc)
		fprintf(stderr, "%s\n", text);
	return rc;
}

static int on_done(void *arg, struct chan *from, const struct frame *f)
{
	struct client *c = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	c->last_rc = (int32_t)wire_u32(&w);
	c->n_answers++;
	if (c->last_rc == 0 && f->id < sizeof c->is_answered)
		c->is_answered[f->id] = true;
	return wire_end(&w);
}

static int on_item(void *arg, struct chan *from, const struct frame *f)
{
	struct client *c = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	c->last_body_n = f->body.n < sizeof c->last_body ? f->body.n : sizeof c->last_body;
	memcpy(c->last_body, f->body.p, c->last_body_n);
	if (c->prog == PROG_XLATE) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		snprintf(c->last_key, sizeof c->last_key, "%.*s=%.*s", BYTES_FMT(key), BYTES_FMT(value));
	} else {
		c->last_item = (uint32_t)wire_u64(&w);
	}
	c->items++;
	return 0;
}

static void on_down(void *arg, struct chan *c)
{
	(void)c;
	((struct client *)arg)->is_down = true;
}

static const struct bus_handler client_handlers[] = { { MSG_STORE_DONE, on_done }, { MSG_STORE_ITEM, on_item } };
static const struct bus_handler store_handlers[] = { { MSG_STORE_ASK, store_on_ask } };

static _Noreturn void run_store(enum prog who, int fd)
{
	struct store *s = calloc(1, sizeof *s);
	struct bus_hooks hooks = { .program = s, .handlers = store_handlers, .n_handlers = 1 };
	const char *why = "";
	struct db *d = NULL;

	s->loop = loop_new(LOOP_POLL);
	s->bus = bus_new(s->loop, PROG_STORE, 0, &hooks);
	if (open_db(&d) || store_take(s, d, &why) || bus_attach(s->bus, who, 0, fd))
		_exit(3);
	loop_run(s->loop);
	_exit(0);
}

static pid_t start(struct client *c)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run_store(c->prog, fds[1]);
	}
	close(fds[1]);
	c->is_down = false;
	assert_int_equal(bus_attach(c->bus, PROG_STORE, 0, fds[0]), 0);
	return pid;
}

static struct buf *ask(struct client *c, uint32_t id, enum store_op op)
{
	struct buf *b = chan_begin(bus_chan(c->bus, PROG_STORE, 0), MSG_STORE_ASK, id);

	wire_put_u8(b, (uint8_t)op);
	return b;
}

static void sent(struct client *c)
{
	assert_int_equal(chan_end(bus_chan(c->bus, PROG_STORE, 0)), 0);
}

static void wait_answers(struct client *c, uint32_t n)
{
	for (int i = 0; i < 5000 && c->n_answers < n && !c->is_down; i++)
		loop_turn(c->loop, 20);
	assert_true(c->n_answers >= n);
}

static void put_user(struct client *c)
{
	struct buf *b = ask(c, 1u << 30, STORE_ACCOUNT_PUT);

	wire_put_str(b, BYTES("a@b"));
	wire_put_u8(b, STORE_ACCOUNT_NEW);
	wire_put_u64(b, 1);
	wire_put_u8(b, 0);
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, 0);
}

static void add_offline_from(struct client *c, uint32_t uid, struct bytes sender, const uint32_t limits[3])
{
	struct buf *b = ask(c, uid, STORE_OFFLINE_ADD);

	wire_put_u64(b, uid);
	wire_put_str(b, BYTES("a@b"));
	wire_put_u64(b, uid);
	for (int i = 0; i < 3; i++)
		wire_put_u32(b, limits[i]);
	wire_put_str(b, sender);
	wire_put_bytes(b, BYTES("an envelope"));
	sent(c);
}

static void add_offline(struct client *c, uint32_t uid, uint32_t per_user, uint32_t total)
{
	add_offline_from(c, uid, BYTES_NONE, (uint32_t[]){ per_user, 0, total });
}

static struct client *client_of(enum prog prog)
{
	struct client *c = calloc(1, sizeof *c);
	struct bus_hooks hooks = { .program = c, .handlers = client_handlers, .n_handlers = 2, .down = on_down };

	c->loop = loop_new(LOOP_POLL);
	c->prog = prog;
	c->bus = bus_new(c->loop, prog, 0, &hooks);
	return c;
}

static struct client *client_new(void)
{
	return client_of(PROG_IM);
}

static void stop(struct client *c, pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 1000 && !c->is_down; i++)
		loop_turn(c->loop, 10);
	assert_true(c->is_down);
}

static void client_free(struct client *c)
{
	bus_free(c->bus);
	loop_free(c->loop);
	free(c);
}

/* Rows that are there, straight from the file. */
static void check_rows(struct client *c, uint32_t highest)
{
	struct db *d;
	struct db_stmt *q;
	bool *is_there = calloc(highest + 1, 1);

	assert_int_equal(open_db(&d), 0);
	assert_int_equal(db_prepare(d, "SELECT uid FROM offline", &q), 0);
	while (db_step(q) == 1)
		is_there[db_int(q, 0)] = true;
	db_finish(q);
	db_close(d);
	uint32_t answered = 0;
	for (uint32_t i = 1; i <= highest; i++) {
		answered += c->is_answered[i];
		assert_true(!c->is_answered[i] || is_there[i]);
	}
	assert_true(answered > 100);
	free(is_there);
}

static void test_killed_under_load(void **state)
{
	struct client *c = client_new();
	uint32_t uid = 0;

	(void)state;
	pid_t pid = start(c);
	put_user(c);
	for (int round = 0; round < (kind == DB_SQLITE ? ROUNDS : ROUNDS_SERVER); round++) {
		uint32_t first = uid;
		int kill_after = 50 + (round * 977) % 1500;
		c->n_answers = 0;
		while (uid - first < ASKS_A_ROUND && c->n_answers < (uint32_t)kill_after) {
			if (uid - first - c->n_answers < WINDOW)
				add_offline(c, ++uid, 1000000, 1000000);
			if (uid % 20 == 0)
				loop_turn(c->loop, 1);
		}
		stop(c, pid);
		pid = start(c);
	}
	stop(c, pid);
	check_rows(c, uid);
	client_free(c);
}

/* Limits per person and in all; the same again is no second one; pages. */
static void test_offline_limits(void **state)
{
	struct client *c = client_new();

	(void)state;
	make_db();
	pid_t pid = start(c);
	put_user(c);
	for (uint32_t i = 1; i <= 4; i++) {
		c->n_answers = 0;
		add_offline(c, i, 3, 100);
		wait_answers(c, 1);
		assert_int_equal(c->last_rc, i <= 3 ? 0 : ERR_FULL);
	}
	c->n_answers = 0;
	add_offline(c, 2, 3, 100); /* asked again */
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, 0);
	c->n_answers = 0;
	add_offline(c, 9, 100, 3);
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, ERR_FULL);
	for (unsigned page = 0; page < 2; page++) {
		struct buf *b = ask(c, 5000 + page, STORE_OFFLINE_PAGE);
		wire_put_str(b, BYTES("a@b"));
		wire_put_u64(b, page ? c->last_item : 0);
		wire_put_u32(b, 2);
		sent(c);
		c->n_answers = c->items = 0;
		wait_answers(c, 1);
		assert_int_equal(c->items, page ? 1 : 2);
	}
	stop(c, pid);
	client_free(c);
}

/* gh-im has died: what was on its way here waits for the person, what was on its way out is told. */
static void test_journal_settles(void **state)
{
	struct client *c = client_new();

	(void)state;
	pid_t pid = start(c);
	struct buf *b = ask(c, 1, STORE_JOURNAL_ADD);
	wire_put_u32(b, 2);
	for (uint64_t uid = 100; uid < 102; uid++) {
		wire_put_u64(b, uid);
		wire_put_u64(b, 7);
		wire_put_str(b, uid == 100 ? BYTES("a@b") : BYTES_NONE);
		wire_put_bytes(b, BYTES("envelope"));
	}
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	for (int again = 0; again < 2; again++) {
		ask(c, 2, STORE_JOURNAL_SETTLE);
		sent(c);
		c->n_answers = c->items = 0;
		wait_answers(c, 1);
		assert_int_equal(c->items, 1);
		assert_int_equal(c->last_item, 101);
	}
	b = ask(c, 3, STORE_OFFLINE_PAGE);
	wire_put_str(b, BYTES("a@b"));
	wire_put_u64(b, 0);
	wire_put_u32(b, 100);
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	assert_int_equal(c->items, 4); /* three from the test before, and this */
	stop(c, pid);
	client_free(c);
}

/* xmpp.md lesson 25: one other domain cannot fill the storage of all. */
static void test_other_domains_have_a_share(void **state)
{
	static const struct {
		const char *sender;
		int rc;
	} rows[] = { { "far", 0 }, { "far", 0 }, { "far", ERR_FULL }, { "near", 0 }, { "", 0 }, { "", 0 }, { "far", ERR_FULL } };
	struct client *c = client_new();
	pid_t pid = start(c);

	(void)state;
	for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		c->n_answers = 0;
		add_offline_from(c, 9000 + i, bytes_of(rows[i].sender), (uint32_t[]){ 1000, 2, 1000 });
		wait_answers(c, 1);
		assert_int_equal(c->last_rc, rows[i].rc);
	}
	stop(c, pid);
	client_free(c);
}

static void put_salt(struct client *c, uint8_t mode, const char *salt)
{
	struct buf *b = ask(c, 1, STORE_ACCOUNT_PUT);

	wire_put_str(b, BYTES("s@b"));
	wire_put_u8(b, mode);
	wire_put_u64(b, 1);
	wire_put_u8(b, 1);
	wire_put_u8(b, 1);
	wire_put_u32(b, 4096);
	wire_put_bytes(b, bytes_of(salt));
	wire_put_bytes(b, BYTES("stored"));
	wire_put_bytes(b, BYTES("server"));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, 0);
}

static int put_app(struct client *c, const char *label, const char *salt, const char *stored)
{
	struct buf *b = ask(c, 1, STORE_APP_PUT);

	wire_put_str(b, BYTES("s@b"));
	wire_put_str(b, bytes_of(label));
	wire_put_u64(b, 1);
	wire_put_u8(b, 1);
	wire_put_u8(b, 1);
	wire_put_bytes(b, bytes_of(salt));
	wire_put_bytes(b, bytes_of(stored));
	wire_put_bytes(b, BYTES("server"));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

/* op with address, label, and what it has more. How many items came. */
static uint32_t on_app(struct client *c, enum store_op op, const char *label, int rc)
{
	struct buf *b = ask(c, 1, op);

	wire_put_str(b, BYTES("s@b"));
	if (op == STORE_AUTH_GET)
		wire_put_u8(b, 1);
	else if (op != STORE_APP_LIST)
		wire_put_str(b, bytes_of(label));
	if (op == STORE_APP_USED) {
		wire_put_u64(b, 7);
		wire_put_str(b, BYTES("192.0.2.1"));
	}
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, rc);
	return c->items;
}

/* Beside the account's verifier and with its salt; bounded; gone one by one, or with the salt. */
static void test_application_passwords(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);
	char label[16];

	(void)state;
	assert_int_equal(put_app(c, "x", "salt", "k"), ERR_NOT_FOUND);
	put_salt(c, STORE_ACCOUNT_NEW, "salt");
	assert_int_equal(put_app(c, "x", "other salt", "k"), ERR_BAD_STATE);
	assert_int_equal(put_app(c, "", "salt", "k"), ERR_SYNTAX);
	for (int i = 0; i < STORE_APPS_MAX; i++) {
		(void)snprintf(label, sizeof label, "app %d", i);
		assert_int_equal(put_app(c, label, "salt", label), 0);
	}
	assert_int_equal(put_app(c, "app 0", "salt", "app 0"), 0); /* asked for again */
	assert_int_equal(put_app(c, "app 0", "salt", "another"), ERR_EXISTS);
	assert_int_equal(put_app(c, "x", "salt", "k"), ERR_FULL);
	assert_int_equal(on_app(c, STORE_AUTH_GET, "", 0), 1 + STORE_APPS_MAX);
	assert_int_equal(on_app(c, STORE_APP_USED, "app 0", 0), 0);
	assert_int_equal(on_app(c, STORE_APP_DEL, "app 0", 0), 0);
	assert_int_equal(on_app(c, STORE_APP_DEL, "app 0", ERR_NOT_FOUND), 0);
	stop(c, pid);
	pid = start(c);
	assert_int_equal(on_app(c, STORE_AUTH_GET, "", 0), STORE_APPS_MAX);
	assert_int_equal(on_app(c, STORE_APP_LIST, "", 0), STORE_APPS_MAX - 1);
	put_salt(c, STORE_ACCOUNT_CHANGE, "new salt");
	assert_int_equal(on_app(c, STORE_AUTH_GET, "", 0), 1);
	assert_int_equal(on_app(c, STORE_APP_LIST, "", 0), 0);
	stop(c, pid);
	client_free(c);
}

/* A token's seed: 16 of one letter. */
static void put_seed(struct buf *b, char seed)
{
	char text[STORE_FAST_SEED];

	memset(text, seed, sizeof text);
	wire_put_bytes(b, bytes_make(text, sizeof text));
}

struct fast {
	const char *client, *label, *salt; /* salt NULL: `before` is the basis */
	char seed, before;
	uint64_t now;
};

static int put_fast(struct client *c, struct fast f)
{
	struct buf *b = ask(c, 1, STORE_FAST_PUT);

	wire_put_str(b, BYTES("s@b"));
	wire_put_str(b, bytes_of(f.client));
	wire_put_str(b, BYTES("name"));
	wire_put_str(b, bytes_of(f.label));
	wire_put_u8(b, 0);
	put_seed(b, f.seed);
	wire_put_u64(b, f.now);
	wire_put_u64(b, f.now + 1000);
	wire_put_u8(b, f.salt ? STORE_FAST_BY_SALT : STORE_FAST_BY_TOKEN);
	wire_put_u8(b, 1);
	if (f.salt)
		wire_put_bytes(b, bytes_of(f.salt));
	else
		put_seed(b, f.before);
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

static int use_fast(struct client *c, char seed, uint64_t login, uint64_t count, uint64_t now)
{
	struct buf *b = ask(c, 1, STORE_FAST_USE);

	wire_put_str(b, BYTES("s@b"));
	wire_put_str(b, BYTES("pc"));
	put_seed(b, seed);
	wire_put_u64(b, login);
	wire_put_u64(b, count);
	wire_put_u64(b, now);
	wire_put_str(b, BYTES("192.0.2.1"));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

/* How many tokens this client has; of all clients (NULL): how many clients. */
static uint32_t count_fast(struct client *c, const char *client)
{
	struct buf *b = ask(c, 1, client ? STORE_FAST_GET : STORE_FAST_LIST);

	wire_put_str(b, BYTES("s@b"));
	if (client)
		wire_put_str(b, bytes_of(client));
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, 0);
	return c->items;
}

static int del_fast(struct client *c, const char *client)
{
	struct buf *b = ask(c, 1, STORE_FAST_DEL);

	wire_put_str(b, BYTES("s@b"));
	wire_put_str(b, bytes_of(client));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

/* Killed between any two steps of a rotation, the token that the client has is there. */
static void test_fast_rotation(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	put_salt(c, STORE_ACCOUNT_CHANGE, "salt");
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", "other", 'a', 0, 1 }), ERR_BAD_STATE);
	assert_int_equal(put_fast(c, (struct fast){ "pc", "gone", "salt", 'a', 0, 1 }), ERR_BAD_STATE);
	assert_int_equal(put_fast(c, (struct fast){ "", "", "salt", 'a', 0, 1 }), ERR_SYNTAX);
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", "salt", 'a', 0, 1 }), 0);
	stop(c, pid);
	pid = start(c);
	assert_int_equal(use_fast(c, 'b', 1, 0, 2), ERR_NOT_FOUND);
	assert_int_equal(use_fast(c, 'a', 1, 0, 2), 0);
	stop(c, pid);
	pid = start(c);
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", NULL, 'b', 'a', 3 }), 0);
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", NULL, 'b', 'a', 3 }), 0); /* asked for again */
	stop(c, pid);
	pid = start(c);
	assert_int_equal(count_fast(c, "pc"), 2);
	assert_int_equal(use_fast(c, 'a', 2, 0, 4), 0); /* it never got the new one */
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", NULL, 'c', 'a', 5 }), 0);
	assert_int_equal(count_fast(c, "pc"), 2);
	assert_int_equal(use_fast(c, 'b', 3, 0, 6), ERR_NOT_FOUND);
	assert_int_equal(use_fast(c, 'c', 4, 0, 6), 0); /* the first use of the new one ends the old one */
	assert_int_equal(use_fast(c, 'a', 5, 0, 7), ERR_NOT_FOUND);
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", NULL, 'd', 'a', 8 }), ERR_BAD_STATE);
	assert_int_equal(del_fast(c, "pc"), 0);
	assert_int_equal(del_fast(c, "pc"), ERR_NOT_FOUND);
	stop(c, pid);
	client_free(c);
}

static void test_fast_counts(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	assert_int_equal(put_fast(c, (struct fast){ "pc", "", "salt", 'a', 0, 1 }), 0);
	assert_int_equal(use_fast(c, 'a', 1, 0, 2), 0);
	assert_int_equal(use_fast(c, 'a', 2, 7, 2), 0);
	assert_int_equal(use_fast(c, 'a', 2, 7, 2), 0); /* the same login, asked again */
	assert_int_equal(use_fast(c, 'a', 3, 7, 2), ERR_EXISTS);
	assert_int_equal(use_fast(c, 'a', 3, 6, 2), ERR_EXISTS);
	assert_int_equal(use_fast(c, 'a', 3, 0, 2), ERR_EXISTS); /* left out: an attacker can */
	assert_int_equal(use_fast(c, 'a', 3, 8, 2), 0);
	assert_int_equal(del_fast(c, ""), 0);
	stop(c, pid);
	client_free(c);
}

/* Bounded; gone with what they stem from. */
static void test_fast_ends(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);
	char name[24];

	(void)state;
	assert_int_equal(put_app(c, "phone", "salt", "k"), 0);
	for (int i = 0; i <= STORE_FAST_CLIENTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "client %d", i);
		assert_int_equal(put_fast(c, (struct fast){ name, i & 1 ? "phone" : "", "salt", 'a', 0, (uint64_t)i + 1 }), 0);
	}
	assert_int_equal(count_fast(c, NULL), STORE_FAST_CLIENTS_MAX);
	assert_int_equal(count_fast(c, "client 0"), 0); /* used longest ago */
	assert_int_equal(on_app(c, STORE_APP_DEL, "phone", 0), 0);
	assert_int_equal(count_fast(c, NULL), STORE_FAST_CLIENTS_MAX / 2);
	assert_int_equal(put_fast(c, (struct fast){ "late", "", "salt", 'a', 0, 1010 }), 0);
	assert_int_equal(count_fast(c, NULL), 1 + 6); /* those of 1 to 10 have expired */
	put_salt(c, STORE_ACCOUNT_CHANGE, "newest salt");
	assert_int_equal(count_fast(c, NULL), 0);
	stop(c, pid);
	client_free(c);
}

/* What gh-xlate keeps: put, put again, listed in order and in pages, deleted; the same twice is fine. */
/* ---- nodes of people ---- */

static void publish(struct client *c, const char *node, const char *id, uint32_t keep)
{
	struct buf *b = ask(c, 50, STORE_PEP_PUBLISH);

	wire_put_str(b, BYTES("a@b"));
	wire_put_str(b, bytes_of(node));
	wire_put_bytes(b, BYTES("state"));
	wire_put_u32(b, keep);
	wire_put_u64(b, 7);
	wire_put_str(b, bytes_of(id));
	wire_put_str(b, BYTES_NONE);
	wire_put_bytes(b, bytes_of(id));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
}

static void ask_node(struct client *c, enum store_op op, const char *node, const char *id)
{
	struct buf *b = ask(c, 51, op);

	wire_put_str(b, BYTES("a@b"));
	wire_put_str(b, bytes_of(node));
	if (id)
		wire_put_str(b, bytes_of(id));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
}

/* How many items come (without the numbers); the last one's id in last_key. */
static uint32_t items_of(struct client *c, uint8_t how, const char *from, uint32_t limit, uint32_t bytes)
{
	struct buf *b = ask(c, 52, STORE_PEP_ITEMS);

	wire_put_str(b, BYTES("a@b"));
	wire_put_str(b, BYTES("n"));
	wire_put_u8(b, how);
	wire_put_u32(b, limit);
	wire_put_u32(b, bytes);
	if (how == STORE_PEP_IDS)
		wire_put_u16(b, 1);
	wire_put_str(b, bytes_of(from));
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	struct wire w = wire_of(bytes_make(c->last_body, c->last_body_n));
	struct bytes id = wire_str(&w);
	snprintf(c->last_key, sizeof c->last_key, "%.*s", BYTES_FMT(id));
	return c->items ? c->items - 1 : 0;
}

static uint32_t last_for(struct client *c, const char *owner, const char *watcher, const char *node)
{
	struct buf *b = ask(c, 53, STORE_PEP_LAST);

	wire_put_str(b, bytes_of(owner));
	wire_put_str(b, bytes_of(watcher));
	wire_put_str(b, BYTES("x@y/r"));
	wire_put_str(b, BYTES("y"));
	wire_put_str(b, BYTES("y/r"));
	wire_put_u16(b, 1);
	wire_put_str(b, bytes_of(node));
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	return c->items;
}

static void let_see(struct client *c, const char *contact, uint8_t bits)
{
	struct buf *b = ask(c, 54, STORE_CONTACT_PUT);

	wire_put_str(b, BYTES("a@b"));
	wire_put_str(b, bytes_of(contact));
	wire_put_u64(b, 2);
	wire_put_u8(b, bits);
	wire_put_str(b, BYTES_NONE);
	for (int i = 0; i < 3; i++) /* groups, request, shared */
		wire_put_bytes(b, BYTES_NONE);
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
}

/* ---- contacts of many people ---- */

static uint32_t contacts_of(struct client *c, const char *domain, const char *only, const char *user, const char *contact, uint32_t limit)
{
	struct buf *b = ask(c, 60, STORE_CONTACT_LIST);

	wire_put_str(b, bytes_of(domain));
	wire_put_str(b, bytes_of(only));
	wire_put_str(b, bytes_of(user));
	wire_put_str(b, bytes_of(contact));
	wire_put_u32(b, limit);
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	return c->items;
}

static uint32_t owners_of(struct client *c, const char *contact, const char *after)
{
	struct buf *b = ask(c, 61, STORE_CONTACT_OWNERS);

	wire_put_str(b, bytes_of(contact));
	wire_put_str(b, bytes_of(after));
	wire_put_u32(b, 10);
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	return c->items;
}

static int move(struct client *c, const char *user, const char *from, const char *to, bool leaves_request)
{
	struct buf *b = ask(c, 62, STORE_CONTACT_MOVE);

	wire_put_str(b, bytes_of(user));
	wire_put_str(b, bytes_of(from));
	wire_put_u64(b, 9);
	wire_put_u8(b, leaves_request);
	wire_put_str(b, bytes_of(to));
	wire_put_u8(b, CONTACT_LISTED);
	wire_put_str(b, BYTES("N"));
	for (int i = 0; i < 3; i++) /* groups, request, shared */
		wire_put_bytes(b, BYTES_NONE);
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

/* The bits of the last item of a CONTACT_LIST. */
static uint8_t last_bits(const struct client *c)
{
	struct wire w = wire_of(bytes_make(c->last_body, c->last_body_n));

	(void)wire_str(&w), (void)wire_str(&w);
	return wire_u8(&w);
}

/* A contact moves whole, or not at all; asked again, nothing more happens. The account is that of the tests before. */
static void test_contacts_move(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	let_see(c, "old@x", CONTACT_LISTED | CONTACT_IN);
	let_see(c, "other@x", CONTACT_LISTED);
	assert_int_equal(contacts_of(c, "", "", "", "", 10), 2);
	assert_int_equal(contacts_of(c, "b", "", "", "", 10), 2);
	assert_int_equal(contacts_of(c, "c", "", "", "", 10), 0);
	assert_int_equal(contacts_of(c, "", "a@b", "", "", 10), 2);
	assert_int_equal(contacts_of(c, "", "x@b", "", "", 10), 0);
	assert_int_equal(contacts_of(c, "", "", "a@b", "old@x", 10), 1);
	assert_int_equal(contacts_of(c, "", "", "", "", 1), 1);
	assert_int_equal(owners_of(c, "old@x", ""), 1);
	assert_int_equal(owners_of(c, "old@x", "a@b"), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(move(c, "a@b", "old@x", "new@x", true), 0);
		stop(c, pid);
		pid = start(c);
		assert_int_equal(contacts_of(c, "", "", "", "", 10), 3);
		assert_int_equal(contacts_of(c, "", "", "a@b", "new@x", 10), 2);
		assert_int_equal(last_bits(c), CONTACT_LISTED);
		assert_int_equal(contacts_of(c, "", "", "a@b", "new@x", 1), 1);
		assert_int_equal(last_bits(c), CONTACT_IN);
	}
	assert_int_equal(move(c, "a@b", "other@x", "new@x", false), 0);
	assert_int_equal(owners_of(c, "other@x", ""), 0);
	assert_int_equal(move(c, "nobody@b", "x@x", "y@x", false), ERR_NOT_FOUND);
	assert_int_equal(contacts_of(c, "", "", "", "", 10), 2);
	stop(c, pid);
	client_free(c);
}

/* What was answered is there after a kill; the newest stay; asked again, nothing more happens. The account is that of
 * the tests before. */
static void test_nodes_of_people(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	for (char id[3] = "i1"; id[1] <= '5'; id[1]++)
		for (int again = 0; again < 2; again++)
			publish(c, "n", id, 3);
	stop(c, pid);
	pid = start(c);
	assert_int_equal(items_of(c, STORE_PEP_BEFORE, "", 10, 1000), 3);
	assert_string_equal(c->last_key, "i3");
	assert_int_equal(items_of(c, STORE_PEP_AFTER, "i3", 10, 1000), 2);
	assert_string_equal(c->last_key, "i5");
	assert_int_equal(items_of(c, STORE_PEP_BEFORE, "i4", 10, 1000), 1);
	assert_int_equal(items_of(c, STORE_PEP_AFTER, "", 1, 1000), 1);
	assert_int_equal(items_of(c, STORE_PEP_AFTER, "", 10, 1), 1); /* one always */
	assert_int_equal(items_of(c, STORE_PEP_IDS, "i4", 10, 1000), 1);
	assert_int_equal(items_of(c, STORE_PEP_IDS, "i1", 10, 1000), 0);
	(void)items_of(c, STORE_PEP_AFTER, "gone", 10, 1000);
	assert_int_equal(c->last_rc, ERR_NOT_FOUND);
	/* who comes */
	assert_int_equal(last_for(c, "", "a@b", "n"), 1);
	assert_int_equal(last_for(c, "", "a@b", "other"), 0);
	assert_int_equal(last_for(c, "", "x@y", "n"), 0);
	let_see(c, "x@y", CONTACT_FROM);
	assert_int_equal(last_for(c, "", "x@y", "n"), 1);
	assert_int_equal(last_for(c, "z@b", "x@y", "n"), 0);
	struct buf *b = ask(c, 55, STORE_BLOCK_ADD);
	wire_put_str(b, BYTES("a@b"));
	wire_put_u16(b, 1);
	wire_put_str(b, BYTES("y"));
	sent(c);
	c->n_answers = 0;
	wait_answers(c, 1);
	assert_int_equal(last_for(c, "", "x@y", "n"), 0);
	/* away */
	ask_node(c, STORE_PEP_RETRACT, "n", "i4");
	assert_int_equal(c->last_rc, 0);
	ask_node(c, STORE_PEP_RETRACT, "n", "i4");
	assert_int_equal(c->last_rc, ERR_NOT_FOUND);
	publish(c, "transient", "t", 0);
	assert_int_equal(last_for(c, "", "a@b", "transient"), 0);
	ask_node(c, STORE_PEP_PURGE, "n", NULL);
	assert_int_equal(items_of(c, STORE_PEP_BEFORE, "", 10, 1000), 0);
	ask_node(c, STORE_PEP_NODE_DEL, "n", NULL);
	assert_int_equal(c->last_rc, 0);
	ask_node(c, STORE_PEP_NODE_DEL, "n", NULL);
	assert_int_equal(c->last_rc, ERR_NOT_FOUND);
	stop(c, pid);
	client_free(c);
}

static void test_watches(void **state)
{
	static const char *const keys[] = { "a b", "c d", "e f" };
	struct client *c = client_of(PROG_XLATE);
	pid_t pid = start(c);

	(void)state;
	for (int again = 0; again < 2; again++) {
		struct buf *b = ask(c, 1, STORE_WATCH_PUT);
		wire_put_u32(b, 3);
		for (int i = 0; i < 3; i++) {
			wire_put_str(b, bytes_of(keys[i]));
			wire_put_bytes(b, again ? BYTES("new") : BYTES("old"));
		}
		sent(c);
	}
	wait_answers(c, 2);
	assert_int_equal(c->last_rc, 0);
	stop(c, pid);
	pid = start(c);
	for (int again = 0; again < 2; again++) {
		struct buf *b = ask(c, 2, STORE_WATCH_DEL);
		wire_put_u32(b, 2);
		wire_put_str(b, BYTES("a b"));
		wire_put_str(b, BYTES("not there"));
		sent(c);
	}
	c->n_answers = c->items = 0;
	wait_answers(c, 2);
	assert_int_equal(c->last_rc, 0);
	static const char *const wanted[] = { "c d=new", "e f=new", "" };
	for (int page = 0; page < 3; page++) {
		struct buf *b = ask(c, 3, STORE_WATCH_LIST);
		wire_put_str(b, page ? bytes_of(keys[page]) : BYTES_NONE);
		wire_put_u32(b, 1);
		c->last_key[0] = 0;
		sent(c);
		c->n_answers = 0;
		wait_answers(c, 1);
		assert_string_equal(c->last_key, wanted[page]);
	}
	stop(c, pid);
	client_free(c);
}

/* Each asks for its own only. */
static int one(struct client *c)
{
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	return c->last_rc;
}

static int put_past(struct client *c, const char *room, const char *id, const char *stanza)
{
	struct buf *b = ask(c, 4, STORE_ROOM_PAST);

	wire_put_str(b, bytes_of(room));
	wire_put_str(b, bytes_of(id));
	wire_put_u64(b, 1);
	wire_put_str(b, BYTES("r@c.example/a"));
	wire_put_str(b, BYTES("o"));
	wire_put_bytes(b, bytes_of(stanza));
	wire_put_u32(b, 3);
	return one(c);
}

static int put_affiliate(struct client *c, const char *room, const char *jid, uint8_t what)
{
	struct buf *b = ask(c, 5, STORE_ROOM_AFFILIATE);

	wire_put_str(b, bytes_of(room));
	wire_put_str(b, bytes_of(jid));
	wire_put_u8(b, what);
	wire_put_str(b, BYTES_NONE);
	wire_put_str(b, BYTES_NONE);
	return one(c);
}

static uint32_t list_rooms(struct client *c, const char *after)
{
	struct buf *b = ask(c, 6, STORE_ROOM_LIST);

	wire_put_str(b, bytes_of(after));
	wire_put_u32(b, 10);
	assert_int_equal(one(c), 0);
	return c->items;
}

/* Written twice it is there once; the last messages stay, and a room takes all of its own along. */
static void test_rooms(void **state)
{
	static const char *const ids[] = { "1", "2", "3", "4", "5", "5" };
	struct client *c = client_new();
	pid_t pid = start(c);

	(void)state;
	assert_int_equal(put_affiliate(c, "r@c.example", "a@b.example", 3), ERR_NOT_FOUND);
	for (int again = 0; again < 2; again++) {
		struct buf *b = ask(c, 3, STORE_ROOM_PUT);
		wire_put_str(b, BYTES("r@c.example"));
		wire_put_bytes(b, BYTES("value"));
		assert_int_equal(one(c), 0);
		assert_int_equal(put_affiliate(c, "r@c.example", "a@b.example", 3), 0);
		assert_int_equal(put_affiliate(c, "r@c.example", "c.example", 4), 0);
	}
	for (int i = 0; i < 6; i++)
		assert_int_equal(put_past(c, "r@c.example", ids[i], i < 5 ? "<a/>" : "<b/>"), 0);
	stop(c, pid);
	pid = start(c);
	assert_int_equal(list_rooms(c, ""), 1 + 2 + 3);
	assert_int_equal(list_rooms(c, "r@c.example"), 0);
	assert_int_equal(put_affiliate(c, "r@c.example", "c.example", 0), 0);
	assert_int_equal(list_rooms(c, ""), 1 + 1 + 3);
	for (int again = 0; again < 2; again++) {
		wire_put_str(ask(c, 7, STORE_ROOM_DEL), BYTES("r@c.example"));
		assert_int_equal(one(c), 0);
	}
	assert_int_equal(list_rooms(c, ""), 0);
	stop(c, pid);
	client_free(c);
}

static void test_askers(void **state)
{
	static const struct {
		enum prog prog;
		enum store_op op;
	} rows[] = { { PROG_IM, STORE_WATCH_LIST }, { PROG_XLATE, STORE_SECRET } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client *c = client_of(rows[i].prog);
		pid_t pid = start(c);
		struct buf *b = ask(c, 1, rows[i].op);
		if (rows[i].op == STORE_WATCH_LIST) {
			wire_put_str(b, BYTES_NONE);
			wire_put_u32(b, 1);
		}
		sent(c);
		for (int t = 0; t < 500 && !c->is_down; t++)
			loop_turn(c->loop, 10);
		assert_true(c->is_down);
		assert_int_equal(c->n_answers, 0);
		stop(c, pid);
		client_free(c);
	}
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", dir);
	make_db();
	return 0;
}

static int tear_down(void **state)
{
	char wal[80];

	(void)state;
	snprintf(wal, sizeof wal, "%s-wal", path);
	(void)unlink(wal); /* gone after a clean end */
	(void)unlink(path);
	int rc = rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6); /* for the other engine */
	return rc;
}

static uint32_t asked(struct client *c, int rc)
{
	sent(c);
	c->n_answers = c->items = 0;
	wait_answers(c, 1);
	assert_int_equal(c->last_rc, rc);
	return c->items;
}

static void disable(struct client *c, const char *since)
{
	struct buf *b = ask(c, 1, STORE_BLOB_PUT);

	wire_put_str(b, BYTES("d@b"));
	wire_put_str(b, BYTES(STORE_DISABLED_KEY));
	wire_put_bytes(b, bytes_of(since));
	(void)asked(c, 0);
}

/* The last byte of what AUTH_GET says of it; of ACCOUNT_LIST the last but one: behind it stands that there is a verifier of SHA-256. */
static uint8_t says_disabled(struct client *c, enum store_op op)
{
	struct buf *b = ask(c, 1, op);

	wire_put_str(b, op == STORE_AUTH_GET ? BYTES("d@b") : BYTES("b"));
	if (op == STORE_AUTH_GET) {
		wire_put_u8(b, 1);
	} else {
		wire_put_str(b, BYTES("c@b"));
		wire_put_u32(b, 1);
	}
	assert_int_equal(asked(c, 0), 1);
	if (op == STORE_ACCOUNT_LIST)
		assert_int_equal(c->last_body[c->last_body_n - 1], 1);
	return c->last_body[c->last_body_n - (op == STORE_ACCOUNT_LIST ? 2 : 1)];
}

static void put_account_d(struct client *c, uint8_t mode, int rc)
{
	struct buf *b = ask(c, 1, STORE_ACCOUNT_PUT);

	wire_put_str(b, BYTES("d@b"));
	wire_put_u8(b, mode);
	wire_put_u64(b, 1);
	if (mode == STORE_ACCOUNT_NEW_NOTED)
		wire_put_bytes(b, BYTES("a note"));
	wire_put_u8(b, 1);
	wire_put_u8(b, 1);
	wire_put_u32(b, 4096);
	for (int i = 0; i < 3; i++)
		wire_put_bytes(b, BYTES("x"));
	(void)asked(c, rc);
}

/* Disabled ones are told of; whom the directory stands behind keeps what is there. */
static void test_disabled_accounts(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	put_account_d(c, STORE_ACCOUNT_NEW, 0);
	assert_int_equal(says_disabled(c, STORE_AUTH_GET) + says_disabled(c, STORE_ACCOUNT_LIST), 0);
	disable(c, "1700000000000");
	assert_int_equal(says_disabled(c, STORE_AUTH_GET) + says_disabled(c, STORE_ACCOUNT_LIST), 2);
	put_account_d(c, STORE_ACCOUNT_CHANGE, 0); /* another password does not enable it */
	assert_int_equal(says_disabled(c, STORE_AUTH_GET), 1);
	disable(c, "");
	assert_int_equal(says_disabled(c, STORE_AUTH_GET) + says_disabled(c, STORE_ACCOUNT_LIST), 0);
	wire_put_str(ask(c, 1, STORE_ACCOUNT_DEL), BYTES("d@b"));
	(void)asked(c, 0);
	put_account_d(c, STORE_ACCOUNT_NEW_NOTED, 0);
	put_account_d(c, STORE_ACCOUNT_CHANGE, ERR_DENIED);
	stop(c, pid);
	client_free(c);
}

static void put_notice(struct client *c, const char *domain, const char *value)
{
	struct buf *b = ask(c, 1, STORE_NOTICE_PUT);

	wire_put_str(b, bytes_of(domain));
	wire_put_bytes(b, bytes_of(value));
	(void)asked(c, domain[0] ? 0 : ERR_SYNTAX);
}

/* One a domain, beside the box's secret; they outlive gh-store. */
static void test_notices(void **state)
{
	struct client *c = client_of(PROG_IM);
	pid_t pid = start(c);

	(void)state;
	(void)ask(c, 1, STORE_SECRET);
	assert_int_equal(asked(c, 0), 1);
	put_notice(c, "a.example", "one");
	put_notice(c, "a.example", "two");
	put_notice(c, "b.example", "three");
	put_notice(c, "b.example", "");
	put_notice(c, "", "four");
	stop(c, pid);
	pid = start(c);
	(void)ask(c, 1, STORE_NOTICE_LIST);
	assert_int_equal(asked(c, 0), 1);
	struct wire w = wire_of(bytes_make(c->last_body, c->last_body_n));
	assert_true(bytes_eq_str(wire_str(&w), "a.example"));
	assert_true(bytes_eq_str(wire_bytes(&w), "two"));
	assert_int_equal(wire_end(&w), 0);
	stop(c, pid);
	client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_under_load),
		cmocka_unit_test(test_offline_limits),
		cmocka_unit_test(test_journal_settles),
		cmocka_unit_test(test_other_domains_have_a_share),
		cmocka_unit_test(test_application_passwords),
		cmocka_unit_test(test_fast_rotation),
		cmocka_unit_test(test_fast_counts),
		cmocka_unit_test(test_fast_ends),
		cmocka_unit_test(test_contacts_move),
		cmocka_unit_test(test_nodes_of_people),
		cmocka_unit_test(test_disabled_accounts),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_watches),
		cmocka_unit_test(test_rooms),
		cmocka_unit_test(test_askers),
	};

	int failed = cmocka_run_group_tests_name("SQLite", tests, set_up, tear_down);
	kind = DB_POSTGRESQL;
	postgresql_fixture_start();
	failed += cmocka_run_group_tests_name("PostgreSQL", tests, set_up, tear_down);
	postgresql_fixture_stop();
	return failed;
}
