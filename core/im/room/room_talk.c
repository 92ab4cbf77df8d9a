#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct room *r, const struct room_in *in, enum stanza_error why, const char *text)
{
	room_refuse(r->service, in, why, text);
}

static struct bytes nick_of(const struct room_in *in)
{
	struct jid to = jid_of_normal(in->to);

	return jid_resource(&to);
}

static void put_occupant_id(struct buf *b, const struct room_occupant *o)
{
	buf_putf(b, "<occupant-id xmlns='" NS_OCCUPANT_ID "' id='%s'/>", o->id);
}

/* XEP-0359 3.1 */
static void put_stanza_id(struct buf *b, const struct room *r, struct bytes id)
{
	buf_put_str(b, "<stanza-id xmlns='" NS_STANZA_ID "'");
	xml_write_attr(b, "id", id);
	xml_write_attr(b, "by", room_jid(r));
	buf_put_str(b, "/>");
}

/* ---- to all (7.4) ---- */

static void say(struct room *r, const struct room_occupant *o, const struct room_in *in)
{
	struct room_service *s = r->service;
	struct buf from, *b = &s->rest;
	char id[ROOM_ID_MAX + 1];

	room_name_message(r, id);
	buf_init(&from, JID_MAX_BYTES + 1);
	room_occupant_jid(&from, r, o);
	buf_clear(b);
	room_put_attrs(b, in, "groupchat");
	buf_put_u8(b, '>');
	room_put_children(s, b, in);
	put_occupant_id(b, o);
	put_stanza_id(b, r, bytes_of(id));
	buf_put_str(b, "</message>");
	const struct room_letter l = { .s = s, .kind = STANZA_MESSAGE, .type = TYPE_GROUPCHAT, .from = buf_bytes(&from), .rest = buf_bytes(b),
				       .facts = (in->facts & ~(uint32_t)(FACT_MUC_USER | FACT_DELAYED)) | FACT_PAYLOAD };
	if (buf_failed(b) || buf_failed(&from)) {
		refuse(r, in, STANZA_RESOURCE_CONSTRAINT, NULL);
	} else {
		/* First what is kept: who sent it hears that it is safe when it is. */
		if (in->facts & FACT_BODY && !(in->facts & FACT_NO_STORE))
			room_past_add(r, s->wall_ms, l.from, bytes_of(id), bytes_of(o->id), l.rest, true);
		room_archive(r, &l, bytes_of(id), in->facts);
		room_letter_send_all(&l, r);
	}
	buf_fini(&from);
}

/* ---- the subject (8.1) ---- */

static void put_subject(struct buf *b, const struct room *r)
{
	buf_put_str(b, "<subject>");
	text_xml_escape(bytes_of(r->subject), b);
	buf_put_str(b, "</subject>");
}

/* The last thing that a newcomer hears (7.2.15), also when it is empty. */
void room_send_subject(struct room *r, struct room_seat *to)
{
	struct buf *b = &r->service->rest;
	char stamp[TEXT_TIME_BYTES];

	buf_clear(b);
	buf_put_str(b, " type='groupchat'>");
	put_subject(b, r);
	if (r->subject_ms) {
		text_time(r->subject_ms, false, stamp);
		buf_put_str(b, "<delay xmlns='" NS_DELAY "'");
		xml_write_attr(b, "from", room_jid(r));
		buf_putf(b, " stamp='%s'/>", stamp);
	}
	buf_put_str(b, "</message>");
	const struct room_letter l = { .s = r->service, .kind = STANZA_MESSAGE, .type = TYPE_GROUPCHAT, .facts = FACT_SUBJECT | FACT_PAYLOAD,
				       .from = r->subject_by ? bytes_of(r->subject_by) : room_jid(r), .rest = buf_bytes(b) };
	room_letter_send(&l, seat_full(to));
}

static int take_subject(struct room *r, const struct room_occupant *o, struct bytes text)
{
	struct buf by;
	char *subject = room_dup(text), *who;

	buf_init(&by, JID_MAX_BYTES + 1);
	room_occupant_jid(&by, r, o);
	who = room_dup(buf_bytes(&by));
	buf_fini(&by);
	if (!subject || !who) {
		free(subject);
		free(who);
		return ERR_NOMEM;
	}
	free(r->subject);
	free(r->subject_by);
	r->subject = subject;
	r->subject_by = who;
	r->subject_ms = r->service->wall_ms;
	room_save(r);
	return 0;
}

static void change_subject(struct room *r, const struct room_occupant *o, const struct room_in *in)
{
	struct bytes text = xml_text(xml_child(in->node, "subject", NS_CLIENT));
	enum room_role least = room_is(r, ROOM_SUBJECT) ? ROLE_PARTICIPANT : ROLE_MODERATOR;

	if (o->role < least)
		refuse(r, in, STANZA_FORBIDDEN, "You may not change the subject");
	else if (text.n > r->service->rules.subject_max)
		refuse(r, in, STANZA_NOT_ACCEPTABLE, "The subject is too long");
	else if (take_subject(r, o, text))
		refuse(r, in, STANZA_RESOURCE_CONSTRAINT, NULL);
	else
		say(r, o, in);
}

/* ---- to one (7.5) ---- */

static bool may_whisper(const struct room *r, const struct room_occupant *o)
{
	static const uint8_t least[] = { ROLE_VISITOR, ROLE_PARTICIPANT, ROLE_MODERATOR, ROOM_ROLE_COUNT };

	return o->role >= least[r->config.v[ROOM_PM]];
}

static void whisper(struct room *r, const struct room_occupant *o, const struct room_in *in)
{
	struct room_service *s = r->service;
	struct room_occupant *to = room_by_nick(r, nick_of(in), in->arena);
	struct buf from, *b = &s->rest;

	if (!to) {
		refuse(r, in, STANZA_ITEM_NOT_FOUND, "Nobody here has this nickname");
		return;
	}
	if (!may_whisper(r, o)) {
		refuse(r, in, STANZA_FORBIDDEN, "You may not send private messages here");
		return;
	}
	buf_init(&from, JID_MAX_BYTES + 1);
	room_occupant_jid(&from, r, o);
	buf_clear(b);
	room_put_attrs(b, in, stanza_type_name((enum stanza_type)in->type));
	buf_put_u8(b, '>');
	room_put_children(s, b, in);
	put_occupant_id(b, o);
	buf_put_str(b, "<x xmlns='" NS_MUC_USER "'/></message>");
	const struct room_letter l = { .s = s, .kind = STANZA_MESSAGE, .type = in->type, .facts = in->facts | FACT_MUC_USER | FACT_PAYLOAD,
				       .from = buf_bytes(&from), .rest = buf_bytes(b) };
	LIST_EACH (it, &to->seats)
		room_letter_send(&l, seat_full(LIST_OWNER(it, struct room_seat, node)));
	buf_fini(&from);
}

/* ---- XEP-0425: a moderator takes a message back ---- */

static void put_moderated(struct buf *b, const struct room *r, const struct room_occupant *o, struct bytes reason)
{
	struct buf by;

	buf_init(&by, JID_MAX_BYTES + 1);
	room_occupant_jid(&by, r, o);
	buf_put_str(b, "<moderated xmlns='" NS_MODERATE "'");
	xml_write_attr(b, "by", buf_bytes(&by));
	buf_put_u8(b, '>');
	put_occupant_id(b, o);
	buf_put_str(b, "</moderated>");
	buf_fini(&by);
	if (reason.n) {
		buf_put_str(b, "<reason>");
		text_xml_escape(reason, b);
		buf_put_str(b, "</reason>");
	}
}

/* In the place of the message, which newcomers or the archive may have; p: NULL when newcomers have it not. false: nowhere. */
static bool leave_stone(struct room *r, struct room_past *p, struct bytes id, const struct room_occupant *o, struct bytes reason)
{
	struct buf *b = &r->service->rest;
	char stamp[TEXT_TIME_BYTES];

	text_time(r->service->wall_ms, false, stamp);
	buf_clear(b);
	buf_putf(b, " type='groupchat'><retracted xmlns='" NS_RETRACT "' stamp='%s'>", stamp);
	put_moderated(b, r, o, reason);
	buf_put_str(b, "</retracted>");
	put_stanza_id(b, r, id);
	buf_put_str(b, "</message>");
	bool is_there = room_has_archive(r) && r->service->ops->unsay(r->service->arg, r, id, buf_bytes(b));
	if (p)
		room_past_replace(r, p, buf_bytes(b));
	return p || is_there;
}

void room_moderate(struct room *r, const struct room_in *in, const struct xml_node *moderate)
{
	struct room_service *s = r->service;
	const struct room_seat *seat = room_seat_of(r, in->from);
	struct bytes reason = xml_text(xml_child(moderate, "reason", NS_MODERATE));
	struct bytes id = xml_attr(moderate, "id");
	struct room_past *p = room_past_find(r, id);
	char own[ROOM_ID_MAX + 1];
	struct buf *b = &s->rest;

	if (!seat || seat->occupant->role < ROLE_MODERATOR) {
		refuse(r, in, STANZA_FORBIDDEN, "For moderators only");
		return;
	}
	if (!xml_child(moderate, "retract", NS_RETRACT)) {
		refuse(r, in, STANZA_BAD_REQUEST, NULL);
		return;
	}
	if (!leave_stone(r, p, id, seat->occupant, reason)) {
		refuse(r, in, STANZA_ITEM_NOT_FOUND, "No such message is kept");
		return;
	}
	buf_clear(b);
	buf_put_str(b, " type='groupchat'><retract xmlns='" NS_RETRACT "'");
	xml_write_attr(b, "id", id);
	buf_put_u8(b, '>');
	put_moderated(b, r, seat->occupant, reason);
	buf_put_str(b, "</retract>");
	room_name_message(r, own);
	put_stanza_id(b, r, bytes_of(own));
	buf_put_str(b, "</message>");
	const struct room_letter l = { .s = s, .kind = STANZA_MESSAGE, .type = TYPE_GROUPCHAT, .facts = FACT_PAYLOAD | FACT_STORE,
				       .from = room_jid(r), .rest = buf_bytes(b) };
	room_archive(r, &l, bytes_of(own), l.facts); /* for who has the message already, and comes back */
	room_letter_send_all(&l, r);
	room_result(s, in, BYTES_NONE);
}

/* ---- what comes in ---- */

static bool is_size_fine(struct room *r, const struct room_in *in)
{
	size_t n = 0;

	for (const struct xml_node *c = xml_first(in->node); c; c = xml_next(c))
		n += strcmp(c->ns, NS_CLIENT) == 0 || strcmp(c->ns, NS_XHTML_IM) == 0 ? xml_text(c).n : 0;
	return n <= r->service->rules.message_max;
}

static void to_room(struct room *r, const struct room_occupant *o, const struct room_in *in)
{
	/* 8.1: a subject, and no body beside it. */
	if (in->facts & FACT_SUBJECT && !(in->facts & FACT_BODY) && !xml_child(in->node, "thread", NS_CLIENT))
		change_subject(r, o, in);
	else if (o->role < ROLE_PARTICIPANT)
		refuse(r, in, STANZA_FORBIDDEN, "You have no voice here"); /* 7.9 */
	else
		say(r, o, in);
}

void room_on_message(struct room *r, const struct room_in *in)
{
	struct room_seat *seat = room_seat_of(r, in->from);
	bool is_to_nick = nick_of(in).n > 0;

	if (!is_to_nick && in->type != TYPE_GROUPCHAT && room_on_mediated(r, in))
		return;
	if (!seat)
		refuse(r, in, STANZA_NOT_ACCEPTABLE, "You are not in this room"); /* 7.4 */
	else if (is_to_nick == (in->type == TYPE_GROUPCHAT))
		refuse(r, in, STANZA_BAD_REQUEST, is_to_nick ? "A groupchat message is for the room" : "A message to the room is of type groupchat");
	else if (!rate_take(&seat->occupant->rate, 1, in->now_ms))
		refuse(r, in, STANZA_POLICY_VIOLATION, "Too fast");
	else if (!is_size_fine(r, in))
		refuse(r, in, STANZA_NOT_ACCEPTABLE, "The message is too long for this room");
	else if (is_to_nick)
		whisper(r, seat->occupant, in);
	else
		to_room(r, seat->occupant, in);
}
