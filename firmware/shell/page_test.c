/* The pager at a terminal of five rows: four lines are a screen. */
#include "page.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 5, WAIT_MS = 10000 };

static const char question[] = "-- more: space, or q --";

/* In a child on the terminal: that many lines, the last without an end when it is a text. */
static void child_writes(unsigned n, bool is_text)
{
	struct page p;
	char text[256] = "";
	size_t at = 0;

	page_init(&p, true);
	for (unsigned i = 1; i <= n; i++) {
		char line[] = { 'l', (char)('0' + i), 0 };
		if (is_text)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 1 ? "\n" : "", line);
		else
			page_line(&p, bytes_of(line));
	}
	page_text(&p, bytes_of(text));
	fflush(stdout);
	_exit(0);
}

/* What a person sees of n lines who presses these keys, one at each question. */
static void see(unsigned n, bool is_text, const char *keys, char out[static 512])
{
	struct winsize size = { .ws_row = ROWS, .ws_col = 80 };
	size_t have = 0, asked = 0;
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0)
		child_writes(n, is_text);
	for (;;) {
		struct pollfd f = { .fd = fd, .events = POLLIN };
		assert_int_equal(poll(&f, 1, WAIT_MS), 1);
		ssize_t got = read(fd, out + have, 511 - have);
		if (got <= 0)
			break; /* EIO: the child has gone */
		have += (size_t)got;
		out[have] = 0;
		const char *at = strstr(out + asked, question);
		if (at && *keys) {
			asked = (size_t)(at - out) + 1;
			assert_int_equal(write(fd, keys++, 1), 1);
		}
	}
	out[have] = 0;
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(*keys, 0);
}

static void a_full_screen_asks_nothing(void **state)
{
	char out[512];

	(void)state;
	see(4, false, "", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n");
	see(4, true, "", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4");
}

static void one_line_more_asks(void **state)
{
	char out[512];

	(void)state;
	see(5, false, " ", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[Kl5\r\n");
	see(5, true, " ", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[Kl5");
	see(8, false, " ", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[Kl5\r\nl6\r\nl7\r\nl8\r\n");
}

static void q_ends_it_and_enter_is_one_line(void **state)
{
	char out[512];

	(void)state;
	see(9, false, "q", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[K");
	see(9, true, "q", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[K");
	see(6, false, "\n ", out);
	assert_string_equal(out, "l1\r\nl2\r\nl3\r\nl4\r\n-- more: space, or q --\r\033[Kl5\r\n-- more: space, or q --\r\033[Kl6\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_screen_asks_nothing),
		cmocka_unit_test(one_line_more_asks),
		cmocka_unit_test(q_ends_it_and_enter_is_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
