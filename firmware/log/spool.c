#include "spool.h"

#include "base/err.h"
#include "base/wire.h"
#include "run/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_BYTES = 128, OUT_MAX = 1 << 20, READ_BYTES = 64 << 10, SEGMENT_MIN = 32 << 10 };

static void file_name(const char *name, uint64_t segment, char out[static FILE_BYTES])
{
	(void)snprintf(out, FILE_BYTES, "spool-%s-%010llu", name, (unsigned long long)segment);
}

static void place_name(const char *name, char out[static FILE_BYTES])
{
	(void)snprintf(out, FILE_BYTES, "spool-%s-at", name);
}

/* ---- which segments are there ---- */

typedef void (*segment_fn)(void *arg, uint64_t segment);

static void each_segment(int dir_fd, const char *name, segment_fn fn, void *arg)
{
	char prefix[FILE_BYTES];
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t n;

	int prefix_n = snprintf(prefix, sizeof prefix, "spool-%s-", name);
	for (struct dirent *e; d && (e = readdir(d));) {
		struct bytes file = bytes_of(e->d_name);
		if (bytes_starts(file, bytes_of(prefix)) && file.n == (size_t)prefix_n + 10 &&
		    bytes_to_u64(bytes_skip(file, (size_t)prefix_n), UINT64_MAX / 2, &n) == 0 && n > 0)
			fn(arg, n);
	}
	if (d)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
}

static void note_segment(void *arg, uint64_t n)
{
	struct spool *s = arg;

	s->first = s->first && s->first < n ? s->first : n;
	s->last = s->last > n ? s->last : n;
}

struct removal {
	int dir_fd;
	const char *name;
};

static void remove_segment(void *arg, uint64_t n)
{
	const struct removal *r = arg;
	char file[FILE_BYTES];

	file_name(r->name, n, file);
	(void)unlinkat(r->dir_fd, file, 0); /* not there: good too */
}

void spool_remove(int dir_fd, const char *name)
{
	struct removal r = { dir_fd, name };
	char file[FILE_BYTES];

	each_segment(dir_fd, name, remove_segment, &r);
	place_name(name, file);
	(void)unlinkat(dir_fd, file, 0); /* it is there only after a confirmation */
}

/* ---- opening ---- */

struct counting {
	struct spool *s;
	uint64_t segment, offset;
};

static void count_record(void *arg, struct bytes body)
{
	struct counting *c = arg;
	struct spool *s = c->s;

	s->of[c->segment % SPOOL_SEGMENTS_MAX].messages++;
	s->put++;
	c->offset += RECORD_HEAD_BYTES + body.n;
	/* what the server has already, by the file */
	if (c->segment < s->confirmed.segment || (c->segment == s->confirmed.segment && c->offset <= s->confirmed.offset))
		s->confirmed.number++;
}

static void read_place(struct spool *s)
{
	char file[FILE_BYTES];
	uint8_t raw[24 + RECORD_HEAD_BYTES];
	struct bytes body;
	size_t n;

	place_name(s->name, file);
	int fd = openat(s->dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	ssize_t got = read(fd, raw, sizeof raw);
	(void)close(fd); /* read only */
	if (got <= 0 || record_take(bytes_make(raw, (size_t)got), &body, &n) || body.n != 16)
		return; /* then the server gets some of them twice */
	struct wire w = wire_of(body);
	s->confirmed.segment = wire_u64(&w);
	s->confirmed.offset = wire_u64(&w);
}

static int open_segment(struct spool *s, uint64_t segment)
{
	struct counting c = { s, segment, 0 };
	char file[FILE_BYTES];
	uint64_t size = 0;

	file_name(s->name, segment, file);
	int fd = records_open(s->dir_fd, file, UINT32_MAX, count_record, &c, &size);
	s->of[segment % SPOOL_SEGMENTS_MAX].bytes = size;
	return fd;
}

/* A place that was written before its segment: the segment's end. */
static void settle_place(struct spool *s)
{
	if (s->confirmed.segment < s->first || s->confirmed.segment > s->last) {
		s->confirmed = (struct spool_place){ s->first, 0, 0 };
	} else if (s->confirmed.offset > s->of[s->confirmed.segment % SPOOL_SEGMENTS_MAX].bytes) {
		s->confirmed.offset = s->of[s->confirmed.segment % SPOOL_SEGMENTS_MAX].bytes;
	}
	s->next = s->confirmed;
}

int spool_open(struct spool *s, int dir_fd, const char *name, uint64_t limit)
{
	*s = (struct spool){ .dir_fd = dir_fd, .write_fd = -1, .read_fd = -1, .limit = limit };
	(void)snprintf(s->name, sizeof s->name, "%s", name);
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->in, READ_BYTES + RECORD_MAX_BYTES + RECORD_HEAD_BYTES);
	each_segment(dir_fd, s->name, note_segment, s);
	if (s->last - s->first >= SPOOL_SEGMENTS_MAX) /* never ours */
		s->first = s->last - SPOOL_SEGMENTS_MAX + 1;
	read_place(s);
	if (s->first == 0)
		s->first = s->last = s->confirmed.segment + 1;
	for (uint64_t n = s->first; n <= s->last; n++) {
		int fd = open_segment(s, n);
		if (fd >= 0 && n < s->last)
			(void)close(fd);
		else
			s->write_fd = fd;
	}
	settle_place(s);
	return s->write_fd < 0 ? ERR_IO : 0;
}

void spool_set_limit(struct spool *s, uint64_t limit)
{
	s->limit = limit;
}

/* ---- writing ---- */

static uint64_t segment_bytes(const struct spool *s)
{
	uint64_t n = s->limit / SPOOL_SEGMENTS;

	return n < SEGMENT_MIN ? SEGMENT_MIN : n;
}

static uint64_t all_bytes(const struct spool *s)
{
	uint64_t n = 0;

	for (uint64_t i = s->first; i <= s->last; i++)
		n += s->of[i % SPOOL_SEGMENTS_MAX].bytes;
	return n;
}

/* The oldest goes; the next to be read, and what is confirmed, move behind it. */
static void drop_first(struct spool *s)
{
	uint64_t before = 0;
	struct removal r = { s->dir_fd, s->name };

	/* messages of it, counted from the opening */
	before = s->put - s->out_messages;
	for (uint64_t i = s->first + 1; i <= s->last; i++)
		before -= s->of[i % SPOOL_SEGMENTS_MAX].messages;
	remove_segment(&r, s->first++);
	if (s->confirmed.segment < s->first) {
		s->lost += before - s->confirmed.number;
		s->confirmed = (struct spool_place){ s->first, 0, before };
		s->is_moved = true;
	}
	if (s->next.segment < s->first) {
		s->next = s->confirmed;
		buf_clear(&s->in);
	}
}

static void begin_segment(struct spool *s)
{
	if (s->write_fd >= 0)
		(void)close(s->write_fd); /* synced within a second, or lost with the power */
	while (s->last - s->first + 1 >= SPOOL_SEGMENTS_MAX)
		drop_first(s);
	s->last++;
	s->of[s->last % SPOOL_SEGMENTS_MAX].bytes = s->of[s->last % SPOOL_SEGMENTS_MAX].messages = 0;
	s->write_fd = open_segment(s, s->last);
}

void spool_flush(struct spool *s)
{
	if (s->out_messages == 0)
		return;
	if (s->write_fd < 0 || s->of[s->last % SPOOL_SEGMENTS_MAX].bytes >= segment_bytes(s))
		begin_segment(s);
	while (s->first < s->last && all_bytes(s) + buf_len(&s->out) > s->limit)
		drop_first(s);
	if (s->write_fd < 0 || disk_write(s->write_fd, buf_bytes(&s->out))) {
		s->lost += s->out_messages;
		s->put -= s->out_messages; /* they have no place in it */
		if (s->write_fd >= 0)
			(void)close(s->write_fd); /* its torn end is cut when it is opened; the next goes into a new one */
		s->write_fd = -1;
	} else {
		s->of[s->last % SPOOL_SEGMENTS_MAX].bytes += buf_len(&s->out);
		s->of[s->last % SPOOL_SEGMENTS_MAX].messages += s->out_messages;
		s->is_dirty = true;
	}
	s->out_messages = 0;
	buf_clear(&s->out);
}

void spool_put(struct spool *s, struct bytes message)
{
	if (message.n == 0 || message.n > RECORD_MAX_BYTES)
		return;
	if (buf_len(&s->out) >= segment_bytes(s) || buf_len(&s->out) + message.n + RECORD_HEAD_BYTES > OUT_MAX)
		spool_flush(s);
	record_put(&s->out, message);
	s->out_messages++;
	s->put++;
}

static void write_place(struct spool *s)
{
	struct buf body, record;
	char file[FILE_BYTES];

	buf_init(&body, 64);
	buf_init(&record, 64);
	wire_put_u64(&body, s->confirmed.segment);
	wire_put_u64(&body, s->confirmed.offset);
	record_put(&record, buf_bytes(&body));
	place_name(s->name, file);
	int fd = buf_failed(&record) ? ERR_NOMEM : records_replace(s->dir_fd, file, buf_bytes(&record));
	if (fd >= 0)
		(void)close(fd);
	s->is_moved = fd < 0; /* the old place stands: some come twice */
	buf_fini(&body);
	buf_fini(&record);
}

void spool_sync(struct spool *s)
{
	spool_flush(s);
	if (s->is_dirty && s->write_fd >= 0 && fdatasync(s->write_fd) < 0) {
		(void)close(s->write_fd);
		s->write_fd = -1;
	}
	s->is_dirty = false;
	if (s->is_moved)
		write_place(s);
}

void spool_close(struct spool *s)
{
	spool_sync(s);
	if (s->write_fd >= 0)
		(void)close(s->write_fd);
	if (s->read_fd >= 0)
		(void)close(s->read_fd);
	buf_fini(&s->out);
	buf_fini(&s->in);
}

/* ---- reading ---- */

static bool read_on(struct spool *s)
{
	char file[FILE_BYTES];

	if (s->read_fd < 0 || s->read_segment != s->next.segment) {
		if (s->read_fd >= 0)
			(void)close(s->read_fd);
		file_name(s->name, s->next.segment, file);
		s->read_fd = openat(s->dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		s->read_segment = s->next.segment;
	}
	uint8_t *p = s->read_fd < 0 ? NULL : buf_reserve(&s->in, READ_BYTES);
	ssize_t n = p ? pread(s->read_fd, p, READ_BYTES, (off_t)(s->next.offset + buf_len(&s->in))) : -1;
	if (n > 0)
		buf_commit(&s->in, (size_t)n);
	return n > 0;
}

/* A segment that is damaged in its middle: the rest of it is lost, and counted. */
static void skip_segment(struct spool *s)
{
	uint64_t number = s->put - s->out_messages;

	for (uint64_t i = s->next.segment + 1; i <= s->last; i++)
		number -= s->of[i % SPOOL_SEGMENTS_MAX].messages;
	s->lost += number - s->next.number;
	s->next = (struct spool_place){ s->next.segment + 1, 0, number };
	buf_clear(&s->in);
}

bool spool_next(struct spool *s, struct bytes *message)
{
	size_t n;

	for (;;) {
		int rc = record_take(buf_bytes(&s->in), message, &n);
		if (rc == 0) {
			s->next.offset += n;
			s->next.number++;
			buf_consume(&s->in, n); /* the bytes stay until the next read */
			return true;
		}
		if (rc == ERR_AGAIN && s->next.offset + buf_len(&s->in) < s->of[s->next.segment % SPOOL_SEGMENTS_MAX].bytes &&
		    read_on(s))
			continue;
		if (s->next.segment >= s->last)
			return false;
		skip_segment(s);
	}
}

void spool_confirm(struct spool *s, const struct spool_place *place)
{
	struct removal r = { s->dir_fd, s->name };

	if (place->number <= s->confirmed.number && place->segment <= s->confirmed.segment)
		return;
	s->confirmed = *place;
	s->is_moved = true;
	while (s->first < s->confirmed.segment && s->first < s->last)
		remove_segment(&r, s->first++);
}

void spool_rewind(struct spool *s)
{
	s->next = s->confirmed;
	buf_clear(&s->in);
}

uint64_t spool_waiting(const struct spool *s)
{
	return s->put - s->confirmed.number;
}
