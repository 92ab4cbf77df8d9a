#include "base/wire.h"

#include "base/err.h"

size_t wire_left(const struct wire *w)
{
	return w->is_failed ? 0 : w->in.n - w->at;
}

int wire_end(const struct wire *w)
{
	if (w->is_failed)
		return ERR_TRUNCATED;
	return w->at == w->in.n ? 0 : ERR_SYNTAX;
}

struct bytes wire_raw(struct wire *w, size_t n)
{
	if (w->is_failed || w->in.n - w->at < n) {
		w->is_failed = true;
		return BYTES_NONE;
	}
	struct bytes v = { w->in.p + w->at, n };
	w->at += n;
	return v;
}

static uint64_t big_endian(struct wire *w, size_t n)
{
	struct bytes v = wire_raw(w, n);
	uint64_t x = 0;

	for (size_t i = 0; i < v.n; i++)
		x = x << 8 | v.p[i];
	return x;
}

uint8_t wire_u8(struct wire *w)
{
	return (uint8_t)big_endian(w, 1);
}

uint16_t wire_u16(struct wire *w)
{
	return (uint16_t)big_endian(w, 2);
}

uint32_t wire_u32(struct wire *w)
{
	return (uint32_t)big_endian(w, 4);
}

uint64_t wire_u64(struct wire *w)
{
	return big_endian(w, 8);
}

struct bytes wire_bytes(struct wire *w)
{
	return wire_raw(w, wire_u32(w));
}

struct bytes wire_str(struct wire *w)
{
	return wire_raw(w, wire_u16(w));
}

static void put_big_endian(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *to = buf_reserve(b, n);

	if (!to)
		return;
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	buf_commit(b, n);
}

void wire_put_u8(struct buf *b, uint8_t v)
{
	buf_put_u8(b, v);
}

void wire_put_u16(struct buf *b, uint16_t v)
{
	put_big_endian(b, v, 2);
}

void wire_put_u32(struct buf *b, uint32_t v)
{
	put_big_endian(b, v, 4);
}

void wire_put_u64(struct buf *b, uint64_t v)
{
	put_big_endian(b, v, 8);
}

void wire_put_bytes(struct buf *b, struct bytes v)
{
	if (v.n > UINT32_MAX) {
		b->is_failed = true;
		return;
	}
	wire_put_u32(b, (uint32_t)v.n);
	buf_put_bytes(b, v);
}

void wire_put_str(struct buf *b, struct bytes v)
{
	if (v.n > UINT16_MAX) {
		b->is_failed = true;
		return;
	}
	wire_put_u16(b, (uint16_t)v.n);
	buf_put_bytes(b, v);
}
