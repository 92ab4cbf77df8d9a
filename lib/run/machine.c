#include "run/machine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_MIN = 32 };

/* A board without a number of its own says 00000000-... or FFFFFFFF-... (SMBIOS 3.6, 7.2.1). */
static bool is_number(const char *text)
{
	return strlen(text) >= NUMBER_MIN && strspn(text, "0-") < strlen(text) && strspn(text, "fF-") < strlen(text);
}

size_t machine_number(bool is_appliance, char out[static MACHINE_NUMBER_BYTES])
{
	int fd = open(is_appliance ? "/sys/class/dmi/id/product_uuid" : "/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, MACHINE_NUMBER_BYTES - 1);

	if (fd >= 0)
		(void)close(fd); /* read only */
	out[n < 0 ? 0 : n] = 0;
	out[strcspn(out, "\n")] = 0;
	if (!is_number(out)) /* none, or not set up yet */
		out[0] = 0;
	return strlen(out);
}
