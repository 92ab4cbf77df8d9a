#include "conf_text.h"

#include "aside.h"
#include "base/err.h"
#include "entry.h"
#include "run/words.h"

#include <stdio.h>

static int fail(struct conf_text_error *e, unsigned line, struct bytes path, const char *why, int rc)
{
	e->line = line;
	snprintf(e->text, sizeof e->text, "line %u: %.*s%s%s", line, (int)(path.n > 120 ? 120 : path.n),
	         path.n ? (const char *)path.p : "", path.n ? ": " : "", why);
	return rc;
}

/* One set line into rows. *path: the setting, as far as there is one. Of another version: *why, when not "", is told though it was taken. */
static int set_line(const struct words *w, bool is_of_another_version, struct rows *out, struct buf *path, const char **why)
{
	const struct setting_row *row;
	struct buf value;

	buf_init(&value, 1 << 20);
	int rc = (is_of_another_version ? entry_adapt : entry_make)(w->v + 1, w->n - 1, path, &value, &row, why);
	if (rc == 0 && rows_get(out, buf_bytes(path))) {
		rc = ERR_EXISTS;
		*why = "set twice";
	}
	if (rc == 0) {
		rc = rows_set(out, buf_bytes(path), buf_bytes(&value));
		*why = rc ? "too much" : *why;
	}
	buf_fini(&value);
	return rc;
}

/* What is told of a line that is not known: see entry_describe. */
static void describe(const struct words *w, struct buf *path)
{
	buf_clear(path);
	entry_describe(w->v + 1, w->n - 1, path);
}

/* Which of set_line's errors are another version's habits, and no damage. */
static bool is_foreign(int rc)
{
	return rc == ERR_UNKNOWN || rc == ERR_SYNTAX || rc == ERR_RANGE;
}

static int put_aside(const struct words *w, struct bytes raw, struct aside *aside, int rc, struct buf *path, const char *why)
{
	if (rc == 0 && !*why)
		return 0;
	describe(w, path);
	return rc == 0 ? aside_tell(aside, buf_bytes(path), why) : aside_add(aside, raw, buf_bytes(path), why);
}

/* aside NULL: every line must be right. */
static int add_line(const struct words *w, unsigned line, struct bytes raw, struct rows *out, struct aside *aside, struct conf_text_error *e)
{
	const char *why = "";
	struct buf path;

	if (!bytes_eq_str(w->v[0], "set"))
		return fail(e, line, w->v[0], "only lines that begin with set", ERR_SYNTAX);
	buf_init(&path, 4096);
	int rc = set_line(w, aside, out, &path, &why);
	if (aside && (rc == 0 || is_foreign(rc))) {
		rc = put_aside(w, raw, aside, rc, &path, why);
		why = rc ? "too much" : why;
	} else if (rc == ERR_UNKNOWN) {
		describe(w, &path);
	}
	if (rc < 0)
		fail(e, line, buf_bytes(&path), why, rc);
	buf_fini(&path);
	return rc;
}

static int parse(struct bytes text, struct rows *out, struct aside *aside, struct conf_text_error *error)
{
	struct arena a;
	struct words w;
	unsigned line = 1;
	int rc = 0;

	*error = (struct conf_text_error){ 0 };
	if (text.n > CONF_TEXT_MAX)
		return fail(error, 0, BYTES_NONE, "too long", ERR_LIMIT);
	arena_init(&a, (size_t)2 * CONF_TEXT_MAX);
	while (text.n > 0 && rc == 0) {
		struct bytes rest = text;
		unsigned at = line;
		rc = words_next(&text, &line, &a, &w);
		if (rc < 0)
			fail(error, at, BYTES_NONE, rc == ERR_TRUNCATED ? "a quote does not end" : err_text(rc), rc);
		else if (w.n > 0)
			rc = add_line(&w, at, bytes_make(rest.p, rest.n - text.n), out, aside, error);
		arena_reset(&a);
	}
	arena_fini(&a);
	return rc;
}

int conf_text_parse(struct bytes text, struct rows *out, struct conf_text_error *error)
{
	return parse(text, out, NULL, error);
}

int conf_text_parse_aside(struct bytes text, struct rows *out, struct aside *aside, struct conf_text_error *error)
{
	return parse(text, out, aside, error);
}

void conf_text_print(const struct rows *r, struct buf *out)
{
	for (size_t i = 0; i < r->n; i++) {
		buf_put_str(out, "set ");
		buf_put_bytes(out, r->v[i].path);
		buf_put_u8(out, ' ');
		words_put_text(out, r->v[i].value);
		buf_put_u8(out, '\n');
	}
}

static const char *pem_name(enum setting id)
{
	return id == SET_TRUST_REVOCATION ? "revocation lists" : id == SET_IM_OAUTH_KEY ? "public keys" : "certificates";
}

void conf_text_put_value(const struct row_item *item, struct buf *out)
{
	if (!item)
		return;
	if (item->row->type == SETTING_SECRET)
		buf_put_str(out, "(secret)");
	else if (item->row->type == SETTING_PEM)
		buf_putf(out, "(%s, %zu bytes)", pem_name(item->row->id), item->value.n);
	else
		buf_put_bytes(out, item->value);
}
