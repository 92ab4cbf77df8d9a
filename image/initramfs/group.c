/* The disk and its partitions go to the group `disk` at once, as udev's rules do it later: gh-disk, which is no root, need not wait
 * until udev comes to them. */
#include "init.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUP_DISK = 6 }; /* base-passwd */

static void hand_over(const char *name)
{
	char path[DEVICE_NAME];

	snprintf(path, sizeof path, "/dev/%.40s", name);
	if (chown(path, 0, GROUP_DISK) < 0 || chmod(path, 0660) < 0)
		say("gatehouse: %s: %s", path, strerror(errno)); /* udev does it, a little later */
}

void group_of_disk(const char *partition)
{
	char folder[PATH_MAX], pattern[PATH_MAX + 16];
	glob_t found;

	/* /sys/class/block/vda2 -> /sys/devices/.../block/vda/vda2 */
	snprintf(pattern, sizeof pattern, "/sys/class/block/%s", strrchr(partition, '/') + 1);
	if (!realpath(pattern, folder))
		return;
	*strrchr(folder, '/') = 0;
	hand_over(strrchr(folder, '/') + 1);
	snprintf(pattern, sizeof pattern, "%s/*/partition", folder);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = 0;
		hand_over(strrchr(found.gl_pathv[i], '/') + 1);
	}
	globfree(&found);
}
