/* base/wire.h - reading and writing binary fields, big-endian, with a sticky error.
 * A decoder is a straight list of reads and one check of wire_failed at the end. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/buf.h"

struct wire {
	struct bytes in;
	size_t at;
	bool is_failed; /* once set, reads give 0 and empty views */
};

static inline struct wire wire_of(struct bytes in)
{
	return (struct wire){ .in = in };
}
/* True when a read went past the end, or (wire_end) bytes were left over. */
static inline bool wire_failed(const struct wire *w)
{
	return w->is_failed;
}
size_t wire_left(const struct wire *w);
/* 0 if all was read well and nothing is left; ERR_TRUNCATED or ERR_SYNTAX. */
int wire_end(const struct wire *w);

uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
struct bytes wire_raw(struct wire *w, size_t n);
/* A field with a 32-bit (wire_bytes) or 16-bit (wire_str) length before it. Views into the input. */
struct bytes wire_bytes(struct wire *w);
struct bytes wire_str(struct wire *w);

void wire_put_u8(struct buf *b, uint8_t v);
void wire_put_u16(struct buf *b, uint16_t v);
void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_u64(struct buf *b, uint64_t v);
void wire_put_bytes(struct buf *b, struct bytes v);
/* Longer than 65535 bytes makes the buffer failed. */
void wire_put_str(struct buf *b, struct bytes v);

#endif
