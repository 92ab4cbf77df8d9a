#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static int said(int rc, const char *what)
{
	if (rc < 0)
		fprintf(stderr, "gh-disk: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* A log partition that is beyond repair costs the logs, not the box: they go to memory until it is made new. */
static int mount_log(const char *device)
{
	if (said(volume_mount(device, "gatehouse-log", "/log"), "the log partition") == 0)
		return 0;
	return mount("tmpfs", "/log", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "size=32m,mode=0711");
}

int main(void)
{
	char disk[DISK_PATH], log[DISK_PATH], data[DISK_PATH];

	if (said(disk_of_root(disk), "the disk of this start") < 0 || said(table_complete(disk), "the partition table") < 0)
		return EXIT_FAILURE;
	disk_partition(disk, LOG_NUMBER, log);
	disk_partition(disk, DATA_NUMBER, data);
	if (said(volume_mount(data, "gatehouse-data", "/data"), "the data partition") < 0)
		return EXIT_FAILURE;
	return mount_log(log) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
