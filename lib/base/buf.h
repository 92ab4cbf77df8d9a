/* base/buf.h - a growable byte queue with a maximum from birth.
 * Bytes are put at the end and consumed at the front. A put that would pass the maximum, or finds
 * no memory, puts nothing and makes the buffer "failed": all later puts do nothing, so that a
 * writer can put everything and check once with buf_failed(). */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

struct buf {
	uint8_t *p;
	uint32_t off; /* first unconsumed byte */
	uint32_t end; /* one past the last byte */
	uint32_t cap;
	uint32_t max; /* most unconsumed bytes it may hold */
	bool is_failed;
};

/* Makes an empty buffer; allocates nothing yet. max_bytes: 1 to 1 GiB. */
void buf_init(struct buf *b, size_t max_bytes);
/* Frees the memory; the buffer is empty and usable again. */
void buf_fini(struct buf *b);
/* Empties it and clears a failure; keeps the memory. */
void buf_clear(struct buf *b);
/* Frees the memory if nothing is in it (an idle connection keeps no buffer). */
void buf_release_if_empty(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->off;
}
static inline bool buf_failed(const struct buf *b)
{
	return b->is_failed;
}
/* What is in it; valid until the next call that changes the buffer. */
static inline struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->p ? b->p + b->off : NULL, b->end - b->off };
}

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_bytes(struct buf *b, struct bytes v);
void buf_put_str(struct buf *b, const char *s);
void buf_put_u8(struct buf *b, uint8_t v);
/* printf of our own values. */
void buf_putf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the end, to be filled and then announced with buf_commit.
 * NULL (and failed) when not possible. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Drops n bytes (at most all) at the front. */
void buf_consume(struct buf *b, size_t n);
/* Takes back what was put after len bytes were in it (undo of a half-written item); clears failure. */
void buf_truncate(struct buf *b, size_t len);
/* NUL-terminates without counting the NUL and returns the text, or "" when failed. */
const char *buf_cstr(struct buf *b);

#endif
