#include "table.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH_MAX = 60, GAP = 2 };

void table_init(struct table *t, struct page *page, bool is_json)
{
	*t = (struct table){ .page = page };
	arena_init(&t->arena, (size_t)256 << 20);
	arena_init(&t->head_arena, 1 << 20);
	t->json = is_json ? json_array() : NULL;
}

void table_fini(struct table *t)
{
	arena_fini(&t->arena);
	arena_fini(&t->head_arena);
	json_decref(t->json);
}

/* All values are strings: a program that reads them sees one type for one key, always. */
static int add_json(struct table *t, struct wire *w, unsigned n)
{
	json_t *object = json_object();

	for (unsigned i = 0; object && i < n; i++) {
		struct bytes key = wire_str(w), value = wire_bytes(w);
		char name[128];
		snprintf(name, sizeof name, "%.*s", BYTES_FMT(key));
		json_t *text = json_stringn((const char *)value.p, value.n);
		if (json_object_set_new(object, name, text ? text : json_null()) < 0)
			break;
	}
	if (!object || json_array_append_new(t->json, object) < 0)
		return ERR_NOMEM;
	return wire_end(w);
}

int table_add(struct table *t, struct wire *w)
{
	unsigned n = wire_u16(w);

	if (t->json)
		return add_json(t, w, n);
	if (t->n == TABLE_ROWS_MAX)
		table_flush(t);
	struct table_row *row = &t->rows[t->n];
	row->n = 0;
	for (unsigned i = 0; i < n && row->n < TABLE_COLUMNS_MAX; i++) {
		row->keys[row->n] = arena_dup(&t->arena, wire_str(w));
		row->values[row->n] = arena_dup(&t->arena, wire_bytes(w));
		row->n++;
	}
	t->n++;
	return n > TABLE_COLUMNS_MAX ? 0 : wire_end(w);
}

int table_text(struct table *t, struct bytes text)
{
	if (!t->json) {
		page_text(t->page, text);
		return 0;
	}
	json_t *object = json_pack("{s:s%}", "text", (const char *)text.p, text.n);
	return object && json_array_append_new(t->json, object) == 0 ? 0 : ERR_NOMEM;
}

/* Letters on the screen, near enough: UTF-8 sequences count once. */
static size_t width_of(struct bytes v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += (v.p[i] & 0xc0) != 0x80;
	return n;
}

static bool is_same_head(const struct table *t, const struct table_row *row)
{
	if (t->n_keys != row->n)
		return false;
	for (size_t i = 0; i < row->n; i++) {
		if (!bytes_eq(t->keys[i], row->keys[i]))
			return false;
	}
	return true;
}

static bool has_line_end(struct bytes v)
{
	return bytes_find(v, '\n') < v.n;
}

static void put_spaces(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_put_u8(b, ' ');
}

static void put_safe(struct buf *b, struct bytes v)
{
	page_put_safe(b, v);
}

static void put_cells(struct table *t, const struct bytes *cells, size_t n)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		size_t width = width_of(cells[i]);
		put_safe(&b, cells[i]);
		if (i + 1 < n)
			put_spaces(&b, (width < t->widths[i] ? t->widths[i] - width : 0) + GAP);
	}
	page_line(t->page, buf_bytes(&b));
	buf_fini(&b);
}

/* Widths from the rows i..end that share a head. */
static size_t make_head(struct table *t, size_t from, size_t *end)
{
	const struct table_row *first = &t->rows[from];
	size_t total = 0;

	arena_reset(&t->head_arena);
	t->n_keys = first->n;
	for (size_t k = 0; k < first->n; k++) {
		t->keys[k] = arena_dup(&t->head_arena, first->keys[k]);
		t->widths[k] = width_of(first->keys[k]);
	}
	for (*end = from; *end < t->n && is_same_head(t, &t->rows[*end]); ++*end) {
		for (size_t k = 0; k < t->n_keys; k++) {
			size_t width = width_of(t->rows[*end].values[k]);
			width = width > WIDTH_MAX ? WIDTH_MAX : width;
			t->widths[k] = width > t->widths[k] ? width : t->widths[k];
		}
	}
	for (size_t k = 0; k < t->n_keys; k++)
		total += t->widths[k] + GAP;
	return total;
}

/* One value a line: for a record that is wider than the screen. */
static void put_block(struct table *t, const struct table_row *row)
{
	size_t widest = 0;
	struct buf b;

	for (size_t i = 0; i < row->n; i++)
		widest = width_of(row->keys[i]) > widest ? width_of(row->keys[i]) : widest;
	for (size_t i = 0; i < row->n; i++) {
		buf_init(&b, 8 << 20);
		put_safe(&b, row->keys[i]);
		put_spaces(&b, widest - width_of(row->keys[i]) + GAP);
		if (has_line_end(row->values[i])) {
			page_line(t->page, buf_bytes(&b));
			page_text(t->page, row->values[i]);
		} else {
			put_safe(&b, row->values[i]);
			page_line(t->page, buf_bytes(&b));
		}
		buf_fini(&b);
	}
	page_line(t->page, BYTES_NONE);
}

static bool has_text(const struct table_row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		if (has_line_end(row->values[i]))
			return true;
	}
	return false;
}

void table_flush(struct table *t)
{
	for (size_t i = 0; !t->json && i < t->n;) {
		size_t end = i + 1;
		bool is_known = t->n_keys > 0 && is_same_head(t, &t->rows[i]);
		size_t total = is_known ? 0 : make_head(t, i, &end);
		if (has_text(&t->rows[i]) || total > page_columns(t->page)) {
			t->n_keys = 0;
			for (end = end > i ? end : i + 1; i < end; i++)
				put_block(t, &t->rows[i]);
			continue;
		}
		if (!is_known)
			put_cells(t, t->keys, t->n_keys);
		for (; i < t->n && is_same_head(t, &t->rows[i]) && !has_text(&t->rows[i]); i++)
			put_cells(t, t->rows[i].values, t->rows[i].n);
	}
	t->n = 0;
	arena_reset(&t->arena);
}

void table_end(struct table *t)
{
	if (!t->json) {
		table_flush(t);
		return;
	}
	char *text = json_dumps(t->json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	page_text(t->page, bytes_of(text));
	page_text(t->page, BYTES("\n"));
	free(text);
}
