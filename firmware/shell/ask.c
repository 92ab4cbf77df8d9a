#include "ask.h"

#include "base/err.h"
#include "base/secret.h"
#include "save.h"
#include "secret_input.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STREAM_PAUSE_MS = 250, CONTENT_MAX = OPER_FRAME_MAX - 4096 };

/* What an answer is made of while it comes. */
struct answer {
	struct ask *ask;
	struct page page;
	struct table table;
	struct save save;
	int save_rc; /* the first error: the rest of the file is dropped */
	int exit_code;
	bool is_over;
	/* NEED */
	enum oper_need need;
	size_t need_at;
	char need_text[64];
};

static void on_file(struct answer *s, struct wire *w)
{
	struct bytes name = wire_str(w), content = wire_bytes(w);

	if (s->save_rc || wire_failed(w))
		return;
	s->save_rc = save_part(&s->save, name, content);
	if (s->save_rc)
		snprintf(s->save.name, sizeof s->save.name, "%.*s", (int)(name.n < 100 ? name.n : 100), (const char *)name.p);
}

static void end_file(struct answer *s, bool is_whole)
{
	bool had_one = s->save.fd >= 0;

	if (!s->save_rc)
		s->save_rc = save_end(&s->save, is_whole);
	if (s->save_rc) {
		fprintf(stderr, "error: %s: %s\n", s->save.name,
		        s->save_rc == ERR_EXISTS ? "is there already, and stays as it is" : "cannot be written");
		s->exit_code = 1;
	} else if (had_one && is_whole) {
		fprintf(stderr, "written: %s (%llu bytes)\n", s->save.name, (unsigned long long)s->save.bytes);
	}
}

static void on_done(struct answer *s, struct wire *w)
{
	int rc = (int)wire_u32(w);
	struct bytes text = wire_str(w);

	s->ask->client->changes = wire_u32(w);
	s->ask->had_secret = wire_u8(w) & OPER_DONE_SECRET;
	s->is_over = true;
	s->exit_code = rc < 0 || s->save_rc < 0;
	table_end(&s->table);
	fflush(stdout);
	end_file(s, rc == 0);
	if (rc < 0)
		fprintf(stderr, "error: %.*s\n", BYTES_FMT(text));
	else if (text.n > 0)
		fprintf(s->ask->is_json ? stderr : stdout, "%.*s\n", BYTES_FMT(text));
}

static void on_need(struct answer *s, struct wire *w)
{
	s->need = (enum oper_need)wire_u8(w);
	s->need_at = wire_u16(w);
	struct bytes text = wire_str(w);
	snprintf(s->need_text, sizeof s->need_text, "%.*s", BYTES_FMT(text));
	s->is_over = true;
}

static int on_frame(struct answer *s, enum oper_frame type, struct wire *w)
{
	struct bytes text;

	switch (type) {
	case OPER_RECORD:
		return table_add(&s->table, w);
	case OPER_TEXT:
		text = wire_bytes(w);
		return table_text(&s->table, text);
	case OPER_NOTE:
		text = wire_str(w);
		table_flush(&s->table);
		fflush(stdout);
		fprintf(stderr, "note: %.*s\n", BYTES_FMT(text));
		return 0;
	case OPER_FILE:
		on_file(s, w);
		return wire_end(w) < 0 ? ERR_PROTOCOL : 0;
	case OPER_DONE:
		on_done(s, w);
		return wire_failed(w) ? ERR_PROTOCOL : 0;
	case OPER_NEED:
		on_need(s, w);
		return wire_failed(w) ? ERR_PROTOCOL : 0;
	default:
		return ERR_PROTOCOL;
	}
}

static int read_answer(struct answer *s)
{
	enum oper_frame type;
	struct wire w;
	int rc = 0;

	while (rc == 0 && !s->is_over) {
		rc = client_next(s->ask->client, s->table.n ? STREAM_PAUSE_MS : -1, &type, &w);
		if (rc == 0) {
			rc = on_frame(s, type, &w);
		} else if (rc == ERR_TIMEOUT) {
			table_flush(&s->table);
			fflush(stdout);
			rc = 0;
		}
	}
	return rc;
}

/* A file that the person named, or standard input for "-". */
static int read_content(const char *name, struct buf *out)
{
	int fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		uint8_t *p = buf_reserve(out, 16 << 10);
		n = p ? read(fd, p, 16 << 10) : -1;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	if (fd < 0 || n < 0)
		fprintf(stderr, "error: %s: %s\n", name, buf_failed(out) ? err_text(ERR_LIMIT) : "cannot be read");
	if (fd >= 0)
		(void)close(fd); /* read only */
	return n < 0 ? ERR_IO : 0;
}

static int put_file(struct client_line *line, size_t at, struct buf *content)
{
	char name[4096];

	if (at >= line->n || line->v[at].n >= sizeof name || line->kinds[at] != OPER_WORD_TYPED)
		return ERR_PROTOCOL;
	snprintf(name, sizeof name, "%.*s", BYTES_FMT(line->v[at]));
	int rc = read_content(name, content);
	if (rc < 0)
		return rc;
	line->v[at] = buf_bytes(content);
	line->kinds[at] = OPER_WORD_CONTENT;
	return 0;
}

static int put_secret(const struct ask *a, struct client_line *line, size_t at, const char *prompt, bool is_new,
                      struct buf *content)
{
	if (at != line->n || line->n > WORDS_MAX)
		return ERR_PROTOCOL;
	int rc = secret_input(prompt, a->may_prompt, is_new, content);
	if (rc < 0) {
		fprintf(stderr, "error: %s\n", rc == ERR_SYNTAX ? "the two were not the same" : "no password given");
		return rc;
	}
	line->v[line->n] = buf_bytes(content);
	line->kinds[line->n++] = OPER_WORD_CONTENT;
	return 0;
}

static int give(struct answer *s, struct client_line *line, struct buf *content)
{
	if (s->need == OPER_NEED_FILE)
		return put_file(line, s->need_at, content);
	return put_secret(s->ask, line, s->need_at, s->need_text, s->need == OPER_NEED_SECRET, content);
}

/* Asks; answers at most two wishes (a file and a secret), then it must be done. */
static int converse(struct answer *s, struct client_line *line, struct buf *contents)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < 3; i++) {
		s->is_over = false;
		s->need = 0;
		rc = client_ask(s->ask->client, line);
		if (rc == 0)
			rc = read_answer(s);
		if (rc < 0 || s->need == 0)
			return rc;
		if (i == 2 || give(s, line, &contents[i]) < 0) {
			s->exit_code = 1;
			return 0;
		}
	}
	return rc;
}

int ask_run(struct ask *a, const struct words *words)
{
	struct answer *s = calloc(1, sizeof *s);
	struct client_line line = { .n = words->n };
	struct buf contents[2];
	int rc = s ? 0 : ERR_NOMEM;

	buf_init(&contents[0], CONTENT_MAX);
	buf_init(&contents[1], CONTENT_MAX);
	memcpy(line.v, words->v, words->n * sizeof line.v[0]);
	if (rc == 0) {
		s->ask = a;
		page_init(&s->page, a->is_paged);
		table_init(&s->table, &s->page, a->is_json);
		save_init(&s->save);
		client_catch_interrupt(true);
		rc = converse(s, &line, contents);
		client_catch_interrupt(false);
		(void)save_end(&s->save, false); /* gh-conf went before it was whole */
		table_fini(&s->table);
	}
	for (unsigned i = 0; i < 2; i++) {
		secret_wipe(contents[i].p, contents[i].cap);
		buf_fini(&contents[i]);
	}
	if (rc < 0)
		fprintf(stderr, "error: gh-conf: %s\n", err_text(rc));
	int code = rc < 0 ? 3 : s->exit_code;
	free(s);
	return code;
}
