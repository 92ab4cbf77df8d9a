/* Invitations that the room carries (7.8.2), and requests for voice (7.13). Direct ones (XEP-0249) pass between people, past it. */
#include "room/room.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/form.h"

/* What stands in <invite/> or <decline/>, with the other side's address. */
static void put_inner(struct buf *b, const struct xml_node *n, const char *side, struct bytes jid)
{
	struct bytes reason = xml_text(xml_child(n, "reason", NS_MUC_USER));

	buf_putf(b, "<%s", n->name);
	xml_write_attr(b, side, jid);
	buf_put_u8(b, '>');
	if (reason.n) {
		buf_put_str(b, "<reason>");
		text_xml_escape(reason, b);
		buf_put_str(b, "</reason>");
	}
	buf_putf(b, "</%s>", n->name);
}

static void send_on(struct room *r, const struct xml_node *n, struct bytes from, struct bytes to)
{
	struct buf *b = &r->service->rest;
	bool is_invite = strcmp(n->name, "invite") == 0;

	buf_clear(b);
	buf_put_str(b, "><x xmlns='" NS_MUC_USER "'>");
	put_inner(b, n, "from", from);
	if (is_invite && room_is(r, ROOM_HAS_PASSWORD)) {
		buf_put_str(b, "<password>");
		text_xml_escape(bytes_of(room_field_value(r, ROOM_SECRET)), b);
		buf_put_str(b, "</password>");
	}
	buf_put_str(b, "</x>");
	if (is_invite) { /* for those who only know XEP-0249 */
		buf_put_str(b, "<x xmlns='" NS_MUC_DIRECT "'");
		xml_write_attr(b, "jid", room_jid(r));
		buf_put_str(b, "/>");
	}
	buf_put_str(b, "</message>");
	const struct room_letter l = { .s = r->service, .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .from = room_jid(r), .rest = buf_bytes(b),
				       .facts = FACT_MUC_USER | FACT_PAYLOAD | FACT_STORE };
	room_letter_send(&l, to);
}

/* D-ROM-04, D-ROM-10 */
static bool may_invite(const struct room *r, const struct room_occupant *o)
{
	enum room_role least = room_is(r, ROOM_INVITES) ? (enum room_role)r->service->rules.invite_role : ROLE_MODERATOR;

	return o->role >= least;
}

static void invite(struct room *r, const struct room_in *in, const struct xml_node *n)
{
	const struct room_seat *seat = room_seat_of(r, in->from);
	struct jid from = jid_of_normal(in->from), to;

	if (!seat) {
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "You are not in this room");
	} else if (!may_invite(r, seat->occupant)) {
		room_refuse(r->service, in, STANZA_FORBIDDEN, "You may not invite to this room");
	} else if (!rate_take(&seat->occupant->rate, 1, in->now_ms)) {
		room_refuse(r->service, in, STANZA_POLICY_VIOLATION, "Too fast");
	} else if (jid_parse(xml_attr(n, "to"), in->arena, &to)) {
		room_refuse(r->service, in, STANZA_JID_MALFORMED, NULL);
	} else {
		/* Who is invited to a members-only room becomes a member (7.8.2), but for who is banned. */
		if (room_is(r, ROOM_MEMBERS_ONLY) && room_affiliation_of(r, jid_bare(&to)) == ROOM_NONE &&
		    room_affiliate(r, jid_bare(&to), ROOM_MEMBER, BYTES_NONE, BYTES_NONE)) {
			room_refuse(r->service, in, STANZA_RESOURCE_CONSTRAINT, "The list of members is full");
			return;
		}
		send_on(r, n, jid_bare(&from), to.full);
	}
}

static void decline(struct room *r, const struct room_in *in, const struct xml_node *n)
{
	struct jid from = jid_of_normal(in->from), to;

	if (jid_parse(xml_attr(n, "to"), in->arena, &to)) {
		room_refuse(r->service, in, STANZA_JID_MALFORMED, NULL);
		return;
	}
	/* Only to who is here: the room is no way to write to strangers. */
	const struct room_occupant *o = room_by_bare(r, jid_bare(&to));
	if (!o) {
		room_refuse(r->service, in, STANZA_ITEM_NOT_FOUND, NULL);
		return;
	}
	LIST_EACH (it, &o->seats)
		send_on(r, n, jid_bare(&from), seat_full(LIST_OWNER(it, struct room_seat, node)));
}

/* ---- voice ---- */

static void put_field(struct buf *b, const char *var, const char *type, struct bytes value)
{
	buf_putf(b, "<field var='%s' type='%s'><value>", var, type);
	text_xml_escape(value, b);
	buf_put_str(b, "</value></field>");
}

/* The form 8.6 for each moderator. */
static void ask_moderators(struct room *r, const struct room_occupant *who)
{
	struct buf *b = &r->service->rest;

	buf_clear(b);
	buf_put_str(b, "><x xmlns='" NS_DATA "' type='form'><title>Voice request</title>");
	put_field(b, "FORM_TYPE", "hidden", BYTES(NS_MUC_REQUEST));
	put_field(b, "muc#role", "list-single", BYTES("participant"));
	if (room_is(r, ROOM_WHOIS))
		put_field(b, "muc#jid", "jid-single", who->bare);
	put_field(b, "muc#roomnick", "text-single", who->nick);
	put_field(b, "muc#request_allow", "boolean", BYTES("0"));
	buf_put_str(b, "</x></message>");
	const struct room_letter l = { .s = r->service, .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .from = room_jid(r), .rest = buf_bytes(b),
				       .facts = FACT_PAYLOAD };
	LIST_EACH (it, &r->occupants) {
		const struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		LIST_EACH (is, &o->seats)
			if (o->role == ROLE_MODERATOR)
				room_letter_send(&l, seat_full(LIST_OWNER(is, struct room_seat, node)));
	}
}

static void voice(struct room *r, const struct room_in *in, const struct xml_node *form)
{
	struct room_seat *seat = room_seat_of(r, in->from);
	struct bytes allow = form_value(form, "muc#request_allow");

	if (!seat) {
		room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "You are not in this room");
	} else if (!allow.p) { /* a request */
		if (seat->occupant->role != ROLE_VISITOR || !rate_take(&seat->occupant->rate, 1, in->now_ms))
			room_refuse(r->service, in, STANZA_NOT_ACCEPTABLE, "You have a voice, or you ask too often");
		else
			ask_moderators(r, seat->occupant);
	} else if (seat->occupant->role != ROLE_MODERATOR) {
		room_refuse(r->service, in, STANZA_FORBIDDEN, "For moderators only");
	} else if (bytes_eq_str(allow, "1") || bytes_eq_str(allow, "true")) {
		struct room_occupant *o = room_by_nick(r, form_value(form, "muc#roomnick"), in->arena);
		if (!o) {
			room_refuse(r->service, in, STANZA_ITEM_NOT_FOUND, "Nobody here has this nickname");
		} else if (o->role == ROLE_VISITOR) {
			o->role = ROLE_PARTICIPANT;
			room_tell_item(r, o, BYTES_NONE, BYTES_NONE);
		}
	}
}

bool room_on_mediated(struct room *r, const struct room_in *in)
{
	const struct xml_node *x = xml_child(in->node, "x", NS_MUC_USER), *form = xml_child(in->node, "x", NS_DATA);
	const struct xml_node *n = xml_first(x);

	if (form && bytes_eq_str(form_value(form, "FORM_TYPE"), NS_MUC_REQUEST)) {
		voice(r, in, form);
		return true;
	}
	if (!xml_child(x, "invite", NS_MUC_USER) && !xml_child(x, "decline", NS_MUC_USER))
		return false;
	for (; n; n = xml_next(n)) {
		if (xml_is(n, "invite", NS_MUC_USER))
			invite(r, in, n);
		else if (xml_is(n, "decline", NS_MUC_USER))
			decline(r, in, n);
	}
	return true;
}
