#include "ask.h"

#include "base/err.h"
#include "base/secret.h"
#include "files.h"
#include "names.h"
#include "secret_input.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STREAM_PAUSE_MS = 250, CONTENT_MAX = OPER_FRAME_MAX - 4096, WISHES_MAX = 9 }; /* eight files and a secret */

/* What an answer is made of while it comes. */
struct answer {
	struct ask *ask;
	struct page page;
	struct table table;
	struct files files;
	const struct client_line *line; /* as it was asked */
	int exit_code;
	bool is_over;
	bool has_shown; /* records or text: they are the answer */
	/* NEED */
	enum oper_need need;
	size_t need_at;
	char need_text[64];
};

static void on_done(struct answer *s, struct wire *w)
{
	int rc = (int)wire_u32(w);
	struct bytes text = wire_str(w);

	s->ask->client->changes = wire_u32(w);
	s->ask->had_secret = wire_u8(w) & OPER_DONE_SECRET;
	s->is_over = true;
	s->exit_code = rc < 0;
	table_end(&s->table);
	fflush(stdout);
	bool is_written = files_end(&s->files, rc == 0);
	s->exit_code |= !is_written;
	if (rc < 0)
		fprintf(stderr, "%s: %.*s\n", s->ask->is_classic ? "FAILURE" : "error", BYTES_FMT(text));
	else if (!is_written)
		fprintf(stderr, "error: the file could not be written\n");
	else if (s->ask->is_classic && !s->has_shown && !s->exit_code)
		fprintf(stdout, "SUCCESS%s%.*s\n", text.n > 0 ? ": " : "", BYTES_FMT(text)); /* G-CLI-02 */
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
		s->has_shown = true;
		return table_add(&s->table, w);
	case OPER_TEXT:
		s->has_shown = true;
		text = wire_bytes(w);
		return table_text(&s->table, text);
	case OPER_NOTE:
		text = wire_str(w);
		table_flush(&s->table);
		fflush(stdout);
		fprintf(stderr, "note: %.*s\n", BYTES_FMT(text));
		return 0;
	case OPER_FILE: {
		int rc = files_take(&s->files, w);
		return rc == ERR_EXISTS || rc == ERR_IO ? client_abort(s->ask->client) : rc;
	}
	case OPER_WANT:
		return files_give(&s->files, w, s->ask->client, s->line);
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
static int read_content(const struct ask *a, const char *name, struct buf *out)
{
	bool is_input = strcmp(name, "-") == 0 && !a->is_login;
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (a->is_login ? O_NOFOLLOW | O_NONBLOCK : 0);
	int fd = is_input ? dup(STDIN_FILENO) : a->is_login && !names_is_inside(name) ? -1 : open(name, flags);
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

static int put_file(const struct ask *a, struct client_line *line, size_t at, struct buf *content)
{
	char name[4096];

	if (at >= line->n || line->v[at].n >= sizeof name || line->kinds[at] != OPER_WORD_TYPED)
		return ERR_PROTOCOL;
	snprintf(name, sizeof name, "%.*s", BYTES_FMT(line->v[at]));
	int rc = read_content(a, name, content);
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
		return put_file(s->ask, line, s->need_at, content);
	return put_secret(s->ask, line, s->need_at, s->need_text, s->need == OPER_NEED_SECRET, content);
}

/* Asks; answers wishes (files and a secret), then it must be done. */
static int converse(struct answer *s, struct client_line *line, struct buf *contents)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i <= WISHES_MAX; i++) {
		s->is_over = false;
		s->need = 0;
		s->line = line;
		rc = client_ask(s->ask->client, line);
		if (rc == 0)
			rc = read_answer(s);
		if (rc < 0 || s->need == 0)
			return rc;
		if (i == WISHES_MAX || give(s, line, &contents[i]) < 0) {
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
	struct buf contents[WISHES_MAX];
	int rc = s ? 0 : ERR_NOMEM;

	for (unsigned i = 0; i < WISHES_MAX; i++)
		buf_init(&contents[i], CONTENT_MAX);
	memcpy(line.v, words->v, words->n * sizeof line.v[0]);
	if (rc == 0) {
		s->ask = a;
		files_init(&s->files);
		page_init(&s->page, a->is_paged);
		table_init(&s->table, &s->page, a->is_json);
		client_catch_interrupt(true);
		rc = converse(s, &line, contents);
		client_catch_interrupt(false);
		(void)files_end(&s->files, false); /* only what no DONE has ended */
		table_fini(&s->table);
	}
	for (unsigned i = 0; i < WISHES_MAX; i++) {
		secret_wipe(contents[i].p, contents[i].cap);
		buf_fini(&contents[i]);
	}
	if (rc < 0)
		fprintf(stderr, "error: gh-conf: %s\n", err_text(rc));
	int code = rc < 0 ? 3 : s->exit_code;
	free(s);
	return code;
}
