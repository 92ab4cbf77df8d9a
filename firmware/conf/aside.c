#include "aside.h"

#include "base/err.h"
#include "base/log.h"
#include "conf_text.h"
#include "entry.h"
#include "run/words.h"

#include <stdio.h>

void aside_init(struct aside *a)
{
	*a = (struct aside){ 0 };
	buf_init(&a->lines, CONF_TEXT_MAX);
}

void aside_fini(struct aside *a)
{
	buf_fini(&a->lines);
	*a = (struct aside){ 0 };
}

void aside_clear(struct aside *a)
{
	buf_clear(&a->lines);
	a->n_rows = 0;
	a->n_more = 0;
}

static void count(struct aside *a, struct bytes path, const char *why, bool is_kept)
{
	struct aside_row row = { .is_kept = is_kept, .n = 1 };

	snprintf(row.what, sizeof row.what, "%.*s: %s", (int)(path.n > 120 ? 120 : path.n), path.n ? (const char *)path.p : "", why);
	for (size_t i = 0; i < a->n_rows; i++)
		if (a->rows[i].is_kept == is_kept && strcmp(a->rows[i].what, row.what) == 0) {
			a->rows[i].n++;
			return;
		}
	if (a->n_rows < ASIDE_ROWS)
		a->rows[a->n_rows++] = row;
	else
		a->n_more++;
}

int aside_add(struct aside *a, struct bytes line, struct bytes path, const char *why)
{
	buf_put_bytes(&a->lines, line);
	if (line.n == 0 || line.p[line.n - 1] != '\n')
		buf_put_u8(&a->lines, '\n');
	if (buf_failed(&a->lines))
		return ERR_LIMIT;
	count(a, path, why, true);
	return 0;
}

int aside_tell(struct aside *a, struct bytes path, const char *range)
{
	count(a, path, range, false);
	return 0;
}

static bool sets_too(const struct rows *rows, const struct words *w)
{
	const struct setting_row *row;
	struct buf path;
	const char *why;
	size_t n_used;

	buf_init(&path, 4096);
	bool is_set = entry_path(w->v + 1, w->n - 1, &path, &row, &n_used, &why) == 0 && rows_get(rows, buf_bytes(&path));
	buf_fini(&path);
	return is_set;
}

int aside_put(const struct aside *a, const struct rows *rows, struct buf *out)
{
	struct bytes text = buf_bytes(&a->lines);
	struct arena arena;
	struct words w;
	unsigned line = 1;
	int rc = 0;

	arena_init(&arena, (size_t)2 * CONF_TEXT_MAX);
	while (text.n > 0 && rc == 0) {
		struct bytes rest = text;
		rc = words_next(&text, &line, &arena, &w);
		if (rc == 0 && w.n > 1 && !sets_too(rows, &w))
			buf_put_bytes(out, bytes_make(rest.p, rest.n - text.n));
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return rc;
}

void aside_log(const struct aside *a, uint32_t generation)
{
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct aside_row *r = &a->rows[i];
		if (r->is_kept)
			log_warn("conf.settings.aside", LOG_INT("generation", generation), LOG_STR("setting", r->what), LOG_INT("lines", r->n),
			         LOG_STR("do", "nothing: it is kept for the version that knows it, and at its default until then"));
		else
			log_warn("conf.settings.nearest", LOG_INT("generation", generation), LOG_STR("setting", r->what), LOG_INT("lines", r->n),
			         LOG_STR("do", "look whether the nearest value of today's range is what you want"));
	}
	if (a->n_more)
		log_warn("conf.settings.aside", LOG_INT("generation", generation), LOG_STR("setting", "others"), LOG_INT("lines", a->n_more),
		         LOG_STR("do", "nothing: kept as well"));
}
