/* A snapshot: entries sorted by (row, key) for binary search, a place for each row without '*', and
 * the sorted keys of each family of rows. Values were checked by gh-conf; they are checked again
 * here, since a snapshot from a broken gh-conf must not bring typed values out of range. */
#include "run/settings_impl.h"

#include "base/err.h"

#include <stdlib.h>

/* Bounds of a snapshot: far above any box, below what a broken sender could cost. */
enum { ENTRIES_MAX = 1 << 20 };

static int cmp_entry(const void *a, const void *b)
{
	const struct settings_entry *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return bytes_cmp(x->key, y->key);
}

static int cmp_key(const void *a, const void *b)
{
	const struct settings_key *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return bytes_cmp(x->key, y->key);
}

/* Rows with the same words up to and with the '*' are a family, named by its first row. */
enum setting settings_family(enum setting id)
{
	struct bytes mine = bytes_of(setting_row(id)->path);
	size_t n = bytes_find(mine, '*');

	for (unsigned i = 0; n < mine.n && i < id; i++) {
		if (strncmp(setting_row(i)->path, setting_row(id)->path, n + 1) == 0)
			return (enum setting)i;
	}
	return id;
}

/* The number behind a value that setting_check has passed. */
static int64_t number_of(const struct setting_row *row, struct bytes text)
{
	uint64_t n = 0;

	if (row->type == SETTING_BOOL)
		return bytes_eq_str(text, "on");
	if (row->type == SETTING_INT) {
		(void)bytes_to_u64(text, INT64_MAX, &n); /* checked before */
		return (int64_t)n;
	}
	struct bytes rest = bytes_of(row->range);
	for (; row->type == SETTING_ENUM && rest.n > 0; n++) {
		size_t end = bytes_find(rest, '|');
		if (bytes_eq(bytes_make(rest.p, end), text))
			return (int64_t)n;
		rest = bytes_skip(rest, end + 1);
	}
	return 0;
}

struct settings *settings_new(uint32_t generation)
{
	struct settings *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->generation = generation;
	arena_init(&s->arena, (size_t)256 << 20);
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		s->families[i] = settings_family((enum setting)i);
		if (setting_row(i)->def)
			s->defaults[i] = number_of(setting_row(i), bytes_of(setting_row(i)->def));
	}
	return s;
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	arena_fini(&s->arena);
	free(s->entries);
	free(s->keys);
	free(s);
}

static int grow(struct settings *s)
{
	if (s->n < s->cap)
		return 0;
	if (s->n >= ENTRIES_MAX)
		return ERR_LIMIT;
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct settings_entry *p = realloc(s->entries, cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	s->entries = p;
	s->cap = cap;
	return 0;
}

int settings_add(struct settings *s, struct bytes path, struct bytes value)
{
	struct bytes keys[SETTING_KEYS_MAX];
	const struct setting_row *row;
	const char *why;
	struct buf canonical;
	struct settings_entry e;
	int rc;

	rc = setting_find(path, &row, keys);
	if (rc < 0 || (rc = grow(s)) < 0)
		return rc;
	buf_init(&canonical, 1 << 20);
	rc = setting_check(row, value, &canonical, &why);
	if (rc < 0)
		goto out;
	e = (struct settings_entry){ .id = row->id };
	e.text = arena_dup(&s->arena, buf_bytes(&canonical));
	e.key = arena_dup(&s->arena, keys[0]);
	rc = ERR_NOMEM;
	if ((canonical.end > 0 && !e.text.p) || (keys[0].n > 0 && !e.key.p))
		goto out;
	e.number = number_of(row, e.text);
	s->entries[s->n++] = e;
	rc = 0;
out:
	buf_fini(&canonical);
	return rc;
}

/* Sorted distinct keys of all families. */
static int index_keys(struct settings *s)
{
	size_t n = 0;

	s->keys = calloc(s->n + 1, sizeof *s->keys);
	if (!s->keys)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->n; i++) {
		if (s->entries[i].key.n > 0)
			s->keys[n++] = (struct settings_key){ s->families[s->entries[i].id], s->entries[i].key };
	}
	qsort(s->keys, n, sizeof *s->keys, cmp_key);
	for (size_t i = 0; i < n; i++) {
		if (s->n_keys == 0 || cmp_key(&s->keys[s->n_keys - 1], &s->keys[i]) != 0)
			s->keys[s->n_keys++] = s->keys[i];
	}
	return 0;
}

int settings_seal(struct settings *s)
{
	if (s->n > 0)
		qsort(s->entries, s->n, sizeof *s->entries, cmp_entry);
	for (size_t i = 1; i < s->n; i++) {
		if (cmp_entry(&s->entries[i - 1], &s->entries[i]) == 0)
			return ERR_EXISTS;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->entries[i].key.n == 0)
			s->plain[s->entries[i].id] = &s->entries[i];
	}
	return index_keys(s);
}

int settings_decode(struct wire *w, struct settings **out)
{
	uint32_t generation = wire_u32(w), n = wire_u32(w);
	struct settings *s = settings_new(generation);
	int rc = 0;

	if (!s)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		struct bytes path = wire_str(w), value = wire_bytes(w);
		rc = wire_failed(w) ? ERR_TRUNCATED : settings_add(s, path, value);
	}
	if (rc == 0)
		rc = wire_failed(w) ? ERR_TRUNCATED : wire_end(w);
	if (rc == 0)
		rc = settings_seal(s);
	if (rc < 0) {
		settings_free(s);
		return rc;
	}
	*out = s;
	return 0;
}
