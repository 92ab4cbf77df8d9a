#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes > (1u << 30) ? 1u << 30 : (uint32_t)max_bytes };
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->off = b->end = 0;
	b->is_failed = false;
}

void buf_release_if_empty(struct buf *b)
{
	if (b->off != b->end || !b->p)
		return;
	free(b->p);
	b->p = NULL;
	b->off = b->end = b->cap = 0;
}

static bool grow(struct buf *b, size_t need)
{
	uint32_t len = b->end - b->off;

	if (b->off && (b->off >= b->cap / 2 || len + need <= b->cap)) {
		memmove(b->p, b->p + b->off, len);
		b->off = 0;
		b->end = len;
		if (len + need <= b->cap)
			return true;
	}
	size_t want = b->cap ? (size_t)b->cap * 2 : BUF_FIRST_BYTES;
	while (want < b->end + need)
		want *= 2;
	uint8_t *p = realloc(b->p, want);
	if (!p)
		return false;
	b->p = p;
	b->cap = (uint32_t)want;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->is_failed)
		return NULL;
	if (n > b->max || buf_len(b) + n > b->max || (b->cap - b->end < n && !grow(b, n))) {
		b->is_failed = true;
		return NULL;
	}
	return b->p + b->end;
}

void buf_commit(struct buf *b, size_t n)
{
	b->end += (uint32_t)n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	uint8_t *to = buf_reserve(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->end += (uint32_t)n;
}

void buf_put_bytes(struct buf *b, struct bytes v)
{
	buf_put(b, v.p, v.n);
}

void buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room = b->is_failed ? 0 : b->cap - b->end;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(room ? (char *)b->p + b->end : NULL, room, fmt, ap); /* mostly it is there already */
	va_end(ap);
	uint8_t *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	if (to && (size_t)n < room) {
		b->end += (uint32_t)n;
	} else if (to) {
		vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		b->end += (uint32_t)n;
	} else {
		b->is_failed = true;
	}
	va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= buf_len(b))
		b->off = b->end = 0;
	else
		b->off += (uint32_t)n;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < buf_len(b))
		b->end = b->off + (uint32_t)len;
	b->is_failed = false;
}

const char *buf_cstr(struct buf *b)
{
	uint8_t *to = buf_reserve(b, 1);

	if (!to)
		return "";
	*to = 0;
	return (const char *)b->p + b->off;
}
