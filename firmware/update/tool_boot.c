/* slot-boot: what the boot loader does with the slot table, for tests without one: slot-boot FILE chooses a slot, takes one
 * of its tries, and prints a or b. */
#include "slots.h"

#include "base/err.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int table_read(void *arg, unsigned copy, uint8_t out[static TABLE_BYTES])
{
	return pread(*(int *)arg, out, TABLE_BYTES, (off_t)copy * TABLE_BYTES) == TABLE_BYTES ? 0 : ERR_IO;
}

static int table_write(void *arg, unsigned copy, const uint8_t in[static TABLE_BYTES])
{
	return pwrite(*(int *)arg, in, TABLE_BYTES, (off_t)copy * TABLE_BYTES) == TABLE_BYTES && fsync(*(int *)arg) == 0 ? 0 : ERR_IO;
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	const struct slot_disk disk = { .arg = &fd, .table_read = table_read, .table_write = table_write };
	struct slot_table t;
	unsigned slot = 0;
	int rc = fd < 0 ? ERR_NOT_FOUND : slots_load(&disk, &t);

	if (!rc)
		rc = slots_boot(&t, &slot);
	if (!rc)
		rc = slots_store(&disk, &t);
	if (rc)
		fprintf(stderr, "slot-boot: %s\n", err_text(rc));
	else
		printf("%c\n", 'a' + slot);
	return rc ? 1 : 0;
}
