#include "syslog.h"

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
#include "spool.h"

static const char *message(struct buf *b, const char *text, const char *host)
{
	const struct syslog_origin o = { host, 16 };
	struct line l;

	buf_clear(b);
	assert_int_equal(line_parse(bytes_of(text), &l), 0);
	syslog_put(b, &l, &o);
	assert_false(buf_failed(b));
	return buf_cstr(b);
}

#define HEAD "2026-11-24T19:00:00.123Z "
static void rfc_5424(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2 * SYSLOG_MESSAGE_MAX);
	assert_string_equal(message(&b, HEAD "warn gh-s2s[0] s2s.out.failed id=5f domain=b.example", "box"),
			    "<132>1 " HEAD "box gh-s2s 0 s2s.out.failed [gatehouse@32473 id=\"5f\" domain=\"b.example\"] s2s.out.failed id=5f domain=b.example");
	assert_string_equal(message(&b, HEAD "error gh-super[0] super.ended", ""),
			    "<131>1 " HEAD "- gh-super 0 super.ended [gatehouse@32473] super.ended");
	/* 6.3.3: quote, backslash and bracket are escaped; our escape of a control byte is text */
	assert_string_equal(message(&b, HEAD "info gh-im[0] e k=\"a \\\"b\\\" ] \\\\ \\x1b\"", "my box"),
			    "<134>1 " HEAD "my_box gh-im 0 e [gatehouse@32473 k=\"a \\\"b\\\" \\] \\\\ \\\\x1b\"] e k=\"a \\\"b\\\" ] \\\\ \\x1b\"");
	/* 6.4: UTF-8 text begins with the BOM */
	assert_non_null(strstr(message(&b, HEAD "info gh-im[0] e user=j\xc3\xbcrg", "b"), "user=\"j\xc3\xbcrg\"] \xef\xbb\xbf" "e user="));
	buf_fini(&b);
}

static void a_long_line_stays_in_the_limit(void **state)
{
	char text[LINE_TEXT_MAX + 1];
	struct buf b;

	(void)state;
	buf_init(&b, 2 * SYSLOG_MESSAGE_MAX);
	int n = snprintf(text, sizeof text, HEAD "info gh-im[0] e");
	while (n + 5 < (int)sizeof text)
		n += snprintf(text + n, sizeof text - (size_t)n, " k=]]");
	(void)message(&b, text, "box");
	assert_in_range(buf_len(&b), LINE_TEXT_MAX, SYSLOG_MESSAGE_MAX);
	assert_non_null(strstr(buf_cstr(&b), "] e k="));
	buf_fini(&b);
}

/* ---- spool ---- */

struct world {
	char path[64];
	int dir;
	struct spool s;
};

enum { LIMIT = 512 << 10 };

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	(void)snprintf(w->path, sizeof w->path, "/tmp/syslog_test.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(spool_open(&w->s, w->dir, "a", LIMIT), 0);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	spool_close(&w->s);
	spool_remove(w->dir, "a");
	close(w->dir);
	assert_int_equal(rmdir(w->path), 0); /* nothing is left behind */
	free(w);
	return 0;
}

static void put(struct world *w, unsigned from, unsigned n)
{
	char text[120];

	for (unsigned i = from; i < from + n; i++) {
		(void)snprintf(text, sizeof text, "%08u %090d", i, 0);
		spool_put(&w->s, bytes_of(text));
	}
	spool_flush(&w->s);
}

static int next(struct world *w)
{
	struct bytes m;
	uint64_t n;

	if (!spool_next(&w->s, &m))
		return -1;
	assert_int_equal(m.n, 99);
	assert_int_equal(bytes_to_u64(bytes_make(m.p, 8), 1 << 30, &n), 0);
	return (int)n;
}

static void reopen(struct world *w)
{
	spool_close(&w->s);
	assert_int_equal(spool_open(&w->s, w->dir, "a", LIMIT), 0);
}

static void in_order_and_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(next(w), -1);
	for (unsigned i = 0; i < 3000; i += 10) {
		put(w, i, 10);
		for (unsigned k = 0; k < 10; k++)
			assert_int_equal(next(w), i + k);
		assert_int_equal(next(w), -1);
		spool_confirm(&w->s, &w->s.next);
	}
	assert_int_equal(spool_waiting(&w->s), 0);
	assert_int_equal(w->s.lost, 0);
	assert_true(w->s.last > 2 && w->s.first == w->s.last); /* what is through is deleted */
}

static void what_is_not_confirmed_comes_again(void **state)
{
	struct world *w = *state;

	put(w, 0, 2000);
	for (int i = 0; i < 1500; i++)
		assert_int_equal(next(w), i);
	struct spool_place at = w->s.next;
	for (int i = 1500; i < 1800; i++)
		assert_int_equal(next(w), i);
	spool_confirm(&w->s, &at);
	assert_int_equal(spool_waiting(&w->s), 500);
	spool_rewind(&w->s);
	assert_int_equal(next(w), 1500);
	reopen(w);
	assert_int_equal(spool_waiting(&w->s), 500);
	for (int i = 1500; i < 2000; i++)
		assert_int_equal(next(w), i);
	assert_int_equal(next(w), -1);
}

/* The oldest go, whole segments; what is left plus what was lost is what was put. */
static void over_the_limit_the_oldest_are_lost_and_counted(void **state)
{
	struct world *w = *state;
	uint64_t bytes = 0, seen = 0;

	for (unsigned i = 0; i < 20000; i += 100) {
		put(w, i, 100);
		bytes = 0;
		for (uint64_t n = w->s.first; n <= w->s.last; n++)
			bytes += w->s.of[n % SPOOL_SEGMENTS_MAX].bytes;
		assert_in_range(bytes, 1, LIMIT);
	}
	assert_true(bytes > LIMIT / 2);
	int first = next(w), last = first;
	for (int n; (n = next(w)) >= 0; last = n)
		assert_int_equal(n, last + 1);
	assert_int_equal(last, 19999);
	seen = (uint64_t)(last - first + 1);
	assert_int_equal(w->s.lost, first);
	assert_int_equal(spool_waiting(&w->s), seen);
}

/* A loss while the reader is in the middle: it goes on at what is left, and counts from what was confirmed. */
static void the_reader_is_overtaken(void **state)
{
	struct world *w = *state;

	put(w, 0, 1000);
	for (int i = 0; i < 700; i++)
		assert_int_equal(next(w), i);
	struct spool_place at = w->s.next;
	spool_confirm(&w->s, &at);
	put(w, 1000, 20000);
	int first = next(w);
	assert_true(first > 700);
	assert_int_equal(w->s.lost, first - 700);
	spool_confirm(&w->s, &at); /* old news of the server: harmless */
	assert_int_equal(next(w), first + 1);
	reopen(w);
	assert_int_equal(next(w), first);
}

static off_t last_size(struct world *w, char name[static 64])
{
	struct stat st;

	(void)snprintf(name, 64, "spool-a-%010llu", (unsigned long long)w->s.last);
	assert_int_equal(fstatat(w->dir, name, &st, 0), 0);
	return st.st_size;
}

/* Power fails at any byte of the last message. */
static void a_torn_end_costs_one_message(void **state)
{
	struct world *w = *state;
	char name[64];

	put(w, 0, 3);
	off_t end = last_size(w, name);
	for (off_t cut = 1; cut < 99 + RECORD_HEAD_BYTES; cut += 7) {
		spool_close(&w->s);
		int fd = openat(w->dir, name, O_WRONLY);
		assert_int_equal(ftruncate(fd, end - cut), 0);
		close(fd);
		assert_int_equal(spool_open(&w->s, w->dir, "a", LIMIT), 0);
		assert_int_equal(next(w), 0);
		assert_int_equal(next(w), 1);
		assert_int_equal(next(w), -1);
		put(w, 2, 1);
		assert_int_equal(next(w), 2);
		assert_int_equal(last_size(w, name), end);
	}
}

static void damage_is_no_end(void **state)
{
	struct world *w = *state;

	put(w, 0, 2000); /* several segments */
	assert_true(w->s.last > w->s.first + 1);
	char name[64];
	(void)snprintf(name, sizeof name, "spool-a-%010llu", (unsigned long long)w->s.first);
	int fd = openat(w->dir, name, O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 107 * 5), 4);
	close(fd);
	for (int i = 0; i < 5; i++)
		assert_int_equal(next(w), i);
	int n = next(w);
	assert_true(n > 5);
	assert_int_equal(w->s.lost, n - 5);
	while (next(w) >= 0)
		;
	spool_confirm(&w->s, &w->s.next);
	assert_int_equal(spool_waiting(&w->s), 0);
}

static void a_place_that_does_not_fit(void **state)
{
	struct world *w = *state;

	put(w, 0, 10);
	spool_close(&w->s);
	int fd = openat(w->dir, "spool-a-at", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, "nonsense", 8), 8);
	close(fd);
	assert_int_equal(spool_open(&w->s, w->dir, "a", LIMIT), 0);
	assert_int_equal(next(w), 0);
	assert_int_equal(spool_waiting(&w->s), 10);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_5424),
		cmocka_unit_test(a_long_line_stays_in_the_limit),
		TEST(in_order_and_once),
		TEST(what_is_not_confirmed_comes_again),
		TEST(over_the_limit_the_oldest_are_lost_and_counted),
		TEST(the_reader_is_overtaken),
		TEST(a_torn_end_costs_one_message),
		TEST(damage_is_no_end),
		TEST(a_place_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
