#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* firmware/conf/recovery.h has the same names. */
static const char conf_folder[] = "conf", word_file[] = "boot-menu", told_file[] = "recovery";
static const char reset_file[] = "reset"; /* firmware/super/end.c */

static int open_folder(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_conf(const char *state)
{
	int top = open_folder(AT_FDCWD, state);
	int folder = top < 0 ? top : open_folder(top, conf_folder);

	if (top >= 0)
		(void)close(top); /* a folder */
	return folder;
}

int entry_read_word(const char *state, char *out, size_t room, struct bytes *word)
{
	int folder = open_conf(state), fd = folder < 0 ? folder : openat(folder, word_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, room);
	int rc = n < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd); /* read only */
	if (folder >= 0)
		(void)close(folder); /* a folder */
	*word = bytes_make(out, n > 0 ? (size_t)n : 0);
	return rc;
}

/* On the medium, under its name, when it returns. Others may read it: gh-conf is none of root. */
static int put(int folder, const char *name, const char *text)
{
	char beside[64];
	size_t n = strlen(text);

	snprintf(beside, sizeof beside, "%s.asked", name);
	int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	int rc = fchmod(fd, 0644) < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0 ? -EIO : 0;
	(void)close(fd); /* synced */
	if (!rc && (renameat(folder, beside, folder, name) < 0 || fsync(folder) < 0))
		rc = -errno;
	return rc;
}

int entry_mark_reset(const char *state)
{
	int folder = open_folder(AT_FDCWD, state);
	int rc = folder < 0 ? folder : put(folder, reset_file, "");

	if (folder >= 0)
		(void)close(folder); /* synced */
	return rc;
}

int entry_tell_conf(const char *state, const char *what)
{
	int folder = open_conf(state);
	int rc = folder < 0 ? folder : put(folder, told_file, what);

	if (folder >= 0)
		(void)close(folder); /* synced */
	return rc;
}
