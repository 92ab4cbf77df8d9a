#include "init.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A controller of disks may be behind a bus that a module brings: three looks until only the slow ones are left. */
enum { COMMAND_LINE_MAX = 4096, WAIT_MS = 30000, STEP_MS = 20, FIRST_MS = 60 };

static const char root[] = "/root";

static void mount_kernel(const char *type, const char *where, unsigned long flags)
{
	if (mount(type, where, type, flags, NULL) < 0 && errno != EBUSY)
		fail("gatehouse: %s on %s: %s", type, where, strerror(errno));
}

/* The word gatehouse.root=HASH of the signed command line. */
static void read_root_hash(char hash[HASH_HEX + 1])
{
	static const char key[] = "gatehouse.root=";
	char line[COMMAND_LINE_MAX] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	const char *at = strstr(line, key);
	at = at ? at + sizeof key - 1 : "";
	size_t end = strspn(at, "0123456789abcdef");
	if (end != HASH_HEX)
		fail("gatehouse: the command line has no gatehouse.root of %d hexadecimal digits", HASH_HEX);
	memcpy(hash, at, HASH_HEX);
	hash[HASH_HEX] = 0;
}

/* The hash tree is named by the first half of the root hash (image/steps/root). */
static void name_of(const char *hex, uint8_t name[NAME_BYTES])
{
	for (unsigned i = 0; i < NAME_BYTES; i++) {
		unsigned v;
		sscanf(hex + 2 * (size_t)i, "%2x", &v);
		name[i] = (uint8_t)v;
	}
}

/* Disks appear when they like: some controllers take seconds. */
static void find(const uint8_t tree[NAME_BYTES], char data[DEVICE_NAME], char hash[DEVICE_NAME])
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	struct stat st;

	for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
		int rc = modules_load(waited < FIRST_MS);
		if (rc < 0)
			fail("gatehouse: the list of modules: %s", strerror(-rc));
		if (partition_find(tree, data, hash) && stat(data, &st) == 0 && stat(hash, &st) == 0)
			return;
		nanosleep(&step, NULL);
	}
	fail("gatehouse: no disk has this slot");
}

static void move_to_root(const char *from)
{
	char to[64];

	snprintf(to, sizeof to, "%s%s", root, from);
	if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
		fail("gatehouse: %s to the root: %s", from, strerror(errno));
}

static void switch_root(void)
{
	char *const argv[] = { (char *)"/usr/lib/systemd/systemd", NULL };

	move_to_root("/dev");
	move_to_root("/sys");
	move_to_root("/proc");
	if (chdir(root) < 0 || mount(root, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		fail("gatehouse: change to the root: %s", strerror(errno));
	execv(argv[0], argv);
	fail("gatehouse: %s: %s", argv[0], strerror(errno));
}

int main(void)
{
	char hash[HASH_HEX + 1], data_name[DEVICE_NAME], hash_name[DEVICE_NAME];
	uint8_t tree[NAME_BYTES];

	mount_kernel("devtmpfs", "/dev", MS_NOSUID);
	mount_kernel("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	mount_kernel("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	read_root_hash(hash);
	name_of(hash, tree);
	find(tree, data_name, hash_name);
	group_of_disk(data_name);
	int rc = verity_open(data_name, hash_name, hash);
	if (rc < 0)
		fail("gatehouse: dm-verity over %s: %s", data_name, strerror(-rc));
	if (mount("/dev/dm-0", root, "squashfs", MS_RDONLY | MS_NODEV, NULL) < 0)
		fail("gatehouse: root file system on %s: %s", data_name, strerror(errno));
	switch_root();
}
