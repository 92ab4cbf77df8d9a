#include "book.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "records.h"

struct world {
	char path[64];
	int dir;
	struct book b;
	struct book_time t;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	snprintf(w->path, sizeof w->path, "/tmp/book_test.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY);
	w->t = (struct book_time){ 1000, 1700000000000 };
	assert_int_equal(book_open(&w->b, w->dir, w->t.now_ms), 0);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	book_close(&w->b);
	(void)unlinkat(w->dir, "alarms", 0);
	(void)unlinkat(w->dir, "alarms.new", 0);
	close(w->dir);
	assert_int_equal(rmdir(w->path), 0);
	free(w);
	return 0;
}

static void say(struct world *w, enum prog p, const char *key, bool is_raised, const char *text)
{
	const struct alarm_news n = { ALARM_QUEUE_FULL, is_raised, ALARM_MINOR, bytes_of(key), bytes_of(text) };

	w->t.wall_ms += 1000;
	book_news(&w->b, p, 0, &n, w->t);
}

static void restart(struct world *w)
{
	book_close(&w->b);
	assert_int_equal(book_open(&w->b, w->dir, w->t.now_ms), 0);
}

static void pass(struct world *w, uint64_t ms)
{
	w->t.now_ms += ms;
	book_tick(&w->b, w->t);
}

static void raise_change_clear(void **state)
{
	struct world *w = *state;

	say(w, PROG_S2S, "a", true, "one");
	say(w, PROG_S2S, "a", true, "one");
	say(w, PROG_S2S, "a", true, "two");
	say(w, PROG_SIP, "a", true, "other program");
	assert_int_equal(w->b.n_standing, 2);
	say(w, PROG_S2S, "a", false, "two");
	say(w, PROG_S2S, "never", false, "");
	assert_int_equal(w->b.n_standing, 1);
	assert_int_equal(w->b.n_past, 4);
	assert_int_equal(book_past(&w->b, 0)->event, BOOK_CLEARED);
	assert_int_equal(book_past(&w->b, 2)->event, BOOK_CHANGED);
	assert_int_equal(book_past(&w->b, 3)->event, BOOK_RAISED);
	assert_null(book_past(&w->b, 4));
}

static void all_survives_a_restart(void **state)
{
	struct world *w = *state;

	say(w, PROG_S2S, "stands", true, "since");
	say(w, PROG_S2S, "went", true, "x");
	say(w, PROG_S2S, "went", false, "x");
	uint64_t since = LIST_OWNER(w->b.standing.next, struct book_alarm, node)->since_ms;
	restart(w);
	assert_int_equal(w->b.n_standing, 1);
	assert_int_equal(w->b.n_past, 3);
	const struct book_alarm *a = LIST_OWNER(w->b.standing.next, struct book_alarm, node);
	assert_string_equal(a->key, "stands");
	assert_string_equal(a->text, "since");
	assert_int_equal(a->since_ms, since);
	/* raised again by its program: no news, and no doubt any more */
	book_up(&w->b, PROG_S2S, 0, w->t.now_ms);
	say(w, PROG_S2S, "stands", true, "since");
	assert_int_equal(w->b.n_past, 3);
	pass(w, 10 * BOOK_ABSENT_MS);
	assert_int_equal(w->b.n_standing, 1);
}

static void the_successor_has_a_minute(void **state)
{
	struct world *w = *state;

	say(w, PROG_S2S, "again", true, "");
	say(w, PROG_S2S, "over", true, "");
	say(w, PROG_SIP, "other", true, "");
	book_down(&w->b, PROG_S2S, 0, w->t.now_ms);
	pass(w, 1000);
	book_up(&w->b, PROG_S2S, 0, w->t.now_ms);
	say(w, PROG_S2S, "again", true, "");
	pass(w, BOOK_CONFIRM_MS - 1);
	assert_int_equal(w->b.n_standing, 3);
	pass(w, 1);
	assert_int_equal(w->b.n_standing, 2);
	assert_string_equal(book_past(&w->b, 0)->key, "over");
	assert_int_equal(book_past(&w->b, 0)->event, BOOK_CLEARED);
}

static void who_does_not_come_back(void **state)
{
	struct world *w = *state;

	say(w, PROG_XDP, "a", true, "");
	book_down(&w->b, PROG_XDP, 0, w->t.now_ms);
	pass(w, BOOK_ABSENT_MS - 1);
	assert_int_equal(w->b.n_standing, 1);
	pass(w, 1);
	assert_int_equal(w->b.n_standing, 0);
}

static off_t file_size(struct world *w)
{
	struct stat st;

	assert_int_equal(fstatat(w->dir, "alarms", &st, 0), 0);
	return st.st_size;
}

/* Whatever flaps, the file and the memory stay small, and what stands stays known. */
static void a_flapping_alarm_fills_nothing(void **state)
{
	struct world *w = *state;
	off_t most = 0;

	say(w, PROG_S2S, "old", true, "from long ago");
	for (int i = 0; i < 20000; i++) {
		say(w, PROG_SIP, "flaps", i % 2 == 0, "");
		if (i % 500 == 0 && file_size(w) > most)
			most = file_size(w);
	}
	assert_true(most < 1 << 20);
	assert_int_equal(w->b.n_past, BOOK_HISTORY_MAX);
	restart(w);
	assert_int_equal(w->b.n_standing, 1);
	assert_string_equal(LIST_OWNER(w->b.standing.next, struct book_alarm, node)->key, "old");
	assert_int_equal(w->b.n_past, BOOK_HISTORY_MAX);
}

/* Power fails at any byte of the last record: all before it is there. */
static void a_torn_end_is_cut_off(void **state)
{
	struct world *w = *state;

	say(w, PROG_S2S, "a", true, "whole");
	off_t whole = file_size(w);
	say(w, PROG_S2S, "b", true, "torn");
	off_t end = file_size(w);
	for (off_t cut = end - 1; cut >= whole; cut--) {
		book_close(&w->b);
		int fd = openat(w->dir, "alarms", O_WRONLY);
		assert_int_equal(ftruncate(fd, cut), 0);
		close(fd);
		assert_int_equal(book_open(&w->b, w->dir, w->t.now_ms), 0);
		assert_int_equal(w->b.n_standing, 1);
		assert_int_equal(file_size(w), whole);
		say(w, PROG_S2S, "b", true, "torn");
		assert_int_equal(file_size(w), end);
	}
}

static void damage_ends_the_reading_there(void **state)
{
	struct world *w = *state;

	say(w, PROG_S2S, "a", true, "whole");
	off_t whole = file_size(w);
	say(w, PROG_S2S, "b", true, "damaged");
	book_close(&w->b);
	int fd = openat(w->dir, "alarms", O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff", 1, whole + RECORD_HEAD_BYTES + 3), 1);
	close(fd);
	assert_int_equal(book_open(&w->b, w->dir, w->t.now_ms), 0);
	assert_int_equal(w->b.n_standing, 1);
	assert_int_equal(file_size(w), whole);
}

static void the_table_is_bounded(void **state)
{
	struct world *w = *state;
	char key[16];

	for (int i = 0; i < BOOK_STANDING_MAX + 50; i++) {
		snprintf(key, sizeof key, "%d", i);
		say(w, PROG_S2S, key, true, "");
	}
	assert_int_equal(w->b.n_standing, BOOK_STANDING_MAX);
	restart(w);
	assert_int_equal(w->b.n_standing, BOOK_STANDING_MAX);
}

static void own_news(void *arg, const struct alarm_news *n)
{
	struct world *w = arg;

	book_news(&w->b, PROG_LOG, 0, n, w->t);
}

/* As gh-log has it: its own alarms come back to the book. */
static void a_full_table_says_so(void **state)
{
	struct world *w = *state;
	char key[16];

	alarm_clear_all(ALARM_ALARMS_FULL); /* of the test before */
	alarm_set_sink(own_news, w);
	for (int i = 0; i < BOOK_STANDING_MAX + 2; i++) {
		snprintf(key, sizeof key, "%d", i);
		say(w, PROG_S2S, key, true, "");
	}
	assert_int_equal(w->b.n_standing, BOOK_STANDING_MAX + 1);
	assert_int_equal(LIST_OWNER(w->b.standing.prev, struct book_alarm, node)->alarm, ALARM_ALARMS_FULL);
	say(w, PROG_S2S, "0", false, "");
	book_tick(&w->b, w->t);
	assert_int_equal(w->b.n_standing, BOOK_STANDING_MAX); /* no room yet */
	say(w, PROG_S2S, "1", false, "");
	book_tick(&w->b, w->t);
	assert_int_equal(w->b.n_standing, BOOK_STANDING_MAX - 2);
	LIST_EACH(node, &w->b.standing)
		assert_int_not_equal(LIST_OWNER(node, struct book_alarm, node)->alarm, ALARM_ALARMS_FULL);
	alarm_set_sink(NULL, NULL);
}

/* A folder that cannot be written: the alarms stand in memory, and the first chance brings them to the disk. */
static void without_a_disk_the_book_goes_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdirat(w->dir, "alarms.new", 0700), 0);
	say(w, PROG_S2S, "a", true, "");
	close(w->b.fd);
	w->b.fd = -1; /* as after a write that failed */
	say(w, PROG_S2S, "b", true, "");
	assert_int_equal(w->b.n_standing, 2);
	assert_int_equal(w->b.fd, -1);
	assert_int_equal(unlinkat(w->dir, "alarms.new", AT_REMOVEDIR), 0);
	say(w, PROG_S2S, "c", true, "");
	assert_true(w->b.fd >= 0);
	restart(w);
	assert_int_equal(w->b.n_standing, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(raise_change_clear),	     TEST(all_survives_a_restart),	  TEST(the_successor_has_a_minute),
		TEST(who_does_not_come_back),	     TEST(a_flapping_alarm_fills_nothing), TEST(a_torn_end_is_cut_off),
		TEST(damage_ends_the_reading_there), TEST(the_table_is_bounded), TEST(a_full_table_says_so),	  TEST(without_a_disk_the_book_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
