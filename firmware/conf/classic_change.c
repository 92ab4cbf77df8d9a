/* One change of a classic word: lines of settings in a candidate of its own, then the commit. */
#include "classic.h"

#include "base/err.h"
#include "base/secret.h"
#include "conf.h"
#include "entry.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { CHANGE_MAX = 8192, VALUE_MAX = 1 << 20, KEYS_TRIED = 1000 };

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
	buf_init(&x->told, CLASSIC_TOLD_MAX);
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
	classic_put_told(&x->told, value, type == SETTING_PEM || type == SETTING_SECRET);
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
	char prefix[64];
	struct buf value;

	assert(row && n > used); /* classic_test.c has looked at each row of the table */
	buf_init(&value, 4096);
	put_value(row, v + used, n - used, &value);
	for (size_t i = 0; i < x->o->candidate.n; i++) {
		if (has_value(&x->o->candidate.v[i], row, buf_bytes(&value)))
			fail_word(x, ERR_EXISTS, row->type == SETTING_SECRET ? BYTES("the secret") : v[used], "it is there already");
	}
	secret_wipe(value.p, value.cap);
	buf_fini(&value);
	classic_prefix(row->id, prefix);
	for (unsigned k = 1; k < KEYS_TRIED; k++) {
		char path[96];
		snprintf(x->key, sizeof x->key, "%u", k);
		snprintf(path, sizeof path, "%s %s", prefix, x->key);
		if (!rows_has_below(&x->o->candidate, bytes_of(path)))
			break;
	}
	memcpy(words, v, n * sizeof v[0]);
	for (size_t i = 0; i < used; i++)
		words[i] = bytes_eq_str(v[i], "*") ? bytes_of(x->key) : v[i];
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

/* The list without the word, into out. Was it in it? */
static bool put_others(struct bytes list, struct bytes word, struct buf *out)
{
	bool is_there = false;

	while (list.n > 0) {
		struct bytes item = bytes_make(list.p, bytes_find(list, ' '));
		list = bytes_skip(list, item.n + 1);
		if (bytes_eq(item, word))
			is_there = true;
		else
			buf_putf(out, "%s%.*s", buf_len(out) ? " " : "", BYTES_FMT(item));
	}
	return is_there;
}

/* v: a path and one word more. */
static void do_list(struct classic_change *x, const struct bytes *v, size_t n, bool is_append)
{
	struct bytes words[WORDS_MAX], word = v[n - 1];
	const struct setting_row *row;
	const char *why = "";
	struct buf path, list;
	size_t used;

	buf_init(&path, 4096);
	buf_init(&list, 4096);
	int rc = entry_path(v, n - 1, &path, &row, &used, &why);
	const struct row_item *now = rc == 0 ? rows_get(&x->o->candidate, buf_bytes(&path)) : NULL;
	bool is_there = put_others(now ? now->value : BYTES_NONE, word, &list);
	if (rc < 0) {
		fail_word(x, rc, v[n - 2], why);
	} else if (is_there == is_append) {
		fail_word(x, is_append ? ERR_EXISTS : ERR_NOT_FOUND, word, is_append ? "it is there already" : "not set");
	} else {
		buf_putf(&list, "%s%.*s", buf_len(&list) && is_append ? " " : "", is_append ? (int)word.n : 0, (const char *)word.p);
		memcpy(words, v, n * sizeof v[0]);
		words[n - 1] = buf_bytes(&list);
		if (buf_len(&list) > 0)
			do_set(x, words, n);
		else
			do_delete(x, v, n - 1, true);
	}
	buf_fini(&path);
	buf_fini(&list);
}

void classic_change(struct classic_change *x, const struct classic_line *line)
{
	struct bytes v[WORDS_MAX];
	size_t n = line->words.n;

	if (x->rc < 0 || line->is_lacking)
		return;
	for (size_t i = 0; i < n; i++)
		v[i] = bytes_eq_str(line->words.v[i], "{key}") ? bytes_of(x->key) : line->words.v[i];
	if (bytes_eq_str(v[0], "set"))
		do_set(x, v + 1, n - 1);
	else if (bytes_eq_str(v[0], "add"))
		do_add(x, v + 1, n - 1);
	else if (bytes_eq_str(v[0], "remove"))
		do_remove(x, v + 1, n - 1);
	else if (bytes_eq_str(v[0], "append") || bytes_eq_str(v[0], "detach"))
		do_list(x, v + 1, n - 1, v[0].p[0] == 'a');
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
		classic_tell(o, x->cmd, buf_bytes(&x->told), "; commit");
		commit_run(o->conf, o);
	}
	buf_fini(&x->told);
}
