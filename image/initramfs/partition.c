/* GUID partition tables, UEFI 2.10 section 5.3. Read from the disk itself, not by the kernel's names: no rule of
 * another program stands between the signed hash and the bytes. */
#include "init.h"

#include <endian.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { HEADER_BYTES = 92, ENTRY_BYTES = 128, ENTRIES = 128, SECTOR_MAX = 4096 };

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

/* Only tables as sfdisk and our own programs make them: 128 entries of 128 bytes. */
static bool read_entries(int fd, unsigned sector, uint64_t at, uint8_t entries[static ENTRIES * ENTRY_BYTES])
{
	uint8_t header[SECTOR_MAX];

	if (pread(fd, header, sector, (off_t)(at * sector)) != (ssize_t)sector || memcmp(header, "EFI PART", 8) != 0 ||
	    u32(header + 12) != HEADER_BYTES || u32(header + 80) != ENTRIES || u32(header + 84) != ENTRY_BYTES)
		return false;
	uint32_t wanted = u32(header + 16);
	memset(header + 16, 0, 4);
	if (crc32_of(header, HEADER_BYTES) != wanted)
		return false;
	ssize_t n = ENTRIES * ENTRY_BYTES;
	return pread(fd, entries, (size_t)n, (off_t)(u64(header + 72) * sector)) == n &&
	       crc32_of(entries, (size_t)n) == u32(header + 88);
}

/* The second table stands in the disk's last sector, for when power was cut while the first was written. */
static bool read_table(int fd, unsigned *sector, uint8_t entries[static ENTRIES * ENTRY_BYTES])
{
	uint64_t bytes;
	int size;

	if (ioctl(fd, BLKSSZGET, &size) < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 || size < 512 || size > SECTOR_MAX)
		return false;
	*sector = (unsigned)size;
	return bytes / *sector > 2 &&
	       (read_entries(fd, *sector, 1, entries) || read_entries(fd, *sector, bytes / *sector - 1, entries));
}

/* What veritysetup(8) writes at the start of a hash tree, with the UUID that image/steps/root gives it. */
static bool is_tree(int fd, uint64_t at, const uint8_t name[NAME_BYTES])
{
	uint8_t start[32];

	return pread(fd, start, sizeof start, (off_t)at) == (ssize_t)sizeof start && memcmp(start, "verity\0", 8) == 0 &&
	       memcmp(start + 16, name, NAME_BYTES) == 0;
}

/* nvme0n1p2, vda2: the kernel puts a p where the disk's name ends with a digit. */
static void device_of(const char *disk, unsigned number, char name[DEVICE_NAME])
{
	char last = disk[strlen(disk) - 1];

	snprintf(name, DEVICE_NAME, "/dev/%.40s%s%u", disk, last >= '0' && last <= '9' ? "p" : "", number);
}

static bool find_on(const char *disk, const uint8_t tree[NAME_BYTES], char data[DEVICE_NAME], char hash[DEVICE_NAME])
{
	static uint8_t entries[ENTRIES * ENTRY_BYTES];
	char path[DEVICE_NAME + 8];
	unsigned sector = 0, number = 0;

	snprintf(path, sizeof path, "/dev/%s", disk);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is_read = fd >= 0 && read_table(fd, &sector, entries);
	for (unsigned i = 1; is_read && !number && i < ENTRIES; i++) {
		uint64_t first = u64(entries + (size_t)i * ENTRY_BYTES + 32);
		if (first && is_tree(fd, first * sector, tree))
			number = i + 1;
	}
	if (fd >= 0)
		close(fd);
	if (!number)
		return false;
	device_of(disk, number - 1, data);
	device_of(disk, number, hash);
	return true;
}

bool partition_find(const uint8_t tree[NAME_BYTES], char data[DEVICE_NAME], char hash[DEVICE_NAME])
{
	glob_t disks;
	bool is_found = false;

	if (glob("/sys/block/*/device", 0, NULL, &disks) != 0)
		return false;
	for (size_t i = 0; !is_found && i < disks.gl_pathc; i++) {
		char disk[DEVICE_NAME];
		if (sscanf(disks.gl_pathv[i], "/sys/block/%40[^/]", disk) == 1)
			is_found = find_on(disk, tree, data, hash);
	}
	globfree(&disks);
	return is_found;
}
