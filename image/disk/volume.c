#include "disk.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Asked of the content, not of whether the partition is new: the first start may have been cut between both. */
int volume_has_files(const char *device, bool *answer)
{
	const char *type = NULL;
	blkid_probe probe = blkid_new_probe_from_filename(device);

	if (!probe)
		return -EIO;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	int rc = blkid_do_safeprobe(probe);
	*answer = rc == 0 && blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 && strcmp(type, "ext4") == 0;
	blkid_free_probe(probe);
	return rc < -1 ? -EIO : 0;
}

int volume_run(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static int make(const char *device, const char *label)
{
	char *const argv[] = { (char *)"/usr/sbin/mke2fs", (char *)"-q", (char *)"-F", (char *)"-t", (char *)"ext4", (char *)"-m",
		               (char *)"1", (char *)"-L", (char *)label, (char *)device, NULL };

	return volume_run(argv) == 0 ? 0 : -EIO;
}

/* e2fsck: 0 clean, 1 mended; what it cannot mend by itself is left as it is and said. how: -p, or -fp for all of it. */
static int check(const char *device, const char *how)
{
	char *const argv[] = { (char *)"/usr/sbin/e2fsck", (char *)how, (char *)device, NULL };
	int rc = volume_run(argv);

	if (rc >= 0 && rc <= 1)
		return 0;
	fprintf(stderr, "gh-disk: %s: e2fsck ended with %d\n", device, rc);
	return -EUCLEAN;
}

/* Bytes of the partition behind the file system's end. ext4's superblock: at 1024, s_blocks_count_lo at 4, s_log_block_size at 24
 * (Documentation/filesystems/ext4/super.rst). 0 when they cannot be read: then it stays as it is. */
static uint64_t bytes_behind(const char *device)
{
	uint32_t super[7];
	uint64_t size = 0;
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	bool is_read = fd >= 0 && ioctl(fd, BLKGETSIZE64, &size) == 0 && pread(fd, super, sizeof super, 1024) == (ssize_t)sizeof super;

	if (fd >= 0)
		close(fd);
	if (!is_read || super[6] > 6)
		return 0;
	uint64_t used = (uint64_t)super[1] << (10 + super[6]);
	return size > used ? size - used : 0;
}

/* The disk has become larger. Less than GROWTH_MIN is what the making of it has left. */
static int grow(const char *device)
{
	static const uint64_t growth_min = 64 << 20;
	char *const argv[] = { (char *)"/usr/sbin/resize2fs", (char *)device, NULL };

	if (bytes_behind(device) < growth_min)
		return 0;
	int rc = check(device, "-fp");
	if (rc == 0 && volume_run(argv) != 0) /* as large as before it works, too */
		fprintf(stderr, "gh-disk: %s: resize2fs could not make it larger\n", device);
	return rc;
}

int volume_ready(const char *device, const char *label, bool is_spendable)
{
	bool has = false;
	int rc = disk_wait(device);

	if (rc == 0)
		rc = volume_has_files(device, &has);
	if (rc == 0 && !has)
		rc = make(device, label);
	if (rc == 0)
		rc = check(device, "-p");
	if (rc == -EUCLEAN && is_spendable) {
		fprintf(stderr, "gh-disk: %s: made new\n", device);
		rc = make(device, label);
	}
	return rc ? rc : grow(device);
}
