#include "server.h"

#include "base/err.h"

#include <fcntl.h>
#include <unistd.h>

#define SYSTEM_ANCHORS "/etc/ssl/certs/ca-certificates.crt"

int server_open_system_anchors(void)
{
	return open(SYSTEM_ANCHORS, O_RDONLY | O_CLOEXEC);
}

static int write_all(int fd, struct bytes v)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.p, v.n);
		if (n <= 0)
			return ERR_IO;
		v = bytes_skip(v, (size_t)n);
	}
	return 0;
}

static int make(const char *name)
{
	return open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int copy_system(int to, int from)
{
	uint8_t piece[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, piece, sizeof piece, at)) > 0) {
		if (write_all(to, bytes_make(piece, (size_t)n)))
			return ERR_IO;
		at += n;
	}
	return n < 0 ? ERR_IO : 0;
}

/* All rows of a setting with PEM; only one where it is named. */
static int put_rows(int fd, const struct settings *s, enum setting id, struct bytes only)
{
	struct bytes key;
	int rc = 0;

	for (size_t at = 0; !rc && settings_next_key(s, id, &at, &key);)
		if (!only.n || bytes_eq(key, only)) {
			rc = write_all(fd, settings_text_at(s, id, key));
			rc = rc ? rc : write_all(fd, BYTES("\n"));
		}
	return rc;
}

static int finish(int fd, int rc)
{
	return fd < 0 || close(fd) < 0 ? ERR_IO : rc;
}

int server_write_trust(const struct settings *s, int system, bool *revoked)
{
	struct bytes only = settings_text(s, SET_STORE_AUTHORITY), key;
	size_t at = 0;
	int fd = make(STORE_ANCHORS_FILE);
	int rc = fd < 0 ? ERR_IO : put_rows(fd, s, SET_TRUST_ANCHOR, only);

	if (!rc && !only.n && settings_bool(s, SET_TRUST_SYSTEM) && system >= 0)
		rc = copy_system(fd, system);
	rc = finish(fd, rc);
	*revoked = settings_next_key(s, SET_TRUST_REVOCATION, &at, &key) || settings_bool(s, SET_TRUST_REQUIRED);
	if (rc || !*revoked)
		return rc;
	fd = make(STORE_REVOKED_FILE);
	return finish(fd, fd < 0 ? ERR_IO : put_rows(fd, s, SET_TRUST_REVOCATION, BYTES_NONE));
}
