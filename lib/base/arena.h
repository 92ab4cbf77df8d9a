/* base/arena.h - memory for what lives as long as one stanza or request, and dies with it.
 * Allocation is a pointer bump; nothing is freed singly. There is a maximum; beyond it
 * arena_alloc returns NULL. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	uint8_t *at, *end;
	size_t used_bytes; /* sum of block sizes */
	size_t max_bytes;
};

/* Empty arena; allocates nothing yet. */
void arena_init(struct arena *a, size_t max_bytes);
/* Frees all blocks; usable again. */
void arena_fini(struct arena *a);
/* Forgets all allocations but keeps one block for the next round. */
void arena_reset(struct arena *a);

/* n bytes aligned to 16, not zeroed; NULL over the maximum or without memory. */
void *arena_alloc(struct arena *a, size_t n);
/* As arena_alloc, zeroed. */
void *arena_zalloc(struct arena *a, size_t n);
/* Copy of the bytes with a NUL behind; NULL on failure. */
char *arena_strdup(struct arena *a, struct bytes v);
/* Copy as a view; {NULL,0} on failure. */
struct bytes arena_dup(struct arena *a, struct bytes v);

#endif
