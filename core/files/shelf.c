#include "shelf.h"

#include "base/err.h"
#include "base/text.h"
#include "base/wire.h"
#include "run/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	VERSION = 1,
	VERSION_INFECTED = 2, /* with the name of a virus behind */
	RECORD_MAX = 4096,
	TAIL_BYTES = 12,       /* length and magic */
	STEP_BYTES = 512 << 10,
	HOUR_S = 3600,
};
static const char magic[8] = "GHFILE1\n";

/* ---- folders ---- */

static int open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? (errno == ENOENT ? ERR_NOT_FOUND : ERR_IO) : fd;
}

/* Opens it; makes it, on the disk, when it is not there. */
static int make_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) < 0)
			return ERR_IO;
	} else if (errno != EEXIST)
		return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	return open_folder(at, name);
}

static DIR *open_dir(int at, const char *name)
{
	int fd = open_folder(at, name);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		(void)close(fd); /* read only */
	return d;
}

static int sweep_new(const struct shelf *s)
{
	DIR *d = open_dir(s->new_fd, ".");

	if (!d)
		return ERR_IO;
	for (const struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			(void)unlinkat(s->new_fd, e->d_name, 0); /* what cannot go is in nobody's way */
	(void)closedir(d); /* read only */
	return 0;
}

int shelf_open(struct shelf *s, int dir_fd)
{
	*s = (struct shelf){ dir_fd, -1, -1 };
	s->new_fd = make_folder(dir_fd, "new");
	s->files_fd = make_folder(dir_fd, "files");
	return s->new_fd < 0 || s->files_fd < 0 ? ERR_IO : sweep_new(s);
}

int shelf_open_quarantine(const struct shelf *s, struct shelf *out)
{
	*out = *s;
	out->files_fd = make_folder(s->dir_fd, "quarantine");
	return out->files_fd < 0 ? ERR_IO : 0;
}

void shelf_day(uint64_t unix_s, char out[static 9])
{
	char t[TEXT_TIME_BYTES];

	text_time(unix_s * 1000, false, t);
	snprintf(out, 9, "%.4s%.2s%.2s", t, t + 5, t + 8);
}

void shelf_place(uint32_t hour, const uint8_t id[static SLOT_ID_BYTES], char out[static SHELF_PLACE_BYTES])
{
	char day[9], hex[SLOT_ID_BYTES * 2 + 1];

	shelf_day((uint64_t)hour * HOUR_S, day);
	text_hex(bytes_make(id, SLOT_ID_BYTES), hex);
	snprintf(out, SHELF_PLACE_BYTES, "%s/%02u/%s", day, hour % 24, hex);
}

bool shelf_has(const struct shelf *s, const char *place)
{
	struct stat st;

	return fstatat(s->files_fd, place, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

unsigned shelf_free(const struct shelf *s)
{
	struct statfs fs;

	if (fstatfs(s->dir_fd, &fs) || fs.f_blocks == 0)
		return 100;
	unsigned blocks = (unsigned)(fs.f_bavail * 100 / fs.f_blocks);
	unsigned inodes = fs.f_files ? (unsigned)(fs.f_ffree * 100 / fs.f_files) : 100; /* some file systems have no end of them */
	return blocks < inodes ? blocks : inodes;
}

/* ---- a file that comes ---- */

static int err_of_errno(void)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

int shelf_begin(const struct shelf *s, const uint8_t id[static SLOT_ID_BYTES], struct draft *out)
{
	out->fd = -1;
	out->written = out->begun = 0;
	text_hex(bytes_make(id, SLOT_ID_BYTES), out->name);
	int fd = openat(s->new_fd, out->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : err_of_errno();
	out->fd = fd;
	return 0;
}

/* A file goes to the disk in small steps, one behind the other: left to the kernel they would be hundreds of megabytes at once, and
 * the commits of gh-store, which people's messages wait for, would stand behind them. */
static int step_out(struct draft *d)
{
	const unsigned settled = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	if (d->begun && sync_file_range(d->fd, (off_t)(d->begun - STEP_BYTES), STEP_BYTES, settled))
		return err_of_errno();
	if (sync_file_range(d->fd, (off_t)d->begun, STEP_BYTES, SYNC_FILE_RANGE_WRITE))
		return err_of_errno();
	d->begun += STEP_BYTES;
	return 0;
}

int draft_write(struct draft *d, struct bytes b)
{
	int rc = 0;

	d->written += b.n;
	while (b.n) {
		ssize_t n = write(d->fd, b.p, b.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? err_of_errno() : ERR_IO;
		b = bytes_skip(b, (size_t)n);
	}
	while (!rc && d->written - d->begun >= STEP_BYTES)
		rc = step_out(d);
	return rc;
}

static int write_label(struct draft *d, const struct shelf_label *l)
{
	struct buf b;

	buf_init(&b, RECORD_MAX + TAIL_BYTES);
	wire_put_u8(&b, l->virus[0] ? VERSION_INFECTED : VERSION);
	wire_put_u64(&b, l->size);
	wire_put_u64(&b, l->created_s);
	wire_put_str(&b, bytes_of(l->owner));
	wire_put_str(&b, bytes_of(l->type));
	wire_put_str(&b, bytes_of(l->name));
	if (l->virus[0])
		wire_put_str(&b, bytes_of(l->virus));
	wire_put_u32(&b, (uint32_t)buf_len(&b));
	buf_put(&b, magic, sizeof magic);
	int rc = buf_failed(&b) ? ERR_LIMIT : draft_write(d, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

/* Into its hour's folder. place: "YYYYMMDD/HH/ID". */
static int settle(const struct shelf *s, const struct draft *d, const char *place)
{
	char day[9], hour[3];

	snprintf(day, sizeof day, "%.8s", place);
	snprintf(hour, sizeof hour, "%.2s", place + 9);
	int day_fd = make_folder(s->files_fd, day);
	if (day_fd < 0)
		return day_fd;
	int hour_fd = make_folder(day_fd, hour), rc = hour_fd < 0 ? hour_fd : 0;
	if (!rc && shelf_has(s, place))
		rc = ERR_EXISTS; /* nobody but this program writes here */
	if (!rc && renameat(s->new_fd, d->name, hour_fd, d->name))
		rc = err_of_errno();
	if (!rc && fsync(hour_fd)) {
		(void)unlinkat(hour_fd, d->name, 0); /* nobody was told that it is there */
		rc = ERR_IO;
	}
	if (hour_fd >= 0)
		(void)close(hour_fd); /* read only */
	(void)close(day_fd);
	return rc;
}

int shelf_keep(const struct shelf *s, struct draft *d, const char *place, const struct shelf_label *label)
{
	int rc = write_label(d, label);

	if (!rc && fsync(d->fd))
		rc = err_of_errno();
	if (!rc)
		rc = settle(s, d, place);
	if (rc) {
		shelf_drop(s, d);
		return rc;
	}
	(void)close(d->fd); /* it is synced */
	d->fd = -1;
	return 0;
}

int draft_open(const struct shelf *s, const struct draft *d)
{
	int fd = openat(s->new_fd, d->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? ERR_IO : fd;
}

void shelf_drop(const struct shelf *s, struct draft *d)
{
	if (d->fd < 0)
		return;
	(void)close(d->fd); /* it goes */
	d->fd = -1;
	(void)unlinkat(s->new_fd, d->name, 0); /* else swept at the next start */
}

/* ---- files that are there ---- */

static int take_text(struct bytes v, char *out, size_t max)
{
	if (v.n > max)
		return ERR_IO;
	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return 0;
}

static int read_record(struct bytes record, struct shelf_label *out)
{
	struct wire w = wire_of(record);
	uint8_t version = wire_u8(&w);

	out->size = wire_u64(&w);
	out->created_s = wire_u64(&w);
	struct bytes owner = wire_str(&w), type = wire_str(&w), name = wire_str(&w);
	struct bytes virus = version == VERSION_INFECTED ? wire_str(&w) : BYTES_NONE;
	if (wire_end(&w) || (version != VERSION && version != VERSION_INFECTED) || take_text(virus, out->virus, SCAN_NAME_MAX) || take_text(owner, out->owner, SLOT_OWNER_MAX) ||
	    take_text(type, out->type, SLOT_TYPE_MAX) || take_text(name, out->name, SLOT_NAME_MAX))
		return ERR_IO;
	return 0;
}

static int read_at(int fd, uint8_t *p, size_t n, uint64_t at)
{
	return pread(fd, p, n, (off_t)at) == (ssize_t)n ? 0 : ERR_IO;
}

static int read_label(int fd, struct shelf_label *out)
{
	uint8_t tail[TAIL_BYTES], record[RECORD_MAX];
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < TAIL_BYTES)
		return ERR_IO;
	uint64_t end = (uint64_t)st.st_size - TAIL_BYTES;
	if (read_at(fd, tail, sizeof tail, end) || memcmp(tail + 4, magic, sizeof magic) != 0)
		return ERR_IO;
	struct wire w = wire_of(bytes_make(tail, sizeof tail));
	uint32_t n = wire_u32(&w);
	if (n > sizeof record || n > end || read_at(fd, record, n, end - n) || read_record(bytes_make(record, n), out))
		return ERR_IO;
	return out->size == end - n ? 0 : ERR_IO;
}

int shelf_look(const struct shelf *s, const char *place, struct shelf_label *out, int *fd_out)
{
	int fd = openat(s->files_fd, place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
	int rc = read_label(fd, out);
	if (rc || !fd_out)
		(void)close(fd); /* read only */
	else
		*fd_out = fd;
	return rc;
}

int shelf_delete(const struct shelf *s, const char *place)
{
	char folder[SHELF_PLACE_BYTES];

	if (unlinkat(s->files_fd, place, 0))
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	/* Its folders, with their last file: not empty is what they mostly are. */
	snprintf(folder, sizeof folder, "%.11s", place);
	if (unlinkat(s->files_fd, folder, AT_REMOVEDIR) == 0) {
		folder[8] = '\0';
		(void)unlinkat(s->files_fd, folder, AT_REMOVEDIR);
	}
	return 0;
}

/* ---- walks ---- */

static void shut(DIR **d)
{
	if (*d)
		(void)closedir(*d); /* read only */
	*d = NULL;
}

void shelf_walk_begin(struct shelf_walk *w, const char *last_day)
{
	*w = (struct shelf_walk){ 0 };
	snprintf(w->last_day, sizeof w->last_day, "%s", last_day);
}

void shelf_walk_end(struct shelf_walk *w)
{
	shut(&w->files);
	shut(&w->hours);
	shut(&w->days);
}

/* The next name of so many characters of the set; NULL at the end. What else lies there is not ours. */
static const char *next_name(DIR *d, size_t n, const char *set)
{
	for (const struct dirent *e; d && (e = readdir(d));)
		if (strlen(e->d_name) == n && strspn(e->d_name, set) == n)
			return e->d_name;
	return NULL;
}

static void next_hour(const struct shelf *s, struct shelf_walk *w)
{
	char path[SHELF_PLACE_BYTES];
	const char *name = next_name(w->hours, 2, "0123456789");

	if (!name) {
		shut(&w->hours);
		return;
	}
	memcpy(w->hour, name, 3);
	snprintf(path, sizeof path, "%s/%s", w->day, w->hour);
	w->files = open_dir(s->files_fd, path);
}

static bool next_day(const struct shelf *s, struct shelf_walk *w)
{
	const char *name = next_name(w->days, 8, "0123456789");

	if (!name)
		return false;
	if (w->last_day[0] && strcmp(name, w->last_day) > 0)
		return true;
	memcpy(w->day, name, 9);
	w->hours = open_dir(s->files_fd, w->day);
	return true;
}

bool shelf_walk_next(const struct shelf *s, struct shelf_walk *w, char place[static SHELF_PLACE_BYTES])
{
	if (!w->is_begun) {
		w->is_begun = true;
		w->days = open_dir(s->files_fd, ".");
	}
	for (;;) {
		const char *name = next_name(w->files, SLOT_ID_BYTES * 2, "0123456789abcdef");
		if (name) {
			snprintf(place, SHELF_PLACE_BYTES, "%s/%s/%.32s", w->day, w->hour, name);
			return true;
		}
		shut(&w->files);
		if (w->hours) {
			next_hour(s, w);
		} else if (!next_day(s, w)) {
			shelf_walk_end(w);
			return false;
		}
	}
}
