#include "rows.h"

#include "base/err.h"

#include <stdlib.h>

static void free_item(struct rows *r, struct row_item *item)
{
	r->bytes -= item->path.n + item->value.n;
	free((void *)(uintptr_t)item->path.p);
}

void rows_fini(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free_item(r, &r->v[i]);
	free(r->v);
	*r = (struct rows){ 0 };
}

/* The place of path, or where it would be. */
static size_t find(const struct rows *r, struct bytes path, bool *is_there)
{
	size_t low = 0, high = r->n;

	*is_there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = bytes_cmp(r->v[mid].path, path);
		if (c == 0) {
			*is_there = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_item(struct bytes path, struct bytes value, struct row_item *out)
{
	struct bytes keys[SETTING_KEYS_MAX];
	const struct setting_row *row;
	uint8_t *p = malloc(path.n + value.n + 1);

	if (!p)
		return ERR_NOMEM;
	memcpy(p, path.p, path.n);
	if (value.n > 0)
		memcpy(p + path.n, value.p, value.n);
	struct bytes own = bytes_make(p, path.n);
	int rc = setting_find(own, &row, keys);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*out = (struct row_item){ own, bytes_make(p + path.n, value.n), keys[0], row };
	return 0;
}

static int make_room(struct rows *r)
{
	if (r->n >= ROWS_MAX)
		return ERR_LIMIT;
	if (r->n < r->cap)
		return 0;
	size_t cap = r->cap ? r->cap * 2 : 32;
	struct row_item *v = realloc(r->v, cap * sizeof *v);
	if (!v)
		return ERR_NOMEM;
	r->v = v;
	r->cap = cap;
	return 0;
}

int rows_set(struct rows *r, struct bytes path, struct bytes value)
{
	struct row_item item;
	bool is_there;
	size_t at = find(r, path, &is_there);
	size_t replaced = is_there ? r->v[at].path.n + r->v[at].value.n : 0;

	if (r->bytes - replaced + path.n + value.n > ROWS_BYTES_MAX)
		return ERR_LIMIT;
	int rc = is_there ? 0 : make_room(r);
	if (rc < 0 || (rc = make_item(path, value, &item)) < 0)
		return rc;
	if (is_there) {
		free_item(r, &r->v[at]);
	} else {
		memmove(&r->v[at + 1], &r->v[at], (r->n - at) * sizeof *r->v);
		r->n++;
	}
	r->v[at] = item;
	r->bytes += path.n + value.n;
	return 0;
}

int rows_copy(struct rows *to, const struct rows *from)
{
	int rc = 0;

	rows_fini(to);
	for (size_t i = 0; i < from->n && rc == 0; i++)
		rc = rows_set(to, from->v[i].path, from->v[i].value);
	if (rc < 0)
		rows_fini(to);
	return rc;
}

bool rows_is_below(struct bytes path, struct bytes prefix)
{
	return prefix.n == 0 ||
	       (bytes_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == ' '));
}

bool rows_has_below(const struct rows *r, struct bytes path)
{
	for (size_t i = 0; i < r->n; i++) {
		if (rows_is_below(r->v[i].path, path))
			return true;
	}
	return false;
}

size_t rows_del(struct rows *r, struct bytes path)
{
	size_t kept = 0, n = r->n;

	for (size_t i = 0; i < n; i++) {
		if (rows_is_below(r->v[i].path, path))
			free_item(r, &r->v[i]);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
	return n - kept;
}

const struct row_item *rows_get(const struct rows *r, struct bytes path)
{
	bool is_there;
	size_t at = find(r, path, &is_there);

	return is_there ? &r->v[at] : NULL;
}

struct bytes rows_value(const struct rows *r, enum setting id, struct bytes key)
{
	const struct setting_row *row = setting_row(id);
	struct bytes pattern = bytes_of(row->path);
	size_t star = bytes_find(pattern, '*');
	struct buf path;

	buf_init(&path, 4096);
	buf_put_bytes(&path, bytes_make(pattern.p, star));
	buf_put_bytes(&path, key);
	buf_put_bytes(&path, bytes_skip(pattern, star + 1));
	const struct row_item *item = buf_failed(&path) ? NULL : rows_get(r, buf_bytes(&path));
	buf_fini(&path);
	return item ? item->value : bytes_of(row->def);
}

size_t rows_diff(const struct rows *old, const struct rows *new, rows_diff_fn fn, void *arg)
{
	size_t i = 0, j = 0, n = 0;

	while (i < old->n || j < new->n) {
		int c = i == old->n ? 1 : j == new->n ? -1 : bytes_cmp(old->v[i].path, new->v[j].path);
		const struct row_item *a = c <= 0 ? &old->v[i++] : NULL;
		const struct row_item *b = c >= 0 ? &new->v[j++] : NULL;
		if (a && b && bytes_eq(a->value, b->value))
			continue;
		n++;
		if (fn)
			fn(arg, a, b);
	}
	return n;
}

static bool is_same(const struct row_item *a, const struct row_item *b)
{
	return a && b ? bytes_eq(a->value, b->value) : a == b;
}

/* The items of the three sets at the first path that is left, NULL where a set has none there. */
static struct bytes next_path(const struct rows *const sets[3], size_t at[3], const struct row_item *items[3])
{
	struct bytes path = BYTES_NONE;

	for (unsigned k = 0; k < 3; k++) {
		items[k] = at[k] < sets[k]->n ? &sets[k]->v[at[k]] : NULL;
		if (items[k] && (path.n == 0 || bytes_cmp(items[k]->path, path) < 0))
			path = items[k]->path;
	}
	for (unsigned k = 0; k < 3; k++) {
		if (items[k] && bytes_eq(items[k]->path, path))
			at[k]++;
		else
			items[k] = NULL;
	}
	return path;
}

int rows_merge(const struct rows *base, const struct rows *mine, const struct rows *theirs, struct rows *out,
               struct bytes *conflict)
{
	const struct rows *const sets[] = { base, mine, theirs };
	const struct row_item *items[3];
	size_t at[3] = { 0 };
	struct bytes path;
	int rc = 0;

	while (rc == 0 && (path = next_path(sets, at, items)).n > 0) {
		bool is_mine = !is_same(items[0], items[1]), is_theirs = !is_same(items[0], items[2]);
		const struct row_item *kept = is_mine ? items[1] : items[2];
		if (is_mine && is_theirs && !is_same(items[1], items[2])) {
			*conflict = path;
			rc = ERR_EXISTS;
		} else if (kept) {
			rc = rows_set(out, path, kept->value);
		}
	}
	if (rc < 0)
		rows_fini(out);
	return rc;
}

struct reader {
	unsigned bit;
	bool is_hit;
};

static void note_reader(void *arg, const struct row_item *old, const struct row_item *new)
{
	struct reader *r = arg;

	if ((old ? old : new)->row->readers & r->bit)
		r->is_hit = true;
}

bool rows_differ_for(const struct rows *a, const struct rows *b, enum prog prog)
{
	struct reader r = { .bit = P(prog) };

	rows_diff(a, b, note_reader, &r);
	return r.is_hit;
}

int64_t rows_number(const struct rows *r, enum setting id)
{
	uint64_t n = 0;

	(void)bytes_to_u64(rows_value(r, id, BYTES_NONE), INT64_MAX, &n); /* canonical, or the default */
	return (int64_t)n;
}
