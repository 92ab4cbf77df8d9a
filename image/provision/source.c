#include "provision.h"

#include "base/err.h"

#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const char fw_cfg[] = "/sys/firmware/qemu_fw_cfg/by_name/opt/gatehouse/setup/raw";
static const char place[] = "/run/gatehouse-provision"; /* the unit's folder: disks are mounted there, in the unit's own view alone */
static const char file_lines[] = "gatehouse.txt", file_ovf[] = "ovf-env.xml";

static int read_all(int fd, struct buf *out)
{
	ssize_t n = 1;

	while (n > 0) {
		uint8_t *p = buf_reserve(out, 4096);
		if (!p)
			return ERR_LIMIT;
		n = read(fd, p, 4096);
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	return n < 0 ? ERR_IO : 0;
}

static int read_file(int folder, const char *name, struct buf *out)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	int rc = read_all(fd, out);
	close(fd);
	return rc;
}

static int read_ovf(int folder, struct buf *lines)
{
	struct buf document;

	buf_init(&document, PROVISION_MAX);
	int rc = read_file(folder, file_ovf, &document);
	if (!rc)
		rc = ovf_lines(buf_bytes(&document), lines);
	buf_fini(&document);
	return rc || buf_bytes(lines).n ? rc : ERR_NOT_FOUND;
}

/* A file system of the kinds that hypervisors and people make for this; NULL: another, or none. */
static const char *kind_of(const char *device)
{
	static const char *const kinds[] = { "iso9660", "vfat" };
	blkid_probe probe = blkid_new_probe_from_filename(device);
	const char *type = NULL, *kind = NULL;

	if (!probe)
		return NULL;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	if (blkid_do_safeprobe(probe) == 0 && blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0)
		for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
			if (strcmp(type, kinds[i]) == 0)
				kind = kinds[i];
	blkid_free_probe(probe);
	return kind;
}

/* It stays mounted when it has lines: they may name files of it. */
static int read_disk(const char *device, struct buf *lines)
{
	const char *kind = kind_of(device);

	if (!kind || mount(device, place, kind, MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) < 0)
		return ERR_NOT_FOUND;
	int folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = folder < 0 ? ERR_IO : read_file(folder, file_lines, lines);
	if (rc == ERR_NOT_FOUND)
		rc = read_ovf(folder, lines);
	if (!rc && fchdir(folder) < 0)
		rc = ERR_SYS;
	if (folder >= 0)
		close(folder);
	if (rc)
		(void)umount2(place, MNT_DETACH); /* the next disk comes there */
	return rc;
}

/* Disks and partitions, but none that this box starts from: those are neither CD nor, but for the boot partition, FAT. */
static int read_disks(struct buf *lines, const char **name)
{
	static char device[300];
	DIR *d = opendir("/sys/class/block");
	int rc = ERR_NOT_FOUND;

	for (struct dirent *e; d && rc == ERR_NOT_FOUND && (e = readdir(d));) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, "dm-", 3) == 0 || strncmp(e->d_name, "loop", 4) == 0)
			continue;
		snprintf(device, sizeof device, "/dev/%s", e->d_name);
		rc = read_disk(device, lines);
	}
	if (d)
		(void)closedir(d); /* read only */
	*name = device;
	return rc;
}

int source_read(struct buf *lines, const char **name)
{
	*name = fw_cfg;
	int rc = read_file(AT_FDCWD, fw_cfg, lines);

	return rc == ERR_NOT_FOUND ? read_disks(lines, name) : rc;
}
