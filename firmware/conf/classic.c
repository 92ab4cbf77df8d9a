#include "classic.h"

#include "account.h"
#include "base/err.h"
#include "base/secret.h"
#include "conf.h"
#include "entry.h"
#include "place.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANGE_MAX = 8192, EXPAND_ROOM = 64 << 10, VALUE_MAX = 1 << 20, TOLD_MAX = 4096, TOLD_VALUE_MAX = 120, KEYS_TRIED = 1000 };

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

static void expand_token(struct expansion *x, struct bytes token)
{
	size_t at = bytes_find(token, '{');
	struct bytes value;
	uint8_t kind;

	if (at == token.n) {
		put_word(x, token, OPER_WORD_TYPED);
		return;
	}
	if (!place_value(x, bytes_skip(token, at), &value, &kind))
		return;
	if (at > 0) { /* text={1} */
		uint8_t *p = arena_alloc(x->a, at + value.n);
		if (!p) {
			x->line->is_lacking = true;
			return;
		}
		memcpy(p, token.p, at);
		memcpy(p + at, value.p, value.n);
		value = bytes_make(p, at + value.n);
	}
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
	static const char *const verbs[] = { "set", "delete", "clear", "add", "remove" };

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

static void put_told(struct buf *out, struct bytes value, bool is_hidden)
{
	if (is_hidden)
		buf_put_str(out, "...");
	else if (value.n > TOLD_VALUE_MAX)
		buf_putf(out, "%.*s...", TOLD_VALUE_MAX, (const char *)value.p);
	else
		words_put_text(out, value);
}

static void tell(struct oper *o, const struct command *cmd, struct bytes native, const char *end)
{
	char text[TOLD_MAX + 64];

	if (is_told(o, cmd))
		return;
	snprintf(text, sizeof text, "same as: %.*s%s", (int)(native.n > TOLD_MAX ? TOLD_MAX : native.n), (const char *)native.p, end);
	oper_note(o, text);
}

/* ---- one change ---- */

void classic_fail(struct classic_change *x, int rc, const char *fmt, ...)
{
	va_list ap;

	if (x->rc < 0)
		return;
	x->rc = rc;
	va_start(ap, fmt);
	vsnprintf(x->why, sizeof x->why, fmt, ap);
	va_end(ap);
}

void classic_go_on(struct classic_change *x, struct oper *o, const struct command *cmd)
{
	*x = (struct classic_change){ .o = o, .cmd = cmd };
	buf_init(&x->told, TOLD_MAX);
	x->rc = oper_begin(o);
	if (x->rc < 0)
		snprintf(x->why, sizeof x->why, "%s", err_text(x->rc));
}

void classic_begin(struct classic_change *x, struct oper *o, const struct command *cmd)
{
	oper_put_aside(o);
	classic_go_on(x, o, cmd);
}

static void tell_change(struct classic_change *x, const char *verb, struct bytes path, struct bytes value, enum setting_type type)
{
	buf_putf(&x->told, "%s%s %.*s", buf_len(&x->told) > 0 ? "; " : "", verb, BYTES_FMT(path));
	if (value.n == 0)
		return;
	buf_put_u8(&x->told, ' ');
	put_told(&x->told, value, type == SETTING_PEM || type == SETTING_SECRET);
}

/* A word that cannot be what it should is named. */
static void fail_word(struct classic_change *x, int rc, struct bytes word, const char *why)
{
	classic_fail(x, rc, "%.*s: %s", (int)(word.n > 80 ? 80 : word.n), (const char *)word.p, why[0] ? why : err_text(rc));
}

static void do_set(struct classic_change *x, const struct bytes *v, size_t n)
{
	const struct setting_row *row = NULL;
	struct buf path, value;
	const char *why = "";

	buf_init(&path, 4096);
	buf_init(&value, VALUE_MAX);
	int rc = entry_make(v, n, &path, &value, &row, &why);
	if (rc == 0)
		rc = rows_set(&x->o->candidate, buf_bytes(&path), buf_bytes(&value));
	if (rc == 0)
		tell_change(x, "set", buf_bytes(&path), buf_bytes(&value), row->type);
	else
		fail_word(x, rc, row && row->type == SETTING_PEM ? BYTES("the file") : row && row->type == SETTING_SECRET ? BYTES("the secret") : v[n - 1], why);
	secret_wipe(value.p, value.cap);
	buf_fini(&path);
	buf_fini(&value);
}

static void do_delete(struct classic_change *x, const struct bytes *v, size_t n, bool is_needed)
{
	const char *why = "";
	struct buf path;

	buf_init(&path, 4096);
	int rc = entry_prefix(v, n, &path, &why);
	if (rc == 0 && rows_del(&x->o->candidate, buf_bytes(&path)) > 0)
		tell_change(x, "delete", buf_bytes(&path), BYTES_NONE, SETTING_TEXT);
	else if (rc == 0 && is_needed)
		fail_word(x, ERR_NOT_FOUND, v[n - 1], "not set");
	else if (rc < 0)
		fail_word(x, rc, v[n - 1], why);
	buf_fini(&path);
}

/* The row whose pattern the first words are, with its '*'. *used: words of the pattern. */
static const struct setting_row *row_of_pattern(const struct bytes *v, size_t n, size_t *used)
{
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		struct bytes rest = bytes_of(row->path);
		size_t k = 0;
		while (rest.n > 0 && k < n && bytes_eq(bytes_make(rest.p, bytes_find(rest, ' ')), v[k]))
			rest = bytes_skip(rest, v[k++].n + 1);
		if (rest.n == 0 && k > 0) {
			*used = k;
			return row;
		}
	}
	return NULL;
}

/* Words with single spaces, in the setting's form where they have one. */
static void put_value(const struct setting_row *row, const struct bytes *v, size_t n, struct buf *out)
{
	const char *why;
	struct buf plain;

	buf_init(&plain, 4096);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_u8(&plain, ' ');
		buf_put_bytes(&plain, v[i]);
	}
	if (setting_check(row, buf_bytes(&plain), out, &why) < 0) {
		buf_clear(out);
		buf_put_bytes(out, buf_bytes(&plain));
	}
	buf_fini(&plain);
}

static bool has_value(const struct row_item *item, const struct setting_row *row, struct bytes value)
{
	return item->row == row && bytes_starts(item->value, value) && (item->value.n == value.n || item->value.p[value.n] == ' ');
}

/* The path up to and with its key. */
static struct bytes to_key(const struct row_item *item)
{
	return bytes_make(item->path.p, (size_t)(item->key.p + item->key.n - item->path.p));
}

static void do_add(struct classic_change *x, const struct bytes *v, size_t n)
{
	struct bytes words[WORDS_MAX];
	size_t used = 0;
	const struct setting_row *row = row_of_pattern(v, n, &used);
	char key[16], prefix[64];
	struct buf value;

	assert(row && n > used); /* classic_test.c has looked at each row of the table */
	buf_init(&value, 4096);
	put_value(row, v + used, n - used, &value);
	for (size_t i = 0; i < x->o->candidate.n; i++) {
		if (has_value(&x->o->candidate.v[i], row, buf_bytes(&value)))
			fail_word(x, ERR_EXISTS, v[used], "it is there already");
	}
	buf_fini(&value);
	classic_prefix(row->id, prefix);
	for (unsigned k = 1; k < KEYS_TRIED; k++) {
		char path[96];
		snprintf(key, sizeof key, "%u", k);
		snprintf(path, sizeof path, "%s %s", prefix, key);
		if (!rows_has_below(&x->o->candidate, bytes_of(path)))
			break;
	}
	memcpy(words, v, n * sizeof v[0]);
	for (size_t i = 0; i < used; i++)
		words[i] = bytes_eq_str(v[i], "*") ? bytes_of(key) : v[i];
	if (x->rc == 0)
		do_set(x, words, n);
}

static void do_remove(struct classic_change *x, const struct bytes *v, size_t n)
{
	size_t used = 0, gone = 0;
	const struct setting_row *row = row_of_pattern(v, n, &used);
	struct rows *r = &x->o->candidate;
	struct buf value, path;

	assert(row && n > used); /* as above */
	buf_init(&value, 4096);
	buf_init(&path, 4096);
	put_value(row, v + used, n - used, &value);
	for (size_t i = 0; i < r->n;) {
		if (!has_value(&r->v[i], row, buf_bytes(&value))) {
			i++;
			continue;
		}
		buf_clear(&path);
		buf_put_bytes(&path, to_key(&r->v[i]));
		tell_change(x, "delete", buf_bytes(&path), BYTES_NONE, row->type);
		gone += rows_del(r, buf_bytes(&path));
		i = 0;
	}
	if (gone == 0)
		fail_word(x, ERR_NOT_FOUND, v[used], "not set");
	buf_fini(&value);
	buf_fini(&path);
}

void classic_change(struct classic_change *x, const struct classic_line *line)
{
	const struct bytes *v = line->words.v;
	size_t n = line->words.n;

	if (x->rc < 0 || line->is_lacking)
		return;
	if (bytes_eq_str(v[0], "set"))
		do_set(x, v + 1, n - 1);
	else if (bytes_eq_str(v[0], "add"))
		do_add(x, v + 1, n - 1);
	else if (bytes_eq_str(v[0], "remove"))
		do_remove(x, v + 1, n - 1);
	else
		do_delete(x, v + 1, n - 1, bytes_eq_str(v[0], "delete"));
}

void classic_changef(struct classic_change *x, const char *fmt, ...)
{
	struct classic_line line = { .first_arg = SIZE_MAX };
	char text[CHANGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text) {
		classic_fail(x, ERR_LIMIT, "too long");
		return;
	}
	for (struct bytes rest = bytes_of(text); rest.n > 0 && line.words.n < WORDS_MAX;) {
		struct bytes word = bytes_make(rest.p, bytes_find(rest, ' '));
		line.words.v[line.words.n++] = word;
		rest = bytes_skip(rest, word.n + 1);
	}
	classic_change(x, &line);
}

void classic_prefix(enum setting id, char out[static 64])
{
	struct bytes path = bytes_of(setting_row(id)->path);
	size_t n = bytes_find(path, '*');

	snprintf(out, 64, "%.*s", (int)(n < path.n ? n - 1 : n), (const char *)path.p);
}

/* ---- the commit ---- */

/* Does the candidate that was put aside change what this changes, in another way? */
struct clash {
	const struct oper *o;
	struct bytes path; /* the first such */
};

static bool is_same(const struct row_item *a, const struct row_item *b)
{
	return a && b ? bytes_eq(a->value, b->value) : a == b;
}

static void look_for_clash(void *arg, const struct row_item *old, const struct row_item *new)
{
	struct clash *clash = arg;
	const struct oper *o = clash->o;
	struct bytes path = (old ? old : new)->path;
	const struct row_item *was = rows_get(&o->aside.base, path), *mine = rows_get(&o->aside.candidate, path);

	if (clash->path.n == 0 && !is_same(was, mine) && !is_same(mine, new))
		clash->path = path;
}

void classic_end(struct classic_change *x)
{
	struct oper *o = x->o;
	struct clash clash = { .o = o };
	size_t n = x->rc == 0 ? rows_diff(&o->base, &o->candidate, o->aside.has_candidate ? look_for_clash : NULL, &clash) : 0;

	if (clash.path.n > 0)
		classic_fail(x, ERR_EXISTS, "%.*s: your candidate changes it, too: commit it or discard it first",
		             (int)(clash.path.n > 200 ? 200 : clash.path.n), (const char *)clash.path.p);
	if (x->rc < 0) {
		oper_done(o, x->rc, x->why);
	} else if (n == 0) {
		oper_done(o, 0, "it is so already");
	} else {
		tell(o, x->cmd, buf_bytes(&x->told), "; commit");
		commit_run(o->conf, o);
	}
	buf_fini(&x->told);
}

/* ---- rows without a function of their own ---- */

static void tell_command(struct oper *o, const struct command *cmd, const struct command_line *line)
{
	struct buf b;

	buf_init(&b, TOLD_MAX);
	for (size_t i = 0; i < line->n; i++) {
		if (i > 0)
			buf_put_u8(&b, ' ');
		put_told(&b, line->v[i], line->kinds[i] != OPER_WORD_TYPED);
	}
	tell(o, cmd, buf_bytes(&b), "");
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
