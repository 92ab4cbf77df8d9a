/* The boot partition after the mains switch: FAT has no journal, and clusters that were taken for a file which never got its name
 * would be lost for ever, until no upgrade has room. fsck.fat gives them back. It runs only when the kernel had it mounted to the end. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Microsoft, FAT32 File System Specification 1.03, boot sector; the state byte as in Linux's msdos_fs.h (FAT_STATE_DIRTY). */
enum { SECTOR = 512, TYPE_AT = 0x52, STATE_AT = 0x41, STATE_DIRTY = 1 };

static bool is_dirty(const char *device)
{
	uint8_t boot[SECTOR];
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	bool is_fat32 = fd >= 0 && pread(fd, boot, sizeof boot, 0) == (ssize_t)sizeof boot && memcmp(boot + TYPE_AT, "FAT32   ", 8) == 0;

	if (fd >= 0)
		close(fd);
	return is_fat32 && boot[STATE_AT] & STATE_DIRTY;
}

/* fsck.fat: 0 nothing to mend, 1 mended. */
int esp_mend(const char *device)
{
	char *const argv[] = { (char *)"/usr/sbin/fsck.fat", (char *)"-a", (char *)"-w", (char *)device, NULL };
	int rc = disk_wait(device);

	if (rc < 0 || !is_dirty(device))
		return rc;
	rc = volume_run(argv);
	return rc < 0 ? rc : rc <= 1 ? 0 : -EUCLEAN;
}
