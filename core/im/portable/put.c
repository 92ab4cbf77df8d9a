#include "portable/put.h"

#include "base/text.h"
#include "delivery/offline.h"
#include "pep/pep_form.h"
#include "pep/pep_node.h"
#include "presence/subscription.h"
#include "proto/xmpp.h"

/* ---- contacts ---- */

static void put_item(struct buf *b, const struct contact_parts *p)
{
	struct wire w = wire_of(p->groups);

	buf_put_str(b, "<item");
	xml_write_attr(b, "jid", p->jid);
	if (p->name.n)
		xml_write_attr(b, "name", p->name);
	xml_write_attr(b, "subscription", bytes_of(subscription_name(p->bits)));
	if (p->bits & CONTACT_OUT)
		buf_put_str(b, " ask='subscribe'");
	if (p->bits & CONTACT_APPROVED)
		buf_put_str(b, " approved='true'");
	buf_put_u8(b, '>');
	while (wire_left(&w) && !wire_failed(&w)) {
		buf_put_str(b, "<group>");
		text_xml_escape(wire_str(&w), b);
		buf_put_str(b, "</group>");
	}
	buf_put_str(b, "</item>");
}

void put_roster(struct buf *b, const struct user *u)
{
	buf_put_str(b, "<query xmlns='" NS_ROSTER "'>");
	for (uint32_t i = 0; i < u->n_contacts; i++) {
		struct contact_parts p = contact_parts(u->contacts[i]);
		if (p.shared.n)
			p.bits = p.shared.p[0]; /* what it has without the groups of the directory (presence/shared.h) */
		if (p.bits & CONTACT_LISTED)
			put_item(b, &p);
	}
	buf_put_str(b, "</query>");
}

/* A stanza in neutral form: its namespace is put in. */
static void put_stanza(struct buf *b, const char *name, struct bytes stanza)
{
	size_t n = 1 + strlen(name);

	buf_putf(b, "<%s xmlns='" NS_CLIENT "'", name);
	buf_put_bytes(b, bytes_skip(stanza, n));
}

static bool begins(struct bytes v, const char *front)
{
	size_t n = strlen(front);

	return v.n > n && memcmp(v.p, front, n) == 0;
}

void put_requests(struct buf *b, const struct user *u)
{
	for (uint32_t i = 0; i < u->n_contacts; i++) {
		struct contact_parts p = contact_parts(u->contacts[i]);
		if (p.bits & CONTACT_IN && begins(p.request, "<presence"))
			put_stanza(b, "presence", p.request);
	}
}

void put_blocks(struct buf *b, const struct user *u)
{
	if (!u->n_blocks)
		return;
	buf_put_str(b, "<blocklist xmlns='" NS_BLOCKING "'>");
	for (uint32_t i = 0; i < u->n_blocks; i++) {
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", u->blocks[i]);
		buf_put_str(b, "/>");
	}
	buf_put_str(b, "</blocklist>");
}

/* ---- nodes ---- */

static void put_people(struct buf *b, const struct pep_node *n)
{
	struct wire w = wire_of(n->people);
	struct pep_person p;
	bool is_open = false;

	while (pep_people_next(&w, &p)) {
		if (p.affiliation == PEP_NONE)
			continue;
		if (!is_open) {
			buf_put_str(b, "<affiliations");
			xml_write_attr(b, "node", pep_node_name(n));
			buf_put_u8(b, '>');
		}
		is_open = true;
		buf_put_str(b, "<affiliation");
		xml_write_attr(b, "jid", p.jid);
		xml_write_attr(b, "affiliation", bytes_of(pep_affiliation_names[p.affiliation]));
		buf_put_str(b, "/>");
	}
	if (is_open)
		buf_put_str(b, "</affiliations>");
}

void put_nodes(struct buf *b, const struct user *u)
{
	if (!u->n_nodes)
		return;
	buf_put_str(b, "<pubsub xmlns='" NS_PUBSUB_OWNER "'>");
	for (uint32_t i = 0; i < u->n_nodes; i++) {
		const struct pep_node *n = u->nodes[i];
		buf_put_str(b, "<configure");
		xml_write_attr(b, "node", pep_node_name(n));
		buf_put_u8(b, '>');
		pep_form_write(b, &n->config, "submit");
		buf_put_str(b, "</configure>");
		put_people(b, n);
	}
	buf_put_str(b, "</pubsub>");
}

/* ---- messages ---- */

void put_message(struct buf *b, struct bytes stanza, struct bytes domain, uint64_t at_ms)
{
	size_t front = buf_len(b);
	static const char open[] = "<message xmlns='" NS_CLIENT "'";

	if (!begins(stanza, "<message"))
		return;
	buf_put_str(b, open);
	if (!at_ms || !offline_stamp(b, bytes_skip(stanza, sizeof "<message" - 1), domain, at_ms)) {
		buf_truncate(b, front + sizeof open - 1);
		buf_put_bytes(b, bytes_skip(stanza, sizeof "<message" - 1));
	}
}

void put_archived(struct buf *b, struct bytes id, uint64_t at_ms, struct bytes stanza)
{
	char stamp[TEXT_TIME_BYTES];

	text_time(at_ms, true, stamp);
	buf_put_str(b, "<result xmlns='" NS_MAM "'");
	xml_write_attr(b, "id", id);
	buf_putf(b, "><forwarded xmlns='" NS_FORWARD "'><delay xmlns='" NS_DELAY "' stamp='%s'/>", stamp);
	put_message(b, stanza, BYTES_NONE, 0);
	buf_put_str(b, "</forwarded></result>");
}

struct bytes put_private_inner(struct bytes value)
{
	static const char open[] = "<query xmlns='" NS_PRIVATE "'>", end[] = "</query>";
	size_t both = sizeof open - 1 + sizeof end - 1;

	if (!begins(value, open) || value.n <= both)
		return BYTES_NONE;
	return bytes_make(value.p + sizeof open - 1, value.n - both);
}
