#include "base/arena.h"

#include <stdlib.h>

enum { BLOCK_FIRST_BYTES = 4096, ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(16) uint8_t data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

void arena_fini(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a, a->max_bytes);
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = a->head;

	if (!keep)
		return;
	/* The first block is at the tail; keep the small one and free the rest. */
	while (keep->next) {
		struct arena_block *next = keep->next;
		free(keep);
		keep = next;
	}
	a->head = keep;
	a->at = keep->data;
	a->end = keep->data + keep->size;
	a->used_bytes = keep->size;
}

static bool add_block(struct arena *a, size_t n)
{
	size_t size = a->head ? a->head->size * 2 : BLOCK_FIRST_BYTES - sizeof(struct arena_block);

	if (size < n)
		size = n;
	if (a->used_bytes + size > a->max_bytes)
		size = n;
	if (a->used_bytes + size > a->max_bytes)
		return false;
	struct arena_block *b = malloc(sizeof *b + size);
	if (!b)
		return false;
	b->next = a->head;
	b->size = size;
	a->head = b;
	a->at = b->data;
	a->end = b->data + size;
	a->used_bytes += size;
	return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > a->max_bytes)
		return NULL;
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if ((size_t)(a->end - a->at) < n && !add_block(a, n))
		return NULL;
	void *p = a->at;
	a->at += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

char *arena_strdup(struct arena *a, struct bytes v)
{
	char *s = arena_alloc(a, v.n + 1);

	if (!s)
		return NULL;
	if (v.n)
		memcpy(s, v.p, v.n);
	s[v.n] = 0;
	return s;
}

struct bytes arena_dup(struct arena *a, struct bytes v)
{
	char *s = arena_strdup(a, v);

	return s ? bytes_make(s, v.n) : BYTES_NONE;
}
