#include "disk.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 30000, STEP_MS = 20 };

/* /sys/block/dm-0/slaves/vda2 -> /sys/devices/.../vda/vda2: the folder above is the disk. */
int disk_of_root(char disk[DISK_PATH])
{
	char real[PATH_MAX];
	glob_t found;

	if (glob("/sys/block/dm-0/slaves/*", 0, NULL, &found) != 0)
		return -ENODEV;
	char *is_real = realpath(found.gl_pathv[0], real);
	globfree(&found);
	if (!is_real)
		return -errno;
	char *partition = strrchr(real, '/');
	if (!partition)
		return -ENODEV;
	*partition = 0;
	char *name = strrchr(real, '/');
	return name && snprintf(disk, DISK_PATH, "%s", name + 1) < DISK_PATH ? 0 : -ENODEV;
}

void disk_partition(const char *disk, unsigned number, char path[DISK_PATH])
{
	char last = disk[strlen(disk) - 1];

	snprintf(path, DISK_PATH, "/dev/%.40s%s%u", disk, last >= '0' && last <= '9' ? "p" : "", number);
}

int disk_wait(const char *device)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };

	for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
		if (access(device, R_OK | W_OK) == 0)
			return 0;
		nanosleep(&step, NULL);
	}
	return -ENODEV;
}
