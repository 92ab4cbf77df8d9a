#include "files.h"

#include "base/err.h"
#include "base/log.h"
#include "run/alarm.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char prefix[] = "lines-";
enum { NAME_BYTES = 40 };

static void name_of(uint64_t number, char out[static NAME_BYTES])
{
	(void)snprintf(out, NAME_BYTES, "%s%010llu", prefix, (unsigned long long)number);
}

/* ---- room ---- */

/* Percent of the disk that are free for us; 100 when the kernel does not say. */
static unsigned free_percent(int fd)
{
	struct statfs s;

	if (fstatfs(fd, &s) < 0 || s.f_blocks == 0)
		return 100;
	return (unsigned)(s.f_bavail * 100 / s.f_blocks);
}

static bool has_room(const struct files *f)
{
	return free_percent(f->dir_fd) >= f->conf.free_percent;
}

/* The oldest that is not being written. False: there is none. */
static bool remove_oldest(struct files *f)
{
	char name[NAME_BYTES];

	if (f->first >= f->last)
		return false;
	name_of(f->first++, name);
	if (unlinkat(f->dir_fd, name, 0) == 0)
		f->counts[FILES_REMOVED]++;
	return true;
}

static void make_room(struct files *f)
{
	bool was_short = f->is_short, is_early = false;

	while (f->last - f->first + 1 > f->conf.files && remove_oldest(f))
		;
	while (!has_room(f) && remove_oldest(f))
		is_early = true;
	f->is_short = !has_room(f);
	if (is_early || f->is_short)
		alarm_raise(ALARM_LOG_DISK, "", ALARM_USUAL, f->is_short ? "no line is written: log free is reached" : NULL);
	else if (free_percent(f->dir_fd) > f->conf.free_percent + 2u)
		alarm_clear(ALARM_LOG_DISK, "");
	if (f->is_short && !was_short)
		log_error("log.disk.short", LOG_INT("free_percent", free_percent(f->dir_fd)));
}

/* ---- the open file ---- */

static void shut(struct files *f)
{
	if (f->fd < 0)
		return;
	(void)fdatasync(f->fd); /* the next start does without what is lost here */
	(void)close(f->fd);
	f->fd = -1;
}

static void fail(struct files *f, const char *step)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
	alarm_raise(ALARM_LOG_WRITE, prefix, ALARM_USUAL, step);
}

static int open_next(struct files *f)
{
	char name[NAME_BYTES];

	name_of(f->last + 1, name);
	f->fd = openat(f->dir_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0)
		return ERR_IO;
	f->last++;
	if (f->first == 0)
		f->first = f->last;
	f->size = 0;
	return 0;
}

static void look(struct files *f)
{
	int fd = openat(f->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t n;

	for (struct dirent *e; d && (e = readdir(d));) {
		struct bytes name = bytes_of(e->d_name);
		if (!bytes_starts(name, bytes_of(prefix)) || bytes_to_u64(bytes_skip(name, sizeof prefix - 1), UINT64_MAX / 2, &n) || n == 0)
			continue;
		f->first = f->first && f->first < n ? f->first : n;
		f->last = f->last > n ? f->last : n;
	}
	if (d)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
}

void files_open(struct files *f, int dir_fd, uint64_t *counts)
{
	*f = (struct files){ .dir_fd = dir_fd, .fd = -1, .counts = counts, .conf = { 4 << 20, 20, 10 } };
	buf_init(&f->out, FILES_BUFFER_MAX);
	look(f); /* a new file each time: what a crash left half-written stays alone */
}

void files_close(struct files *f)
{
	files_flush(f);
	shut(f);
	buf_fini(&f->out);
}

void files_set(struct files *f, const struct files_conf *conf)
{
	f->conf = *conf;
	make_room(f);
}

void files_put(struct files *f, struct bytes line)
{
	if (buf_len(&f->out) + line.n + 1 > FILES_BUFFER_MAX)
		files_flush(f);
	buf_put_bytes(&f->out, line);
	buf_put_u8(&f->out, '\n');
	f->counts[FILES_LINES]++;
}

static int write_all(struct files *f)
{
	struct bytes b = buf_bytes(&f->out);

	while (b.n > 0) {
		ssize_t n = write(f->fd, b.p, b.n);
		if (n <= 0)
			return ERR_IO;
		f->size += (uint64_t)n;
		b = bytes_skip(b, (size_t)n);
	}
	return 0;
}

static uint64_t count_lines(struct bytes b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b.n; i++)
		n += b.p[i] == '\n';
	return n;
}

void files_flush(struct files *f)
{
	int rc = 0;

	if (buf_len(&f->out) == 0)
		return;
	if (f->fd < 0 || f->size >= f->conf.file_bytes) {
		shut(f);
		rc = open_next(f);
		make_room(f);
	}
	if (f->is_short)
		rc = ERR_FULL;
	else if (!rc && (rc = write_all(f)))
		fail(f, "a file of lines cannot be written");
	else if (rc)
		fail(f, "a file of lines cannot be made");
	else
		alarm_clear(ALARM_LOG_WRITE, prefix);
	if (rc)
		f->counts[FILES_LOST] += count_lines(buf_bytes(&f->out));
	buf_clear(&f->out);
}

void files_tick(struct files *f)
{
	make_room(f);
}

int files_read(const struct files *f, uint64_t number, struct buf *out)
{
	char name[NAME_BYTES];
	ssize_t n = 1;

	name_of(number, name);
	int fd = openat(f->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOT_FOUND;
	while (n > 0) {
		uint8_t *p = buf_reserve(out, 256 << 10);
		n = p ? read(fd, p, 256 << 10) : -1;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	(void)close(fd); /* read only */
	return n < 0 ? ERR_NOMEM : 0;
}
