#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

enum { READ_BYTES = 256 << 10, IN_MAX = RECORD_BODY_MAX + READ_BYTES + 4096 };

int reader_open(struct reader *r, const struct ledger *l, uint64_t first, uint64_t size)
{
	uint8_t raw[RECORD_HEAD_BYTES];
	char name[LEDGER_NAME_BYTES];
	struct record_head h;

	ledger_name(first, "rec", name);
	*r = (struct reader){ .first = first, .at = RECORD_HEAD_BYTES, .size = size };
	r->fd = openat(l->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	buf_init(&r->in, IN_MAX);
	if (pread(r->fd, raw, sizeof raw, 0) != (ssize_t)sizeof raw || record_read_head(bytes_make(raw, sizeof raw), &h) || h.first != first) {
		reader_close(r);
		return ERR_SYNTAX;
	}
	r->number = h.first;
	memcpy(r->hash, h.hash, sizeof r->hash);
	return 0;
}

int reader_open_all(struct reader *r, const struct ledger *l, uint64_t first)
{
	bool is_newest = l->n_segments && l->segments[l->n_segments - 1].first == first && l->fd >= 0;
	struct stat st;
	int rc = reader_open(r, l, first, l->bytes);

	if (!rc && !is_newest) {
		if (fstat(r->fd, &st) < 0) {
			reader_close(r);
			return ERR_IO;
		}
		r->size = (uint64_t)st.st_size;
	}
	return rc;
}

/* More bytes behind those in r->in. ERR_TRUNCATED: there are none. */
static int fill(struct reader *r)
{
	uint64_t from = r->at + buf_len(&r->in);
	size_t n = r->size - from < READ_BYTES ? (size_t)(r->size - from) : READ_BYTES;

	if (from >= r->size)
		return ERR_TRUNCATED;
	uint8_t *room = buf_reserve(&r->in, n);
	ssize_t got = room ? pread(r->fd, room, n, (off_t)from) : 0;
	if (!room || got < 0)
		return room ? ERR_IO : ERR_NOMEM;
	buf_commit(&r->in, (size_t)got);
	return got ? 0 : ERR_TRUNCATED;
}

static int judge(struct reader *r, const struct record_frame *f)
{
	struct record rec;

	if (!record_check(f, r->hash))
		return ERR_CHECKSUM;
	if (f->pruned) {
		r->number += f->pruned;
		return 0;
	}
	if (record_read(f->body, &rec) || rec.number != r->number)
		return ERR_SYNTAX;
	r->number++;
	return 0;
}

int reader_frame(struct reader *r, struct record_frame *out)
{
	int rc;

	buf_consume(&r->in, r->ahead);
	r->at += r->ahead;
	r->ahead = 0;
	if (r->at >= r->size)
		return ERR_NOT_FOUND;
	while ((rc = record_frame(buf_bytes(&r->in), out)) == ERR_TRUNCATED)
		if ((rc = fill(r)))
			return rc;
	if (!rc)
		rc = judge(r, out);
	if (!rc)
		r->ahead = out->n;
	return rc;
}

void reader_close(struct reader *r)
{
	if (r->fd >= 0)
		(void)close(r->fd); /* read only */
	r->fd = -1;
	buf_fini(&r->in);
}
