#include "files.h"
#include "filter.h"
#include "line.h"

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

#define GOOD "2026-11-24T19:00:00.123Z warn gh-s2s[0] s2s.out.failed id=5f00000000000001 domain=b.example why=\"no \\\"way\\\" there\" from=a@c.example/r"

static void a_line_and_its_pairs(void **state)
{
	struct line l;
	struct bytes k, v;

	(void)state;
	assert_int_equal(line_parse(BYTES(GOOD), &l), 0);
	assert_int_equal(l.wall_ms, 1795546800123);
	assert_int_equal(l.level, LOG_LEVEL_WARN);
	assert_true(bytes_eq_str(l.who, "gh-s2s[0]"));
	assert_true(bytes_eq_str(l.event, "s2s.out.failed"));
	struct bytes p = l.pairs;
	assert_true(line_pair(&p, &k, &v) && bytes_eq_str(k, "id") && bytes_eq_str(v, "5f00000000000001"));
	assert_true(line_pair(&p, &k, &v) && bytes_eq_str(k, "domain"));
	assert_true(line_pair(&p, &k, &v) && bytes_eq_str(v, "no \\\"way\\\" there"));
	assert_true(line_pair(&p, &k, &v) && bytes_eq_str(k, "from"));
	assert_false(line_pair(&p, &k, &v));
	static const char *const bad[] = { "", "x", "2026-11-24T19:00:00.123Z", "2026-13-24T19:00:00.123Z warn a[0] e",
					   "2026-11-24T19:00:00.123Z loud a[0] e", "2026-11-24T19:00:00.123Z warn a[0] ",
					   "2026-11-24T19:00:00.123Z warn a[0] k=v", "2026-11-24 19:00:00.123Z warn a[0] e" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(line_parse(bytes_of(bad[i]), &l), ERR_SYNTAX);
}

static const char *taken(struct buf *b, struct bytes raw)
{
	line_take(raw, PROG_S2S, 0, 1795546800123, b);
	return buf_cstr(b);
}

/* No program can write another's lines, break a line or steer a terminal. */
static void what_is_no_line_of_the_program_is_quoted(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2 * LINE_TEXT_MAX);
	assert_string_equal(taken(&b, BYTES(GOOD)), GOOD);
	assert_string_equal(taken(&b, BYTES("==ERROR: \x1b[31m\"red\"")),
			    "2026-11-24T19:00:00.123Z warn gh-s2s[0] log.raw text=\"==ERROR: \\x1b[31m\\x22red\\x22\"");
	assert_non_null(strstr(taken(&b, BYTES("2026-11-24T19:00:00.123Z info gh-conf[0] audit.setting by=root")), "gh-s2s[0] log.raw"));
	static const char *const evil[] = { "\xc2\x9b" "2J", "\xe2\x80\xae", "\xe2\x80\xa8", "\xff\xfe", "\xed\xa0\x80", "\x7f", "\t" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		char text[128];
		(void)snprintf(text, sizeof text, "2026-11-24T19:00:00.123Z warn gh-s2s[0] e k=%s", evil[i]);
		assert_null(strstr(taken(&b, bytes_of(text)), evil[i]));
		assert_non_null(strstr(buf_cstr(&b), "log.raw"));
	}
	static uint8_t huge[60000];
	memset(huge, 'x', sizeof huge);
	(void)taken(&b, bytes_make(huge, sizeof huge));
	assert_in_range(buf_len(&b), LINE_TEXT_MAX - 32, LINE_TEXT_MAX);
	buf_fini(&b);
}

static bool fits(const char *words)
{
	struct bytes w[8], rest = bytes_of(words);
	struct filter f;
	struct line l;
	const char *why;
	size_t n = 0;

	while (rest.n) {
		w[n] = bytes_make(rest.p, bytes_find(rest, ' '));
		rest = bytes_skip(rest, w[n++].n + 1);
	}
	assert_int_equal(filter_parse(w, n, 1795546860123, &f, &why), 0);
	assert_int_equal(line_parse(BYTES(GOOD), &l), 0);
	return filter_fits(&f, &l);
}

static void filters(void **state)
{
	static const char *const yes[] = { "", "program=gh-s2s", "level=warn", "level=debug", "event=s2s.", "domain=b.example", "domain=B.EXAMPLE",
					   "domain=c.example", "trace=5F00000000000001", "text=failed", "since=1m", "until=2026-11-24T19:00:00.123Z",
					   "since=2026-11-24T19:00:00.123Z", "program=gh-s2s level=warn domain=b.example" };
	static const char *const no[] = { "program=gh-sip", "level=error", "event=s2s.in", "domain=example", "domain=a@c.example", "trace=5f",
					  "text=succeeded", "since=59s", "until=2m", "program=gh-s2s level=error" };
	static const char *const bad[] = { "x", "colour=red", "program=gh-none", "level=loud", "since=tomorrow", "since=m", "since=1y", "last=0",
					   "last=10001", "follow=0", "follow=3601", "text=", "event=" };
	struct filter f;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (!fits(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (fits(no[i]))
			fail_msg("%s", no[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct bytes w = bytes_of(bad[i]);
		if (filter_parse(&w, 1, 1795546860123, &f, &why) == 0)
			fail_msg("%s", bad[i]);
	}
}

/* ---- files ---- */

struct folder {
	char path[64];
	int dir;
	struct files f;
	uint64_t counts[FILES_COUNTS];
};

static int open_folder(void **state)
{
	struct folder *w = calloc(1, sizeof *w);

	(void)snprintf(w->path, sizeof w->path, "/tmp/lines_test.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY);
	files_open(&w->f, w->dir, w->counts);
	files_set(&w->f, &(struct files_conf){ 64 << 10, 3, 1 });
	*state = w;
	return 0;
}

static int close_folder(void **state)
{
	struct folder *w = *state;
	char command[128];

	files_close(&w->f);
	close(w->dir);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", w->path);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void files_are_bounded(void **state)
{
	struct folder *w = *state;
	struct buf text;
	struct stat st;
	char name[40];

	for (int i = 0; i < 10000; i++) {
		files_put(&w->f, BYTES(GOOD));
		if (i % 50 == 0)
			files_flush(&w->f);
	}
	files_flush(&w->f);
	assert_int_equal(w->f.last - w->f.first + 1, 3);
	assert_int_equal(w->counts[FILES_LINES], 10000);
	assert_int_equal(w->counts[FILES_LOST], 0);
	assert_true(w->counts[FILES_REMOVED] > 10);
	for (uint64_t n = w->f.first; n <= w->f.last; n++) {
		(void)snprintf(name, sizeof name, "lines-%010llu", (unsigned long long)n);
		assert_int_equal(fstatat(w->dir, name, &st, 0), 0);
		assert_in_range(st.st_size, 1, (64 << 10) + 50 * sizeof GOOD);
		assert_int_equal(st.st_mode & 077, 0);
	}
	buf_init(&text, 1 << 20);
	assert_int_equal(files_read(&w->f, w->f.first - 1, &text), ERR_NOT_FOUND);
	assert_int_equal(files_read(&w->f, w->f.last, &text), 0);
	assert_int_equal(memcmp(text.p, GOOD "\n", sizeof GOOD), 0);
	buf_fini(&text);
}

static void a_restart_goes_on_behind_what_is_there(void **state)
{
	struct folder *w = *state;

	files_put(&w->f, BYTES("one"));
	files_close(&w->f);
	files_open(&w->f, w->dir, w->counts);
	files_put(&w->f, BYTES("two"));
	files_flush(&w->f);
	assert_int_equal(w->f.first, 1);
	assert_int_equal(w->f.last, 2);
}

/* More than the disk can give is asked to stay free: old files go, then lines are counted as lost. */
static void room_is_left_whatever_happens(void **state)
{
	struct folder *w = *state;

	files_put(&w->f, BYTES("one"));
	files_flush(&w->f);
	files_set(&w->f, &(struct files_conf){ 64 << 10, 3, 101 });
	assert_true(w->f.is_short);
	files_put(&w->f, BYTES("two"));
	files_put(&w->f, BYTES("three"));
	files_flush(&w->f);
	assert_int_equal(w->counts[FILES_LOST], 2);
	files_set(&w->f, &(struct files_conf){ 64 << 10, 3, 1 });
	files_put(&w->f, BYTES("four"));
	files_flush(&w->f);
	assert_int_equal(w->counts[FILES_LOST], 2);
}

#define FOLDER_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_folder, close_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_and_its_pairs),
		cmocka_unit_test(what_is_no_line_of_the_program_is_quoted),
		cmocka_unit_test(filters),
		FOLDER_TEST(files_are_bounded),
		FOLDER_TEST(a_restart_goes_on_behind_what_is_there),
		FOLDER_TEST(room_is_left_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
