#include "run/platform.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A processor under a hypervisor says so among its flags. */
void platform_read(char out[static PLATFORM_BYTES])
{
	char text[4096] = "";
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		(void)close(fd); /* read only */
	text[n > 0 ? n : 0] = 0;
	const char *flags = strstr(text, "\nflags"), *line_end = flags ? strchr(flags + 1, '\n') : NULL;
	const char *word = flags ? strstr(flags, " hypervisor") : NULL;
	bool is_virtual = word && (!line_end || word < line_end);
	snprintf(out, PLATFORM_BYTES, "%s", is_virtual ? "virtual" : "hardware");
}
