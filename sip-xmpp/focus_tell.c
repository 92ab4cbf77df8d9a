#include "focus_impl.h"

#include "base/random.h"
#include "charset.h"

enum { TELL_BYTES_MAX = 65536 + STANZA_IN_BYTES_MAX, FROM_BYTES_MAX = JID_MAX_BYTES + 1 };

static void put_from(const struct focus *f, struct bytes nick, struct buf *out)
{
	buf_init(out, FROM_BYTES_MAX);
	buf_put_str(out, f->room);
	if (nick.n) {
		buf_put_u8(out, '/');
		buf_put_bytes(out, nick);
	}
}

static void open_stanza(const struct focus *f, struct buf *b, const char *name, const char *type, struct bytes from, struct bytes sid)
{
	buf_putf(b, "<%s", name);
	if (type)
		buf_putf(b, " type='%s'", type);
	xml_write_attr(b, "from", from);
	xml_write_attr(b, "to", bytes_of(f->user));
	if (sid.n)
		xml_write_attr(b, "id", sid);
	buf_put_u8(b, '>');
}

static void post(const struct focus *f, struct stanza_to *to, struct bytes from, const struct buf *b)
{
	to->trace = f->session ? f->session->key : 0;
	to->from = from;
	to->to = bytes_of(f->user);
	to->stanza = buf_bytes(b);
	if (!buf_failed(b) && from.n <= JID_MAX_BYTES)
		stanza_out_post(f->x, to);
}

/* ---- presence ---- */

static void put_item(struct buf *b, const struct focus_change *c)
{
	buf_putf(b, "<x xmlns='" NS_MUC_USER "'><item affiliation='none' role='%s'", c->is_gone && c->status != 303 ? "none" : "participant");
	if (c->new_nick)
		xml_write_attr(b, "nick", bytes_of(c->new_nick));
	buf_put_str(b, "/>");
	if (c->extra)
		buf_put_str(b, c->extra);
	if (c->is_us)
		buf_put_str(b, "<status code='110'/>");
	if (c->status)
		buf_putf(b, "<status code='%u'/>", c->status);
	buf_put_str(b, "</x>");
}

void focus_tell_presence(struct focus *f, const struct focus_change *c)
{
	struct stanza_to to = { .kind = STANZA_PRESENCE, .type = c->is_gone ? TYPE_UNAVAILABLE : TYPE_AVAILABLE };
	struct buf b, from;

	buf_init(&b, TELL_BYTES_MAX);
	put_from(f, bytes_of(c->nick), &from);
	open_stanza(f, &b, "presence", c->is_gone ? "unavailable" : NULL, buf_bytes(&from), BYTES_NONE);
	put_item(&b, c);
	buf_put_str(&b, "</presence>");
	post(f, &to, buf_bytes(&from), &b);
	buf_fini(&b);
	buf_fini(&from);
}

void focus_tell_room(struct focus *f)
{
	LIST_EACH (it, &f->occupants) {
		const struct occupant *o = LIST_OWNER(it, struct occupant, node);
		if (!o->is_us)
			focus_tell_presence(f, &(struct focus_change){ .nick = o->nick });
	}
	focus_tell_presence(f, &(struct focus_change){ .nick = f->nick, .is_us = true }); /* MUC-X03 */
	focus_tell_subject(f);
}

/* The join has failed: XEP-0045 7.2. */
void focus_tell_join_error(struct focus *f, const struct stanza_fault *fault)
{
	struct stanza_to to = { .kind = STANZA_PRESENCE, .type = TYPE_ERROR, .sid = bytes_of(f->join_sid) };
	struct buf b, from;

	buf_init(&b, TELL_BYTES_MAX);
	put_from(f, bytes_of(f->nick), &from);
	if (error_write(&b, STANZA_PRESENCE, TYPE_AVAILABLE, to.sid, buf_bytes(&from), bytes_of(f->user), fault))
		post(f, &to, buf_bytes(&from), &b);
	buf_fini(&b);
	buf_fini(&from);
}

/* ---- messages ---- */

void focus_tell_message(struct focus *f, struct bytes nick, bool is_group, struct bytes sid, struct bytes elements, uint32_t facts)
{
	char fresh[17];
	struct stanza_to to = { .kind = STANZA_MESSAGE, .type = is_group ? TYPE_GROUPCHAT : TYPE_CHAT,
				.facts = facts | (is_group ? 0 : FACT_MUC_USER) };
	struct buf b, from;

	random_hex(fresh, 16);
	to.sid = sid.n ? sid : bytes_of(fresh);
	buf_init(&b, TELL_BYTES_MAX);
	put_from(f, nick, &from);
	open_stanza(f, &b, "message", is_group ? "groupchat" : "chat", buf_bytes(&from), to.sid);
	buf_put_bytes(&b, elements);
	if (!is_group)
		buf_put_str(&b, "<x xmlns='" NS_MUC_USER "'/>"); /* XEP-0045 7.5 */
	buf_put_str(&b, "</message>");
	post(f, &to, buf_bytes(&from), &b);
	buf_fini(&b);
	buf_fini(&from);
}

/* MUC-S10. XEP-0045 7.2.15: an empty one too, it ends the join. */
void focus_tell_subject(struct focus *f)
{
	struct buf b;

	buf_init(&b, TELL_BYTES_MAX);
	buf_put_str(&b, "<subject>");
	charset_put_xml(&b, bytes_of(f->subject));
	buf_put_str(&b, "</subject>");
	if (!buf_failed(&b))
		focus_tell_message(f, BYTES_NONE, true, BYTES_NONE, buf_bytes(&b), FACT_SUBJECT | FACT_PAYLOAD);
	buf_fini(&b);
}
