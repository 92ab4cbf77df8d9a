/* run/settings_impl.h - inside of a snapshot, shared by its maker (settings.c), its reader
 * (settings_value.c) and the text form of tests (settings_text.c). Nobody else includes it. */
#ifndef RUN_SETTINGS_IMPL_H
#define RUN_SETTINGS_IMPL_H

#include "base/arena.h"
#include "run/settings.h"

struct settings_entry {
	enum setting id;
	struct bytes key;  /* empty for a row without '*' */
	struct bytes text; /* canonical */
	int64_t number;
};

struct settings_key {
	enum setting family; /* first row with the same words up to the '*' */
	struct bytes key;
};

struct settings {
	uint32_t generation;
	struct arena arena;             /* keys and texts */
	struct settings_entry *entries; /* sorted by id, then key */
	size_t n, cap;
	struct settings_key *keys; /* sorted, distinct */
	size_t n_keys;
	const struct settings_entry *plain[SETTING_COUNT]; /* rows without '*' that are set */
	int64_t defaults[SETTING_COUNT];
	enum setting families[SETTING_COUNT];
};

struct settings *settings_new(uint32_t generation);
/* One value; ERR_UNKNOWN, or as setting_check. */
int settings_add(struct settings *s, struct bytes path, struct bytes value);
/* All are in. ERR_EXISTS when a path came twice. */
int settings_seal(struct settings *s);
enum setting settings_family(enum setting id);

#endif
