#include "ferry_stanza.h"

#include "base/err.h"
#include "proto/jid.h"

/* As of a partner's stream (RFC 6120 11), with room for what a door has declared anew; its size was limited with its frame. */
static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = 8 << 20, .depth = 32, .attrs = 64, .nodes = 4000 };

static bool is_address(struct bytes in, struct bytes expected, struct arena *a)
{
	struct jid j;

	return jid_parse(in, a, &j) == 0 && bytes_eq(j.full, expected);
}

int ferry_stanza_judge(struct envelope *e, struct xml_pool *pool, struct arena *a, struct buf *out)
{
	struct xml_node *n;
	struct stanza s;

	int rc = xml_pool_parse(pool, e->stanza, NS_CLIENT, &limits, a, &n);
	if (!rc)
		rc = stanza_of_node(n, NS_CLIENT, &s);
	if (rc)
		return rc;
	if (!is_address(s.from, e->from, a) || !is_address(s.to, e->to, a))
		return ERR_DENIED;
	buf_clear(out);
	stanza_write(out, &s, e->from, e->to);
	if (buf_failed(out))
		return ERR_NOMEM;
	if (e->door != DOOR_SIP)
		e->door = DOOR_S2S; /* also what the edge's gh-switch says itself */
	e->kind = (uint8_t)s.kind;
	e->type = (uint8_t)s.type;
	e->facts = s.facts;
	e->sid = s.id;
	e->stanza = buf_bytes(out);
	return 0;
}
