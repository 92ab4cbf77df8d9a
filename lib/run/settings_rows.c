/* The table of settings, and which row a concrete path fits. */
#include "run/settings.h"

#include "base/err.h"

#include <assert.h>

#define SETTING(id, path, type, range, def, unit, readers, effect, help)                           \
	{ SET_##id, path, type, range, def, unit, readers, effect, help },
static const struct setting_row rows[] = {
#include "run/settings.def"
};
#undef SETTING
static_assert(sizeof rows / sizeof rows[0] == SETTING_COUNT, "one row a setting");

const struct setting_row *setting_row(enum setting id)
{
	return id < SETTING_COUNT ? &rows[id] : NULL;
}

/* Takes the next word off a path; false at the end or at an empty word. */
static bool next_word(struct bytes *path, struct bytes *word)
{
	size_t n = bytes_find(*path, ' ');

	if (n == 0)
		return false;
	*word = bytes_make(path->p, n);
	*path = bytes_skip(*path, n + (n < path->n));
	return true;
}

/* Do the words of path fit this row, word for word? */
static bool row_fits(const struct setting_row *row, struct bytes path, struct bytes *keys)
{
	struct bytes pattern = bytes_of(row->path), want, got;
	size_t n_keys = 0;

	while (next_word(&pattern, &want)) {
		if (!next_word(&path, &got))
			return false;
		if (!bytes_eq_str(want, "*")) {
			if (!bytes_eq(want, got))
				return false;
		} else if (n_keys < SETTING_KEYS_MAX) {
			keys[n_keys++] = got;
		}
	}
	return path.n == 0;
}

int setting_find(struct bytes path, const struct setting_row **row, struct bytes keys[SETTING_KEYS_MAX])
{
	struct bytes found[SETTING_KEYS_MAX];

	if (path.n == 0 || path.p[path.n - 1] == ' ')
		return ERR_UNKNOWN;
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		memset(found, 0, sizeof found);
		if (!row_fits(&rows[i], path, found))
			continue;
		*row = &rows[i];
		memcpy(keys, found, sizeof found);
		return 0;
	}
	return ERR_UNKNOWN;
}
