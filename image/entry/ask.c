#include "entry.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { CONSOLES = 2, LINE = 32 };

static const char *const consoles[CONSOLES] = { "/dev/tty1", "/dev/ttyS0" };
static const struct {
	const char *what, *word;
} questions[ENTRY_COUNT] = {
	[ENTRY_RESET] = { "Factory reset: settings, keys, accounts and all data of this box are lost.", "RESET" },
	[ENTRY_PASSWORD] = { "New password for admin: it is asked for at the next login here; settings and data stay.", "PASSWORD" },
};

struct console {
	int fd; /* -1: not there */
	char line[LINE];
	size_t n;
};

/* A line at a time, shown as it is typed, whatever the firmware left. */
static void open_console(struct console *c, const char *path)
{
	struct termios t;

	*c = (struct console){ .fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) };
	if (c->fd < 0 || tcgetattr(c->fd, &t) < 0)
		return;
	t.c_iflag |= ICRNL;
	t.c_oflag |= OPOST | ONLCR;
	t.c_lflag |= ICANON | ECHO;
	(void)tcsetattr(c->fd, TCSANOW, &t); /* else it may still do */
	(void)tcflush(c->fd, TCIFLUSH); /* keys of the boot menu are no answer */
}

static void say_to(int fd, const char *text)
{
	/* To whoever watches; nobody hears that it failed. */
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		return;
}

void entry_say(const char *text)
{
	for (unsigned i = 0; i < CONSOLES; i++) {
		int fd = open(consoles[i], O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		say_to(fd, text);
		if (fd >= 0)
			(void)close(fd); /* said */
	}
}

/* true: a whole line is there. A console that is gone is left out. */
static bool read_line(struct console *c)
{
	char byte;
	ssize_t got;

	while ((got = read(c->fd, &byte, 1)) == 1) {
		if (byte == '\n' || byte == '\r') {
			c->line[c->n] = 0;
			return true;
		}
		if (c->n + 1 < LINE)
			c->line[c->n++] = byte;
	}
	if (got == 0) {
		(void)close(c->fd); /* hung up */
		c->fd = -1;
	}
	return false;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The first line from any of them decides. NULL: none came in time. */
static const char *await_line(struct console *v, unsigned wait_s)
{
	int64_t end = now_ms() + (int64_t)wait_s * 1000;

	for (int64_t left; (left = end - now_ms()) > 0;) {
		struct pollfd in[CONSOLES];
		for (unsigned i = 0; i < CONSOLES; i++)
			in[i] = (struct pollfd){ .fd = v[i].fd, .events = POLLIN };
		if (poll(in, CONSOLES, (int)left) <= 0)
			continue;
		for (unsigned i = 0; i < CONSOLES; i++)
			if (in[i].revents && read_line(&v[i]))
				return v[i].line;
	}
	return NULL;
}

bool entry_confirm(enum entry e, unsigned wait_s)
{
	struct console v[CONSOLES];
	char text[512];

	snprintf(text, sizeof text, "\n%s\nTo do so, type %s. Anything else, or nothing for %u seconds: it starts as always.\n> ", questions[e].what,
	         questions[e].word, wait_s);
	for (unsigned i = 0; i < CONSOLES; i++) {
		open_console(&v[i], consoles[i]);
		say_to(v[i].fd, text);
	}
	const char *line = await_line(v, wait_s);
	bool is_meant = line && strcmp(line, questions[e].word) == 0;
	for (unsigned i = 0; i < CONSOLES; i++)
		if (v[i].fd >= 0)
			(void)close(v[i].fd); /* said */
	return is_meant;
}
