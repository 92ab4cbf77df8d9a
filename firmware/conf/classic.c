#include "classic.h"

#include "base/err.h"
#include "conf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPAND_ROOM = 64 << 10, JOINED_MAX = 4096, TOLD_VALUE_MAX = 120 };

static const struct classic_row {
	const char *words, *native; /* native NULL: refused */
} classic_rows[] = {
#define CLASSIC(words, role, native, spec, help) { words, native },
#define CLASSIC_FN(words, role, fn, native, spec, help) { words, native },
#define CLASSIC_SAME(words, spec, help)
#define CLASSIC_NOT(words, spec, why) { words, NULL },
#include "classic.def"
#undef CLASSIC
#undef CLASSIC_FN
#undef CLASSIC_SAME
#undef CLASSIC_NOT
};
enum { N_ROWS = sizeof classic_rows / sizeof classic_rows[0] };
static_assert(N_ROWS <= 64 * OPER_TOLD_WORDS, "one bit a row");

static const struct classic_row *row_of(const struct command *cmd)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(classic_rows[i].words, cmd->words) == 0)
			return &classic_rows[i];
	}
	return NULL;
}

const char *classic_native(const struct command *cmd)
{
	const struct classic_row *row = row_of(cmd);

	return row ? row->native : NULL;
}

bool classic_is_refused(const struct command *cmd)
{
	return cmd->fn == cmd_classic_refused;
}

/* ---- from a row and what was typed to native lines ---- */

struct expansion {
	const struct command_args *args;
	struct arena *a;
	struct classic_line *line;
};

static void put_word(struct expansion *x, struct bytes word, uint8_t kind)
{
	struct command_line *l = &x->line->words;

	l->kinds[l->n] = kind;
	l->v[l->n++] = word;
}

/* The classic appliance's levels, and our roles, which are as good. */
static struct bytes role_of_level(struct bytes level)
{
	return bytes_eq_str(level, "audit") ? BYTES("auditor") : bytes_eq_str(level, "appadmin") ? BYTES("operator") : level;
}

/* "{1}", "{1=20}", "{1?}", "{2@level}": what it stands for. false: it was left out. */
static bool place_value(struct expansion *x, struct bytes place, struct bytes *value, uint8_t *kind)
{
	size_t i = (size_t)(place.p[1] - '1'), n = bytes_find(place, '}');
	struct bytes more = bytes_make(place.p + 2, n - 2);

	*kind = OPER_WORD_TYPED;
	if (i >= x->args->n) {
		*value = bytes_skip(more, 1);
		x->line->is_lacking |= more.n == 0;
		return bytes_starts(more, BYTES("="));
	}
	*value = bytes_eq_str(more, "@level") ? role_of_level(x->args->v[i]) : x->args->v[i];
	*kind = x->args->kinds[i];
	if (x->line->first_arg == SIZE_MAX)
		x->line->first_arg = i;
	return true;
}

/* "last={1}", "{1}T{2}": one word of several parts. */
static void join_token(struct expansion *x, struct bytes token)
{
	uint8_t *p = arena_alloc(x->a, JOINED_MAX), kind;
	struct bytes value;
	size_t n = 0;

	while (token.n > 0) {
		size_t literal = bytes_find(token, '{');
		value = bytes_make(token.p, literal);
		bool is_place = literal == 0;
		if (is_place && !place_value(x, token, &value, &kind))
			return;
		if (!p || value.n > JOINED_MAX - n) {
			x->line->is_lacking = true;
			return;
		}
		memcpy(p + n, value.p, value.n);
		n += value.n;
		token = bytes_skip(token, is_place ? bytes_find(token, '}') + 1 : literal);
	}
	put_word(x, bytes_make(p, n), OPER_WORD_TYPED);
}

static void expand_token(struct expansion *x, struct bytes token)
{
	bool is_one = *token.p == '{' && bytes_find(token, '}') == token.n - 1;
	struct bytes value;
	uint8_t kind;

	if (bytes_find(token, '{') == token.n || bytes_eq_str(token, "{key}")) /* the change knows it */
		put_word(x, token, OPER_WORD_TYPED);
	else if (!is_one)
		join_token(x, token);
	else if (place_value(x, token, &value, &kind))
		put_word(x, value, kind);
}

size_t classic_expand(const char *native, const struct command_args *args, struct arena *a, struct classic_line lines[static CLASSIC_LINES_MAX])
{
	struct bytes rest = bytes_of(native);
	size_t n = 0;

	while (rest.n > 0 && n < CLASSIC_LINES_MAX) {
		struct expansion x = { .args = args, .a = a, .line = &lines[n++] };
		bool is_end = false;
		*x.line = (struct classic_line){ .first_arg = SIZE_MAX };
		while (rest.n > 0 && !is_end && x.line->words.n < WORDS_MAX) {
			struct bytes token = bytes_make(rest.p, bytes_find(rest, ' '));
			rest = bytes_skip(rest, token.n + 1);
			is_end = token.p[token.n - 1] == ';';
			expand_token(&x, bytes_make(token.p, token.n - is_end));
		}
	}
	return rest.n > 0 ? 0 : n;
}

bool classic_is_change(const struct classic_line *line)
{
	static const char *const verbs[] = { "set", "delete", "clear", "add", "remove", "append", "detach" };

	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (line->words.n > 0 && bytes_eq_str(line->words.v[0], verbs[i]))
			return true;
	}
	return false;
}

/* ---- what the person is told ---- */

/* Once a session for each word. */
static bool is_told(struct oper *o, const struct command *cmd)
{
	const struct classic_row *row = row_of(cmd);
	size_t i = row ? (size_t)(row - classic_rows) : 0;
	uint64_t bit = UINT64_C(1) << (i % 64), *word = &o->told_words[i / 64];
	bool was = !row || (*word & bit);

	*word |= row ? bit : 0;
	return was;
}

void classic_put_told(struct buf *out, struct bytes value, bool is_hidden)
{
	if (is_hidden)
		buf_put_str(out, "...");
	else if (value.n > TOLD_VALUE_MAX)
		buf_putf(out, "%.*s...", TOLD_VALUE_MAX, (const char *)value.p);
	else
		words_put_text(out, value);
}

void classic_tell(struct oper *o, const struct command *cmd, struct bytes native, const char *end)
{
	char text[CLASSIC_TOLD_MAX + 64];

	if (is_told(o, cmd))
		return;
	snprintf(text, sizeof text, "same as: %.*s%s", (int)(native.n > CLASSIC_TOLD_MAX ? CLASSIC_TOLD_MAX : native.n), (const char *)native.p, end);
	oper_note(o, text);
}

/* ---- rows without a function of their own ---- */

static void tell_command(struct oper *o, const struct command *cmd, const struct command_line *line)
{
	struct buf b;

	buf_init(&b, CLASSIC_TOLD_MAX);
	for (size_t i = 0; i < line->n; i++) {
		if (i > 0)
			buf_put_u8(&b, ' ');
		classic_put_told(&b, line->v[i], line->kinds[i] != OPER_WORD_TYPED);
	}
	classic_tell(o, cmd, buf_bytes(&b), "");
	buf_fini(&b);
}

/* The words of a native command, run as if they had been typed; its files and secrets are where the person typed them. */
static void run_native(struct oper *o, const struct command *cmd, const struct command_args *args, const struct classic_line *line, struct arena *a)
{
	struct command_match *m = malloc(sizeof *m);

	if (!m) {
		oper_done(o, ERR_NOMEM, "");
		return;
	}
	command_match(&line->words, a, m);
	if (line->first_arg != SIZE_MAX)
		m->args.first_word = args->at[line->first_arg];
	if (m->result != MATCH_OK) {
		oper_done(o, ERR_SYNTAX, m->why);
	} else {
		if (!args->has_secret && cmd->role != OPER_AUDITOR) /* whoever looks learns nothing by it */
			tell_command(o, cmd, &line->words);
		command_dispatch(o, m->command, &m->args);
	}
	free(m);
}

COMMAND_FN(cmd_classic)
{
	struct classic_line *lines = calloc(CLASSIC_LINES_MAX, sizeof *lines);
	struct classic_change x;
	struct arena a;

	(void)c;
	arena_init(&a, EXPAND_ROOM);
	size_t n = lines ? classic_expand(classic_native(cmd), args, &a, lines) : 0;
	if (n == 0) {
		oper_done(o, ERR_NOMEM, "");
	} else if (!classic_is_change(&lines[0])) {
		run_native(o, cmd, args, &lines[0], &a);
	} else {
		classic_begin(&x, o, cmd);
		for (size_t i = 0; i < n; i++)
			classic_change(&x, &lines[i]);
		classic_end(&x);
	}
	arena_fini(&a);
	free(lines);
}

/* Its help says why, and what to do instead. */
COMMAND_FN(cmd_classic_refused)
{
	(void)c;
	(void)args;
	oper_done(o, ERR_UNSUPPORTED, cmd->help);
}
