#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

static void put_codes(struct buf *b, const uint16_t codes[static ROOM_CODES_MAX])
{
	for (int i = 0; i < ROOM_CODES_MAX && codes[i]; i++)
		buf_putf(b, "<status code='%u'/>", codes[i]);
}

static void put_item(struct buf *b, const struct room_notice *n, struct bytes jid)
{
	const struct room_occupant *o = n->occupant;
	enum room_role role = n->is_leaving && !n->nick.n ? ROLE_OUTSIDE : (enum room_role)o->role;

	buf_put_str(b, "<item affiliation='");
	buf_put_str(b, room_affiliation_name((enum room_affiliation)o->affiliation));
	buf_put_str(b, "' role='");
	buf_put_str(b, room_role_name(role));
	buf_put_u8(b, '\'');
	if (jid.n)
		xml_write_attr(b, "jid", jid);
	if (n->nick.n)
		xml_write_attr(b, "nick", n->nick);
	buf_put_u8(b, '>');
	if (n->actor.n) {
		buf_put_str(b, "<actor");
		xml_write_attr(b, "nick", n->actor);
		buf_put_str(b, "/>");
	}
	if (n->reason.n) {
		buf_put_str(b, "<reason>");
		text_xml_escape(n->reason, b);
		buf_put_str(b, "</reason>");
	}
	buf_put_str(b, "</item>");
}

/* XEP-0317: what somebody is here, for people to read. */
static void put_hats(struct buf *b, const struct room_occupant *o)
{
	const char *what = room_affiliation_name((enum room_affiliation)o->affiliation);

	if (o->affiliation == ROOM_OWNER || o->affiliation == ROOM_ADMIN)
		buf_putf(b, "<hats xmlns='" NS_HATS "'><hat title='%s' uri='urn:gatehouse:room:%s'/></hats>",
			 o->affiliation == ROOM_OWNER ? "Owner" : "Admin", what);
}

/* Of what an occupant's client said: all, or without how available they are. */
static struct bytes shown_of(const struct room *r, const struct room_occupant *o)
{
	struct bytes all = bytes_make(o->presence, o->presence_n);

	return r->service->rules.hides_details ? bytes_skip(all, o->details_n) : all;
}

/* What stands behind `to`. jid: the real address, where it may be seen; is_self: with the codes for the one concerned. */
static void put_rest(const struct room *r, struct buf *b, const struct room_notice *n, struct bytes jid, bool is_self)
{
	static const uint16_t self[ROOM_CODES_MAX] = { 110 };
	const struct room_occupant *o = n->occupant;

	buf_put_str(b, n->is_leaving ? " type='unavailable'>" : ">");
	if (!n->is_leaving)
		buf_put_bytes(b, shown_of(r, n->occupant));
	if (!n->is_leaving)
		put_hats(b, o);
	buf_put_str(b, "<occupant-id xmlns='" NS_OCCUPANT_ID "' id='");
	buf_put_str(b, o->id);
	buf_put_str(b, "'/><x xmlns='" NS_MUC_USER "'>");
	put_item(b, n, jid);
	put_codes(b, n->codes);
	if (is_self) {
		put_codes(b, n->self);
		put_codes(b, self);
	}
	buf_put_bytes(b, n->inside);
	buf_put_str(b, "</x></presence>");
}

static struct room_letter letter_of(struct room *r, const struct room_notice *n, struct buf *from)
{
	room_occupant_jid(from, r, n->occupant);
	return (struct room_letter){ .s = r->service, .kind = STANZA_PRESENCE, .type = n->is_leaving ? TYPE_UNAVAILABLE : TYPE_AVAILABLE,
				     .from = buf_bytes(from) };
}

static struct bytes first_seat(const struct room_occupant *o)
{
	return list_is_empty(&o->seats) ? BYTES_NONE : seat_full(LIST_OWNER(o->seats.next, struct room_seat, node));
}

static bool sees_jid(const struct room *r, const struct room_occupant *viewer)
{
	return room_is(r, ROOM_WHOIS) || viewer->role == ROLE_MODERATOR;
}

/* 7.2.2, 16.5.3: is this occupant's presence shown to others at all? A role that is lost is told with the role that it was. */
static bool is_shown(const struct room *r, const struct room_occupant *o)
{
	return o->role == ROLE_OUTSIDE || r->config.v[ROOM_BROADCAST] & 1u << (o->role - 1);
}

static void tell_self(struct room *r, const struct room_notice *n, struct room_letter *l)
{
	struct room_service *s = r->service;

	buf_clear(&s->rest);
	put_rest(r, &s->rest, n, first_seat(n->occupant), true);
	l->rest = buf_bytes(&s->rest);
	LIST_EACH (it, &n->occupant->seats) {
		const struct room_seat *seat = LIST_OWNER(it, struct room_seat, node);
		if (!n->only || n->only == seat)
			room_letter_send(l, seat_full(seat));
	}
}

/* Written in at most two forms: with the address, for those who see it, and without. */
static void tell_others(struct room *r, const struct room_notice *n, struct room_letter *l)
{
	struct room_service *s = r->service;

	buf_clear(&s->rest);
	buf_clear(&s->rest2);
	put_rest(r, &s->rest, n, first_seat(n->occupant), false);
	put_rest(r, &s->rest2, n, BYTES_NONE, false);
	room_letter_begin(l);
	LIST_EACH (it, &r->occupants) {
		const struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		if (o == n->occupant)
			continue;
		l->rest = buf_bytes(sees_jid(r, o) ? &s->rest : &s->rest2);
		LIST_EACH (is, &o->seats)
			room_letter_next(l, seat_full(LIST_OWNER(is, struct room_seat, node)));
	}
}

void room_tell(struct room *r, const struct room_notice *n)
{
	struct buf from;

	buf_init(&from, JID_MAX_BYTES + 1);
	struct room_letter l = letter_of(r, n, &from);
	if (!n->is_for_self && is_shown(r, n->occupant))
		tell_others(r, n, &l);
	tell_self(r, n, &l);
	buf_fini(&from);
}

void room_tell_present(struct room *r, struct room_seat *to)
{
	struct room_service *s = r->service;
	struct buf from;

	buf_init(&from, JID_MAX_BYTES + 1);
	LIST_EACH (it, &r->occupants) {
		struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		if (o == to->occupant || !is_shown(r, o))
			continue;
		const struct room_notice n = { .occupant = o };
		buf_clear(&from);
		struct room_letter l = letter_of(r, &n, &from);
		buf_clear(&s->rest);
		put_rest(r, &s->rest, &n, sees_jid(r, to->occupant) ? first_seat(o) : BYTES_NONE, false);
		l.rest = buf_bytes(&s->rest);
		room_letter_send(&l, seat_full(to));
	}
	buf_fini(&from);
}

/* C-AVL-04: what was said to all is said again, with or without the details that somebody has given. */
unsigned room_tell_details(struct room *r, unsigned budget)
{
	unsigned n = 0;

	LIST_EACH (it, &r->occupants) {
		struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		const struct room_notice again = { .occupant = o };
		if (!o->details_n || n + r->n_seats > budget)
			continue;
		room_tell(r, &again);
		n += r->n_seats;
	}
	return n;
}

void room_remove(struct room *r, struct room_seat *seat, struct room_notice *n)
{
	n->occupant = seat->occupant;
	n->is_leaving = true;
	n->only = seat;
	n->is_for_self = seat->occupant->n_seats > 1; /* the others stay */
	room_tell(r, n);
	room_stand_up(r, seat);
	room_check_empty(r);
}

void room_expel(struct room *r, struct room_notice *n)
{
	struct room_occupant *o = n->occupant;

	n->is_leaving = true;
	room_tell(r, n);
	for (unsigned left = o->n_seats; left; left--)
		room_stand_up(r, LIST_OWNER(o->seats.next, struct room_seat, node));
	room_check_empty(r);
}

void room_tell_item(struct room *r, struct room_occupant *o, struct bytes reason, struct bytes actor)
{
	const struct room_notice n = { .occupant = o, .reason = reason, .actor = actor };

	room_tell(r, &n);
}
