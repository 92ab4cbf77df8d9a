#include "save.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void save_init(struct save *s)
{
	*s = (struct save){ .fd = -1 };
}

/* What gh-conf names is only ever made in this folder. */
static bool is_plain(struct bytes name)
{
	if (name.n == 0 || name.n >= SAVE_NAME_BYTES || name.p[0] == '.' || name.p[0] == '-')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '/')
			return false;
	return true;
}

static int begin(struct save *s, struct bytes name)
{
	if (!is_plain(name))
		return ERR_SYNTAX;
	snprintf(s->name, sizeof s->name, "%.*s", BYTES_FMT(name));
	snprintf(s->part, sizeof s->part, ".%s.part", s->name);
	if (faccessat(AT_FDCWD, s->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_EXISTS;
	(void)unlink(s->part); /* of a shell that was cut off */
	s->fd = open(s->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	s->bytes = 0;
	return s->fd < 0 ? ERR_IO : 0;
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
	return 0;
}

int save_part(struct save *s, struct bytes name, struct bytes content)
{
	int rc = 0;

	if (s->fd < 0 || !bytes_eq_str(name, s->name)) {
		rc = save_end(s, true);
		if (!rc)
			rc = begin(s, name);
	}
	if (!rc)
		rc = write_all(s->fd, content);
	if (rc)
		(void)save_end(s, false); /* the first error is the one to tell */
	else
		s->bytes += content.n;
	return rc;
}

int save_end(struct save *s, bool is_whole)
{
	int rc = 0;

	if (s->fd < 0)
		return 0;
	if (is_whole && fsync(s->fd))
		rc = ERR_IO;
	if (close(s->fd))
		rc = ERR_IO;
	s->fd = -1;
	/* link(), not rename(): that would take the place of a file that has come meanwhile */
	if (is_whole && !rc && link(s->part, s->name))
		rc = errno == EEXIST ? ERR_EXISTS : ERR_IO;
	(void)unlink(s->part); /* a second name, or what is not wanted */
	return rc;
}
