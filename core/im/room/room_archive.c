/* What a room keeps for queries (XEP-0313 in XEP-0045): persistent rooms only, and who may ask. The archive itself is behind room_ops. */
#include "room/room.h"

#include "base/random.h"

bool room_has_archive(const struct room *r)
{
	return r->service->rules.has_archive && r->service->ops->said && room_is(r, ROOM_PERSISTENT);
}

void room_name_message(const struct room *r, char out[static ROOM_ID_MAX + 1])
{
	if (room_has_archive(r))
		r->service->ops->name(r->service->arg, out);
	else
		random_hex(out, ROOM_ID_MAX);
}

/* Words and whatever refers to them; not that somebody types, nor what asks not to be kept (XEP-0334). */
static bool is_kept(uint32_t facts)
{
	return !(facts & FACT_NO_STORE) && facts & (FACT_BODY | FACT_PAYLOAD | FACT_STORE);
}

void room_archive(struct room *r, const struct room_letter *l, struct bytes id, uint32_t facts)
{
	struct envelope e = { .kind = l->kind, .type = l->type, .facts = facts, .from = l->from };
	struct buf *b = &r->service->out;

	if (!room_has_archive(r) || !is_kept(facts))
		return;
	buf_clear(b);
	buf_put_str(b, "<message");
	xml_write_attr(b, "from", l->from);
	buf_put_bytes(b, l->rest);
	e.stanza = buf_bytes(b);
	if (!buf_failed(b))
		r->service->ops->said(r->service->arg, r, &e, id);
}

/* Who is in it, or on its lists: others would read where they are not seen. */
static bool may_read(const struct room *r, struct bytes bare)
{
	enum room_affiliation a = room_affiliation_of(r, bare);

	if (r->is_locked || a == ROOM_OUTCAST)
		return false;
	return a != ROOM_NONE || room_by_bare(r, bare);
}

void room_archive_query(struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	struct room_seat *seat = room_seat_of(r, in->from);

	if (!room_has_archive(r))
		room_refuse(r->service, in, STANZA_SERVICE_UNAVAILABLE, NULL);
	else if (!may_read(r, jid_bare(&from)))
		room_refuse(r->service, in, STANZA_FORBIDDEN, "For those who are in this room, or on its lists");
	else if (seat && !rate_take(&seat->occupant->rate, 1, in->now_ms))
		room_refuse(r->service, in, STANZA_POLICY_VIOLATION, "Too fast");
	else
		r->service->ops->query(r->service->arg, in);
}
