/* Settings that earlier versions of this tree wrote, every one of their settings set: today's takes all of them. Who retires a setting, or
 * takes values from it, says here what becomes of it. The files are made by the store of those versions (tests/data/settings/README.md). */
#include "base/err.h"
#include "base/log.h"
#include "conf_text.h"
#include "entry.h"
#include "run/words.h"
#include "store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FOLDER "tests/data/settings/"

/* What is not as it was: row, and what is logged of it. is_kept: kept aside, at its default; or the nearest number of today's range. */
static const struct {
	const char *row, *why;
	bool is_kept;
} changed[] = {
	{ "line digest-md5", "no such setting", true }, /* line digest says more */
	{ "proxy connections-max", "1..500000", false },
};
enum { CHANGED = sizeof changed / sizeof changed[0] };

struct old {
	char folder[64], text[256 << 10], log[64 << 10];
	size_t n, n_log;
	struct store store;
};

static size_t read_file(const char *path, char *out, size_t room)
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	size_t n = fread(out, 1, room - 1, f);
	assert_true(feof(f));
	assert_int_equal(fclose(f), 0);
	out[n] = 0;
	return n;
}

static void write_file(const char *folder, const char *name, const char *text, size_t n)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Opens the folder as a start of gh-conf does, with what is logged meanwhile. */
static void start(struct old *o)
{
	char path[96];
	int fd = open(o->folder, O_RDONLY | O_DIRECTORY), was = dup(2);

	snprintf(path, sizeof path, "%s/log", o->folder);
	int log = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && was >= 0 && log >= 0);
	assert_int_equal(dup2(log, 2), 2);
	int rc = store_open(&o->store, fd);
	assert_int_equal(dup2(was, 2), 2);
	(void)close(was);
	(void)close(log);
	o->n_log = read_file(path, o->log, sizeof o->log);
	(void)unlink(path);
	assert_int_equal(rc, 0);
}

static void begin(struct old *o, const char *name)
{
	char path[96];

	snprintf(path, sizeof path, FOLDER "%s", name);
	o->n = read_file(path, o->text, sizeof o->text);
	snprintf(o->folder, sizeof o->folder, "/tmp/versions_test.XXXXXX");
	assert_non_null(mkdtemp(o->folder));
	write_file(o->folder, "gen-00000001.conf", o->text, o->n);
	write_file(o->folder, "current", "1\n", 2);
	start(o);
}

static void end(struct old *o)
{
	char path[96];

	assert_int_equal(store_wipe(o->store.dir_fd), 0);
	store_close(&o->store);
	snprintf(path, sizeof path, "%s", o->folder);
	assert_int_equal(rmdir(path), 0);
}

static int find_changed(struct bytes row)
{
	for (int i = 0; i < CHANGED; i++)
		if (bytes_eq_str(row, changed[i].row))
			return i;
	return -1;
}

/* The value behind the first n words, as the file has it. */
static void put_value(const struct words *w, size_t n, struct buf *out)
{
	for (size_t i = n; i < w->n; i++) {
		if (i > n)
			buf_put_u8(out, ' ');
		buf_put_bytes(out, w->v[i]);
	}
}

/* One line of the file: its setting has its value today, or what `changed` says. */
static void check_line(const struct old *o, const struct words *w, bool is_changed[static CHANGED])
{
	const struct setting_row *row;
	struct buf path, value, what;
	const char *why;
	size_t n_used = 0;

	buf_init(&path, 4096);
	buf_init(&value, 1 << 20);
	buf_init(&what, 4096);
	int rc = entry_path(w->v + 1, w->n - 1, &path, &row, &n_used, &why);
	entry_describe(w->v + 1, w->n - 1, &what);
	const struct row_item *item = rc ? NULL : rows_get(&o->store.running, buf_bytes(&path));
	put_value(w, n_used + 1, &value);
	if (!item || !bytes_eq(item->value, buf_bytes(&value))) {
		int i = find_changed(buf_bytes(&what));
		if (i < 0)
			fail_msg("%s: lost, and not among what has changed", buf_cstr(&what));
		else if (changed[i].is_kept == (item != NULL))
			fail_msg("%s: %s", changed[i].row, item ? "set" : "not set");
		is_changed[i >= 0 ? i : 0] = true;
	}
	buf_fini(&path);
	buf_fini(&value);
	buf_fini(&what);
}

static unsigned count_in(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

/* Each that has changed is told by one line, and nothing else is told. */
static void check_log(const struct old *o, const bool is_changed[static CHANGED])
{
	char want[256];
	unsigned n = 0;

	for (int i = 0; i < CHANGED; i++) {
		if (!is_changed[i])
			continue;
		snprintf(want, sizeof want, "%s generation=1 setting=\"%s: %s\" lines=1", changed[i].is_kept ? "conf.settings.aside" : "conf.settings.nearest",
		         changed[i].row, changed[i].why);
		if (count_in(o->log, want) != 1)
			fail_msg("not once in the log: %s\n%s", want, o->log);
		n++;
	}
	if (count_in(o->log, "\n") != n)
		fail_msg("the log has more: %s", o->log);
}

static void check_file(const char *name, unsigned n_lines)
{
	struct old *o = calloc(1, sizeof *o);
	bool is_changed[CHANGED] = { false };
	struct arena a;
	struct words w;
	unsigned line = 1, n = 0;

	begin(o, name);
	struct bytes text = bytes_make(o->text, o->n);
	arena_init(&a, 4 << 20);
	while (text.n > 0) {
		assert_int_equal(words_next(&text, &line, &a, &w), 0);
		if (w.n > 0) {
			check_line(o, &w, is_changed);
			n++;
		}
		arena_reset(&a);
	}
	arena_fini(&a);
	assert_int_equal(n, n_lines);
	check_log(o, is_changed);
	end(o);
	free(o);
}

/* Files of before they said which version wrote them. */
static void settings_without_a_version(void **state)
{
	(void)state;
	check_file("2026-11-26.conf", 299);
	check_file("2026-11-25.conf", 115);
}

static void settings_of_the_version_before(void **state)
{
	(void)state;
	check_file("2026-11-27.conf", 385);
}

/* What was kept stands in the next generation, as often as it did; then that is told again, and of numbers nothing. */
static void check_commit(const char *name)
{
	struct old *o = calloc(1, sizeof *o);
	unsigned n[CHANGED];
	struct rows rows = { 0 };
	char text[128];

	begin(o, name);
	for (int i = 0; i < CHANGED; i++) {
		snprintf(text, sizeof text, "\nset %s ", changed[i].row);
		n[i] = count_in(o->text, text);
	}
	assert_int_equal(rows_copy(&rows, &o->store.running), 0);
	assert_int_equal(store_commit(&o->store, 2, &rows, "anna", "", 1764012345678), 0);
	store_close(&o->store);
	snprintf(text, sizeof text, "%s/gen-00000002.conf", o->folder);
	(void)read_file(text, o->text, sizeof o->text);
	start(o);
	assert_int_equal(o->store.generation, 2);
	for (int i = 0; i < CHANGED; i++) {
		snprintf(text, sizeof text, "\nset %s ", changed[i].row);
		assert_int_equal(count_in(o->text, text), n[i]);
		assert_int_equal(count_in(o->log, changed[i].row), changed[i].is_kept ? n[i] : 0);
	}
	end(o);
	free(o);
}

static void a_commit_keeps_what_is_not_known(void **state)
{
	(void)state;
	check_commit("2026-11-25.conf");
	check_commit("2026-11-27.conf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_without_a_version),
		cmocka_unit_test(settings_of_the_version_before),
		cmocka_unit_test(a_commit_keeps_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
