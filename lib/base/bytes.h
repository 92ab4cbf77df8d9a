/* base/bytes.h - a view of bytes that somebody else owns. Everything from outside travels so. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *p; /* may be NULL when n is 0 */
	size_t n;
};

/* View of a string literal, without its NUL. */
#define BYTES(literal) ((struct bytes){ (const uint8_t *)(literal), sizeof(literal) - 1 })
#define BYTES_NONE ((struct bytes){ NULL, 0 })
/* For printf("%.*s"). */
#define BYTES_FMT(b) (int)(b).n, (const char *)(b).p

/* View of a NUL-terminated string of ours (never of outside data). NULL gives an empty view. */
static inline struct bytes bytes_of(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline struct bytes bytes_make(const void *p, size_t n)
{
	return (struct bytes){ p, n };
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
	return bytes_eq(a, bytes_of(s));
}

/* ASCII case-insensitive equality. */
bool bytes_eq_nocase(struct bytes a, struct bytes b);

bool bytes_starts(struct bytes a, struct bytes prefix);

/* Offset of the first byte c, or a.n. */
size_t bytes_find(struct bytes a, uint8_t c);

/* The part from offset to the end; offset past the end gives an empty view. */
struct bytes bytes_skip(struct bytes a, size_t offset);

/* Lexical order as memcmp, shorter first. */
int bytes_cmp(struct bytes a, struct bytes b);

/* Decimal number of the whole view into *out. ERR_SYNTAX on anything but digits, ERR_RANGE above max. */
int bytes_to_u64(struct bytes a, uint64_t max, uint64_t *out);

#endif
