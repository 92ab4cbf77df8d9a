/* The chain of the audit trail: what is taken out, changed or cut off shows; rotation and power cuts do not break it. */
#include "trail.h"

#include "base/err.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct ground {
	char folder[32];
	int dir;
	struct loop *loop;
	struct trail trail;
};

static int set_up(void **state)
{
	struct ground *g = calloc(1, sizeof *g);

	snprintf(g->folder, sizeof g->folder, "/tmp/trail-XXXXXX");
	assert_non_null(mkdtemp(g->folder));
	g->dir = open(g->folder, O_RDONLY | O_DIRECTORY);
	g->loop = loop_new(LOOP_FAKE);
	assert_int_equal(trail_open(&g->trail, g->loop, g->dir), 0);
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	struct ground *g = *state;
	char name[32];

	trail_close(&g->trail);
	loop_free(g->loop);
	(void)unlinkat(g->dir, "audit", 0);
	for (unsigned i = 1; i <= TRAIL_FILES; i++) {
		snprintf(name, sizeof name, "audit.%u", i);
		(void)unlinkat(g->dir, name, 0);
	}
	close(g->dir);
	rmdir(g->folder);
	free(g);
	return 0;
}

static void put(struct ground *g, const char *what)
{
	const struct trail_pair pairs[] = { { "by", BYTES("anna") }, { "what", bytes_of(what) } };

	assert_int_equal(trail_put(&g->trail, TRAIL_NOW, "audit.command", pairs, 2), 0);
}

static void reopen(struct ground *g)
{
	trail_close(&g->trail);
	assert_int_equal(trail_open(&g->trail, g->loop, g->dir), 0);
}

static size_t load(struct ground *g, char *text, size_t n)
{
	int fd = openat(g->dir, "audit", O_RDONLY);
	ssize_t got = read(fd, text, n);

	close(fd);
	assert_true(got >= 0);
	return (size_t)got;
}

static void store(struct ground *g, const char *text, size_t n)
{
	int fd = openat(g->dir, "audit", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
}

static void test_chain_goes_on(void **state)
{
	struct ground *g = *state;
	struct trail_verdict v;

	assert_int_equal(trail_verify(&g->trail, &v), 0);
	assert_int_equal(v.n_lines, 0);
	put(g, "one");
	put(g, "a \"quote\", a\nline end, a \\ and \x01");
	reopen(g);
	put(g, "three");
	assert_int_equal(trail_verify(&g->trail, &v), 0);
	assert_int_equal(v.n_lines, 3);
	assert_int_equal(v.last, 3);
	assert_string_equal(v.hash, g->trail.last);
	struct stat st;
	assert_int_equal(fstatat(g->dir, "audit", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Any one byte changed, any one line out, any one line twice. */
static void test_changes_show(void **state)
{
	struct ground *g = *state;
	static char text[8192], changed[8192];
	struct trail_verdict v;

	for (int i = 0; i < 5; i++)
		put(g, "something");
	size_t n = load(g, text, sizeof text);
	for (size_t i = 0; i < n; i++) {
		memcpy(changed, text, n);
		changed[i] ^= 2;
		store(g, changed, n);
		assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
		assert_true(v.why[0]);
	}
	for (size_t begin = 0; begin < n;) {
		size_t length = (size_t)(strchr(text + begin, '\n') - text) + 1 - begin;
		memcpy(changed, text, begin);
		memcpy(changed + begin, text + begin + length, n - begin - length);
		store(g, changed, n - length);
		assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
		memcpy(changed, text, begin + length);
		memcpy(changed + begin + length, text + begin, n - begin);
		store(g, changed, n + length);
		assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
		begin += length;
	}
	store(g, text, n);
	assert_int_equal(trail_verify(&g->trail, &v), 0);
}

/* Whatever part of the last line a power cut left: the rest is cut off, and that is said. */
static void test_torn_end(void **state)
{
	struct ground *g = *state;
	static char text[8192];
	struct trail_verdict v;

	put(g, "one");
	size_t whole = load(g, text, sizeof text);
	put(g, "two");
	size_t n = load(g, text, sizeof text);
	for (size_t cut = whole; cut < n; cut++) {
		store(g, text, cut);
		reopen(g);
		assert_int_equal(trail_verify(&g->trail, &v), 0);
		assert_int_equal(v.n_lines, cut == whole ? 1 : 2);
		put(g, "three");
		assert_int_equal(trail_verify(&g->trail, &v), 0);
	}
}

static void count(void *arg, const struct trail_line *line)
{
	struct bytes rest = line->rest, key;
	struct buf value;
	size_t *n = arg;

	buf_init(&value, 4096);
	assert_true(trail_next_pair(&rest, &key, &value));
	assert_true(bytes_eq_str(key, "by") && bytes_eq_str(buf_bytes(&value), "anna"));
	assert_true(trail_next_pair(&rest, &key, &value));
	assert_false(trail_next_pair(&rest, &key, &value));
	buf_fini(&value);
	++*n;
}

static void fill_up_to(struct ground *g, const char *name)
{
	static char long_text[TRAIL_VALUE_MAX + 100];

	memset(long_text, 'x', sizeof long_text - 1);
	while (faccessat(g->dir, name, F_OK, 0) != 0)
		put(g, long_text);
}

static void test_rotation(void **state)
{
	struct ground *g = *state;
	struct trail_verdict v;
	size_t shown = 0;

	fill_up_to(g, "audit.1");
	reopen(g);
	for (int i = 0; i < 3; i++)
		put(g, "after");
	assert_int_equal(trail_verify(&g->trail, &v), 0);
	assert_int_equal(v.first, 1);
	assert_int_equal(v.last, g->trail.n);
	assert_int_equal(trail_show(&g->trail, 50, count, &shown), 0);
	assert_int_equal(shown, 50); /* over the border of two files */
	fill_up_to(g, "audit.2");
	unlinkat(g->dir, "audit.2", 0); /* not all files are there yet: none has made room */
	assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
}

static void test_the_oldest_makes_room(void **state)
{
	struct ground *g = *state;
	struct trail_verdict v;

	fill_up_to(g, "audit.7");
	unlinkat(g->dir, "audit.7", 0);
	fill_up_to(g, "audit.7"); /* what was the second file is the oldest now */
	assert_int_equal(trail_verify(&g->trail, &v), 0);
	assert_true(v.first > 1);
	assert_int_equal(faccessat(g->dir, "audit.8", F_OK, 0), -1);
	unlinkat(g->dir, "audit.3", 0);
	assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
}

/* An end that was cut off while the program runs; and not in time to be seen later: that is for the log. */
static void test_missing_end(void **state)
{
	struct ground *g = *state;
	static char text[8192];
	struct trail_verdict v;

	put(g, "one");
	size_t n = load(g, text, sizeof text);
	put(g, "two");
	store(g, text, n);
	assert_int_equal(trail_verify(&g->trail, &v), ERR_CHECKSUM);
	assert_non_null(strstr(v.why, "the end is missing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_show, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_torn_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_oldest_makes_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missing_end, set_up, tear_down),
	};

	log_open("test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
