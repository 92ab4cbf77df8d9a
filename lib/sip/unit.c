#include "sip/unit.h"

void sip_unit_encode(struct buf *b, const struct sip_unit *u)
{
	wire_put_u64(b, u->id);
	wire_put_u64(b, u->trace);
	wire_put_u8(b, u->flags);
	wire_put_u64(b, u->flow);
	wire_put_str(b, u->peer);
	wire_put_bytes(b, u->message);
}

int sip_unit_decode(struct bytes in, struct sip_unit *out)
{
	struct wire w = wire_of(in);
	struct sip_unit u;

	u.id = wire_u64(&w);
	u.trace = wire_u64(&w);
	u.flags = wire_u8(&w);
	u.flow = wire_u64(&w);
	u.peer = wire_str(&w);
	u.message = wire_bytes(&w);
	int rc = wire_end(&w);
	if (rc == 0)
		*out = u;
	return rc;
}

void sip_answer_encode(struct buf *b, const struct sip_answer *a)
{
	wire_put_u64(b, a->id);
	wire_put_u8(b, a->flags);
	wire_put_u16(b, a->status);
	wire_put_u32(b, (uint32_t)a->why);
	wire_put_u64(b, a->flow);
	wire_put_str(b, a->reason);
	wire_put_str(b, a->to_tag);
	wire_put_bytes(b, a->headers);
	wire_put_bytes(b, a->body);
}

int sip_answer_decode(struct bytes in, struct sip_answer *out)
{
	struct wire w = wire_of(in);
	struct sip_answer a;

	a.id = wire_u64(&w);
	a.flags = wire_u8(&w);
	a.status = wire_u16(&w);
	a.why = (int32_t)wire_u32(&w);
	a.flow = wire_u64(&w);
	a.reason = wire_str(&w);
	a.to_tag = wire_str(&w);
	a.headers = wire_bytes(&w);
	a.body = wire_bytes(&w);
	int rc = wire_end(&w);
	if (rc == 0)
		*out = a;
	return rc;
}
