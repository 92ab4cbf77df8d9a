#include "file.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 128 };

static bool is_name(struct bytes name)
{
	if (name.n == 0 || name.n > NAME_BYTES_MAX || *name.p == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f || name.p[i] == '/')
			return false;
	}
	return true;
}

static int write_all(int fd, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = write(fd, b.p, b.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		b = bytes_skip(b, (size_t)n);
	}
	return fsync(fd) < 0 ? ERR_IO : 0;
}

int file_save(struct bytes name, struct bytes content, char *text, size_t n)
{
	char path[NAME_BYTES_MAX + 1];

	if (!is_name(name)) {
		snprintf(text, n, "gh-conf sent a file with a name that is none");
		return ERR_PROTOCOL;
	}
	snprintf(path, sizeof path, "%.*s", BYTES_FMT(name));
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(text, n, "%s: %s", path, errno == EEXIST ? "is there already, and stays as it is" : "cannot be made in this folder");
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	}
	int rc = write_all(fd, content);
	if (close(fd) < 0)
		rc = ERR_IO;
	if (rc < 0)
		(void)unlink(path); /* half of it is of no use */
	snprintf(text, n, rc < 0 ? "%s: cannot be written" : "written: %s", path);
	return rc;
}
