#include "delivery/carbons.h"

#include "archive/archive.h"
#include "proto/xmpp.h"

bool carbons_is_eligible(enum stanza_type type, uint32_t facts)
{
	/* Private, or a copy already: never a copy of a copy. Room messages, their private ones too,
	 * reach each client by itself. */
	if (facts & (FACT_NO_COPY | FACT_CARBON | FACT_MUC_USER))
		return false;
	if (type == TYPE_CHAT)
		return true;
	return type == TYPE_NORMAL && facts & (FACT_BODY | FACT_RECEIPT | FACT_CHAT_STATE | FACT_MARKER);
}

/* A copy inside has the content namespace of clients written out. */
static void put_copy(const struct im *im, struct buf *b, const struct item *it, struct bytes bare, struct bytes full, const char *name)
{
	static const size_t tag = sizeof "<message" - 1;

	buf_put_str(b, "<message");
	xml_write_attr(b, "from", bare);
	xml_write_attr(b, "to", full);
	buf_put_str(b, it->e.type == TYPE_CHAT ? " type='chat'><" : "><");
	buf_put_str(b, name);
	buf_put_str(b, " xmlns='" NS_CARBONS "'><forwarded xmlns='" NS_FORWARD "'><message xmlns='" NS_CLIENT "'");
	/* The sender's own clients learn where it is archived (XEP-0313 3.5). */
	if (!it->archive_id || !archive_put_stamped(im, b, bytes_skip(it->e.stanza, tag), bare, it->archive_id))
		buf_put_bytes(b, bytes_skip(it->e.stanza, tag));
	buf_put_str(b, "</forwarded></");
	buf_put_str(b, name);
	buf_put_str(b, "></message>");
}

static void copy(struct im *im, struct session *to, const struct item *it, const char *name)
{
	buf_clear(&im->out);
	put_copy(im, &im->out, it, session_bare(to), session_full(to), name);
	if (buf_failed(&im->out))
		return;
	im_stats[STAT_CARBONS]++;
	const struct envelope e = { .kind = STANZA_MESSAGE, .type = it->e.type, .facts = it->e.facts,
				    .stanza = buf_bytes(&im->out) };
	session_send_as(im, to, &e);
}

void carbons_sent(struct im *im, struct session *from, const struct item *it)
{
	struct user *u = from->user;

	if (u->n_sessions < 2 || !carbons_is_eligible((enum stanza_type)it->e.type, it->e.facts))
		return;
	LIST_EACH (n, &u->sessions) {
		struct session *s = LIST_OWNER(n, struct session, node);
		if (s != from && s->bits & SESSION_HAS_CARBONS)
			copy(im, s, it, "sent");
	}
}

void carbons_received(struct im *im, struct user *u, const struct item *it, const struct session *exact)
{
	/* One's own message to oneself has gone out as a "sent" copy already. */
	if (it->session && it->session->user == u)
		return;
	if (u->n_sessions < 2 || !carbons_is_eligible((enum stanza_type)it->e.type, it->e.facts))
		return;
	LIST_EACH (n, &u->sessions) {
		struct session *s = LIST_OWNER(n, struct session, node);
		bool has_it = exact ? s == exact : session_takes_messages(s);
		if (!has_it && s->bits & SESSION_HAS_CARBONS)
			copy(im, s, it, "received");
	}
}
