#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int said(int rc, const char *what)
{
	if (rc < 0)
		fprintf(stderr, "gh-disk: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* The mount unit's name for a device that is called otherwise on each machine. */
static int leave_link(const char *folder, const char *name, const char *device)
{
	char path[256];

	snprintf(path, sizeof path, "%.200s/%s", folder, name);
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return symlink(device, path) < 0 ? -errno : 0;
}

static int prepare(const char *folder)
{
	char disk[DISK_PATH], esp[DISK_PATH], log[DISK_PATH], data[DISK_PATH];
	int rc = disk_of_root(disk);

	if (said(rc, "the disk of this start") < 0 || said(table_complete(disk), "the partition table") < 0)
		return EXIT_FAILURE;
	disk_partition(disk, ESP_NUMBER, esp);
	disk_partition(disk, LOG_NUMBER, log);
	disk_partition(disk, DATA_NUMBER, data);
	if (said(volume_ready(data, "gatehouse-data", false), "the data partition") < 0 ||
	    said(leave_link(folder, "data", data), "data") < 0 || said(leave_link(folder, "esp", esp), "esp") < 0)
		return EXIT_FAILURE;
	/* A log partition that is beyond repair costs the logs, not the box: without it they go to the data partition. */
	if (said(volume_ready(log, "gatehouse-log", true), "the log partition") == 0)
		(void)said(leave_link(folder, "log", log), "log"); /* said; the box starts */
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return prepare(argv[1]);
	fprintf(stderr, "usage: gh-disk FOLDER\n");
	return 2;
}
