/* base/map.h - hash tables: by bytes and by 64-bit number.
 * Keys from outside are hashed with SipHash-1-3 under a random per-process key, so that nobody can
 * choose colliding ones. Values are the caller's pointers, never NULL. Growth doubles; a shrink
 * happens when it is three quarters empty, so memory comes back after a flood. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"

struct map_slot {
	uint64_t hash;
	const uint8_t *key; /* the caller's memory (inside the value, usually); NULL for number keys */
	uint32_t key_n;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t cap; /* power of two or 0 */
	size_t count;
};

/* An all-zero struct is an empty map too. */
void map_init(struct map *m);
/* Frees the table, not the values. */
void map_fini(struct map *m);

void *map_get(const struct map *m, struct bytes key);
/* Adds. The key's bytes must stay where they are as long as the entry is in.
 * ERR_EXISTS when the key is there (nothing changed); ERR_NOMEM. */
int map_add(struct map *m, struct bytes key, void *value);
/* Removes and returns the value, or NULL. */
void *map_del(struct map *m, struct bytes key);

void *map_get_u64(const struct map *m, uint64_t key);
int map_add_u64(struct map *m, uint64_t key, void *value);
void *map_del_u64(struct map *m, uint64_t key);

/* Walks all values in no order: start with *at = 0; NULL at the end. The map must not be changed
 * between calls. */
void *map_next(const struct map *m, size_t *at);

#endif
