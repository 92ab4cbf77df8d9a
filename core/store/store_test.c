/* gh-store killed between ask and answer, again and again: what it answered is there. */
#include "store.h"

#include "base/err.h"
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

enum { ROUNDS = 12, ASKS_A_ROUND = 3000, WINDOW = 200 };

struct client {
	enum prog prog;
	struct loop *loop;
	struct bus *bus;
	bool is_answered[ROUNDS * ASKS_A_ROUND + 1];
	uint32_t n_answers, items, last_item;
	int last_rc;
	bool is_down;
	char last_key[64];
};

static char dir[] = "/tmp/store_testXXXXXX";
static char path[64];

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

	s->loop = loop_new(LOOP_POLL);
	s->bus = bus_new(s->loop, PROG_STORE, 0, &hooks);
	if (store_open(s, path, &why) || bus_attach(s->bus, who, 0, fd))
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
	const char *why;
	bool *is_there = calloc(highest + 1, 1);

	assert_int_equal(db_open(path, sql_steps, sql_n_steps, &d, &why), 0);
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
	for (int round = 0; round < ROUNDS; round++) {
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
	(void)unlink(path);
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

/* What gh-xlate keeps: put, put again, listed in order and in pages, deleted; the same twice is fine. */
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
	return 0;
}

static int tear_down(void **state)
{
	char wal[80];

	(void)state;
	snprintf(wal, sizeof wal, "%s-wal", path);
	(void)unlink(wal); /* gone after a clean end */
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_under_load),
		cmocka_unit_test(test_offline_limits),
		cmocka_unit_test(test_journal_settles),
		cmocka_unit_test(test_other_domains_have_a_share),
		cmocka_unit_test(test_watches),
		cmocka_unit_test(test_askers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
