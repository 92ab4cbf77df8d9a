#include "run/disk.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* At a time: so much more than the content has to fit below a buffer's limit. */
enum { READ_BYTES = 8 << 10 };

int disk_write(int fd, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = write(fd, b.p, b.n);
		if (n <= 0)
			return ERR_IO;
		b = bytes_skip(b, (size_t)n);
	}
	return 0;
}

static int replace(int dir_fd, const char *name, struct bytes content, unsigned mode)
{
	char temporary[DISK_NAME_MAX + 5];
	int n = snprintf(temporary, sizeof temporary, "%s.new", name), rc;

	if (n < 0 || (size_t)n >= sizeof temporary)
		return ERR_LIMIT;
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ERR_IO;
	rc = disk_write(fd, content);
	if (rc == 0 && ((mode != 0600 && fchmod(fd, mode) < 0) || fsync(fd) < 0))
		rc = ERR_IO;
	if (close(fd) < 0)
		rc = ERR_IO;
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		rc = ERR_IO;
	if (rc < 0)
		(void)unlinkat(dir_fd, temporary, 0); /* on a full disk its room is worth something */
	return rc;
}

int disk_replace_first(int dir_fd, const char *name, struct bytes content)
{
	return replace(dir_fd, name, content, 0600);
}

int disk_replace_as(int dir_fd, const char *name, struct bytes content, unsigned mode)
{
	int rc = replace(dir_fd, name, content, mode);

	return rc == 0 && fsync(dir_fd) < 0 ? ERR_IO : rc;
}

int disk_replace(int dir_fd, const char *name, struct bytes content)
{
	return disk_replace_as(dir_fd, name, content, 0600);
}

int disk_read(int dir_fd, const char *name, struct buf *out)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	while (n > 0) {
		uint8_t *p = buf_reserve(out, READ_BYTES);
		n = p ? read(fd, p, READ_BYTES) : -1;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	(void)close(fd); /* read only */
	return buf_failed(out) ? ERR_LIMIT : n < 0 ? ERR_IO : 0;
}
