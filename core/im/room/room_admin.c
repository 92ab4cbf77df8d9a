/* Roles and affiliations: the lists of 9 and 10 (muc#admin). */
#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

/* Who asks, and what they are. */
struct who {
	struct bytes bare, nick;
	enum room_affiliation affiliation;
	enum room_role role;
	struct room_occupant *occupant; /* NULL: not in the room */
};

static struct who who_of(struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	const struct room_seat *seat = room_seat_of(r, in->from);
	struct who w = { .bare = jid_bare(&from) };

	w.affiliation = room_affiliation_of(r, w.bare);
	if (seat) {
		w.occupant = seat->occupant;
		w.role = (enum room_role)seat->occupant->role;
		w.nick = seat->occupant->nick;
	}
	return w;
}

static bool is_staff(enum room_affiliation a)
{
	return a == ROOM_ADMIN || a == ROOM_OWNER;
}

static const struct xml_node *item_of(const struct room_in *in)
{
	return xml_child(xml_first(in->node), "item", NS_MUC_ADMIN);
}

/* ---- reading lists ---- */

static void put_affiliates(struct buf *b, const struct room *r, enum room_affiliation what)
{
	size_t at = 0;

	for (const struct room_affiliate *a; (a = map_next(&r->affiliates, &at));) {
		if (a->affiliation != what)
			continue;
		buf_putf(b, "<item affiliation='%s'", room_affiliation_name(what));
		xml_write_attr(b, "jid", bytes_make(a->jid, a->jid_n));
		if (a->nick)
			xml_write_attr(b, "nick", bytes_of(a->nick));
		buf_put_u8(b, '>');
		if (a->reason) {
			buf_put_str(b, "<reason>");
			text_xml_escape(bytes_of(a->reason), b);
			buf_put_str(b, "</reason>");
		}
		buf_put_str(b, "</item>");
	}
}

static void put_roles(struct buf *b, const struct room *r, enum room_role what)
{
	LIST_EACH (it, &r->occupants) {
		const struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		if (o->role != what)
			continue;
		buf_putf(b, "<item affiliation='%s' role='%s'", room_affiliation_name((enum room_affiliation)o->affiliation), room_role_name(what));
		xml_write_attr(b, "nick", o->nick);
		xml_write_attr(b, "jid", seat_full(LIST_OWNER(o->seats.next, struct room_seat, node)));
		buf_put_str(b, "/>");
	}
}

/* Lists of members are for members of a members-only room too (9.5: to see who is who). */
static bool may_read(const struct room *r, const struct who *w, enum room_affiliation what)
{
	if (is_staff(w->affiliation))
		return true;
	return what != ROOM_OUTCAST && room_is(r, ROOM_MEMBERS_ONLY) && room_is(r, ROOM_WHOIS) && w->affiliation == ROOM_MEMBER;
}

void room_admin_get(struct room *r, const struct room_in *in)
{
	struct buf *b = &r->service->payload;
	const struct who w = who_of(r, in);
	enum room_affiliation a;
	enum room_role role;

	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_MUC_ADMIN "'>");
	if (!room_affiliation_of_name(xml_attr(item_of(in), "affiliation"), &a) && a != ROOM_NONE) {
		if (!may_read(r, &w, a)) {
			room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
			return;
		}
		put_affiliates(b, r, a);
	} else if (!room_role_of_name(xml_attr(item_of(in), "role"), &role) && role != ROLE_OUTSIDE) {
		if (w.role != ROLE_MODERATOR && !is_staff(w.affiliation)) {
			room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
			return;
		}
		put_roles(b, r, role);
	} else {
		room_refuse(r->service, in, STANZA_BAD_REQUEST, NULL);
		return;
	}
	buf_put_str(b, "</query>");
	room_result(r->service, in, buf_bytes(b));
}

/* ---- one change of a list ---- */

struct change {
	bool is_role;
	enum room_role role;
	enum room_affiliation affiliation;
	struct room_occupant *occupant; /* role: whose */
	struct bytes jid, nick, reason; /* affiliation: whose */
};

/* 8.2, 8.4, 9.6, 9.7. What is taken from somebody as strong as oneself is refused. */
static enum stanza_error judge_role(const struct who *w, const struct change *c)
{
	const struct room_occupant *o = c->occupant;
	bool is_to_moderator = c->role == ROLE_MODERATOR || o->role == ROLE_MODERATOR;

	if (w->role != ROLE_MODERATOR && !(is_staff(w->affiliation)))
		return STANZA_FORBIDDEN;
	if (c->role == ROLE_OUTSIDE || c->role < (enum room_role)o->role) {
		if (o->affiliation == ROOM_OWNER && o != w->occupant)
			return STANZA_NOT_ALLOWED;
		if (o->affiliation == ROOM_ADMIN && w->affiliation != ROOM_OWNER && o != w->occupant)
			return STANZA_NOT_ALLOWED;
		/* 5.1.1: owners and admins are moderators, always. */
		if (c->role != ROLE_OUTSIDE && is_staff((enum room_affiliation)o->affiliation))
			return STANZA_NOT_ALLOWED;
	}
	return is_to_moderator && c->role != ROLE_OUTSIDE && !is_staff(w->affiliation) ? STANZA_FORBIDDEN : STANZA_ERROR_COUNT;
}

static enum stanza_error judge_affiliation(const struct room *r, const struct who *w, const struct change *c)
{
	const struct room_affiliate *old = map_get(&r->affiliates, c->jid);
	enum room_affiliation was = old ? (enum room_affiliation)old->affiliation : ROOM_NONE;
	struct jid j = jid_of_normal(c->jid);

	if (!is_staff(w->affiliation))
		return STANZA_FORBIDDEN;
	if (!j.local_n && c->affiliation != ROOM_OUTCAST && c->affiliation != ROOM_NONE)
		return STANZA_NOT_ALLOWED; /* a whole domain can be banned, and no more */
	if (w->affiliation == ROOM_ADMIN && (is_staff(c->affiliation) || is_staff(was)))
		return STANZA_NOT_ALLOWED; /* only owners make or unmake them (10.3 to 10.7) */
	if (was == ROOM_OWNER && c->affiliation != ROOM_OWNER && r->n_owners == 1)
		return STANZA_CONFLICT; /* 10.4: the last owner stays */
	if (c->affiliation == ROOM_OUTCAST && bytes_eq(c->jid, w->bare))
		return STANZA_CONFLICT; /* 9.1 */
	return STANZA_ERROR_COUNT;
}

static enum stanza_error read_change(struct room *r, const struct room_in *in, const struct xml_node *item, struct change *c)
{
	struct bytes role = xml_attr(item, "role"), affiliation = xml_attr(item, "affiliation"), jid = xml_attr(item, "jid"),
		     nick = xml_attr(item, "nick");
	struct jid j;

	*c = (struct change){ .is_role = role.p != NULL, .nick = nick, .reason = xml_text(xml_child(item, "reason", NS_MUC_ADMIN)) };
	if (nick.n && (c->is_role || !jid.n)) {
		c->occupant = room_by_nick(r, nick, in->arena);
		if (!c->occupant)
			return STANZA_ITEM_NOT_FOUND;
	}
	if (c->is_role) {
		return room_role_of_name(role, &c->role) || !c->occupant ? STANZA_BAD_REQUEST : STANZA_ERROR_COUNT;
	}
	if (room_affiliation_of_name(affiliation, &c->affiliation))
		return STANZA_BAD_REQUEST;
	if (c->occupant) {
		c->jid = c->occupant->bare;
		c->nick = BYTES_NONE;
		return STANZA_ERROR_COUNT;
	}
	if (jid_parse(jid, in->arena, &j))
		return STANZA_JID_MALFORMED;
	if (nick.n > r->service->rules.nick_max || c->reason.n > r->service->rules.subject_max)
		return STANZA_NOT_ACCEPTABLE;
	c->jid = arena_dup(in->arena, jid_bare(&j));
	return c->jid.p ? STANZA_ERROR_COUNT : STANZA_RESOURCE_CONSTRAINT;
}

/* ---- carrying it out ---- */

static void apply_role(struct room *r, const struct who *w, const struct change *c)
{
	struct room_notice n = { .occupant = c->occupant, .codes = { 307 }, .reason = c->reason, .actor = w->nick };

	if (c->role == ROLE_OUTSIDE) {
		room_expel(r, &n); /* 8.2 */
	} else if (c->occupant->role != c->role) {
		c->occupant->role = (uint8_t)c->role;
		room_tell_item(r, c->occupant, c->reason, w->nick);
	}
}

/* The next occupant whose affiliation is no longer what is shown. */
static struct room_occupant *next_changed(const struct room *r, enum room_affiliation *now)
{
	LIST_EACH (it, &r->occupants) {
		struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		*now = room_affiliation_of(r, o->bare);
		if (*now != (enum room_affiliation)o->affiliation)
			return o;
	}
	return NULL;
}

static void apply_now(struct room *r, struct room_occupant *o, enum room_affiliation now, struct bytes reason, struct bytes actor)
{
	struct room_notice n = { .occupant = o, .reason = reason, .actor = actor };

	o->affiliation = (uint8_t)now;
	if (now == ROOM_OUTCAST || (now == ROOM_NONE && room_is(r, ROOM_MEMBERS_ONLY))) {
		n.codes[0] = now == ROOM_OUTCAST ? 301 : 321; /* 9.1, 9.4 */
		room_expel(r, &n);
		return;
	}
	enum room_role first = room_first_role(r, now);
	/* Who was a moderator by affiliation is one no more; others keep what they were given. */
	if (o->role == ROLE_MODERATOR || first > (enum room_role)o->role)
		o->role = (uint8_t)first;
	room_tell_item(r, o, reason, actor);
}

static void apply_affiliation(struct room *r, const struct who *w, const struct change *c)
{
	enum room_affiliation now;
	/* The one who asks may be among those who go. */
	struct bytes actor = w->nick;

	for (struct room_occupant *o; !r->is_gone && (o = next_changed(r, &now));)
		apply_now(r, o, now, c->reason, actor);
}

static bool apply(struct room *r, const struct room_in *in, const struct who *w, const struct change *c)
{
	if (c->is_role) {
		apply_role(r, w, c);
		return true;
	}
	if (room_affiliate(r, c->jid, c->affiliation, c->nick, c->reason)) {
		room_refuse(r->service, in, STANZA_RESOURCE_CONSTRAINT, "The list is full");
		return false;
	}
	apply_affiliation(r, w, c);
	return true;
}

/* Every change is judged before the first one is made. */
void room_admin_set(struct room *r, const struct room_in *in)
{
	struct who w = who_of(r, in);
	struct change c;
	unsigned n = 0;

	w.nick = arena_dup(in->arena, w.nick);
	for (const struct xml_node *i = xml_first(xml_first(in->node)); i; i = xml_next(i), n++) {
		enum stanza_error no = read_change(r, in, i, &c);
		if (no == STANZA_ERROR_COUNT)
			no = c.is_role ? judge_role(&w, &c) : judge_affiliation(r, &w, &c);
		if (no != STANZA_ERROR_COUNT) {
			room_refuse(r->service, in, no, NULL);
			return;
		}
	}
	if (!n) {
		room_refuse(r->service, in, STANZA_BAD_REQUEST, NULL);
		return;
	}
	for (const struct xml_node *i = xml_first(xml_first(in->node)); i; i = xml_next(i)) {
		/* An earlier one may have made it void: somebody has gone, or one owner is left. */
		if (read_change(r, in, i, &c) != STANZA_ERROR_COUNT || (!c.is_role && judge_affiliation(r, &w, &c) == STANZA_CONFLICT))
			continue;
		c.jid = c.jid.n ? arena_dup(in->arena, c.jid) : c.jid;
		if (!apply(r, in, &w, &c))
			return;
		w = who_of(r, in);
		w.nick = arena_dup(in->arena, w.nick);
		if (r->is_gone)
			break;
	}
	room_result(r->service, in, BYTES_NONE);
}
