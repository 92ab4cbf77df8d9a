#include "files.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* So much of the disk stays free whatever capture disk says: a tenth, or as much as a busy box needs for a while. */
enum { FREE_SHARE = 10, FREE_BYTES = 256 << 20 };
static const char suffix[] = ".pcapng";

void files_name(char out[static FILES_NAME_BYTES], const char *interface, uint64_t wall_ms, unsigned number, unsigned part)
{
	char stamp[TEXT_TIME_BYTES], compact[TEXT_TIME_BYTES];
	size_t n = 0;

	text_time(wall_ms, false, stamp);
	for (const char *c = stamp; *c; c++)
		if (*c != '-' && *c != ':')
			compact[n++] = *c;
	compact[n] = 0;
	snprintf(out, FILES_NAME_BYTES, "%.15s-%s-%u-%u%s", interface, compact, number, part, suffix);
	for (char *c = out; *c; c++) /* interfaces may have names that files should not */
		if (*c == '/' || *c <= ' ' || *c > '~')
			*c = '_';
	if (out[0] == '.')
		out[0] = '_';
}

bool files_is_name(struct bytes name)
{
	size_t end = sizeof suffix - 1;

	if (name.n <= end || name.n >= FILES_NAME_BYTES || name.p[0] == '.' || memcmp(name.p + name.n - end, suffix, end) != 0)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	return true;
}

int files_create(const struct files *f, const char *name)
{
	int fd = openat(f->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_IO;
	return fd;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct files_item *)a)->name, ((const struct files_item *)b)->name);
}

static bool read_item(const struct files *f, const char *name, struct files_item *out)
{
	struct stat st;

	size_t n = strlen(name);

	if (!files_is_name(bytes_make(name, n)) || fstatat(f->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return false;
	memcpy(out->name, name, n + 1); /* files_is_name has measured it */
	out->bytes = (uint64_t)st.st_size;
	out->changed_s = (uint64_t)st.st_mtime;
	return true;
}

size_t files_list(const struct files *f, struct files_item out[static FILES_MAX])
{
	int fd = openat(f->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t n = 0;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd); /* read only */
		return 0;
	}
	while (n < FILES_MAX && (e = readdir(dir)))
		n += read_item(f, e->d_name, &out[n]);
	(void)closedir(dir); /* read only */
	qsort(out, n, sizeof out[0], by_name);
	return n;
}

uint64_t files_total(const struct files *f)
{
	struct files_item items[FILES_MAX];
	size_t n = files_list(f, items);
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += items[i].bytes;
	return total;
}

static const char *name_of(struct bytes name, char out[static FILES_NAME_BYTES])
{
	if (!files_is_name(name))
		return NULL;
	memcpy(out, name.p, name.n);
	out[name.n] = 0;
	return out;
}

int files_delete(const struct files *f, struct bytes name)
{
	char text[FILES_NAME_BYTES];

	if (!name_of(name, text))
		return ERR_NOT_FOUND;
	if (unlinkat(f->dir_fd, text, 0))
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	return fsync(f->dir_fd) ? ERR_IO : 0;
}

void files_expire(const struct files *f, uint64_t now_s, uint64_t age_s)
{
	struct files_item items[FILES_MAX];
	size_t n = files_list(f, items);

	for (size_t i = 0; i < n; i++)
		if (items[i].changed_s + age_s < now_s && files_delete(f, bytes_of(items[i].name)) == 0)
			log_info("capture.expired", LOG_STR("file", items[i].name));
}

int files_read(const struct files *f, struct bytes name, uint64_t offset, uint8_t out[static FILES_PART_BYTES])
{
	char text[FILES_NAME_BYTES];

	if (!name_of(name, text) || offset > INT64_MAX)
		return ERR_NOT_FOUND;
	int fd = openat(f->dir_fd, text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOT_FOUND;
	ssize_t n = pread(fd, out, FILES_PART_BYTES, (off_t)offset);
	(void)close(fd); /* read only */
	return n < 0 ? ERR_IO : (int)n;
}

bool files_disk_is_full(const struct files *f)
{
	struct statfs fs;

	if (fstatfs(f->dir_fd, &fs))
		return true; /* who does not know must not write */
	uint64_t block = (uint64_t)fs.f_bsize, want = (uint64_t)fs.f_blocks * block / FREE_SHARE;

	return (uint64_t)fs.f_bavail * block < (want < FREE_BYTES ? want : FREE_BYTES);
}
