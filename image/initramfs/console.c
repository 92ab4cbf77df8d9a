#include "init.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { READ_IT_SECONDS = 5 };

static void put(const char *format, va_list list)
{
	char line[256];
	int n = vsnprintf(line, sizeof line - 1, format, list);

	if (n < 0)
		return;
	size_t end = (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
	line[end] = '\n';
	/* To whoever watches the console; nobody hears that it failed. */
	if (write(STDERR_FILENO, line, end + 1) < 0)
		return;
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	put(format, list);
	va_end(list);
}

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	put(format, list);
	va_end(list);
	say("gatehouse: this slot does not start; the machine restarts, and after three times the other slot is tried");
	sleep(READ_IT_SECONDS);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
