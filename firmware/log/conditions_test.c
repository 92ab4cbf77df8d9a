#include "logd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

struct heard {
	char text[512];
};

static void hear(void *arg, const struct alarm_news *n)
{
	struct heard *h = arg;
	size_t at = strlen(h->text);

	(void)snprintf(h->text + at, sizeof h->text - at, "%c%s %.*s;", n->is_raised ? '+' : '-', alarm_row(n->alarm)->name, BYTES_FMT(n->key));
}

static void take(struct logd *l, const char *text)
{
	struct line line;

	assert_int_equal(line_parse(bytes_of(text), &line), 0);
	conditions_line(l, &line);
}

static void lines_that_did_not_come(void **state)
{
	struct heard h = { "" };
	struct logd l = { .loop = loop_new(LOOP_FAKE) };

	(void)state;
	assert_non_null(l.loop);
	alarm_set_sink(hear, &h);
	take(&l, "2026-11-24T19:00:00.123Z warn gh-s2s[0] s2s.missed lines=3");
	assert_string_equal(h.text, "");
	take(&l, "2026-11-24T19:00:00.123Z warn gh-access[12] log.missed lines=3");
	take(&l, "2026-11-24T19:00:00.123Z warn gh-access[12] log.missed lines=4");
	take(&l, "2026-11-24T19:00:00.123Z warn gh-im[0] log.missed lines=1");
	assert_string_equal(h.text, "+LogLinesDropped gh-access/12;+LogLinesDropped gh-im/0;");
	h.text[0] = 0;
	loop_fake_advance(l.loop, 599999);
	conditions_tick(&l);
	assert_string_equal(h.text, "");
	loop_fake_advance(l.loop, 1);
	conditions_tick(&l);
	assert_string_equal(h.text, "-LogLinesDropped gh-access/12;-LogLinesDropped gh-im/0;");
	alarm_set_sink(NULL, NULL);
	loop_free(l.loop);
}

static void room_on_the_disk(void **state)
{
	struct heard h = { "" };
	struct logd l = { .dir_fd = open("/proc", O_RDONLY | O_DIRECTORY), .disk_free = 99 };

	(void)state;
	alarm_set_sink(hear, &h);
	conditions_disk(&l); /* no blocks at all: nothing is known */
	assert_string_equal(h.text, "");
	close(l.dir_fd);
	l.dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	l.disk_free = 101; /* more than there can be */
	conditions_disk(&l);
	conditions_disk(&l);
	assert_string_equal(h.text, "+DiskNearlyFull ;");
	l.disk_free = 0;
	h.text[0] = 0;
	conditions_tick(&l); /* before the first settings nothing is said */
	assert_string_equal(h.text, "");
	alarm_set_sink(NULL, NULL);
	alarm_clear_all(ALARM_DISK_NEARLY_FULL);
	close(l.dir_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines_that_did_not_come), cmocka_unit_test(room_on_the_disk) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
