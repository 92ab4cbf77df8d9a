/* Service discovery (XEP-0030) of domains and accounts, with contact addresses (XEP-0157). */
#include "iq.h"

#include "base/text.h"
#include "proto/xmpp.h"
#include "domain.h"

static const char *const domain_features[] = {
	NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PING, NS_TIME, NS_VERSION, NS_LAST, NS_ROSTER, NS_BLOCKING, NS_CARBONS,
	NS_VCARD, "jabber:iq:private", "msgoffline",
};
static const char *const account_features[] = { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VCARD, NS_LAST };

static void put_features(struct buf *b, const char *const *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_putf(b, "<feature var='%s'/>", f[i]);
}

static void put_contact(struct buf *b, struct bytes uri)
{
	static const char *const fields[] = { "abuse-addresses", "admin-addresses" };

	buf_put_str(b, "<x xmlns='" NS_DATA "' type='result'><field var='FORM_TYPE' type='hidden'>"
		       "<value>http://jabber.org/network/serverinfo</value></field>");
	for (size_t i = 0; i < 2; i++) {
		buf_putf(b, "<field var='%s' type='list-multi'><value>", fields[i]);
		text_xml_escape(uri, b);
		buf_put_str(b, "</value></field>");
	}
	buf_put_str(b, "</x>");
}

void iq_disco_info(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;

	if (xml_attr(q->child, "node").n) {
		iq_error(im, q, STANZA_ITEM_NOT_FOUND);
		return;
	}
	if (q->who == IQ_OTHER && !iq_may_see(q->user, q->it->e.from)) {
		iq_error(im, q, STANZA_SERVICE_UNAVAILABLE); /* RFC 6121 8.5.1: as if there were nobody */
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'>");
	if (q->user) {
		buf_put_str(b, "<identity category='account' type='registered'/>");
		put_features(b, account_features, sizeof account_features / sizeof account_features[0]);
	} else {
		struct jid to = jid_of_normal(q->it->e.to);
		const struct domain *d = domain_of(im, jid_domain(&to));
		buf_put_str(b, "<identity category='server' type='im' name='Gatehouse'/>");
		put_features(b, domain_features, sizeof domain_features / sizeof domain_features[0]);
		if (d && d->contact.n)
			put_contact(b, d->contact);
	}
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}

/* One's own resources, for oneself and those who see them anyway. */
void iq_disco_items(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;

	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "'>");
	if (q->user && iq_may_see(q->user, q->it->e.from) && !xml_attr(q->child, "node").n) {
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
