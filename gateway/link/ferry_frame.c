#include "ferry_frame.h"

#include "base/err.h"
#include "base/wire.h"
#include "run/prog.h"

static int read_body(struct wire *w, struct ferry_frame *f)
{
	switch (f->type) {
	case FERRY_HELLO:
		f->version = wire_u8(w);
		return wire_end(w);
	case FERRY_DONE:
		f->id = wire_u64(w);
		f->rc = (int32_t)wire_u32(w);
		return wire_end(w);
	default:
		break;
	}
	int rc = envelope_decode(wire_raw(w, wire_left(w)), &f->e);
	return rc ? rc : f->e.from.n && f->e.to.n ? 0 : ERR_SYNTAX;
}

int ferry_frame_read(struct bytes in, struct ferry_frame *out, size_t *used)
{
	struct wire w = wire_of(in);
	uint32_t n = wire_u32(&w);

	if (wire_failed(&w))
		return ERR_AGAIN;
	if (n == 0 || n > FERRY_FRAME_MAX)
		return n ? ERR_LIMIT : ERR_SYNTAX;
	if (wire_left(&w) < n)
		return ERR_AGAIN;
	w = wire_of(bytes_make(in.p + FERRY_LENGTH_BYTES, n));
	uint8_t type = wire_u8(&w);
	if (type >= FERRY_TYPE_COUNT)
		return ERR_SYNTAX;
	struct ferry_frame f = { .type = (enum ferry_type)type };
	int rc = read_body(&w, &f);
	if (rc)
		return rc;
	*out = f;
	*used = FERRY_LENGTH_BYTES + n;
	return 0;
}

void ferry_put_hello(struct buf *b)
{
	wire_put_u32(b, 2);
	wire_put_u8(b, FERRY_HELLO);
	wire_put_u8(b, FERRY_VERSION);
}

/* Its numbers, the lengths of its texts, and the texts. */
static size_t envelope_bytes(const struct envelope *e)
{
	return 8 + 8 + 4 + 4 + 2 + e->from.n + 2 + e->to.n + 2 + e->sid.n + 4 + e->stanza.n;
}

void ferry_put_route(struct buf *b, const struct envelope *e)
{
	wire_put_u32(b, (uint32_t)(1 + envelope_bytes(e)));
	wire_put_u8(b, FERRY_ROUTE);
	envelope_encode(b, e);
}

void ferry_put_done(struct buf *b, uint64_t id, int32_t rc)
{
	wire_put_u32(b, 1 + 8 + 4);
	wire_put_u8(b, FERRY_DONE);
	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
}

uint64_t ferry_id(const char *with, uint64_t theirs)
{
	uint32_t tag = 2166136261; /* FNV-1a: any spread will do */

	for (; *with; with++)
		tag = (tag ^ (uint8_t)*with) * 16777619;
	for (unsigned shift = 40; shift < 64; shift += 8)
		tag = (tag ^ (uint8_t)(theirs >> shift)) * 16777619;
	return (uint64_t)PROG_LINK << 56 | (uint64_t)(tag >> 24) << 40 | (theirs & 0xffffffffff);
}
