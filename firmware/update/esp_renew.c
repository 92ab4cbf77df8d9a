#include "esp_renew.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

/* As many as there are; fewer than n: the file's end. */
static ssize_t read_piece(int fd, off_t at, uint8_t *out, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, out + done, n - done, at + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int write_piece(int fd, off_t at, const uint8_t *in, size_t n)
{
	while (n > 0) {
		ssize_t put = pwrite(fd, in, n, at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return ERR_IO;
		in += put;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static int is_equal(int a, int b, bool *answer)
{
	uint8_t x[PIECE], y[PIECE];

	for (off_t at = 0;; at += PIECE) {
		ssize_t n = read_piece(a, at, x, PIECE), m = read_piece(b, at, y, PIECE);
		if (n < 0 || m < 0)
			return ERR_IO;
		*answer = n == m && memcmp(x, y, (size_t)n) == 0;
		if (!*answer || n < PIECE)
			return 0;
	}
}

static int copy(int to, int from)
{
	uint8_t piece[PIECE];
	ssize_t n;

	for (off_t at = 0; (n = read_piece(from, at, piece, PIECE)) != 0; at += n)
		if (n < 0 || write_piece(to, at, piece, (size_t)n))
			return ERR_IO;
	return fsync(to) < 0 ? ERR_IO : 0;
}

/* What is compared is to come from the medium, not from memory. */
static int write_beside(int folder, const char *beside, int from)
{
	bool is_same = false;
	int fd = openat(folder, beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return ERR_IO;
	int rc = copy(fd, from);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* a wish */
	if (!rc)
		rc = is_equal(fd, from, &is_same);
	(void)close(fd); /* synced */
	return rc ? rc : is_same ? 0 : ERR_IO;
}

/* The name is on FAT's medium when the file is synced as well as its folder (esp.c, rename_synced). */
static int put_in_place(int folder, const char *beside, const char *name)
{
	if (fsync(folder) < 0 || renameat(folder, beside, folder, name) < 0)
		return ERR_IO;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 || fsync(fd) < 0 || fsync(folder) < 0 ? ERR_IO : 0;
	if (fd >= 0)
		(void)close(fd); /* synced */
	return rc;
}

int esp_renew(int folder, const char *name, int from, bool *is_new)
{
	char beside[ESP_RENEW_NAME + 8];
	bool is_same = false;
	int rc = 0;

	if (strlen(name) >= ESP_RENEW_NAME)
		return ERR_LIMIT;
	int now = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (now >= 0) {
		rc = is_equal(now, from, &is_same); /* unreadable: then it is to be written anew */
		(void)close(now); /* read only */
	}
	if (is_new)
		*is_new = rc || !is_same;
	if (!rc && is_same)
		return 0;
	snprintf(beside, sizeof beside, "%s.new", name);
	rc = write_beside(folder, beside, from);
	return rc ? rc : put_in_place(folder, beside, name);
}
