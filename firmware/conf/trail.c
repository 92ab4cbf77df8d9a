#include "trail.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/disk.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <unistd.h>

#define NO_LINE "0000000000000000000000000000000000000000000000000000000000000000"

static void file_name(unsigned age, char out[static 32])
{
	snprintf(out, 32, age == 0 ? "audit" : "audit.%u", age);
}

static void hash(struct bytes line, char out[static TRAIL_HASH_HEX + 1])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256(line.p, line.n, digest);
	text_hex(bytes_make(digest, sizeof digest), out);
}

/* ---- lines ---- */

static void put_value(struct bytes v, struct buf *out)
{
	size_t n = v.n > TRAIL_VALUE_MAX ? TRAIL_VALUE_MAX : v.n;

	for (size_t i = 0; i < n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || v.p[i] == '"' || v.p[i] == '\\')
			buf_putf(out, "\\x%02x", v.p[i]);
		else
			buf_put_u8(out, v.p[i]);
	}
	if (n < v.n)
		buf_put_str(out, "...");
}

static struct bytes take(struct bytes *line, uint8_t end)
{
	struct bytes word = bytes_make(line->p, bytes_find(*line, end));

	*line = bytes_skip(*line, word.n + 1);
	return word;
}

int trail_split(struct bytes line, struct trail_line *out)
{
	uint64_t n;
	uint8_t raw[TRAIL_HASH_HEX / 2];

	out->previous = take(&line, ' ');
	out->number = take(&line, ' ');
	out->time = take(&line, ' ');
	out->event = take(&line, ' ');
	out->rest = line;
	bool is_right = text_unhex(out->previous, raw, sizeof raw) == 0 && bytes_to_u64(out->number, INT64_MAX, &n) == 0 && n > 0 &&
	                out->time.n > 0 && out->event.n > 0;
	return is_right ? 0 : ERR_SYNTAX;
}

bool trail_next_pair(struct bytes *rest, struct bytes *key, struct buf *out)
{
	uint8_t c;

	buf_clear(out);
	*key = take(rest, '=');
	if (key->n == 0 || rest->n == 0 || *rest->p != '"')
		return false;
	*rest = bytes_skip(*rest, 1);
	while (rest->n > 0 && *rest->p != '"') {
		bool is_escaped = rest->n >= 4 && rest->p[0] == '\\' && rest->p[1] == 'x' &&
		                  text_unhex(bytes_make(rest->p + 2, 2), &c, 1) == 0;
		buf_put_u8(out, is_escaped ? c : *rest->p);
		*rest = bytes_skip(*rest, is_escaped ? 4 : 1);
	}
	*rest = bytes_skip(*rest, 2); /* the quote and a space */
	return true;
}

/* ---- files ---- */

static int read_file(const struct trail *t, unsigned age, struct buf *out)
{
	char name[32];

	file_name(age, name);
	buf_clear(out);
	return disk_read(t->dir_fd, name, out);
}

static void init_file_buf(struct buf *b)
{
	buf_init(b, TRAIL_FILE_BYTES + TRAIL_LINE_MAX + (128 << 10));
}

/* Where the chain goes on, from the last whole line of a file; *whole: bytes of whole lines. */
static void take_end(struct trail *t, struct bytes text, size_t *whole)
{
	struct trail_line l;
	uint64_t n = 0;
	size_t end = text.n, begin;

	while (end > 0 && text.p[end - 1] != '\n')
		end--;
	*whole = end;
	if (end == 0)
		return;
	for (begin = end - 1; begin > 0 && text.p[begin - 1] != '\n';)
		begin--;
	struct bytes line = bytes_make(text.p + begin, end - 1 - begin);
	hash(line, t->last);
	if (trail_split(line, &l) == 0)
		(void)bytes_to_u64(l.number, INT64_MAX, &n); /* split has looked at it */
	t->n = n;
}

static int open_newest(struct trail *t)
{
	char name[32];

	file_name(0, name);
	t->fd = openat(t->dir_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return t->fd < 0 ? ERR_IO : 0;
}

static void on_sync(void *arg)
{
	struct trail *t = arg;

	loop_defer_cancel(&t->sync); /* one of the two has come */
	loop_timer_del(t->loop, &t->sync_soon);
	if (t->fd < 0)
		return;
	if (fsync(t->fd) < 0)
		log_error("conf.audit.unwritten", LOG_STR("why", "the disk does not take it"));
	else if (t->synced)
		t->synced(t->arg);
}

/* Without memory for a timer: now. */
static void plan_sync(struct trail *t, enum trail_when when)
{
	bool is_planned = when == TRAIL_SOON && (loop_timer_is_set(&t->sync_soon) || loop_timer_set(t->loop, &t->sync_soon, TRAIL_SOON_MS) == 0);

	if (!is_planned)
		loop_defer_call(t->loop, &t->sync);
}

int trail_open(struct trail *t, struct loop *l, int dir_fd)
{
	struct buf text;
	size_t whole = 0;

	*t = (struct trail){ .loop = l, .dir_fd = dir_fd, .fd = -1, .last = NO_LINE };
	loop_defer_init(&t->sync, on_sync, t);
	loop_timer_init(&t->sync_soon, on_sync, t);
	init_file_buf(&text);
	if (read_file(t, 1, &text) == 0)
		take_end(t, buf_bytes(&text), &whole);
	int rc = read_file(t, 0, &text);
	whole = 0;
	if (rc == 0)
		take_end(t, buf_bytes(&text), &whole);
	size_t torn = rc == 0 ? buf_len(&text) - whole : 0;
	buf_fini(&text);
	if (rc < 0 && rc != ERR_NOT_FOUND)
		return rc;
	if (open_newest(t) < 0)
		return ERR_IO;
	t->bytes = whole;
	if (torn == 0)
		return 0;
	char bytes[24];
	int n = snprintf(bytes, sizeof bytes, "%zu", torn);
	const struct trail_pair pair = { "bytes", bytes_make(bytes, (size_t)n) };
	return ftruncate(t->fd, (off_t)whole) < 0 ? ERR_IO : trail_put(t, TRAIL_NOW, "audit.torn", &pair, 1);
}

void trail_close(struct trail *t)
{
	if (t->fd >= 0) {
		on_sync(t);
		(void)close(t->fd); /* synced */
	}
	t->fd = -1;
}

/* Every file becomes older by one, the oldest goes. Each step leaves a chain that trail_verify follows. */
static int rotate(struct trail *t)
{
	char from[32], to[32];

	if (fsync(t->fd) < 0)
		return ERR_IO;
	for (unsigned age = TRAIL_FILES - 1; age > 0; age--) {
		file_name(age - 1, from);
		file_name(age, to);
		(void)renameat(t->dir_fd, from, t->dir_fd, to); /* not there yet, perhaps */
	}
	int old = t->fd;
	if (fsync(t->dir_fd) < 0 || open_newest(t) < 0) {
		t->fd = old;
		return ERR_IO;
	}
	(void)close(old); /* synced */
	t->bytes = 0;
	return 0;
}

int trail_put(struct trail *t, enum trail_when when, const char *event, const struct trail_pair *pairs, size_t n)
{
	char at[TEXT_TIME_BYTES];
	struct buf line;

	if (t->fd < 0 || (t->bytes > TRAIL_FILE_BYTES && rotate(t) < 0))
		return ERR_IO;
	buf_init(&line, TRAIL_LINE_MAX);
	text_time(loop_wall_ms(t->loop), true, at);
	buf_putf(&line, "%s %llu %s %s", t->last, (unsigned long long)(t->n + 1), at, event);
	for (size_t i = 0; i < n; i++) {
		buf_putf(&line, " %s=\"", pairs[i].key);
		put_value(pairs[i].value, &line);
		buf_put_u8(&line, '"');
	}
	struct bytes whole = buf_bytes(&line);
	buf_put_u8(&line, '\n');
	int rc = buf_failed(&line) ? ERR_LIMIT : disk_write(t->fd, buf_bytes(&line));
	if (rc == 0) {
		hash(bytes_make(buf_bytes(&line).p, whole.n), t->last);
		t->n++;
		t->bytes += buf_len(&line);
		plan_sync(t, when);
	} else if (rc == ERR_IO && ftruncate(t->fd, (off_t)t->bytes) < 0) {
		(void)close(t->fd); /* half a line stays: nothing may follow it until the next start cuts it off */
		t->fd = -1;
	}
	buf_fini(&line);
	return rc;
}

/* ---- reading ---- */

static int check_line(struct bytes line, struct trail_verdict *v)
{
	struct trail_line l;
	uint64_t n;

	if (trail_split(line, &l) < 0)
		return ERR_SYNTAX;
	(void)bytes_to_u64(l.number, INT64_MAX, &n); /* split has looked at it */
	bool is_next = v->n_lines == 0 || (n == v->last + 1 && bytes_eq_str(l.previous, v->hash));
	if (v->n_lines == 0) {
		v->first = n;
		is_next = v->has_made_room ? n > 1 : n == 1 && bytes_eq_str(l.previous, NO_LINE);
	}
	if (!is_next)
		return ERR_CHECKSUM;
	hash(line, v->hash);
	v->last = n;
	v->n_lines++;
	return 0;
}

static int check_text(struct bytes text, unsigned age, struct trail_verdict *v)
{
	char name[32];

	file_name(age, name);
	for (unsigned line = 1; text.n > 0; line++) {
		struct bytes l = take(&text, '\n');
		if (check_line(l, v) == 0)
			continue;
		snprintf(v->why, sizeof v->why, "broken at line %u of %s, after number %llu", line, name, (unsigned long long)v->last);
		return ERR_CHECKSUM;
	}
	return 0;
}

/* The oldest file of all, or one before which there were others? */
static bool begins(struct bytes text)
{
	return bytes_starts(text, BYTES(NO_LINE " 1 "));
}

int trail_verify(const struct trail *t, struct trail_verdict *out)
{
	struct buf text;
	int rc = 0;

	*out = (struct trail_verdict){ .hash = NO_LINE };
	init_file_buf(&text);
	for (unsigned age = TRAIL_FILES; rc == 0 && age-- > 0;) {
		rc = read_file(t, age, &text);
		out->has_made_room |= age == TRAIL_FILES - 1 && rc == 0 && !begins(buf_bytes(&text));
		if (rc == 0)
			rc = check_text(buf_bytes(&text), age, out);
		else if (rc == ERR_NOT_FOUND)
			rc = 0;
	}
	buf_fini(&text);
	if (rc == 0 && (out->last != t->n || strcmp(out->hash, t->last) != 0)) {
		snprintf(out->why, sizeof out->why, "the end is missing: number %llu was written last", (unsigned long long)t->n);
		rc = ERR_CHECKSUM;
	}
	return rc;
}

/* Where the last `most` lines begin; *n: how many those are. */
static size_t start_of_last(struct bytes text, size_t most, size_t *n)
{
	size_t at = text.n;

	*n = 0;
	while (at > 0) {
		size_t begin = at - 1;
		while (begin > 0 && text.p[begin - 1] != '\n')
			begin--;
		if (*n == most)
			break;
		at = begin;
		++*n;
	}
	return at;
}

static void show_text(struct bytes text, trail_fn fn, void *arg)
{
	struct trail_line l;

	while (text.n > 0) {
		if (trail_split(take(&text, '\n'), &l) == 0)
			fn(arg, &l);
	}
}

int trail_show(const struct trail *t, size_t most, trail_fn fn, void *arg)
{
	struct buf older, newest;
	size_t n = 0, n_older = 0, from = 0;

	init_file_buf(&older);
	init_file_buf(&newest);
	int rc = read_file(t, 0, &newest);
	if (rc == 0) {
		from = start_of_last(buf_bytes(&newest), most, &n);
		if (n < most && read_file(t, 1, &older) == 0)
			show_text(bytes_skip(buf_bytes(&older), start_of_last(buf_bytes(&older), most - n, &n_older)), fn, arg);
		show_text(bytes_skip(buf_bytes(&newest), from), fn, arg);
	}
	buf_fini(&older);
	buf_fini(&newest);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}
