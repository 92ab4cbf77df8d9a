#include "room.h"

#include "proto/xmpp.h"
#include "stanza_out.h"

#define NS_CONFERENCE "jabber:x:conference"

/* XEP-0045 7.8.2: the inviter hears of it through the room. */
static void decline(struct stanza_in *s, struct bytes inviter)
{
	struct buf b;

	buf_init(&b, 16384);
	buf_put_str(&b, "<message");
	xml_write_attr(&b, "from", s->e.to);
	xml_write_attr(&b, "to", s->e.from);
	buf_put_str(&b, "><x xmlns='" NS_MUC_USER "'><decline");
	xml_write_attr(&b, "to", inviter);
	buf_put_str(&b, "><reason>Users of this SIP domain cannot join rooms.</reason></decline></x></message>");
	const struct stanza_to to = { .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .facts = FACT_MUC_USER | FACT_PAYLOAD,
				      .trace = s->e.trace, .from = s->e.to, .to = s->e.from, .stanza = buf_bytes(&b) };
	if (!buf_failed(&b))
		stanza_out_post(s->x, &to);
	buf_fini(&b);
	stanza_in_done(s);
}

bool room_on_invitation(struct xlate *x, struct stanza_in *s)
{
	const struct xml_node *user = xml_child(s->node, "x", NS_MUC_USER);
	const struct xml_node *invite = xml_child(user, "invite", NS_MUC_USER);

	(void)x;
	if (invite) {
		decline(s, xml_attr(invite, "from"));
		return true;
	}
	if (!xml_child(s->node, "x", NS_CONFERENCE) || user)
		return false;
	stanza_in_refuse_with(s, STANZA_SERVICE_UNAVAILABLE, "Users of this SIP domain cannot join rooms");
	return true;
}
