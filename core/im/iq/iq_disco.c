/* Service discovery (XEP-0030) of domains and accounts, with contact addresses (XEP-0157). */
#include "iq/iq.h"

#include "proto/disco.h"
#include "proto/xmpp.h"
#include "adhoc/adhoc.h"
#include "domain.h"
#include "pep/pep.h"
#include "pep/pep_form.h"
#include "push/push.h"
#include "room/rooms.h"

static const char *const account_features[] = {
	NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VCARD, NS_LAST, NS_RSM, "urn:xmpp:pep-vcard-conversion:0", NS_BOOKMARKS "#compat",
	/* XEP-0163 6.1 and XEP-0060 10, as far as pep.h goes */
	NS_PUBSUB, NS_PUBSUB "#access-open", NS_PUBSUB "#access-presence", NS_PUBSUB "#access-roster", NS_PUBSUB "#access-whitelist",
	NS_PUBSUB "#auto-create", NS_PUBSUB "#auto-subscribe", NS_PUBSUB "#config-node", NS_PUBSUB "#config-node-max",
	NS_PUBSUB "#create-and-configure", NS_PUBSUB "#create-nodes", NS_PUBSUB "#delete-items", NS_PUBSUB "#delete-nodes",
	NS_PUBSUB "#filtered-notifications", NS_PUBSUB "#instant-nodes", NS_PUBSUB "#item-ids", NS_PUBSUB "#last-published",
	NS_PUBSUB "#manage-subscriptions", NS_PUBSUB "#member-affiliation", NS_PUBSUB "#meta-data", NS_PUBSUB "#modify-affiliations",
	NS_PUBSUB "#multi-items", NS_PUBSUB "#outcast-affiliation", NS_PUBSUB "#persistent-items", NS_PUBSUB "#presence-notifications",
	NS_PUBSUB "#presence-subscribe", NS_PUBSUB "#publish", NS_PUBSUB "#publish-options", NS_PUBSUB "#publisher-affiliation",
	NS_PUBSUB "#purge-nodes", NS_PUBSUB "#retract-items", NS_PUBSUB "#retrieve-affiliations", NS_PUBSUB "#retrieve-default",
	NS_PUBSUB "#retrieve-items", NS_PUBSUB "#retrieve-subscriptions", NS_PUBSUB "#rsm", NS_PUBSUB "#subscribe",
};

/* A person's own, where there is an archive (XEP-0313 7, XEP-0359 6). */
static const char *const archive_features[] = { NS_MAM, NS_MAM_EXTENDED, NS_MAM_GROUPCHAT, NS_STANZA_ID };

static void put_archive(const struct im *im, struct buf *b)
{
	if (!im->config.has_archive)
		return;
	for (size_t i = 0; i < sizeof archive_features / sizeof archive_features[0]; i++)
		buf_putf(b, "<feature var='%s'/>", archive_features[i]);
	if (im->config.has_archive_search)
		buf_put_str(b, "<feature var='" NS_FULLTEXT "'/>");
}

static void put_account(struct buf *b)
{
	buf_put_str(b, "<identity category='account' type='registered'/><identity category='pubsub' type='pep'/>");
	for (size_t i = 0; i < sizeof account_features / sizeof account_features[0]; i++)
		buf_putf(b, "<feature var='%s'/>", account_features[i]);
}

static struct disco_facts facts_of(const struct im *im, struct bytes to)
{
	struct jid j = jid_of_normal(to);
	const struct domain *d = domain_of(im, jid_domain(&j));

	return (struct disco_facts){ d ? d->contact : BYTES_NONE, upload_announced(&im->upload), im->config.has_search, adhoc_is_on(im) };
}

/* The node that the doors announce with the hash stands for the domain itself (XEP-0115 6.2). */
static bool is_announced(struct bytes node, const struct disco_facts *facts)
{
	char hash[DISCO_HASH_BYTES];

	return bytes_starts(node, BYTES(DISCO_NODE "#")) && !disco_hash(facts, hash) &&
	       bytes_eq_str(bytes_skip(node, sizeof DISCO_NODE), hash);
}

/* A node of a person (XEP-0060 5.3, 5.4). */
static void node_info(struct im *im, struct iq *q, struct bytes name)
{
	const struct pep_node *n = pep_node_find(q->user, name);
	struct buf *b = &im->out2;

	if (!n || !pep_shows(q->user, n, q->it->e.from)) {
		iq_error(im, q, iq_may_see(q->user, q->it->e.from) ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'");
	xml_write_attr(b, "node", name);
	buf_put_str(b, "><identity category='pubsub' type='leaf'/><feature var='" NS_DISCO_INFO "'/><feature var='" NS_PUBSUB "'/>");
	pep_form_write_meta(b, &n->config, user_jid(q->user));
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}

void iq_disco_info(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;
	struct bytes node = xml_attr(q->child, "node");
	const struct disco_facts facts = facts_of(im, q->it->e.to);

	if (node.n && q->user) {
		node_info(im, q, node);
		return;
	}
	if (node.n && adhoc_info(im, q, node))
		return;
	if (node.n && !is_announced(node, &facts)) {
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
		disco_write(b, &facts);
	if (q->who == IQ_SELF)
		put_archive(im, b);
	if (q->who == IQ_SELF && push_is_on(im))
		buf_put_str(b, "<feature var='" NS_PUSH "'/>");
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}

/* The nodes of a person that the asker may see (XEP-0060 5.2). */
static void put_nodes(struct buf *b, const struct user *u, struct bytes from)
{
	for (uint32_t i = 0; i < u->n_nodes; i++) {
		if (!pep_shows(u, u->nodes[i], from))
			continue;
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", user_jid(u));
		xml_write_attr(b, "node", pep_node_name(u->nodes[i]));
		buf_put_str(b, "/>");
	}
}

/* One's own resources, for oneself and those who see them anyway; to others there is nobody. */
void iq_disco_items(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;

	if (!q->user && adhoc_items(im, q, xml_attr(q->child, "node")))
		return;
	if (xml_attr(q->child, "node").n || (q->user && !iq_may_see(q->user, q->it->e.from))) {
		iq_error(im, q, q->user ? STANZA_SERVICE_UNAVAILABLE : STANZA_ITEM_NOT_FOUND);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "'>");
	if (q->user) {
		LIST_EACH (n, &q->user->sessions) {
			const struct session *s = LIST_OWNER(n, struct session, node);
			if (!session_is_available(s) || !iq_is_shown(im, q->user, q->it->e.from))
				continue;
			buf_put_str(b, "<item");
			xml_write_attr(b, "jid", session_full(s));
			buf_put_str(b, "/>");
		}
		put_nodes(b, q->user, q->it->e.from);
	}
	if (!q->user)
		rooms_put_items(im, b, q->it->e.to);
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}
