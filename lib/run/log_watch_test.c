#include "run/log_watch.h"

#include "base/err.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

static int pipe_fd[2];

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	log_set_pipe(pipe_fd[1]);
	log_set_stderr(false);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_watch_end_all();
	log_set_pipe(-1);
	log_set_stderr(true);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return 0;
}

/* Was this line written? */
static bool writes(const char *value)
{
	char line[4096];

	while (read(pipe_fd[0], line, sizeof line) > 0)
		; /* what was before */
	log_debug("test.line", LOG_INT("n", 1), LOG_STR("value", value));
	return read(pipe_fd[0], line, sizeof line) > 0;
}

static void names_stand_as_a_whole(void **state)
{
	(void)state;
	assert_false(writes("b.example"));
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES("b.example"), 5000), 0);
	assert_int_equal(log_watch_add(LOG_WATCH_USER, BYTES("anna@c.example"), 5000), 0);
	assert_true(writes("b.example"));
	assert_true(writes("bob@b.example/phone"));
	assert_true(writes("no way to b.example: refused"));
	assert_true(writes("anna@c.example/desk"));
	assert_false(writes("sub.b.example"));
	assert_false(writes("b.example.org"));
	assert_false(writes("web.example"));
	assert_false(writes("joanna@c.example"));
	assert_false(writes("bert@c.example"));
	assert_false(writes(""));
	assert_true(log_watch_has_domain(BYTES("b.example")));
	assert_false(log_watch_has_domain(BYTES("c.example")));
}

static void ends_by_itself(void **state)
{
	size_t at = 0;

	(void)state;
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES("a.example"), 3000), 0);
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES("b.example"), 5000), 0);
	assert_int_equal(log_watch_expire(2999), 3000);
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES("a.example"), 4000), 0); /* again: a new end */
	assert_int_equal(log_watch_expire(3000), 4000);
	assert_int_equal(log_watch_expire(4000), 5000);
	assert_false(writes("a.example"));
	assert_true(writes("b.example"));
	assert_int_equal(log_watch_expire(9000), UINT64_MAX);
	assert_false(writes("b.example"));
	assert_false(log_is_on(LOG_LEVEL_DEBUG));
	assert_null(log_watch_next(&at));
}

static void is_bounded(void **state)
{
	char name[LOG_WATCH_NAME_MAX + 2];

	(void)state;
	for (int i = 0; i < LOG_WATCHES_MAX; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, bytes_of(name), 5000), 0);
	}
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES("more.example"), 5000), ERR_FULL);
	log_watch_end_all();
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, bytes_of(name), 5000), ERR_LIMIT);
	assert_int_equal(log_watch_add(LOG_WATCH_DOMAIN, BYTES(""), 5000), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_stand_as_a_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_by_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_bounded, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
