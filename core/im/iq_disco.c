/* Service discovery (XEP-0030) of domains and accounts, with contact addresses (XEP-0157). */
#include "iq.h"

#include "proto/disco.h"
#include "proto/xmpp.h"
#include "domain.h"

static const char *const account_features[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VCARD, NS_LAST };

static void put_account(struct buf *b)
{
	buf_put_str(b, "<identity category='account' type='registered'/>");
	for (size_t i = 0; i < sizeof account_features / sizeof account_features[0]; i++)
		buf_putf(b, "<feature var='%s'/>", account_features[i]);
}

static struct bytes contact_of(const struct im *im, struct bytes to)
{
	struct jid j = jid_of_normal(to);
	const struct domain *d = domain_of(im, jid_domain(&j));

	return d ? d->contact : BYTES_NONE;
}

/* The node that the doors announce with the hash stands for the domain itself (XEP-0115 6.2). */
static bool is_announced(struct bytes node, struct bytes contact)
{
	char hash[DISCO_HASH_BYTES];

	return bytes_starts(node, BYTES(DISCO_NODE "#")) && !disco_hash(contact, hash) &&
	       bytes_eq_str(bytes_skip(node, sizeof DISCO_NODE), hash);
}

void iq_disco_info(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;
	struct bytes node = xml_attr(q->child, "node"), contact = contact_of(im, q->it->e.to);

	if (node.n && (q->user || !is_announced(node, contact))) {
		iq_error(im, q, STANZA_ITEM_NOT_FOUND);
		return;
	}
	if (q->who == IQ_OTHER && !iq_may_see(q->user, q->it->e.from)) {
		iq_error(im, q, STANZA_SERVICE_UNAVAILABLE); /* RFC 6121 8.5.1: as if there were nobody */
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'");
	if (node.n)
		xml_write_attr(b, "node", node);
	buf_put_str(b, ">");
	if (q->user)
		put_account(b);
	else
		disco_write(b, contact);
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}

/* One's own resources, for oneself and those who see them anyway; to others there is nobody. */
void iq_disco_items(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;

	if (xml_attr(q->child, "node").n || (q->user && !iq_may_see(q->user, q->it->e.from))) {
		iq_error(im, q, q->user ? STANZA_SERVICE_UNAVAILABLE : STANZA_ITEM_NOT_FOUND);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "'>");
	if (q->user) {
		LIST_EACH (n, &q->user->sessions) {
			const struct session *s = LIST_OWNER(n, struct session, node);
			if (!session_is_available(s))
				continue;
			buf_put_str(b, "<item");
			xml_write_attr(b, "jid", session_full(s));
			buf_put_str(b, "/>");
		}
	}
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}
