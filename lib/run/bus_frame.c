#include "run/bus_impl.h"

#include "base/err.h"

int bus_frame_read(struct bytes in, struct frame *f, size_t *used)
{
	struct wire w = wire_of(in);
	size_t length = wire_u32(&w);

	*used = 0;
	if (wire_failed(&w))
		return ERR_AGAIN;
	if (length < BUS_HEAD_BYTES - 4 || length > BUS_FRAME_MAX)
		return ERR_SYNTAX;
	*used = 4 + length;
	if (in.n < *used)
		return ERR_AGAIN;
	unsigned type = wire_u16(&w);
	uint32_t id = wire_u32(&w);
	if (type >= MSG_COUNT)
		return ERR_UNKNOWN;
	*f = (struct frame){ .type = (enum msg)type, .id = id, .fd = -1,
			     .body = { in.p + BUS_HEAD_BYTES, *used - BUS_HEAD_BYTES } };
	return 0;
}

void bus_frame_begin(struct buf *out, enum msg type, uint32_t id)
{
	wire_put_u32(out, 0);
	wire_put_u16(out, (uint16_t)type);
	wire_put_u32(out, id);
}

void bus_frame_end(struct buf *out, size_t at)
{
	uint8_t *p = out->p + out->off + at;
	size_t length = buf_len(out) - at - 4;

	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(length >> (24 - 8 * i));
}
