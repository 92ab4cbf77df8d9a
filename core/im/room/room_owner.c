/* What owners do (10): configuration, and the end of a room (muc#owner). */
#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

static bool is_owner(const struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);

	return room_affiliation_of(r, jid_bare(&from)) == ROOM_OWNER;
}

void room_owner_get(struct room *r, const struct room_in *in)
{
	struct buf *b = &r->service->payload;

	if (!is_owner(r, in)) {
		room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_MUC_OWNER "'>");
	room_config_write_form(b, r);
	buf_put_str(b, "</query>");
	room_result(r->service, in, buf_bytes(b));
}

/* ---- what a new configuration does to those who are in ---- */

/* 10.2.1: the codes of what has changed. */
static void tell_codes(struct room *r, uint32_t changed)
{
	struct buf *b = &r->service->rest;
	bool is_logged = room_is(r, ROOM_PERSISTENT) && room_history_of(r);

	buf_clear(b);
	buf_put_str(b, " type='groupchat'><x xmlns='" NS_MUC_USER "'>");
	if (changed & 1u << ROOM_WHOIS)
		buf_putf(b, "<status code='%d'/>", room_is(r, ROOM_WHOIS) ? 172 : 173);
	if (changed & (1u << ROOM_PERSISTENT | 1u << ROOM_HISTORY))
		buf_putf(b, "<status code='%d'/>", is_logged ? 170 : 171);
	buf_put_str(b, "<status code='104'/></x></message>");
	const struct room_letter l = { .s = r->service, .kind = STANZA_MESSAGE, .type = TYPE_GROUPCHAT, .facts = FACT_MUC_USER | FACT_PAYLOAD,
				       .from = room_jid(r), .rest = buf_bytes(b) };
	room_letter_send_all(&l, r);
}

/* 10.2: who may not be here any more goes (322). */
static void expel_strangers(struct room *r)
{
	LIST_EACH (it, &r->occupants) {
		struct room_notice n = { .occupant = LIST_OWNER(it, struct room_occupant, node), .codes = { 322 } };
		if (n.occupant->affiliation == ROOM_NONE)
			room_expel(r, &n);
	}
}

static void take_effect(struct room *r, uint32_t changed)
{
	bool was_persistent = room_is(r, ROOM_PERSISTENT) != !!(changed & 1u << ROOM_PERSISTENT);

	if (room_is(r, ROOM_PERSISTENT) != was_persistent)
		room_keep(r);
	else
		room_save(r);
	if (changed && r->n_occupants)
		tell_codes(r, changed);
	if (changed & 1u << ROOM_MEMBERS_ONLY && room_is(r, ROOM_MEMBERS_ONLY))
		expel_strangers(r);
	room_check_empty(r);
}

static void submit(struct room *r, const struct room_in *in, const struct xml_node *form)
{
	struct bytes type = xml_attr(form, "type");
	uint32_t changed = 0;

	if (bytes_eq_str(type, "cancel")) {
		if (r->is_locked) /* 10.1.3: then there is no room */
			room_destroy(r, BYTES_NONE, BYTES_NONE, BYTES_NONE);
		room_result(r->service, in, BYTES_NONE);
		return;
	}
	if (!bytes_eq_str(type, "submit")) {
		room_refuse(r->service, in, STANZA_BAD_REQUEST, NULL);
		return;
	}
	int rc = room_config_take(r, form, &changed);
	if (rc) {
		room_refuse(r->service, in, rc == ERR_NOMEM ? STANZA_RESOURCE_CONSTRAINT : STANZA_NOT_ACCEPTABLE,
		            "A value is not possible, or there are too many persistent rooms");
		return;
	}
	bool is_first = r->is_locked;
	r->is_locked = false;
	take_effect(r, is_first ? changed & 1u << ROOM_PERSISTENT : changed);
	room_result(r->service, in, BYTES_NONE);
}

static void destroy(struct room *r, const struct room_in *in, const struct xml_node *d)
{
	struct bytes password = xml_text(xml_child(d, "password", NS_MUC_OWNER)), reason = xml_text(xml_child(d, "reason", NS_MUC_OWNER)),
		     alternate = xml_attr(d, "jid");
	struct jid j;

	if (alternate.n && jid_parse(alternate, in->arena, &j)) {
		room_refuse(r->service, in, STANZA_JID_MALFORMED, NULL);
		return;
	}
	room_destroy(r, alternate.n ? j.full : BYTES_NONE, password, reason);
	room_result(r->service, in, BYTES_NONE);
}

void room_owner_set(struct room *r, const struct room_in *in)
{
	const struct xml_node *query = xml_first(in->node), *d = xml_child(query, "destroy", NS_MUC_OWNER),
			      *form = xml_child(query, "x", NS_DATA);

	if (!is_owner(r, in))
		room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
	else if (d)
		destroy(r, in, d);
	else if (form)
		submit(r, in, form);
	else
		room_refuse(r->service, in, STANZA_BAD_REQUEST, NULL);
}
