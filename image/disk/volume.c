#include "disk.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 10000, STEP_MS = 20 };

/* The node of a partition that was just announced comes a little later. */
static int wait_for(const char *device)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };

	for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
		if (access(device, F_OK) == 0)
			return 0;
		nanosleep(&step, NULL);
	}
	return -ENODEV;
}

/* Asked of the content, not of whether the partition is new: the first start may have been cut between both. */
static int has_file_system(const char *device, bool *answer)
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

/* Its exit status; negative errno. */
static int run(char *const argv[])
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

	return run(argv) == 0 ? 0 : -EIO;
}

/* e2fsck: 0 clean, 1 mended; what it cannot mend by itself is left as it is and said. */
static int check(const char *device)
{
	char *const argv[] = { (char *)"/usr/sbin/e2fsck", (char *)"-p", (char *)device, NULL };
	int rc = run(argv);

	if (rc >= 0 && rc <= 1)
		return 0;
	fprintf(stderr, "gh-disk: %s: e2fsck ended with %d\n", device, rc);
	return -EUCLEAN;
}

int volume_mount(const char *device, const char *label, const char *where)
{
	bool has = false;
	int rc = wait_for(device);

	if (rc == 0)
		rc = has_file_system(device, &has);
	if (rc == 0 && !has)
		rc = make(device, label);
	if (rc == 0)
		rc = check(device);
	if (rc == 0 && mount(device, where, "ext4", MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_NOATIME, "errors=remount-ro") < 0)
		rc = -errno;
	return rc;
}
