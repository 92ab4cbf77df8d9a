#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const struct xml_node *muc_of(const struct room_in *in)
{
	return xml_child(in->node, "x", NS_MUC);
}

static struct bytes nick_of(const struct room_in *in)
{
	struct jid to = jid_of_normal(in->to);

	return jid_resource(&to);
}

static void keep_presence(struct room_service *s, struct room_occupant *o, const struct room_in *in)
{
	struct buf *b = &s->payload;

	buf_clear(b);
	size_t details_n = room_put_presence(s, b, in);
	struct bytes v = buf_bytes(b);
	uint8_t *copy = buf_failed(b) ? NULL : malloc(v.n + 1);
	if (!copy)
		return; /* the one before is shown on */
	if (v.n)
		memcpy(copy, v.p, v.n);
	free(o->presence);
	o->presence = copy;
	o->presence_n = (uint32_t)v.n;
	o->details_n = (uint32_t)details_n;
}

/* ---- may they come in (7.2.5 to 7.2.9)? ---- */

struct answer {
	enum stanza_error error;
	const char *text;
};

static bool is_full(const struct room *r, enum room_affiliation a)
{
	const struct room_rules *rules = &r->service->rules;

	if (r->n_seats >= rules->occupants_max)
		return true;
	return r->n_occupants >= room_max_users(r) && a != ROOM_ADMIN && a != ROOM_OWNER; /* 7.2.9 */
}

static struct bytes registered_nick(const struct room *r, struct bytes bare)
{
	const struct room_affiliate *a = map_get(&r->affiliates, bare);

	return a ? bytes_of(a->nick) : BYTES_NONE;
}

/* Somebody else's registered nickname (7.2.8). */
static bool is_reserved(const struct room *r, struct bytes nick, struct bytes bare)
{
	size_t at = 0;

	for (const struct room_affiliate *a; (a = map_next(&r->affiliates, &at));)
		if (a->nick && bytes_eq_str(nick, a->nick) && !bytes_eq(bytes_make(a->jid, a->jid_n), bare))
			return true;
	return false;
}

static bool is_taken(const struct room *r, const struct room_in *in, struct bytes nick, struct bytes bare)
{
	const struct room_occupant *o = room_by_nick(r, nick, in->arena);

	return (o && !bytes_eq(o->bare, bare)) || is_reserved(r, nick, bare);
}

static bool has_password(const struct room *r, const struct room_in *in)
{
	struct bytes given = xml_text(xml_child(muc_of(in), "password", NS_MUC));

	return !room_is(r, ROOM_HAS_PASSWORD) || bytes_eq_str(given, room_field_value(r, ROOM_SECRET));
}

static bool may_enter(struct room *r, const struct room_in *in, struct answer *out)
{
	struct jid from = jid_of_normal(in->from);
	struct bytes bare = jid_bare(&from), nick = nick_of(in);
	enum room_affiliation a = room_affiliation_of(r, bare);

	if (a == ROOM_OUTCAST)
		*out = (struct answer){ STANZA_FORBIDDEN, "Banned from this room" };
	else if (r->is_locked && !bytes_eq(room_creator(r), bare))
		*out = (struct answer){ STANZA_ITEM_NOT_FOUND, "The room is being made" };
	else if (room_is(r, ROOM_MEMBERS_ONLY) && a == ROOM_NONE)
		*out = (struct answer){ STANZA_REGISTRATION_REQUIRED, "For members only" };
	else if (!has_password(r, in))
		*out = (struct answer){ STANZA_NOT_AUTHORIZED, "The password is wrong or missing" };
	else if (is_full(r, a))
		*out = (struct answer){ STANZA_SERVICE_UNAVAILABLE, "The room is full" };
	else if (is_taken(r, in, nick, bare))
		*out = (struct answer){ STANZA_CONFLICT, "The nickname belongs to somebody else" };
	else
		return true;
	return false;
}

/* ---- a room is made (10.1) ---- */

static unsigned rooms_of(const struct room_service *s, struct bytes bare)
{
	unsigned n = 0;
	size_t at = 0;

	for (const struct room *r; (r = map_next(&s->rooms, &at));)
		n += bytes_eq(room_creator(r), bare);
	return n;
}

static struct room *create(struct room_service *s, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from), to = jid_of_normal(in->to);
	struct answer no = { STANZA_NOT_ALLOWED, NULL };

	if (!in->may_create)
		no = (struct answer){ STANZA_NOT_ALLOWED, "You may not make rooms here" };
	else if (s->rooms.count >= s->rules.rooms_max)
		no = (struct answer){ STANZA_RESOURCE_CONSTRAINT, "There are too many rooms" };
	else if (rooms_of(s, jid_bare(&from)) >= s->rules.rooms_user)
		no = (struct answer){ STANZA_RESOURCE_CONSTRAINT, "You have made too many rooms" };
	if (no.text) {
		room_refuse(s, in, no.error, no.text);
		return NULL;
	}
	struct room *r = room_new(s, jid_bare(&to), jid_bare(&from));
	if (!r || room_affiliate(r, jid_bare(&from), ROOM_OWNER, BYTES_NONE, BYTES_NONE)) {
		room_refuse(s, in, STANZA_RESOURCE_CONSTRAINT, NULL);
		if (r)
			room_end(r);
		return NULL;
	}
	return r;
}

/* ---- coming in ---- */

static void add_code(uint16_t codes[static ROOM_CODES_MAX], uint16_t code)
{
	for (int i = 0; i < ROOM_CODES_MAX - 1; i++) {
		if (!codes[i]) {
			codes[i] = code;
			return;
		}
	}
}

static void welcome(struct room *r, struct room_seat *seat, const struct room_in *in, bool is_made)
{
	struct room_notice n = { .occupant = seat->occupant, .only = seat };

	room_tell_present(r, seat);
	if (room_is(r, ROOM_WHOIS))
		add_code(n.self, 100);
	if (room_is(r, ROOM_PERSISTENT) && room_history_of(r))
		add_code(n.self, 170); /* what is said is kept on disk */
	if (is_made)
		add_code(n.self, 201);
	if (!bytes_eq(seat->occupant->nick, nick_of(in)))
		add_code(n.self, 210);
	n.is_for_self = seat->occupant->n_seats > 1; /* the others know this occupant */
	room_tell(r, &n);
	room_past_replay(r, seat, in, xml_child(muc_of(in), "history", NS_MUC));
	room_send_subject(r, seat);
}

/* Who is in already says so once more with `<x/>`: the client has lost its view, and gets all again (7.2.14). */
static void again(struct room *r, struct room_seat *seat, const struct room_in *in)
{
	keep_presence(r->service, seat->occupant, in);
	welcome(r, seat, in, false);
}

static void enter(struct room_service *s, struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	struct room_seat *seat;
	bool is_made = !r;
	struct answer no;

	if (!r && !(r = create(s, in)))
		return;
	if (!may_enter(r, in, &no)) {
		room_refuse(s, in, no.error, no.text);
		if (is_made)
			room_end(r);
		return;
	}
	/* A member is here under the name that is theirs (210). */
	struct bytes mine = registered_nick(r, jid_bare(&from)), nick = mine.n && !is_taken(r, in, mine, jid_bare(&from)) ? mine : nick_of(in);
	int rc = room_sit(r, nick, in, &seat);
	if (rc) {
		room_refuse(s, in, rc == ERR_SYNTAX ? STANZA_JID_MALFORMED : STANZA_RESOURCE_CONSTRAINT, rc == ERR_FULL ? "You are in too many rooms" : NULL);
		if (is_made)
			room_end(r);
		return;
	}
	/* Without a wish to configure it the room is instant (10.1.2): GC 1.0 has no such wish. */
	if (is_made && !muc_of(in))
		r->is_locked = false;
	keep_presence(s, seat->occupant, in);
	welcome(r, seat, in, is_made);
}

/* ---- while they are in ---- */

static void rename_occupant(struct room *r, struct room_seat *seat, const struct room_in *in)
{
	struct room_occupant *o = seat->occupant, *other = room_by_nick(r, nick_of(in), in->arena);

	if ((other && other != o) || is_reserved(r, nick_of(in), o->bare)) {
		room_refuse(r->service, in, STANZA_CONFLICT, "The nickname belongs to somebody else");
		return;
	}
	if (registered_nick(r, o->bare).n) {
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "Your nickname here is registered");
		return;
	}
	const struct room_notice leave = { .occupant = o, .is_leaving = true, .codes = { 303 }, .nick = nick_of(in) };
	room_tell(r, &leave);
	if (room_rename(r, o, nick_of(in), in->arena)) {
		struct room_notice gone = { .occupant = o, .self = { 333 } };
		room_expel(r, &gone); /* no memory for the new name, and the old one is said to be gone */
		return;
	}
	keep_presence(r->service, o, in);
	const struct room_notice come = { .occupant = o };
	room_tell(r, &come);
}

static void update(struct room *r, struct room_seat *seat, const struct room_in *in)
{
	const struct room_notice n = { .occupant = seat->occupant };

	if (!rate_take(&seat->occupant->rate, 1, in->now_ms)) {
		room_refuse(r->service, in, STANZA_POLICY_VIOLATION, "Too fast");
		return;
	}
	if (!bytes_eq(nick_of(in), seat->occupant->nick)) {
		rename_occupant(r, seat, in);
	} else if (muc_of(in)) {
		again(r, seat, in);
	} else {
		keep_presence(r->service, seat->occupant, in);
		room_tell(r, &n);
	}
}

static void leave(struct room *r, struct room_seat *seat, const struct room_in *in)
{
	struct room_notice n = { .reason = BYTES_NONE };
	const struct xml_node *status = xml_child(in->node, "status", NS_CLIENT);

	n.reason = xml_text(status);
	room_remove(r, seat, &n);
}

static bool is_nick_fine(const struct room_service *s, const struct room_in *in)
{
	struct bytes nick = nick_of(in), key;

	return nick.n <= s->rules.nick_max && !jid_nickname_key(nick, in->arena, &key);
}

static void available(struct room_service *s, struct room *r, struct room_seat *seat, const struct room_in *in)
{
	if (!nick_of(in).n)
		room_refuse(s, in, STANZA_JID_MALFORMED, "A nickname is needed"); /* 7.2.1 */
	else if (!is_nick_fine(s, in))
		room_refuse(s, in, STANZA_NOT_ACCEPTABLE, "The nickname is too long, or none");
	else if (seat)
		update(r, seat, in);
	else if (muc_of(in) || s->rules.has_old_clients)
		enter(s, r, in);
	else
		room_refuse(s, in, STANZA_NOT_ACCEPTABLE, "You are not in this room"); /* no Group Chat 1.0 (D-ROM-07) */
}

void room_on_presence(struct room_service *s, struct room *r, const struct room_in *in)
{
	struct room_seat *seat = r ? room_seat_of(r, in->from) : NULL;

	switch (in->type) {
	case TYPE_AVAILABLE:
		available(s, r, seat, in);
		break;
	case TYPE_UNAVAILABLE:
		if (seat)
			leave(r, seat, in);
		break;
	case TYPE_SUBSCRIBE:
		room_refuse(s, in, STANZA_NOT_ALLOWED, NULL);
		break;
	default: /* probes and answers to what a room never asks */
		break;
	}
}
