/* dm-verity by ioctl (Documentation/admin-guide/device-mapper/verity.rst of the kernel). */
#include "init.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { BLOCK = 4096, SALT_MAX = 256, TABLE_ROOM = 4096 };

/* On disk at the start of the hash device; what veritysetup(8) writes. */
struct superblock {
	uint8_t signature[8];
	uint32_t version, hash_type;
	uint8_t uuid[16], algorithm[32];
	uint32_t data_block, hash_block;
	uint64_t n_blocks;
	uint16_t salt_n;
	uint8_t pad[6], salt[SALT_MAX], pad2[168];
};
_Static_assert(sizeof(struct superblock) == 512, "as on disk");

static int read_superblock(const char *hash, struct superblock *s)
{
	int fd = open(hash, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, s, sizeof *s);

	if (fd >= 0)
		close(fd);
	if (n != sizeof *s || memcmp(s->signature, "verity\0", 8) != 0 || le32toh(s->version) != 1 ||
	    le32toh(s->hash_type) != 1 || strcmp((char *)s->algorithm, "sha256") != 0 || le32toh(s->data_block) != BLOCK ||
	    le32toh(s->hash_block) != BLOCK || le16toh(s->salt_n) > SALT_MAX)
		return -EINVAL;
	return 0;
}

static void begin(struct dm_ioctl *io, size_t size, uint32_t flags)
{
	*io = (struct dm_ioctl){ .version = { DM_VERSION_MAJOR }, .data_size = (uint32_t)size, .data_start = sizeof *io,
	                         .flags = flags, .name = "root" };
}

static int control(int fd, unsigned long request, uint32_t flags)
{
	struct dm_ioctl io;

	begin(&io, sizeof io, flags);
	return ioctl(fd, request, &io) < 0 ? -errno : 0;
}

static int load_table(int fd, const char *data, const char *hash, const char *root_hash, const struct superblock *s)
{
	static struct {
		struct dm_ioctl io;
		struct dm_target_spec spec;
		char table[TABLE_ROOM];
	} r;
	char salt[2 * SALT_MAX + 2] = "-";
	uint64_t n_blocks = le64toh(s->n_blocks);

	for (unsigned i = 0; i < le16toh(s->salt_n); i++)
		snprintf(salt + 2 * (size_t)i, 3, "%02x", s->salt[i]);
	r.spec = (struct dm_target_spec){ .length = n_blocks * (BLOCK / 512), .target_type = "verity" };
	int n = snprintf(r.table, sizeof r.table, "1 %s %s %d %d %llu 1 sha256 %s %s 1 panic_on_corruption", data, hash, BLOCK,
	                 BLOCK, (unsigned long long)n_blocks, root_hash, salt);
	if (n < 0 || (size_t)n >= sizeof r.table)
		return -EINVAL;
	begin(&r.io, sizeof r, DM_READONLY_FLAG);
	r.io.target_count = 1;
	return ioctl(fd, DM_TABLE_LOAD, &r.io) < 0 ? -errno : 0;
}

int verity_open(const char *data, const char *hash, const char *root_hash)
{
	struct superblock s;
	int rc = read_superblock(hash, &s);

	if (rc < 0)
		return rc;
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = control(fd, DM_DEV_CREATE, 0);
	if (rc == 0)
		rc = load_table(fd, data, hash, root_hash, &s);
	if (rc == 0)
		rc = control(fd, DM_DEV_SUSPEND, DM_READONLY_FLAG); /* without DM_SUSPEND_FLAG: begin */
	close(fd);
	return rc;
}
