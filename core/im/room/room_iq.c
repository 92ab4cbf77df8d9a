/* Requests to a room, and those that it carries between occupants (XEP-0045 13.3, 17.4; XEP-0410). */
#include "room/room.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/form.h"

#include <stdio.h>
#include <stdlib.h>

enum { CARD_MAX_BYTES = 64 << 10, SID_MAX_BYTES = 1024 };

/* ---- vCard of a room: its avatar (XEP-0054, XEP-0153) ---- */

static void card_get(struct room *r, const struct room_in *in)
{
	if (r->card)
		room_result(r->service, in, bytes_of(r->card));
	else
		room_refuse(r->service, in, STANZA_ITEM_NOT_FOUND, NULL);
}

static void card_set(struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	struct buf *b = &r->service->payload;

	buf_clear(b);
	xml_write(b, xml_first(in->node), "");
	char *card = buf_len(b) <= CARD_MAX_BYTES && !buf_failed(b) ? room_dup(buf_bytes(b)) : NULL;
	if (room_affiliation_of(r, jid_bare(&from)) != ROOM_OWNER) {
		room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
	} else if (!card) {
		room_refuse(r->service, in, STANZA_RESOURCE_CONSTRAINT, "The card is too large");
	} else {
		free(r->card);
		r->card = card;
		room_save(r);
		room_result(r->service, in, BYTES_NONE);
		return;
	}
	free(card);
}

/* ---- registration of a nickname (7.10) ---- */

static bool may_register(const struct room *r, enum room_affiliation a)
{
	return a == ROOM_MEMBER || a == ROOM_ADMIN || a == ROOM_OWNER || (a == ROOM_NONE && room_is(r, ROOM_OPEN));
}

static void register_get(struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	const struct room_affiliate *a = map_get(&r->affiliates, jid_bare(&from));
	struct buf *b = &r->service->payload;

	if (!may_register(r, room_affiliation_of(r, jid_bare(&from)))) {
		room_refuse(r->service, in, STANZA_NOT_ALLOWED, "Members are made by the room's admins");
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_REGISTER "'>");
	if (a && a->nick) {
		buf_put_str(b, "<registered/><username>");
		text_xml_escape(bytes_of(a->nick), b);
		buf_put_str(b, "</username>");
	}
	buf_put_str(b, "<x xmlns='" NS_DATA "' type='form'><field var='FORM_TYPE' type='hidden'><value>" NS_MUC_REGISTER "</value></field>"
	               "<field var='muc#register_roomnick' type='text-single' label='Nickname'><required/></field></x></query>");
	room_result(r->service, in, buf_bytes(b));
}

static bool is_nick_free(const struct room *r, struct bytes nick, struct bytes bare, struct arena *arena)
{
	const struct room_occupant *o = room_by_nick(r, nick, arena);
	size_t at = 0;

	for (const struct room_affiliate *a; (a = map_next(&r->affiliates, &at));)
		if (a->nick && bytes_eq_str(nick, a->nick) && !bytes_eq(bytes_make(a->jid, a->jid_n), bare))
			return false;
	return !o || bytes_eq(o->bare, bare);
}

static void unregister(struct room *r, const struct room_in *in, struct bytes bare)
{
	enum room_affiliation a = room_affiliation_of(r, bare);

	/* Who only became a member by registering is none any more. */
	if (a == ROOM_MEMBER && room_is(r, ROOM_OPEN))
		(void)room_affiliate(r, bare, ROOM_NONE, BYTES_NONE, BYTES_NONE); /* taking away needs no room */
	struct room_occupant *o = room_by_bare(r, bare);
	if (o && o->affiliation == ROOM_MEMBER && room_affiliation_of(r, bare) == ROOM_NONE) {
		o->affiliation = ROOM_NONE;
		room_tell_item(r, o, BYTES_NONE, BYTES_NONE);
	}
	room_result(r->service, in, BYTES_NONE);
}

static void register_set(struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	struct bytes bare = jid_bare(&from), nick = form_value(xml_child(xml_first(in->node), "x", NS_DATA), "muc#register_roomnick"), normal;
	enum room_affiliation a = room_affiliation_of(r, bare);

	if (xml_child(xml_first(in->node), "remove", NS_REGISTER)) {
		unregister(r, in, bare);
	} else if (!may_register(r, a)) {
		room_refuse(r->service, in, STANZA_NOT_ALLOWED, "Members are made by the room's admins");
	} else if (!nick.n || nick.n > r->service->rules.nick_max || jid_parse_resource(nick, in->arena, &normal)) {
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "No nickname, or too long a one");
	} else if (!is_nick_free(r, normal, bare, in->arena)) {
		room_refuse(r->service, in, STANZA_CONFLICT, "The nickname belongs to somebody else");
	} else if (room_affiliate(r, bare, a == ROOM_NONE ? ROOM_MEMBER : a, normal, BYTES_NONE)) {
		room_refuse(r->service, in, STANZA_RESOURCE_CONSTRAINT, "The list of members is full");
	} else {
		struct room_occupant *o = room_by_bare(r, bare);
		if (o && a == ROOM_NONE) {
			o->affiliation = ROOM_MEMBER;
			room_tell_item(r, o, BYTES_NONE, BYTES_NONE);
		}
		room_result(r->service, in, BYTES_NONE);
	}
}

static void pong(struct room *r, const struct room_in *in)
{
	room_result(r->service, in, BYTES_NONE);
}

static void moderate(struct room *r, const struct room_in *in)
{
	room_moderate(r, in, xml_first(in->node));
}

/* ---- to the room ---- */

static const struct row {
	const char *name, *ns;
	uint8_t type;
	void (*fn)(struct room *r, const struct room_in *in);
} rows[] = {
	{ "query", NS_DISCO_INFO, TYPE_GET, room_disco_info },
	{ "query", NS_DISCO_ITEMS, TYPE_GET, room_disco_items },
	{ "query", NS_MUC_ADMIN, TYPE_GET, room_admin_get },
	{ "query", NS_MUC_ADMIN, TYPE_SET, room_admin_set },
	{ "query", NS_MUC_OWNER, TYPE_GET, room_owner_get },
	{ "query", NS_MUC_OWNER, TYPE_SET, room_owner_set },
	{ "moderate", NS_MODERATE, TYPE_SET, moderate },
	{ "vCard", NS_VCARD, TYPE_GET, card_get },
	{ "vCard", NS_VCARD, TYPE_SET, card_set },
	{ "query", NS_REGISTER, TYPE_GET, register_get },
	{ "query", NS_REGISTER, TYPE_SET, register_set },
	{ "ping", NS_PING, TYPE_GET, pong },
	{ "query", NS_MAM, TYPE_GET, room_archive_query },
	{ "query", NS_MAM, TYPE_SET, room_archive_query },
	{ "metadata", NS_MAM, TYPE_GET, room_archive_query },
};

static void to_room(struct room *r, const struct room_in *in)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (in->type == rows[i].type && xml_is(xml_first(in->node), rows[i].name, rows[i].ns)) {
			rows[i].fn(r, in);
			return;
		}
	}
	if (in->type == TYPE_GET || in->type == TYPE_SET)
		room_refuse(r->service, in, STANZA_SERVICE_UNAVAILABLE, NULL);
}

/* ---- to an occupant ---- */

/* The id carries the number of the seat that asked, so that the answer finds it. */
static void carry(struct room *r, const struct room_occupant *o, const struct room_in *in, struct bytes sid, struct bytes to)
{
	struct buf from, *b = &r->service->rest;

	buf_init(&from, JID_MAX_BYTES + 1);
	room_occupant_jid(&from, r, o);
	buf_clear(b);
	buf_putf(b, " type='%s'", stanza_type_name((enum stanza_type)in->type));
	xml_write_attr(b, "id", sid);
	buf_put_u8(b, '>');
	xml_write_inner(b, in->node, NS_CLIENT);
	buf_put_str(b, "</iq>");
	const struct room_letter l = { .s = r->service, .kind = STANZA_IQ, .type = in->type, .from = buf_bytes(&from), .rest = buf_bytes(b) };
	room_letter_send(&l, to);
	buf_fini(&from);
}

static void request(struct room *r, const struct room_seat *seat, const struct room_occupant *to, const struct room_in *in)
{
	char sid[SID_MAX_BYTES + 16];
	bool is_card = xml_is(xml_first(in->node), "vCard", NS_VCARD);
	struct bytes dest = is_card ? to->bare : seat_full(LIST_OWNER(to->seats.next, struct room_seat, node));
	int n = snprintf(sid, sizeof sid, "%u-%.*s", seat->number, BYTES_FMT(in->sid));

	if (in->sid.n > SID_MAX_BYTES || n < 0)
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "The id is too long");
	else if (!rate_take(&seat->occupant->rate, 1, in->now_ms))
		room_refuse(r->service, in, STANZA_POLICY_VIOLATION, "Too fast");
	else
		carry(r, seat->occupant, in, bytes_make(sid, (size_t)n), dest);
}

/* From an occupant, or from the server on behalf of one. */
static void response(struct room *r, const struct room_occupant *to, const struct room_in *in)
{
	size_t dash = bytes_find(in->sid, '-');
	const struct room_seat *from = room_seat_of(r, in->from);
	const struct room_occupant *by = from ? from->occupant : room_by_bare(r, in->from);
	uint64_t number;

	if (!by || dash == in->sid.n || bytes_to_u64(bytes_make(in->sid.p, dash), UINT32_MAX, &number))
		return;
	LIST_EACH (it, &to->seats) {
		const struct room_seat *s = LIST_OWNER(it, struct room_seat, node);
		if (s->number == number) {
			carry(r, by, in, bytes_skip(in->sid, dash + 1), seat_full(s));
			return;
		}
	}
}

static void to_occupant(struct room *r, const struct room_in *in)
{
	struct jid to = jid_of_normal(in->to);
	const struct room_seat *seat = room_seat_of(r, in->from);
	const struct room_occupant *o = room_by_nick(r, jid_resource(&to), in->arena);
	bool is_request = in->type == TYPE_GET || in->type == TYPE_SET;

	if (!is_request) {
		if (o)
			response(r, o, in);
	} else if (!seat) {
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "You are not in this room"); /* XEP-0410 3.2 */
	} else if (!o) {
		room_refuse(r->service, in, STANZA_ITEM_NOT_FOUND, "Nobody here has this nickname");
	} else if (o == seat->occupant && xml_is(xml_first(in->node), "ping", NS_PING)) {
		room_result(r->service, in, BYTES_NONE); /* XEP-0410 3.3 */
	} else {
		request(r, seat, o, in);
	}
}

void room_on_iq(struct room *r, const struct room_in *in, bool has_nick)
{
	if (has_nick)
		to_occupant(r, in);
	else
		to_room(r, in);
}
