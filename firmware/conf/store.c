#include "store.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "conf_text.h"
#include "run/disk.h"
#include "run/version.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void file_name(uint32_t generation, char out[static 32])
{
	snprintf(out, 32, "gen-%08u.conf", generation);
}

/* Decimal numbers with spaces between, as in "current" and "pending". */
static int read_numbers(int dir_fd, const char *name, uint64_t *numbers, size_t n)
{
	struct buf b;
	int rc;

	buf_init(&b, 128 << 10);
	rc = disk_read(dir_fd, name, &b);
	struct bytes rest = buf_bytes(&b);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		size_t end = bytes_find(rest, i + 1 < n ? ' ' : '\n');
		rc = bytes_to_u64(bytes_make(rest.p, end), UINT64_MAX / 2, &numbers[i]);
		rest = bytes_skip(rest, end + 1);
	}
	buf_fini(&b);
	return rc;
}

/* Text behind "# key " in the head of a generation's file. */
static void about_line(struct bytes head, const char *key, char *out, size_t n)
{
	struct bytes rest = head;

	out[0] = 0;
	while (rest.n > 0 && *rest.p == '#') {
		struct bytes line = bytes_make(rest.p, bytes_find(rest, '\n'));
		struct bytes word = bytes_skip(line, 2);
		rest = bytes_skip(rest, line.n + 1);
		if (!bytes_starts(word, bytes_of(key)) || word.n <= strlen(key) || word.p[strlen(key)] != ' ')
			continue;
		word = bytes_skip(word, strlen(key) + 1);
		snprintf(out, n, "%.*s", BYTES_FMT(word));
		return;
	}
}

/* Versions before the line "# version" have none. */
static bool is_of_another_version(struct bytes text)
{
	char version[32];

	about_line(text, "version", version, sizeof version);
	return bytes_starts(text, BYTES("# generation ")) && strcmp(version, GATEHOUSE_VERSION) != 0;
}

int store_parse(struct bytes text, bool is_foreign, struct rows *out, struct aside *aside, struct conf_text_error *error)
{
	int rc = conf_text_parse(text, out, error);

	if (rc < 0 && (is_foreign || is_of_another_version(text))) {
		rows_fini(out);
		rc = conf_text_parse_aside(text, out, aside, error);
	}
	return rc;
}

static int load(const struct store *s, uint32_t generation, struct rows *out, struct aside *aside)
{
	struct conf_text_error error;
	char name[32];
	struct buf b;

	file_name(generation, name);
	buf_init(&b, CONF_TEXT_MAX + (128 << 10));
	int rc = disk_read(s->dir_fd, name, &b);
	rows_fini(out);
	if (rc == 0) {
		rc = store_parse(buf_bytes(&b), false, out, aside, &error);
		if (rc < 0)
			log_error("conf.generation.damaged", LOG_INT("generation", generation),
			          LOG_STR("why", error.text));
	}
	if (rc < 0)
		rows_fini(out);
	buf_fini(&b);
	return rc;
}

int store_load(const struct store *s, uint32_t generation, struct rows *out)
{
	struct aside aside;

	aside_init(&aside);
	int rc = load(s, generation, out, &aside);
	aside_fini(&aside);
	return rc;
}

int store_open(struct store *s, int dir_fd)
{
	uint64_t current = 0;

	*s = (struct store){ .dir_fd = dir_fd };
	aside_init(&s->aside);
	int rc = read_numbers(dir_fd, "current", &current, 1);
	if (rc == ERR_NOT_FOUND)
		return 0;
	if (rc < 0 || current > UINT32_MAX)
		return ERR_IO;
	for (uint32_t g = (uint32_t)current; g > 0 && current - g < STORE_KEEP; g--) {
		aside_clear(&s->aside);
		if (load(s, g, &s->running, &s->aside) < 0)
			continue;
		if (g != current)
			log_error("conf.generation.fallback", LOG_INT("wanted", current), LOG_INT("running", g));
		s->generation = (uint32_t)current;
		aside_log(&s->aside, g);
		return 0;
	}
	return ERR_IO;
}

void store_close(struct store *s)
{
	rows_fini(&s->running);
	aside_fini(&s->aside);
	if (s->dir_fd >= 0)
		(void)close(s->dir_fd); /* nothing was written through it */
	s->dir_fd = -1;
}

static void put_comment(struct buf *b, const char *key, const char *text)
{
	buf_putf(b, "# %s ", key);
	for (; *text; text++)
		buf_put_u8(b, (uint8_t)*text < 0x20 ? ' ' : (uint8_t)*text);
	buf_put_u8(b, '\n');
}

static int set_current(const struct store *s, uint32_t generation)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%u\n", generation);

	return disk_replace(s->dir_fd, "current", bytes_make(text, (size_t)n));
}

static void put_version(const struct store *s, uint32_t generation, struct buf *out)
{
	buf_putf(out, "# generation %u\n# version " GATEHOUSE_VERSION "%s\n", generation, buf_len(&s->aside.lines) ? " and another" : "");
}

void store_print(const struct store *s, struct buf *out)
{
	put_version(s, s->generation, out);
	conf_text_print(&s->running, out);
	if (aside_put(&s->aside, &s->running, out) < 0)
		out->is_failed = true;
}

int store_commit(struct store *s, uint32_t generation, struct rows *rows, const char *by, const char *note,
                 uint64_t wall_ms)
{
	char name[32], at[TEXT_TIME_BYTES];
	struct buf b;
	int rc;

	buf_init(&b, (size_t)2 * CONF_TEXT_MAX);
	text_time(wall_ms, false, at);
	put_version(s, generation, &b);
	put_comment(&b, "by", by);
	put_comment(&b, "at", at);
	put_comment(&b, "note", note);
	conf_text_print(rows, &b);
	rc = aside_put(&s->aside, rows, &b);
	file_name(generation, name);
	rc = rc ? rc : buf_failed(&b) ? ERR_LIMIT : disk_replace_first(s->dir_fd, name, buf_bytes(&b)); /* current, below, brings its name to the disk */
	buf_fini(&b);
	if (rc == 0)
		rc = set_current(s, generation);
	if (rc < 0)
		return rc;
	rows_fini(&s->running);
	s->running = *rows;
	*rows = (struct rows){ 0 };
	s->generation = generation;
	if (generation > STORE_KEEP) {
		file_name(generation - STORE_KEEP, name);
		(void)unlinkat(s->dir_fd, name, 0); /* not there: a rollback skipped it, or it went before */
	}
	return 0;
}

static int read_about(const struct store *s, uint32_t generation, struct store_about *out)
{
	char name[32], head[1024];

	file_name(generation, name);
	int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_NOT_FOUND;
	ssize_t n = read(fd, head, sizeof head);
	(void)close(fd); /* read only */
	if (n < 0)
		return ERR_IO;
	struct bytes text = bytes_make(head, (size_t)n);
	out->generation = generation;
	about_line(text, "by", out->by, sizeof out->by);
	about_line(text, "at", out->at, sizeof out->at);
	about_line(text, "note", out->note, sizeof out->note);
	return 0;
}

bool store_history(const struct store *s, uint32_t *at, struct store_about *out)
{
	for (uint32_t g = *at ? *at - 1 : s->generation; g > 0 && s->generation - g < STORE_KEEP; g--) {
		*at = g;
		if (read_about(s, g, out) == 0)
			return true;
	}
	return false;
}

int store_set_pending(const struct store *s, uint32_t back_to, uint64_t at_wall_ms)
{
	char text[48];

	if (at_wall_ms == 0) {
		if (unlinkat(s->dir_fd, "pending", 0) < 0)
			return ERR_NOT_FOUND;
		return fsync(s->dir_fd) < 0 ? ERR_IO : 0;
	}
	int n = snprintf(text, sizeof text, "%u %llu\n", back_to, (unsigned long long)at_wall_ms);
	return disk_replace(s->dir_fd, "pending", bytes_make(text, (size_t)n));
}

bool store_pending(const struct store *s, uint32_t *back_to, uint64_t *at_wall_ms)
{
	uint64_t n[2];

	if (read_numbers(s->dir_fd, "pending", n, 2) < 0 || n[0] > UINT32_MAX)
		return false;
	*back_to = (uint32_t)n[0];
	*at_wall_ms = n[1];
	return true;
}

bool store_is_noted(const struct store *s, const char *note)
{
	struct store_about about;

	return s->generation > 0 && read_about(s, s->generation, &about) == 0 && strcmp(about.note, note) == 0;
}

/* "current" goes first: without it nothing counts. */
int store_wipe(int dir_fd)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);

	if (!d)
		return ERR_IO;
	(void)unlinkat(dir_fd, "current", 0); /* none yet, or a repetition */
	(void)unlinkat(dir_fd, "pending", 0);
	int rc = fsync(dir_fd) < 0 ? ERR_IO : 0;
	for (struct dirent *e; !rc && (e = readdir(d));)
		if (strncmp(e->d_name, "gen-", 4) == 0 && unlinkat(dir_fd, e->d_name, 0) < 0)
			rc = ERR_IO;
	(void)closedir(d); /* read only */
	return rc ? rc : fsync(dir_fd) < 0 ? ERR_IO : 0;
}
