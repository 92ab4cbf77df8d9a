#include "update.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int write_at(int fd, uint64_t offset, struct bytes data)
{
	while (data.n > 0) {
		ssize_t n = pwrite(fd, data.p, data.n, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		offset += (uint64_t)n;
		data = bytes_skip(data, (size_t)n);
	}
	return 0;
}

static int slot_write(void *arg, unsigned slot, enum image_part part, uint64_t offset, struct bytes data)
{
	return write_at(((struct slot_files *)arg)->slots[slot][part], offset, data);
}

static int read_at(int fd, uint64_t offset, uint8_t *out, size_t n)
{
	while (n > 0) {
		ssize_t got = pread(fd, out, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		out += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int slot_read(void *arg, unsigned slot, enum image_part part, uint64_t offset, uint8_t *out, size_t n)
{
	return read_at(((struct slot_files *)arg)->slots[slot][part], offset, out, n);
}

/* What is read afterwards is to come from the medium, not from memory. */
static int slot_sync(void *arg, unsigned slot)
{
	struct slot_files *f = arg;

	for (unsigned p = 0; p < PART_COUNT; p++) {
		if (f->slots[slot][p] < 0) /* the program has its name already */
			continue;
		if (fsync(f->slots[slot][p]) < 0)
			return ERR_IO;
		(void)posix_fadvise(f->slots[slot][p], 0, 0, POSIX_FADV_DONTNEED); /* a wish */
	}
	return 0;
}

static uint64_t slot_room(void *arg, unsigned slot, enum image_part part)
{
	(void)slot;
	return ((struct slot_files *)arg)->room[part];
}

static int table_read(void *arg, unsigned copy, uint8_t out[static TABLE_BYTES])
{
	return read_at(((struct slot_files *)arg)->table, (uint64_t)copy * TABLE_BYTES, out, TABLE_BYTES);
}

static int table_write(void *arg, unsigned copy, const uint8_t in[static TABLE_BYTES])
{
	int fd = ((struct slot_files *)arg)->table;

	if (write_at(fd, (uint64_t)copy * TABLE_BYTES, bytes_make(in, TABLE_BYTES)))
		return ERR_IO;
	return fsync(fd) < 0 ? ERR_IO : 0;
}

static int open_file(int folder, const char *name)
{
	return openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void slot_files_none(struct slot_files *f)
{
	*f = (struct slot_files){ .table = -1 };
	for (unsigned s = 0; s < SLOTS; s++)
		for (unsigned p = 0; p < PART_COUNT; p++)
			f->slots[s][p] = -1;
}

int slot_files_table(struct slot_files *f, int folder, struct slot_disk *disk)
{
	f->table = open_file(folder, "slots");
	*disk = (struct slot_disk){ .arg = f, .write = slot_write, .read = slot_read, .sync = slot_sync, .room = slot_room,
		                    .table_read = table_read, .table_write = table_write };
	return f->table >= 0 && fsync(folder) == 0 ? 0 : ERR_IO;
}

int slot_files_open(struct slot_files *f, int folder, struct slot_disk *disk)
{
	char name[32];
	bool is_open = true;

	for (unsigned p = 0; p < PART_COUNT; p++)
		f->room[p] = (uint64_t)SLOT_ROOM_MIB << 20;
	for (unsigned s = 0; s < SLOTS; s++) {
		for (unsigned p = 0; p < PART_COUNT; p++) {
			snprintf(name, sizeof name, "slot-%c.%s", 'a' + s, image_part_names[p]);
			f->slots[s][p] = open_file(folder, name);
			is_open &= f->slots[s][p] >= 0;
		}
	}
	int rc = slot_files_table(f, folder, disk);
	return is_open ? rc : ERR_IO;
}

void slot_files_close(struct slot_files *f)
{
	for (unsigned s = 0; s < SLOTS; s++)
		for (unsigned p = 0; p < PART_COUNT; p++)
			if (f->slots[s][p] >= 0)
				(void)close(f->slots[s][p]); /* synced where it counts */
	if (f->table >= 0)
		(void)close(f->table); /* synced */
}
