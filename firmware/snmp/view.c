#include "view.h"

#include <stdlib.h>

enum { ROWS_FIRST = 1024 };

void view_init(struct view *t)
{
	*t = (struct view){ 0 };
	arena_init(&t->arena, VIEW_BYTES_MAX);
}

void view_fini(struct view *t)
{
	arena_fini(&t->arena);
	free(t->rows);
	view_init(t);
}

void view_clear(struct view *t)
{
	arena_reset(&t->arena);
	t->n = 0;
	t->is_over = false;
}

static struct view_row *add(struct view *t)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : ROWS_FIRST;
		struct view_row *rows = t->n < VIEW_ROWS_MAX ? realloc(t->rows, cap * sizeof *rows) : NULL;
		if (!rows)
			return NULL;
		t->rows = rows;
		t->cap = cap;
	}
	return t->n < VIEW_ROWS_MAX ? &t->rows[t->n] : NULL;
}

void view_put(struct view *t, const uint32_t *name, size_t n, size_t object_n, const struct value *v)
{
	struct view_row *r = n > 0 && n <= VIEW_NAME_MAX && object_n <= n ? add(t) : NULL;
	uint32_t *copy = r ? arena_alloc(&t->arena, n * sizeof *copy) : NULL;
	size_t octets = v->octets.n < VIEW_OCTETS_MAX ? v->octets.n : VIEW_OCTETS_MAX;
	uint8_t *text = copy && octets ? arena_alloc(&t->arena, octets) : NULL;

	if (!copy || (octets && !text)) {
		t->is_over = true;
		return;
	}
	memcpy(copy, name, n * sizeof *copy);
	if (octets)
		memcpy(text, v->octets.p, octets);
	*r = (struct view_row){ .name = copy, .n = (uint8_t)n, .object_n = (uint8_t)object_n, .value = *v };
	r->value.octets = bytes_make(text, octets);
	t->n++;
}

static int compare(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && i < n_b; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return n_a == n_b ? 0 : n_a < n_b ? -1 : 1;
}

static int compare_rows(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;

	return compare(x->name, x->n, y->name, y->n);
}

void view_seal(struct view *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->rows, t->n, sizeof *t->rows, compare_rows);
	for (size_t i = 0; i < t->n; i++)
		if (n == 0 || compare_rows(&t->rows[n - 1], &t->rows[i]) != 0)
			t->rows[n++] = t->rows[i];
	t->n = n;
}

/* Place of the first row whose name is not less. */
static size_t place(const struct view *t, const uint32_t *name, size_t n)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		if (compare(t->rows[at].name, t->rows[at].n, name, n) < 0)
			low = at + 1;
		else
			high = at;
	}
	return low;
}

static bool is_at(const struct view *t, size_t at, const uint32_t *name, size_t n)
{
	return at < t->n && compare(t->rows[at].name, t->rows[at].n, name, n) == 0;
}

const struct view_row *view_get(const struct view *t, const uint32_t *name, size_t n)
{
	size_t at = place(t, name, n);

	return is_at(t, at, name, n) ? &t->rows[at] : NULL;
}

const struct view_row *view_next(const struct view *t, const uint32_t *name, size_t n)
{
	size_t at = place(t, name, n);

	at += is_at(t, at, name, n);
	return at < t->n ? &t->rows[at] : NULL;
}

static bool is_of(const struct view_row *r, const uint32_t *name, size_t n)
{
	return n >= r->object_n && memcmp(r->name, name, r->object_n * sizeof *name) == 0;
}

bool view_has_object(const struct view *t, const uint32_t *name, size_t n)
{
	size_t at = place(t, name, n);

	/* Instances of one object lie side by side: one of them is a neighbour. */
	return (at < t->n && is_of(&t->rows[at], name, n)) || (at > 0 && is_of(&t->rows[at - 1], name, n));
}
