/* When the data partition cannot be used nothing else of the box runs: whoever stands before it may make it new. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, LINE = 64, HEADERS_MIB = 32 }; /* all of a LUKS2 header, the first superblock of ext4 */

/* Forgets what is on it: the start after this makes it anew. */
static int forget(const char *device)
{
	static const char zeros[1 << 20];
	uint64_t all[2] = { 0 };
	int fd = open(device, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, BLKGETSIZE64, &all[1]) == 0)
		(void)ioctl(fd, BLKDISCARD, all); /* many disks cannot */
	int rc = 0;
	for (unsigned i = 0; i < HEADERS_MIB && rc == 0; i++)
		rc = pwrite(fd, zeros, sizeof zeros, (off_t)i * (off_t)sizeof zeros) == (ssize_t)sizeof zeros ? 0 : -EIO;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int erase(void)
{
	char disk[DISK_PATH], device[DISK_PATH];
	int rc = disk_of_root(disk);

	for (unsigned number = LOG_NUMBER; number <= DATA_NUMBER && rc == 0; number++) {
		disk_partition(disk, number, device);
		rc = access(device, F_OK) == 0 ? forget(device) : 0;
	}
	return rc;
}

/* A line within the patience, without its end. */
static int read_line(char line[static LINE])
{
	struct timespec now;
	size_t n = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	time_t end = now.tv_sec + PATIENCE_S;
	while (n + 1 < LINE && now.tv_sec < end) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
		int ready = poll(&in, 1, (int)(end - now.tv_sec) * 1000);
		ssize_t got = ready > 0 ? read(STDIN_FILENO, line + n, 1) : 0;
		if (ready > 0 && got != 1)
			return -EIO; /* the console is gone: another may answer */
		if (got == 1 && (line[n] == '\n' || line[n] == '\r'))
			break;
		n += got == 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	line[n] = 0;
	return now.tv_sec < end ? 0 : -ECANCELED;
}

int erase_ask(const char *why)
{
	char line[LINE];

	printf("\nThe data partition cannot be used: %s\n"
	       "To make this box new, type ERASE: settings, keys and all data are lost. Otherwise it starts again in %d seconds.\n"
	       "> ", why, PATIENCE_S);
	fflush(stdout);
	int rc = read_line(line);
	if (rc == 0 && strcmp(line, "ERASE") != 0)
		rc = -ECANCELED;
	if (rc == 0)
		rc = erase();
	printf("%s\n", rc == 0 ? "Erased." : rc == -ECANCELED ? "Nothing was erased." : strerror(-rc));
	return rc;
}
