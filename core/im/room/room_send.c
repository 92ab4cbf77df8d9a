#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

/* A stanza to each of a thousand people differs in its `to`: the rest is written once. */
void room_letter_begin(const struct room_letter *l)
{
	struct buf *b = &l->s->head;

	buf_clear(b);
	buf_put_u8(b, '<');
	buf_put_str(b, stanza_kind_name((enum stanza_kind)l->kind));
	xml_write_attr(b, "from", l->from);
}

void room_letter_next(const struct room_letter *l, struct bytes to)
{
	struct buf *b = &l->s->out;
	struct envelope e = { .door = DOOR_CORE, .kind = l->kind, .type = l->type, .facts = l->facts, .from = l->from, .to = to };

	buf_clear(b);
	buf_put_bytes(b, buf_bytes(&l->s->head));
	xml_write_attr(b, "to", to);
	buf_put_bytes(b, l->rest);
	e.stanza = buf_bytes(b);
	if (!buf_failed(b))
		l->s->ops->send(l->s->arg, &e);
}

void room_letter_send(const struct room_letter *l, struct bytes to)
{
	room_letter_begin(l);
	room_letter_next(l, to);
}

void room_letter_send_all(const struct room_letter *l, const struct room *r)
{
	room_letter_begin(l);
	LIST_EACH (it, &r->occupants) {
		const struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		LIST_EACH (is, &o->seats)
			room_letter_next(l, seat_full(LIST_OWNER(is, struct room_seat, node)));
	}
}

void room_result(struct room_service *s, const struct room_in *in, struct bytes payload)
{
	struct envelope e = { .door = DOOR_CORE, .kind = STANZA_IQ, .type = TYPE_RESULT, .from = in->to, .to = in->from, .sid = in->sid };
	struct buf *b = &s->out;

	buf_clear(b);
	buf_put_str(b, "<iq type='result'");
	xml_write_attr(b, "id", in->sid);
	xml_write_attr(b, "from", in->to);
	xml_write_attr(b, "to", in->from);
	buf_put_u8(b, '>');
	buf_put_bytes(b, payload);
	buf_put_str(b, "</iq>");
	e.stanza = buf_bytes(b);
	if (!buf_failed(b))
		s->ops->send(s->arg, &e);
}

void room_refuse(struct room_service *s, const struct room_in *in, enum stanza_error why, const char *text)
{
	struct jid to = jid_of_normal(in->to);
	const struct stanza_refusal r = { .error = why, .text = text, .by = jid_bare(&to) };
	struct envelope e = { .door = DOOR_CORE, .kind = in->kind, .type = TYPE_ERROR, .from = in->to, .to = in->from, .sid = in->sid };

	buf_clear(&s->out);
	if (!stanza_write_error(&s->out, (enum stanza_kind)in->kind, (enum stanza_type)in->type, in->sid, in->to, in->from, &r))
		return;
	e.stanza = buf_bytes(&s->out);
	if (!buf_failed(&s->out))
		s->ops->send(s->arg, &e);
}

void room_put_attrs(struct buf *b, const struct room_in *in, const char *type)
{
	struct bytes lang = xml_attr_ns(in->node, "lang", XML_NS_XML);

	if (*type)
		buf_putf(b, " type='%s'", type);
	if (in->sid.n)
		xml_write_attr(b, "id", in->sid);
	if (lang.n)
		xml_write_attr(b, "xml:lang", lang);
}

/* What only a room may say, and what it takes out (D-ROM-16). */
static bool is_ours(const struct room_service *s, const struct xml_node *n)
{
	static const char *const spaces[] = { NS_MUC, NS_MUC_USER, NS_OCCUPANT_ID, NS_STANZA_ID, NS_DELAY, NS_HATS };

	if (strcmp(n->ns, NS_STANZA_ID) == 0 && strcmp(n->name, "stanza-id") != 0)
		return false; /* origin-id is the sender's own */
	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
		if (strcmp(n->ns, spaces[i]) == 0)
			return true;
	return s->rules.strips_xhtml && strcmp(n->ns, NS_XHTML_IM) == 0;
}

/* How available somebody is: RFC 6121 4.7.2, XEP-0319, XEP-0256. */
static bool is_detail(const struct xml_node *n)
{
	return xml_is(n, "show", NS_CLIENT) || xml_is(n, "status", NS_CLIENT) || xml_is(n, "priority", NS_CLIENT) || xml_is(n, "idle", NS_IDLE) ||
	       xml_is(n, "query", NS_LAST);
}

static void put_some(struct room_service *s, struct buf *b, const struct room_in *in, bool details)
{
	for (const struct xml_node *n = xml_first(in->node); n; n = xml_next(n))
		if (is_detail(n) == details && !is_ours(s, n))
			xml_write(b, n, NS_CLIENT);
}

size_t room_put_presence(struct room_service *s, struct buf *b, const struct room_in *in)
{
	size_t before = buf_len(b);

	put_some(s, b, in, true);
	size_t n = buf_len(b) - before;
	put_some(s, b, in, false);
	return n;
}

void room_put_children(struct room_service *s, struct buf *b, const struct room_in *in)
{
	for (const struct xml_node *n = xml_first(in->node); n; n = xml_next(n))
		if (!is_ours(s, n))
			xml_write(b, n, NS_CLIENT);
}
