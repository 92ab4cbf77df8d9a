#include "audited.h"

#include "base/err.h"
#include "run/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define AUDITED_FILE "trail-generation"
enum { DIGITS = 10, SECONDS = sizeof "2026-01-01T00:00:00" - 1 };

bool audited_read(int dir_fd, uint32_t *generation)
{
	struct buf text;
	uint64_t n = 0;

	buf_init(&text, 64 << 10);
	int rc = disk_read(dir_fd, AUDITED_FILE, &text);
	struct bytes line = buf_bytes(&text);
	bool is_there = rc == 0 && line.n == DIGITS + 1 && bytes_to_u64(bytes_make(line.p, DIGITS), UINT32_MAX, &n) == 0;
	buf_fini(&text);
	if (is_there)
		*generation = (uint32_t)n;
	return is_there;
}

/* Always as long, over what is there: it is one number or another at any moment, never half of one. */
int audited_write(int dir_fd, uint32_t generation)
{
	char text[DIGITS + 2];
	int fd = openat(dir_fd, AUDITED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return ERR_IO;
	snprintf(text, sizeof text, "%010u\n", generation);
	int rc = disk_write(fd, bytes_make(text, DIGITS + 1));
	if (close(fd) < 0)
		rc = ERR_IO;
	return rc;
}

struct search {
	char generation[16];
	struct bytes at;
	struct buf *out;
};

/* In seconds: a generation's time has no more. Both are of one clock and of one form, so that text compares as time does. */
static bool is_before(struct bytes time, struct bytes at)
{
	return time.n < SECONDS || (at.n >= SECONDS && memcmp(time.p, at.p, SECONDS) < 0);
}

static void on_line(void *arg, const struct trail_line *l)
{
	struct search *s = arg;
	struct bytes rest = l->rest, key;
	struct buf value, path;
	bool is_ours = false;

	if (!bytes_eq_str(l->event, "audit.setting") || is_before(l->time, s->at))
		return;
	buf_init(&value, TRAIL_LINE_MAX);
	buf_init(&path, TRAIL_LINE_MAX);
	while (trail_next_pair(&rest, &key, &value)) {
		is_ours |= bytes_eq_str(key, "generation") && bytes_eq_str(buf_bytes(&value), s->generation);
		if (bytes_eq_str(key, "setting"))
			buf_put_bytes(&path, buf_bytes(&value));
	}
	if (is_ours) {
		buf_put_u8(s->out, '\n');
		buf_put_bytes(s->out, buf_bytes(&path));
		buf_put_u8(s->out, '\n');
	}
	buf_fini(&value);
	buf_fini(&path);
}

int audited_paths(const struct trail *t, uint32_t generation, struct bytes at, struct buf *out)
{
	struct search s = { .at = at, .out = out };

	snprintf(s.generation, sizeof s.generation, "%u", generation);
	int rc = trail_show(t, SIZE_MAX, on_line, &s);
	return rc ? rc : buf_failed(out) ? ERR_LIMIT : 0;
}

bool audited_has(struct bytes paths, struct bytes path)
{
	struct buf line;

	buf_init(&line, TRAIL_LINE_MAX);
	buf_put_u8(&line, '\n');
	buf_put_bytes(&line, path);
	buf_put_u8(&line, '\n');
	bool has = paths.n && memmem(paths.p, paths.n, buf_bytes(&line).p, buf_len(&line));
	buf_fini(&line);
	return has;
}
