#include "proto/envelope.h"

#include "base/err.h"
#include "base/wire.h"

void envelope_encode(struct buf *b, const struct envelope *e)
{
	wire_put_u64(b, e->id);
	wire_put_u64(b, e->trace);
	wire_put_u8(b, e->door);
	wire_put_u8(b, e->kind);
	wire_put_u8(b, e->type);
	wire_put_u8(b, e->hops);
	wire_put_u32(b, e->facts);
	wire_put_str(b, e->from);
	wire_put_str(b, e->to);
	wire_put_str(b, e->sid);
	wire_put_bytes(b, e->stanza);
}

int envelope_decode(struct bytes in, struct envelope *out)
{
	struct wire w = wire_of(in);
	struct envelope e;

	e.id = wire_u64(&w);
	e.trace = wire_u64(&w);
	e.door = wire_u8(&w);
	e.kind = wire_u8(&w);
	e.type = wire_u8(&w);
	e.hops = wire_u8(&w);
	e.facts = wire_u32(&w);
	e.from = wire_str(&w);
	e.to = wire_str(&w);
	e.sid = wire_str(&w);
	e.stanza = wire_bytes(&w);
	int rc = wire_end(&w);
	if (rc)
		return rc;
	if (e.door >= DOOR_COUNT || e.kind >= STANZA_KIND_COUNT || e.type >= STANZA_TYPE_COUNT)
		return ERR_RANGE;
	*out = e;
	return 0;
}
