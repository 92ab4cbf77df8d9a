/* Message archives in gh-store: pages, words, limits, cleaning; and two years of one, searched.
 * ARCHIVE_ROWS=n makes it n rows and prints how long pages take. */
#include "store.h"

#include "db/postgresql_fixture.h"

#include "base/err.h"
#include "base/log.h"
#include "run/store_op.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define MS(ms) ((uint64_t)(ms) << STORE_ARCHIVE_TIME_SHIFT)

enum { PEOPLE = 20, PEERS = 25, ROWS = 100000, ROWS_SERVER = 10000, BATCH = 500, TIMED = 500, NO_ROWS = 0x7fffffff };

static char dir[] = "/tmp/archive_testXXXXXX";
static char path[64];
static enum db_kind kind;

/* A new and empty database of the kind that is tested. */
static void make_db(const char *file)
{
	if (kind == DB_POSTGRESQL)
		postgresql_fixture_create("plays");
	else
		(void)unlink(file);
}

static void open_db(const char *file, struct db **out)
{
	char why[DB_WHY_BYTES] = "";
	const char *text = why;
	const struct sql_dialect *sql = sql_of(kind);
	int rc = kind == DB_POSTGRESQL ? postgresql_fixture_open("plays", sql->steps, sql->n_steps, out, why) :
					 db_open(file, sql->steps, sql->n_steps, out, &text);

	if (rc)
		die("test.open", text);
}

struct stage {
	struct loop *loop;
	struct store store;
	struct bus *im;
	uint32_t asked;
	bool is_done;
	int rc;
	/* the last page */
	uint64_t ids[STORE_ARCHIVE_PAGE_MAX];
	uint32_t n, count;
	bool is_complete, has_more;
	char last[256];
	enum store_op op;
	uint64_t messages, bytes, first;
};

static int on_done(void *program, struct chan *from, const struct frame *f)
{
	struct stage *g = program;
	struct wire w = wire_of(f->body);

	(void)from;
	g->rc = (int32_t)wire_u32(&w);
	g->is_done = true;
	return wire_end(&w);
}

static void page_item(struct stage *g, struct wire *w)
{
	uint32_t number = wire_u32(w);

	if (number == STORE_ARCHIVE_END) {
		g->count = wire_u32(w);
		g->is_complete = wire_u8(w);
		return;
	}
	assert_int_equal(number, g->n);
	g->ids[g->n++] = wire_u64(w);
	struct bytes stanza = wire_bytes(w);
	(void)snprintf(g->last, sizeof g->last, "%.*s", BYTES_FMT(stanza));
}

static int on_item(void *program, struct chan *from, const struct frame *f)
{
	struct stage *g = program;
	struct wire w = wire_of(f->body);

	(void)from;
	if (g->op == STORE_ARCHIVE_PAGE || g->op == STORE_ARCHIVE_IDS) {
		page_item(g, &w);
	} else if (g->op == STORE_ARCHIVE_CLEAN) {
		g->has_more = wire_u8(&w);
	} else {
		g->messages = wire_u64(&w);
		g->bytes = wire_u64(&w);
		g->first = wire_u64(&w);
	}
	return wire_end(&w);
}

static const struct bus_handler store_handlers[] = { { MSG_STORE_ASK, store_on_ask } };
static const struct bus_handler im_handlers[] = { { MSG_STORE_DONE, on_done }, { MSG_STORE_ITEM, on_item } };

static struct stage *stage_open(const char *file)
{
	struct stage *g = calloc(1, sizeof *g);
	const char *why = "";
	struct db *d = NULL;
	int fds[2];

	assert_non_null(g);
	const struct bus_hooks store_hooks = { .program = &g->store, .handlers = store_handlers, .n_handlers = 1 };
	const struct bus_hooks im_hooks = { .program = g, .handlers = im_handlers, .n_handlers = 2 };
	g->loop = g->store.loop = loop_new(LOOP_POLL);
	g->store.bus = bus_new(g->loop, PROG_STORE, 0, &store_hooks);
	g->im = bus_new(g->loop, PROG_IM, 0, &im_hooks);
	open_db(file, &d);
	assert_int_equal(store_take(&g->store, d, &why), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(g->im, PROG_STORE, 0, fds[0]), 0);
	assert_int_equal(bus_attach(g->store.bus, PROG_IM, 0, fds[1]), 0);
	return g;
}

static struct stage *stage_fresh(void)
{
	make_db(path);
	return stage_open(kind == DB_SQLITE ? ":memory:" : "");
}

static void stage_close(struct stage *g)
{
	bus_free(g->im);
	store_close(&g->store);
	bus_free(g->store.bus);
	loop_free(g->loop);
	free(g);
}

static struct buf *begin(struct stage *g, enum store_op op)
{
	struct buf *b = chan_begin(bus_chan(g->im, PROG_STORE, 0), MSG_STORE_ASK, ++g->asked);

	g->op = op;
	g->n = 0;
	wire_put_u8(b, (uint8_t)op);
	return b;
}

static int ask(struct stage *g)
{
	g->is_done = false;
	assert_int_equal(chan_end(bus_chan(g->im, PROG_STORE, 0)), 0);
	for (int i = 0; i < 1000 && !g->is_done; i++)
		loop_turn(g->loop, 100);
	assert_true(g->is_done);
	return g->rc;
}

static void account(struct stage *g, const char *jid)
{
	struct buf *b = begin(g, STORE_ACCOUNT_PUT);

	wire_put_str(b, bytes_of(jid));
	wire_put_u8(b, STORE_ACCOUNT_NEW);
	wire_put_u64(b, 1);
	wire_put_u8(b, 0);
	assert_int_equal(ask(g), 0);
}

static struct buf *begin_add(struct stage *g, uint32_t most, uint64_t most_bytes, uint32_t n)
{
	struct buf *b = begin(g, STORE_ARCHIVE_ADD);

	wire_put_u32(b, most);
	wire_put_u64(b, most_bytes);
	wire_put_u32(b, n);
	return b;
}

static void put_row(struct buf *b, uint64_t id, const char *jid, const char *peer, const char *resource, const char *text)
{
	char stanza[512];

	(void)snprintf(stanza, sizeof stanza, "<message from='%s' to='%s' type='chat' id='0123456789abcdef'><body>%s</body></message>", peer, jid, text);
	wire_put_u64(b, id);
	wire_put_str(b, bytes_of(jid));
	wire_put_str(b, bytes_of(peer));
	wire_put_str(b, bytes_of(resource));
	wire_put_bytes(b, bytes_of(text));
	wire_put_bytes(b, bytes_of(stanza));
}

static void add(struct stage *g, uint64_t id, const char *jid, const char *peer, const char *text)
{
	put_row(begin_add(g, 1000, 1 << 20, 1), id, jid, peer, "desk", text);
	assert_int_equal(ask(g), 0);
}

struct question {
	const char *jid, *peer, *resource, *text;
	uint64_t from, to, after, before, named; /* to, before 0: no bound; named 0: none */
	uint32_t limit; /* 0: 10; NO_ROWS */
	uint8_t flags;
};

static int page(struct stage *g, struct question q)
{
	struct buf *b = begin(g, STORE_ARCHIVE_PAGE);

	wire_put_str(b, bytes_of(q.jid ? q.jid : "a@b"));
	wire_put_u8(b, q.flags);
	wire_put_u64(b, q.from);
	wire_put_u64(b, q.to ? q.to : STORE_ARCHIVE_ID_MAX);
	wire_put_u64(b, q.after);
	wire_put_u64(b, q.before ? q.before : STORE_ARCHIVE_ID_MAX);
	wire_put_str(b, bytes_of(q.peer ? q.peer : ""));
	wire_put_str(b, bytes_of(q.resource ? q.resource : ""));
	wire_put_str(b, bytes_of(q.text ? q.text : ""));
	wire_put_u32(b, q.limit == NO_ROWS ? 0 : q.limit ? q.limit : 10);
	wire_put_u8(b, q.named != 0);
	if (q.named)
		wire_put_u64(b, q.named);
	return ask(g);
}

#define PAGE(g, ...) page(g, (struct question){ __VA_ARGS__ })

static void give_pages(void **state)
{
	struct stage *g = stage_fresh();

	(void)state;
	account(g, "a@b");
	account(g, "c@b");
	for (uint64_t i = 1; i <= 25; i++)
		add(g, MS(i), i % 5 ? "a@b" : "c@b", i % 2 ? "x@y" : "z@y", "hello");
	add(g, MS(1), "a@b", "x@y", "the same again");
	assert_int_equal(PAGE(g, .flags = STORE_ARCHIVE_COUNTED), 0);
	assert_int_equal(g->n, 10);
	assert_int_equal(g->count, 20);
	assert_false(g->is_complete);
	assert_true(g->ids[0] == MS(1) && g->ids[9] == MS(12));
	assert_int_equal(PAGE(g, .after = MS(12)), 0);
	assert_int_equal(g->n, 10);
	assert_true(g->is_complete && g->count == STORE_ARCHIVE_UNCOUNTED);
	assert_int_equal(PAGE(g, .limit = 3, .flags = STORE_ARCHIVE_DOWN), 0);
	assert_true(g->n == 3 && g->ids[0] == MS(24) && g->ids[2] == MS(22));
	assert_int_equal(PAGE(g, .flags = STORE_ARCHIVE_DOWN, .before = MS(3)), 0);
	assert_true(g->n == 2 && g->is_complete);
	assert_int_equal(PAGE(g, .peer = "x@y", .flags = STORE_ARCHIVE_COUNTED), 0);
	assert_true(g->n == 10 && g->count == 10 && g->is_complete);
	assert_int_equal(PAGE(g, .peer = "x@y", .resource = "desk"), 0);
	assert_int_equal(g->n, 10);
	assert_int_equal(PAGE(g, .peer = "x@y", .resource = "sofa"), 0);
	assert_int_equal(g->n, 0);
	assert_int_equal(PAGE(g, .from = MS(10), .to = MS(14), .flags = STORE_ARCHIVE_COUNTED | STORE_ARCHIVE_DOWN), 0);
	assert_true(g->n == 3 && g->count == 3);
	assert_int_equal(PAGE(g, .limit = NO_ROWS, .flags = STORE_ARCHIVE_COUNTED), 0);
	assert_true(g->n == 0 && g->count == 20);
	/* another's id, and one that is not there */
	assert_int_equal(PAGE(g, .named = MS(5)), ERR_NOT_FOUND);
	assert_int_equal(PAGE(g, .named = MS(99)), ERR_NOT_FOUND);
	assert_int_equal(PAGE(g, .named = MS(4)), 0);
	assert_int_equal(PAGE(g, .jid = "nobody@b"), ERR_NOT_FOUND);
	struct buf *b = begin(g, STORE_ARCHIVE_IDS);
	wire_put_str(b, BYTES("a@b"));
	wire_put_u8(b, 2);
	wire_put_u64(b, MS(9));
	wire_put_u64(b, MS(2));
	assert_int_equal(ask(g), 0);
	assert_true(g->n == 2 && g->ids[0] == MS(9) && g->is_complete);
	stage_close(g);
}

static void find_words(void **state)
{
	static const struct {
		const char *text;
		unsigned n;
	} rows[] = {
		{ "fox", 2 }, { "FOX", 2 }, { "red fox", 1 }, { "quick", 1 }, { "fo", 0 }, { "caf\xc3\xa9", 1 }, { "cafe", 1 },
		{ "fox OR sleeps", 0 }, { "red-fox", 1 }, { "fox-red", 0 }, { "body:fox", 0 }, { "u1", 0 }, { "owner", 0 }, { "\"", 0 }, { "fox\"", 2 }, { "*", 0 },
		{ "(fox", 2 }, { "NEAR(red fox)", 0 }, { " red  fox ", 1 }, { "dog", 0 },
	};
	struct stage *g = stage_fresh();

	(void)state;
	account(g, "a@b");
	account(g, "c@b");
	add(g, MS(1), "a@b", "x@y", "a quick red fox");
	add(g, MS(2), "a@b", "z@y", "a blue fox in a caf\xc3\xa9");
	add(g, MS(3), "c@b", "x@y", "another's fox and dog");
	add(g, MS(4), "a@b", "x@y", "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(PAGE(g, .text = rows[i].text, .flags = STORE_ARCHIVE_COUNTED), 0);
		if (g->n != rows[i].n || g->count != rows[i].n)
			fail_msg("%s: %u of %u", rows[i].text, g->n, rows[i].n);
	}
	assert_int_equal(PAGE(g, .text = "fox", .peer = "z@y", .flags = STORE_ARCHIVE_DOWN), 0);
	assert_true(g->n == 1 && g->ids[0] == MS(2));
	assert_int_equal(PAGE(g, .text = "a b c d e f g h i j k l m n o p q"), ERR_LIMIT);
	stage_close(g);
}

static int clean(struct stage *g, uint64_t oldest, uint32_t limit)
{
	struct buf *b = begin(g, STORE_ARCHIVE_CLEAN);

	wire_put_u64(b, oldest);
	wire_put_u32(b, limit);
	return ask(g);
}

static void count(struct stage *g, const char *jid)
{
	wire_put_str(begin(g, STORE_ARCHIVE_STATE), bytes_of(jid));
	assert_int_equal(ask(g), 0);
}

static int room_op(struct stage *g, enum store_op op, const char *jid)
{
	struct buf *b = begin(g, op);

	wire_put_str(b, bytes_of(jid));
	if (op == STORE_ROOM_PUT)
		wire_put_bytes(b, BYTES("value"));
	return ask(g);
}

static int replace(struct stage *g, const char *jid, uint64_t id, const char *rest)
{
	struct buf *b = begin(g, STORE_ARCHIVE_REPLACE);

	wire_put_str(b, bytes_of(jid));
	wire_put_u64(b, id);
	wire_put_bytes(b, bytes_of(rest));
	return ask(g);
}

/* A room's archive is its own, loses what is moderated, words and all, and ends with it. */
static void rooms_have_them_too(void **state)
{
	struct stage *g = stage_fresh();

	(void)state;
	account(g, "a@b");
	assert_int_equal(room_op(g, STORE_ROOM_PUT, "r@c"), 0);
	add(g, MS(1), "a@b", "x@y", "fox");
	add(g, MS(2), "r@c", "r@c", "a fox in the room");
	add(g, MS(3), "r@c", "r@c", "a dog");
	assert_int_equal(PAGE(g, .jid = "r@c", .flags = STORE_ARCHIVE_COUNTED), 0);
	assert_true(g->n == 2 && g->count == 2 && g->ids[0] == MS(2));
	assert_int_equal(PAGE(g, .jid = "r@c", .text = "fox"), 0);
	assert_true(g->n == 1 && g->ids[0] == MS(2));
	assert_int_equal(PAGE(g, .text = "fox"), 0);
	assert_true(g->n == 1 && g->ids[0] == MS(1));
	count(g, "r@c");
	assert_int_equal(g->messages, 2);
	assert_int_equal(replace(g, "r@c", MS(1), "/>"), ERR_NOT_FOUND);
	assert_int_equal(replace(g, "a@b", MS(2), "/>"), ERR_NOT_FOUND);
	assert_int_equal(replace(g, "none@c", MS(2), "/>"), ERR_NOT_FOUND);
	assert_int_equal(replace(g, "r@c", MS(2), " type='groupchat'><retracted/></message>"), 0);
	assert_int_equal(replace(g, "r@c", MS(2), " type='groupchat'><retracted/></message>"), 0);
	assert_int_equal(PAGE(g, .jid = "r@c", .limit = 1), 0);
	assert_string_equal(g->last, "<message from='r@c' type='groupchat'><retracted/></message>");
	assert_int_equal(PAGE(g, .jid = "r@c", .text = "fox"), 0);
	assert_int_equal(g->n, 0);
	assert_int_equal(PAGE(g, .jid = "r@c", .peer = "r@c", .resource = "desk"), 0);
	assert_int_equal(g->n, 2);
	count(g, "r@c");
	assert_int_equal(g->messages, 2);
	/* it ends, and another of its name begins with nothing */
	assert_int_equal(room_op(g, STORE_ROOM_DEL, "r@c"), 0);
	assert_int_equal(room_op(g, STORE_ROOM_DEL, "r@c"), 0);
	assert_int_equal(PAGE(g, .jid = "r@c"), ERR_NOT_FOUND);
	assert_int_equal(room_op(g, STORE_ROOM_PUT, "r@c"), 0);
	add(g, MS(4), "r@c", "r@c", "anew");
	assert_int_equal(PAGE(g, .jid = "r@c"), 0);
	assert_true(g->n == 1 && g->ids[0] == MS(4));
	for (int i = 0; i < 4; i++)
		assert_int_equal(clean(g, 0, 100), 0);
	count(g, "");
	assert_int_equal(g->messages, 2); /* the new room's, and the account's */
	assert_int_equal(PAGE(g, .jid = "r@c"), 0);
	assert_int_equal(g->n, 1);
	stage_close(g);
}

static void end_by_limit_and_age(void **state)
{
	struct stage *g = stage_fresh();

	(void)state;
	account(g, "a@b");
	account(g, "c@b");
	for (uint64_t i = 1; i <= 20; i++) {
		put_row(begin_add(g, 12, 1 << 20, 1), MS(i), "a@b", "x@y", "", "word");
		assert_int_equal(ask(g), 0);
	}
	count(g, "a@b");
	assert_int_equal(g->messages, 12);
	assert_int_equal(PAGE(g, .text = "word", .limit = 100), 0);
	assert_true(g->n == 12 && g->ids[0] == MS(9));
	uint64_t size = g->bytes / 12;
	put_row(begin_add(g, 1000, 5 * size, 1), MS(21), "a@b", "x@y", "", "word");
	assert_int_equal(ask(g), 0);
	count(g, "a@b");
	assert_true(g->messages <= 5 && g->bytes <= 5 * size);
	/* by age, everybody's, a piece at a time */
	for (uint64_t i = 30; i < 40; i++)
		add(g, MS(i), i % 2 ? "a@b" : "c@b", "x@y", "old");
	assert_int_equal(clean(g, MS(36), 4), 0);
	assert_true(g->has_more);
	while (g->has_more)
		assert_int_equal(clean(g, MS(36), 4), 0);
	count(g, "");
	assert_int_equal(g->messages, 4);
	assert_true(g->first == MS(36));
	/* dropped: gone at once, though the rows go later; what comes after stays */
	wire_put_str(begin(g, STORE_ARCHIVE_DROP), BYTES("a@b"));
	assert_int_equal(ask(g), 0);
	add(g, MS(50), "a@b", "x@y", "new");
	assert_int_equal(PAGE(g, .flags = STORE_ARCHIVE_COUNTED), 0);
	assert_true(g->n == 1 && g->count == 1 && g->ids[0] == MS(50));
	assert_int_equal(PAGE(g, .text = "old"), 0);
	assert_int_equal(g->n, 0);
	assert_int_equal(PAGE(g, .named = MS(37)), ERR_NOT_FOUND);
	/* an account that goes takes its archive along, bit by bit; one of the same name begins anew */
	wire_put_str(begin(g, STORE_ACCOUNT_DEL), BYTES("c@b"));
	assert_int_equal(ask(g), 0);
	account(g, "c@b");
	assert_int_equal(PAGE(g, .jid = "c@b"), 0);
	assert_int_equal(g->n, 0);
	do
		assert_int_equal(clean(g, 0, 1), 0);
	while (g->has_more);
	count(g, "");
	assert_int_equal(g->messages, 1);
	stage_close(g);
}

/* ---- two years ---- */

static uint64_t random_of(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 11;
}

static void text_of(uint64_t *seed, char *out, size_t room)
{
	static const char *const some[] = { "meeting", "lunch", "report", "the", "and", "tomorrow", "please", "server", "room", "call",
		                            "invoice", "thanks", "number", "door", "gate", "house" };
	size_t n = 0;

	*out = '\0';
	for (int i = 0; i < 8 && n < room; i++)
		n += (size_t)snprintf(out + n, room - n, "%s ", some[random_of(seed) % 16]);
	if (n < room && random_of(seed) % 500 == 0)
		(void)snprintf(out + n, room - n, "needle");
}

static const uint64_t two_years_ms = 2ull * 365 * 86400 * 1000, begin_ms = 1700000000000;

static void fill(struct stage *g, uint32_t rows)
{
	uint64_t seed = 42;
	char jid[32], peer[32], text[200];

	for (int i = 0; i < PEOPLE; i++) {
		(void)snprintf(jid, sizeof jid, "p%d@b", i);
		account(g, jid);
	}
	for (uint32_t i = 0; i < rows; i += BATCH) {
		struct buf *b = begin_add(g, UINT32_MAX, 1ull << 40, BATCH);
		for (uint32_t k = i; k < i + BATCH; k++) {
			(void)snprintf(jid, sizeof jid, "p%llu@b", (unsigned long long)(random_of(&seed) % PEOPLE));
			(void)snprintf(peer, sizeof peer, "c%llu@y", (unsigned long long)(random_of(&seed) % PEERS));
			text_of(&seed, text, sizeof text);
			put_row(b, MS(begin_ms + two_years_ms / rows * k) + k % 7, jid, peer, "phone", text);
		}
		assert_int_equal(ask(g), 0);
	}
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Pages of 50 in random places. what 0: the last; 1: with somebody, before a random time; 2: words; 3: a word in two years, rare. */
static void time_pages(struct stage *g, int what, const char *name)
{
	static double took[TIMED];
	uint64_t seed = 7;
	char jid[32], peer[32];

	for (int i = 0; i < TIMED; i++) {
		struct question q = { .jid = jid, .limit = 50, .flags = STORE_ARCHIVE_DOWN | STORE_ARCHIVE_COUNTED };
		(void)snprintf(jid, sizeof jid, "p%llu@b", (unsigned long long)(random_of(&seed) % PEOPLE));
		(void)snprintf(peer, sizeof peer, "c%llu@y", (unsigned long long)(random_of(&seed) % PEERS));
		if (what == 1) {
			q.peer = peer;
			q.before = MS(begin_ms + random_of(&seed) % two_years_ms);
		}
		q.text = what == 2 ? "invoice tomorrow" : what == 3 ? "needle" : NULL;
		double start = now_ms();
		assert_int_equal(page(g, q), 0);
		took[i] = now_ms() - start;
	}
	qsort(took, TIMED, sizeof took[0], by_size);
	printf("%-24s p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", name, took[TIMED / 2], took[TIMED * 99 / 100], took[TIMED - 1]);
}

static void two_years_are_searched(void **state)
{
	const char *wanted = getenv("ARCHIVE_ROWS");
	uint32_t rows = wanted ? (uint32_t)atoi(wanted) / BATCH * BATCH : kind == DB_SQLITE ? ROWS : ROWS_SERVER;
	uint32_t n = 0, found = 0;

	(void)state;
	make_db(path);
	struct stage *g = stage_open(path);
	double start = now_ms();
	fill(g, rows);
	if (wanted)
		printf("%u rows in %.1f s\n", rows, (now_ms() - start) / 1000);
	count(g, "");
	assert_int_equal(g->messages, rows);
	count(g, "p3@b");
	uint64_t of_person = g->messages;
	/* all of one person, page by page, in order */
	uint64_t after = 0;
	do {
		assert_int_equal(PAGE(g, .jid = "p3@b", .after = after, .limit = 250), 0);
		for (uint32_t i = 0; i < g->n; i++) {
			assert_true(g->ids[i] > after);
			after = g->ids[i];
		}
		n += g->n;
	} while (!g->is_complete);
	assert_int_equal(n, of_person);
	/* each needle is found, and nothing else */
	after = 0;
	do {
		assert_int_equal(PAGE(g, .jid = "p3@b", .after = after, .limit = 20, .text = "needle"), 0);
		for (uint32_t i = 0; i < g->n; i++)
			after = g->ids[i];
		assert_true(!g->n || strstr(g->last, "needle"));
		found += g->n;
	} while (!g->is_complete);
	assert_in_range(found, of_person / 1500, of_person / 200 + 2); /* few rows have few needles */
	/* a month of it */
	uint64_t month = begin_ms + two_years_ms / 2;
	assert_int_equal(PAGE(g, .jid = "p3@b", .from = MS(month), .to = MS(month + 30ull * 86400000), .limit = 1, .flags = STORE_ARCHIVE_COUNTED), 0);
	if (g->count != STORE_ARCHIVE_UNCOUNTED)
		assert_in_range(g->count, of_person / 40, of_person / 15);
	if (wanted) {
		time_pages(g, 0, "the last page");
		time_pages(g, 1, "with one, at any time");
		time_pages(g, 2, "two common words");
		time_pages(g, 3, "a rare word");
		start = now_ms();
		for (int i = 0; i < 20; i++)
			assert_int_equal(clean(g, MS(month), 200), 0);
		printf("a piece of cleaning      %.2f ms\n", (now_ms() - start) / 20);
	}
	stage_close(g);
}

/* ---- killed ---- */

static _Noreturn void add_until_killed(int fd, uint64_t first)
{
	struct stage *g = stage_open(path);
	char text[32];

	for (uint64_t i = first;; i++) {
		(void)snprintf(text, sizeof text, "word%llu", (unsigned long long)i);
		add(g, i, "a@b", "x@y", text);
		if (write(fd, &i, sizeof i) != sizeof i)
			_exit(1);
	}
}

/* What was answered is there, its words are found, and the sums are right, whenever gh-store is killed. */
static void answered_is_there(void **state)
{
	uint64_t last = 0, answered = 0;
	char text[32];

	(void)state;
	make_db(path);
	struct stage *g = stage_open(path);
	account(g, "a@b");
	stage_close(g);
	for (int round = 0; round < 8; round++) {
		int fds[2];
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0)
			add_until_killed(fds[1], answered + 2); /* one may be there and not answered */
		close(fds[1]);
		for (int i = 0; i < 5 + round * 13 && read(fds[0], &last, sizeof last) == sizeof last; i++)
			answered = last;
		kill(pid, SIGKILL);
		while (read(fds[0], &last, sizeof last) == sizeof last)
			answered = last;
		close(fds[0]);
		waitpid(pid, NULL, 0);
		g = stage_open(path);
		(void)snprintf(text, sizeof text, "word%llu", (unsigned long long)answered);
		assert_int_equal(PAGE(g, .text = text, .named = answered), 0);
		assert_true(g->n >= 1 && g->ids[0] == answered);
		uint32_t n = 0;
		uint64_t after = 0;
		do {
			assert_int_equal(PAGE(g, .after = after, .limit = 250), 0);
			n += g->n;
			after = g->n ? g->ids[g->n - 1] : after;
		} while (!g->is_complete);
		count(g, "a@b");
		assert_int_equal(g->messages, n);
		answered = after;
		stage_close(g);
	}
	assert_true(answered > 50);
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof path, "%s/archive.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	char wal[80];

	(void)state;
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	(void)unlink(wal);
	(void)unlink(path);
	int rc = rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6); /* for the other engine */
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(give_pages),
		cmocka_unit_test(find_words),
		cmocka_unit_test(rooms_have_them_too),
		cmocka_unit_test(end_by_limit_and_age),
		cmocka_unit_test(answered_is_there),
		cmocka_unit_test(two_years_are_searched),
	};

	int failed = cmocka_run_group_tests_name("SQLite", tests, set_up, tear_down);
	kind = DB_POSTGRESQL;
	postgresql_fixture_start();
	failed += cmocka_run_group_tests_name("PostgreSQL", tests, set_up, tear_down);
	postgresql_fixture_stop();
	return failed;
}
