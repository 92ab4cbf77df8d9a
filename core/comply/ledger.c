#include "ledger.h"

#include "reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "run/disk.h"

enum { NUMBER_DIGITS = 20 };

void ledger_name(uint64_t first, const char *suffix, char out[static LEDGER_NAME_BYTES])
{
	snprintf(out, LEDGER_NAME_BYTES, "%020llu.%s", (unsigned long long)first, suffix);
}

static int err_of_errno(void)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

/* ---- which segments there are ---- */

static int add_segment(struct ledger *l, const struct ledger_segment *s)
{
	if (l->n_segments == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct ledger_segment *v = cap <= LEDGER_SEGMENTS_MAX * 2 ? realloc(l->segments, cap * sizeof *v) : NULL;
		if (!v)
			return ERR_NOMEM;
		l->segments = v;
		l->cap = cap;
	}
	l->segments[l->n_segments++] = *s;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct ledger_segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static bool is_name(const char *name, uint64_t *first)
{
	struct bytes b = bytes_of(name);

	return b.n == NUMBER_DIGITS + 4 && strcmp(name + NUMBER_DIGITS, ".rec") == 0 &&
	       !bytes_to_u64(bytes_make(name, NUMBER_DIGITS), INT64_MAX, first) && *first > 0;
}

/* A head that is not whole was never answered for: its file goes. */
static int look_at(struct ledger *l, const char *name, uint64_t first)
{
	uint8_t raw[RECORD_HEAD_BYTES];
	struct record_head h;
	int fd = openat(l->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return ERR_IO;
	ssize_t n = pread(fd, raw, sizeof raw, 0);
	(void)close(fd); /* read only */
	if (n >= 0 && (size_t)n < sizeof raw)
		return unlinkat(l->dir_fd, name, 0) ? ERR_IO : 0;
	/* One whose head is damaged stays in its place, for who verifies. */
	struct ledger_segment s = { .first = first };
	if (n > 0 && !record_read_head(bytes_make(raw, sizeof raw), &h))
		s.begun_ms = h.begun_ms;
	return n < 0 ? ERR_IO : add_segment(l, &s);
}

static int list_segments(struct ledger *l)
{
	int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t first;

	if (!d) {
		if (fd >= 0)
			(void)close(fd); /* read only */
		return ERR_IO;
	}
	for (const struct dirent *e; !rc && (e = readdir(d));)
		if (is_name(e->d_name, &first))
			rc = look_at(l, e->d_name, first);
	(void)closedir(d); /* read only */
	if (!rc && l->n_segments)
		qsort(l->segments, l->n_segments, sizeof *l->segments, compare);
	return rc;
}

size_t ledger_find(const struct ledger *l, uint64_t number)
{
	size_t low = 0, high = l->n_segments;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (l->segments[mid].first <= number)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : 0;
}

/* ---- the start ---- */

/* What stands behind the last good record goes into a file of its own, before it is cut off. */
static int cut(struct ledger *l, uint64_t from, uint64_t to)
{
	char name[LEDGER_NAME_BYTES];
	struct buf b;
	int rc = ERR_NOMEM;

	buf_init(&b, LEDGER_BATCH_MAX + 1);
	uint8_t *room = buf_reserve(&b, (size_t)(to - from));
	if (room && pread(l->fd, room, (size_t)(to - from), (off_t)from) == (ssize_t)(to - from)) {
		buf_commit(&b, (size_t)(to - from));
		ledger_name(l->next, "torn", name);
		(void)disk_replace(l->dir_fd, name, buf_bytes(&b)); /* for who wonders: nobody was told that it is there */
		rc = ftruncate(l->fd, (off_t)from) || fsync(l->fd) ? ERR_IO : 0;
	}
	buf_fini(&b);
	return rc;
}

/* After a loss of power a file may be longer than what was written to it. */
static bool is_blank(const struct ledger *l, uint64_t from, uint64_t to)
{
	uint8_t part[4096];

	while (from < to) {
		size_t n = to - from < sizeof part ? (size_t)(to - from) : sizeof part;
		if (pread(l->fd, part, n, (off_t)from) != (ssize_t)n)
			return false;
		for (size_t i = 0; i < n; i++)
			if (part[i])
				return false;
		from += n;
	}
	return true;
}

static int read_to_end(struct ledger *l, const struct ledger_segment *s, uint64_t size, struct ledger_end *end)
{
	struct reader r;
	struct record_frame f;
	int rc = reader_open(&r, l, s->first, size);

	if (rc)
		goto damaged; /* not even its head is right: nothing of it can be gone on with */
	while ((rc = reader_frame(&r, &f)) == 0)
		continue;
	l->next = l->put_next = r.number;
	memcpy(l->hash, r.hash, sizeof l->hash);
	memcpy(l->put_hash, r.hash, sizeof l->put_hash);
	l->bytes = r.at;
	reader_close(&r);
	if (rc == ERR_NOT_FOUND)
		return 0;
	/* Anything else was written once and answered for: it is not for us to cut it off. */
	if (size - l->bytes <= LEDGER_BATCH_MAX && (rc == ERR_TRUNCATED || is_blank(l, l->bytes, size))) {
		end->torn = size - l->bytes;
		return cut(l, l->bytes, size);
	}
damaged:
	end->is_damaged = true;
	(void)close(l->fd); /* nothing is written to it */
	l->fd = -1;
	if (l->next <= s->first)
		l->next = l->put_next = s->first + 1;
	return 0;
}

int ledger_open(struct ledger *l, int dir_fd, struct ledger_end *end)
{
	char name[LEDGER_NAME_BYTES];
	struct stat st;

	*l = (struct ledger){ .dir_fd = dir_fd, .fd = -1, .next = 1, .put_next = 1 };
	*end = (struct ledger_end){ 0 };
	buf_init(&l->batch, LEDGER_BATCH_MAX);
	int rc = list_segments(l);
	if (rc || !l->n_segments)
		return rc;
	const struct ledger_segment *last = &l->segments[l->n_segments - 1];
	ledger_name(last->first, "rec", name);
	l->fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (l->fd < 0 || fstat(l->fd, &st) < 0)
		return ERR_IO;
	return read_to_end(l, last, (uint64_t)st.st_size, end);
}

void ledger_close(struct ledger *l)
{
	if (l->fd >= 0)
		(void)close(l->fd); /* what counts is synced */
	l->fd = -1;
	free(l->segments);
	buf_fini(&l->batch);
	*l = (struct ledger){ .dir_fd = -1, .fd = -1 };
}

/* ---- writing ---- */

int ledger_put(struct ledger *l, struct bytes fields, uint64_t *number)
{
	size_t before = buf_len(&l->batch);

	if (fields.n + 8 > RECORD_BODY_MAX)
		return ERR_LIMIT;
	record_append(&l->batch, l->put_next, fields, l->put_hash);
	if (buf_failed(&l->batch)) {
		buf_truncate(&l->batch, before);
		return ERR_FULL;
	}
	*number = l->put_next++;
	return 0;
}

static int begin_segment(struct ledger *l, uint64_t now_ms)
{
	struct record_head h = { .first = l->next, .begun_ms = now_ms };
	struct ledger_segment s = { .first = l->next, .begun_ms = now_ms };
	char name[LEDGER_NAME_BYTES];
	struct buf b;

	memcpy(h.hash, l->hash, sizeof h.hash);
	buf_init(&b, RECORD_HEAD_BYTES + 64);
	record_put_head(&b, &h);
	ledger_name(l->next, "rec", name);
	int fd = buf_failed(&b) ? -1 : openat(l->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
	if (fd < 0 || disk_write(fd, buf_bytes(&b)) || fsync(fd) || fsync(l->dir_fd))
		rc = err_of_errno();
	if (!rc)
		rc = add_segment(l, &s);
	buf_fini(&b);
	if (rc) {
		if (fd >= 0) {
			(void)close(fd);                   /* it goes */
			(void)unlinkat(l->dir_fd, name, 0); /* if it stays, a start takes it away */
		}
		return rc;
	}
	l->fd = fd;
	l->bytes = RECORD_HEAD_BYTES;
	return 0;
}

static void take_back(struct ledger *l)
{
	buf_clear(&l->batch);
	buf_release_if_empty(&l->batch);
	l->put_next = l->next;
	memcpy(l->put_hash, l->hash, sizeof l->hash);
}

static int write_batch(struct ledger *l)
{
	struct bytes rest = buf_bytes(&l->batch);

	for (uint64_t at = l->bytes; rest.n;) {
		ssize_t n = pwrite(l->fd, rest.p, rest.n, (off_t)at);
		if (n <= 0)
			return n == 0 ? ERR_FULL : err_of_errno();
		at += (uint64_t)n;
		rest = bytes_skip(rest, (size_t)n);
	}
	return fdatasync(l->fd) ? err_of_errno() : 0;
}

int ledger_commit(struct ledger *l, uint64_t now_ms)
{
	if (!buf_len(&l->batch))
		return 0;
	int rc = l->fd < 0 ? begin_segment(l, now_ms) : 0;
	if (rc) {
		take_back(l);
		return rc;
	}
	rc = write_batch(l);
	if (rc) {
		/* What is there of it would stand before what comes next. */
		if (ftruncate(l->fd, (off_t)l->bytes) < 0)
			ledger_end_segment(l);
		take_back(l);
		return rc;
	}
	l->bytes += buf_len(&l->batch);
	l->next = l->put_next;
	memcpy(l->hash, l->put_hash, sizeof l->hash);
	buf_clear(&l->batch);
	return 0;
}

void ledger_end_segment(struct ledger *l)
{
	if (l->fd >= 0)
		(void)close(l->fd); /* synced */
	l->fd = -1;
}

int ledger_remove(struct ledger *l, uint64_t first)
{
	size_t i = ledger_find(l, first);
	char name[LEDGER_NAME_BYTES];

	if (i + 1 >= l->n_segments || l->segments[i].first != first)
		return ERR_NOT_FOUND;
	ledger_name(first, "rec", name);
	if (unlinkat(l->dir_fd, name, 0) && errno != ENOENT)
		return ERR_IO;
	ledger_name(first, "sig", name);
	(void)unlinkat(l->dir_fd, name, 0); /* there may be none */
	memmove(l->segments + i, l->segments + i + 1, (l->n_segments - i - 1) * sizeof *l->segments);
	l->n_segments--;
	return 0;
}

unsigned ledger_free(const struct ledger *l)
{
	struct statfs fs;

	if (fstatfs(l->dir_fd, &fs) || fs.f_blocks == 0)
		return 100;
	return (unsigned)(fs.f_bavail * 100 / fs.f_blocks);
}
