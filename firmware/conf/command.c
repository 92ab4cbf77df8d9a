#include "command.h"

#include "base/err.h"
#include "place.h"
#include "rows.h"

#include <stdio.h>

/* Next element of a row's pattern; false at the end. */
static bool next_element(struct bytes *pattern, struct bytes *element)
{
	if (pattern->n == 0)
		return false;
	*element = bytes_make(pattern->p, bytes_find(*pattern, ' '));
	*pattern = bytes_skip(*pattern, element->n + 1);
	return true;
}

static bool is_place(struct bytes e)
{
	return e.n > 0 && (*e.p == '<' || *e.p == '[');
}

static bool is_rest(struct bytes e)
{
	return e.n > 3 && memcmp(e.p + e.n - 3, "...", 3) == 0;
}

static bool is_secret(enum place p)
{
	return p == PLACE_SECRET || p == PLACE_OLD_SECRET || p == PLACE_VERIFIER;
}

/* How far a line fits a row. */
struct fit {
	size_t n_words;        /* that fit */
	size_t n_literals;
	struct bytes expected; /* element at which the words ended or failed; empty: none */
	bool is_whole;         /* all words used and nothing more is needed */
	const char *bad;       /* why a place was refused */
	struct command_args args;
};

static void put_arg(struct fit *f, const struct command_line *line, struct bytes value)
{
	if (f->args.n == 0)
		f->args.first_word = f->n_words;
	f->args.at[f->args.n] = (uint8_t)f->n_words;
	f->args.kinds[f->args.n] = line->kinds[f->n_words];
	f->args.v[f->args.n++] = value;
	f->n_words++;
}

static void fit_row(const struct command *cmd, const struct command_line *line, struct arena *a, struct fit *f)
{
	struct bytes pattern = bytes_of(cmd->words), e, value;

	*f = (struct fit){ 0 };
	while (next_element(&pattern, &e)) {
		f->expected = e;
		if (f->n_words == line->n) {
			f->is_whole = *e.p == '[';
			return;
		}
		if (!is_place(e)) {
			if (!bytes_eq(e, line->v[f->n_words]))
				return;
			f->n_words++;
			f->n_literals++;
			continue;
		}
		do {
			if (place_check(place_of(e), line->v[f->n_words], a, &value, &f->bad) < 0)
				return;
			f->args.has_secret |= is_secret(place_of(e));
			f->args.has_secret_first |= f->args.n == 0 && is_secret(place_of(e));
			f->bad = NULL;
			put_arg(f, line, value);
		} while (is_rest(e) && f->n_words < line->n);
	}
	f->expected = BYTES_NONE;
	f->is_whole = f->n_words == line->n;
}

/* Does a file's content still have to take the place of its name? */
static bool wants_file(const struct fit *f, const struct command *cmd, size_t *at)
{
	struct bytes pattern = bytes_of(cmd->words), e;
	size_t i = 0;

	while (next_element(&pattern, &e)) {
		if (!is_place(e))
			continue;
		do {
			if (place_of(e) == PLACE_FILE && i < f->args.n && f->args.kinds[i] == OPER_WORD_TYPED) {
				*at = f->args.at[i];
				return true;
			}
			i++;
		} while (is_rest(e) && i < f->args.n);
	}
	return false;
}

static void explain(const struct command_line *line, const struct fit *best, struct command_match *out)
{
	struct bytes word = best->n_words < line->n ? line->v[best->n_words] : BYTES_NONE;
	int word_n = (int)(word.n > 60 ? 60 : word.n);

	if (best->bad)
		snprintf(out->why, sizeof out->why, "%.*s: %s", word_n, (const char *)word.p, best->bad);
	else if (word.n > 0 && best->n_words == 0)
		snprintf(out->why, sizeof out->why, "no such command: %.*s (try help)", word_n, (const char *)word.p);
	else if (word.n > 0 && best->expected.n == 0)
		snprintf(out->why, sizeof out->why, "nothing can follow here: %.*s", word_n, (const char *)word.p);
	else if (word.n > 0)
		snprintf(out->why, sizeof out->why, "not expected here: %.*s", word_n, (const char *)word.p);
	else
		snprintf(out->why, sizeof out->why, "%s%.*s", is_place(best->expected) ? "missing: " : "unfinished, for example: ",
		         BYTES_FMT(best->expected));
}

/* Is a better than b as an explanation of the line? */
static bool is_better(const struct fit *a, const struct fit *b)
{
	if (a->is_whole != b->is_whole)
		return a->is_whole;
	if (a->is_whole)
		return a->n_literals > b->n_literals;
	return a->n_words > b->n_words || (a->n_words == b->n_words && a->bad && !b->bad);
}

void command_match(const struct command_line *line, struct arena *a, struct command_match *out)
{
	struct fit best = { 0 }, f;
	const struct command *cmd = NULL;

	*out = (struct command_match){ .result = MATCH_NONE };
	for (size_t i = 0; i < command_count; i++) {
		fit_row(&command_table[i], line, a, &f);
		if (cmd && !is_better(&f, &best))
			continue;
		best = f;
		cmd = &command_table[i];
	}
	out->command = cmd;
	out->args = best.args;
	out->need_at = line->n;
	if (best.is_whole)
		out->result = wants_file(&best, cmd, &out->need_at) ? MATCH_NEED_FILE : MATCH_OK;
	else if (best.n_words == line->n && best.expected.n > 0 && is_place(best.expected) &&
	         place_of(best.expected) == PLACE_SECRET)
		out->result = MATCH_NEED_SECRET;
	else if (best.n_words == line->n && best.expected.n > 0 && is_place(best.expected) &&
	         place_of(best.expected) == PLACE_OLD_SECRET)
		out->result = MATCH_NEED_OLD_SECRET;
	else
		explain(line, &best, out);
}

bool command_is_own(const struct command *cmd)
{
	static const char *const own[] = { "passwd", "operator totp ", "help" };

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		if (strncmp(cmd->words, own[i], strlen(own[i])) == 0)
			return true;
	}
	return false;
}

void command_put_literals(const struct command *cmd, struct buf *out)
{
	struct bytes pattern = bytes_of(cmd->words), e;

	for (unsigned n = 0; next_element(&pattern, &e) && !is_place(e); n++) {
		if (n > 0)
			buf_put_u8(out, ' ');
		buf_put_bytes(out, e);
	}
}
