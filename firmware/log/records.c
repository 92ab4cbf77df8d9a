#include "records.h"

#include "base/err.h"
#include "base/wire.h"
#include "run/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum { READ_BYTES = 64 << 10 };

static uint32_t sum(struct bytes b)
{
	return (uint32_t)crc32(0, b.p, (uInt)b.n);
}

int record_take(struct bytes in, struct bytes *body, size_t *n)
{
	struct wire w = wire_of(in);
	uint32_t length = wire_u32(&w), check = wire_u32(&w);

	if (wire_failed(&w))
		return ERR_AGAIN;
	if (length == 0 || length > RECORD_MAX_BYTES)
		return ERR_CHECKSUM;
	struct bytes b = wire_raw(&w, length);
	if (wire_failed(&w))
		return ERR_AGAIN;
	if (sum(b) != check)
		return ERR_CHECKSUM;
	*body = b;
	*n = RECORD_HEAD_BYTES + length;
	return 0;
}

void record_put(struct buf *b, struct bytes body)
{
	if (body.n == 0 || body.n > RECORD_MAX_BYTES) {
		b->is_failed = true;
		return;
	}
	wire_put_u32(b, (uint32_t)body.n);
	wire_put_u32(b, sum(body));
	buf_put_bytes(b, body);
}

/* Reads all good records; *good: where the last one ends. */
static int read_all(int fd, size_t max_bytes, record_fn fn, void *arg, uint64_t *good)
{
	struct buf in;
	struct bytes body;
	size_t n, in_all = 0;
	int rc = 0;

	buf_init(&in, READ_BYTES + RECORD_MAX_BYTES + RECORD_HEAD_BYTES);
	for (ssize_t got = 1; rc != ERR_CHECKSUM && got > 0 && in_all < max_bytes; in_all += (size_t)got) {
		uint8_t *p = buf_reserve(&in, READ_BYTES);
		got = p ? read(fd, p, READ_BYTES) : -1;
		if (got < 0) {
			buf_fini(&in);
			return ERR_IO;
		}
		buf_commit(&in, (size_t)got);
		while ((rc = record_take(buf_bytes(&in), &body, &n)) == 0) {
			fn(arg, body);
			buf_consume(&in, n);
			*good += n;
		}
	}
	buf_fini(&in);
	return 0;
}

int records_open(int dir_fd, const char *name, size_t max_bytes, record_fn fn, void *arg, uint64_t *size)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	uint64_t good = 0;

	if (fd < 0)
		return ERR_IO;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || read_all(fd, max_bytes, fn, arg, &good) < 0 ||
	    ((uint64_t)st.st_size > good && ftruncate(fd, (off_t)good) < 0) || lseek(fd, (off_t)good, SEEK_SET) < 0) {
		(void)close(fd); /* nothing was written */
		return ERR_IO;
	}
	*size = good;
	return fd;
}

int records_replace(int dir_fd, const char *name, struct bytes content)
{
	int rc = disk_replace(dir_fd, name, content);

	if (rc < 0)
		return rc; /* the old content stands */
	int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && lseek(fd, 0, SEEK_END) >= 0)
		return fd;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return ERR_IO;
}
