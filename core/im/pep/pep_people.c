/* Who is subscribed to a node, and who is affiliated (XEP-0060 5.6, 5.7, 6.1, 6.2, 8.8, 8.9). */
#include "pep/pep.h"

#include "base/err.h"
#include "proto/xmpp.h"

enum { PEOPLE_BYTES_MAX = 1 << 20 };

/* With one person changed. false: refused. */
static bool change(struct pep_ask *a, const struct pep_person *p)
{
	struct buf b;

	buf_init(&b, PEOPLE_BYTES_MAX);
	int rc = pep_people_set(&b, a->node->people, p);
	struct pep_node *n = rc || buf_failed(&b) ? NULL : pep_node_put(a->q->user, a->name, &a->node->config, buf_bytes(&b));
	buf_fini(&b);
	if (!n) {
		pep_refuse(a, rc == ERR_LIMIT ? STANZA_NOT_ALLOWED : STANZA_RESOURCE_CONSTRAINT, NULL);
		return false;
	}
	a->node = n;
	return true;
}

/* ---- subscriptions ---- */

/* The address in the request, which must be the asker's (6.1.3.1). false: refused. */
static bool read_jid(struct pep_ask *a, struct bytes *out)
{
	struct jid from = jid_of_normal(a->q->it->e.from), j;

	if (jid_parse(xml_attr(a->verb, "jid"), &a->im->arena, &j) || !bytes_eq(jid_bare(&j), jid_bare(&from))) {
		pep_refuse(a, STANZA_BAD_REQUEST, "invalid-jid");
		return false;
	}
	*out = arena_dup(&a->im->arena, j.full);
	return out->n > 0;
}

static void put_subscription(struct buf *b, struct bytes node, struct bytes jid, const char *state)
{
	buf_put_str(b, "<subscription");
	if (node.n)
		xml_write_attr(b, "node", node);
	xml_write_attr(b, "jid", jid);
	buf_putf(b, " subscription='%s'/>", state);
}

void pep_subscribe(struct pep_ask *a)
{
	struct buf *b = &a->im->out2;
	struct bytes jid;

	if (!read_jid(a, &jid))
		return;
	struct pep_person p = pep_people_find(a->node->people, jid);
	p.jid = jid;
	p.is_subscribed = true;
	if (!change(a, &p))
		return;
	buf_clear(b);
	buf_put_str(b, "<pubsub xmlns='" NS_PUBSUB "'>");
	put_subscription(b, a->name, jid, "subscribed");
	buf_put_str(b, "</pubsub>");
	if (pep_save(a, a->node, buf_bytes(b)) && a->node->config.last != PEP_LAST_NEVER && a->node->last)
		pep_send_last_of(a->im, a->q->user, a->node, jid);
}

void pep_unsubscribe(struct pep_ask *a)
{
	struct bytes jid;

	if (!read_jid(a, &jid))
		return;
	struct pep_person p = pep_people_find(a->node->people, jid);
	if (!p.is_subscribed) {
		pep_refuse(a, STANZA_UNEXPECTED_REQUEST, "not-subscribed");
		return;
	}
	p.jid = jid;
	p.is_subscribed = false;
	if (change(a, &p))
		(void)pep_save(a, a->node, BYTES_NONE); /* refused by it, if at all */
}

static void put_people(struct buf *b, const struct pep_node *n, bool wants_subscribers, struct bytes node)
{
	struct wire w = wire_of(n->people);
	struct pep_person p;

	while (pep_people_next(&w, &p)) {
		if (wants_subscribers && p.is_subscribed) {
			put_subscription(b, node, p.jid, "subscribed");
		} else if (!wants_subscribers && p.affiliation != PEP_NONE) {
			buf_put_str(b, "<affiliation");
			xml_write_attr(b, "jid", p.jid);
			buf_putf(b, " affiliation='%s'/>", pep_affiliation_names[p.affiliation]);
		}
	}
}

/* Those of the asker, at one node or at all. */
static void put_own(struct buf *b, const struct pep_node *n, struct bytes from, bool wants_subscriptions)
{
	struct jid j = jid_of_normal(from);
	struct wire w = wire_of(n->people);
	struct pep_person p;

	while (pep_people_next(&w, &p)) {
		struct jid its = jid_of_normal(p.jid);
		if (!bytes_eq(jid_bare(&its), jid_bare(&j)))
			continue;
		if (wants_subscriptions && p.is_subscribed) {
			put_subscription(b, pep_node_name(n), p.jid, "subscribed");
		} else if (!wants_subscriptions && p.affiliation != PEP_NONE) {
			buf_put_str(b, "<affiliation");
			xml_write_attr(b, "node", pep_node_name(n));
			buf_putf(b, " affiliation='%s'/>", pep_affiliation_names[p.affiliation]);
		}
	}
}

static void list_own(struct pep_ask *a, const char *verb, bool wants_subscriptions)
{
	const struct user *u = a->q->user;
	struct bytes from = a->q->it->e.from;
	struct buf *b = &a->im->out2;

	buf_clear(b);
	buf_putf(b, "<pubsub xmlns='" NS_PUBSUB "'><%s", verb);
	if (a->name.n)
		xml_write_attr(b, "node", a->name);
	buf_put_u8(b, '>');
	for (uint32_t i = 0; i < u->n_nodes; i++) {
		if (a->name.n && u->nodes[i] != a->node)
			continue;
		if (a->q->who == IQ_SELF && !wants_subscriptions) {
			buf_put_str(b, "<affiliation");
			xml_write_attr(b, "node", pep_node_name(u->nodes[i]));
			buf_put_str(b, " affiliation='owner'/>");
		} else {
			put_own(b, u->nodes[i], from, wants_subscriptions);
		}
	}
	buf_putf(b, "</%s></pubsub>", verb);
	iq_result(a->im, a->q, buf_bytes(b));
}

/* Strangers, who have none here, learn nothing of the account. */
static bool is_stranger(const struct pep_ask *a)
{
	struct jid from = jid_of_normal(a->q->it->e.from);

	if (a->q->who == IQ_SELF || user_contact(a->q->user, jid_bare(&from)))
		return false;
	for (uint32_t i = 0; i < a->q->user->n_nodes; i++) {
		struct wire w = wire_of(a->q->user->nodes[i]->people);
		struct pep_person p;
		while (pep_people_next(&w, &p)) {
			struct jid its = jid_of_normal(p.jid);
			if (bytes_eq(jid_bare(&its), jid_bare(&from)))
				return false;
		}
	}
	return true;
}

void pep_subscriptions(struct pep_ask *a)
{
	if (is_stranger(a))
		pep_refuse(a, STANZA_SERVICE_UNAVAILABLE, NULL);
	else
		list_own(a, "subscriptions", true);
}

void pep_affiliations(struct pep_ask *a)
{
	if (is_stranger(a))
		pep_refuse(a, STANZA_SERVICE_UNAVAILABLE, NULL);
	else
		list_own(a, "affiliations", false);
}

/* ---- the owner's view ---- */

static void list_people(struct pep_ask *a, const char *verb, bool wants_subscribers)
{
	struct buf *b = &a->im->out2;

	buf_clear(b);
	buf_putf(b, "<pubsub xmlns='" NS_PUBSUB_OWNER "'><%s", verb);
	xml_write_attr(b, "node", a->name);
	buf_put_u8(b, '>');
	if (!wants_subscribers) {
		buf_put_str(b, "<affiliation");
		xml_write_attr(b, "jid", user_jid(a->q->user));
		buf_put_str(b, " affiliation='owner'/>");
	}
	put_people(b, a->node, wants_subscribers, BYTES_NONE);
	buf_putf(b, "</%s></pubsub>", verb);
	iq_result(a->im, a->q, buf_bytes(b));
}

void pep_get_subscribers(struct pep_ask *a)
{
	list_people(a, "subscriptions", true);
}

void pep_get_affiliates(struct pep_ask *a)
{
	list_people(a, "affiliations", false);
}

/* 8.8.2: an owner ends subscriptions, or makes them. false: not understood. */
static bool read_subscriber(struct pep_ask *a, const struct xml_node *n, struct pep_person *p)
{
	struct bytes state = xml_attr(n, "subscription");
	struct jid j;

	if (!xml_is(n, "subscription", NS_PUBSUB_OWNER) || jid_parse(xml_attr(n, "jid"), &a->im->arena, &j))
		return false;
	struct bytes jid = arena_dup(&a->im->arena, j.full);
	*p = pep_people_find(a->node->people, jid);
	p->jid = jid;
	p->is_subscribed = bytes_eq_str(state, "subscribed");
	return p->is_subscribed || bytes_eq_str(state, "none");
}

static bool read_affiliate(struct pep_ask *a, const struct xml_node *n, struct pep_person *p)
{
	unsigned affiliation = pep_name_of(pep_affiliation_names, PEP_AFFILIATION_COUNT, xml_attr(n, "affiliation"));
	struct jid j;

	if (!xml_is(n, "affiliation", NS_PUBSUB_OWNER) || jid_parse(xml_attr(n, "jid"), &a->im->arena, &j))
		return false;
	/* There is one owner: the account (XEP-0163 3). */
	if (affiliation >= PEP_OWNER || bytes_eq(jid_bare(&j), user_jid(a->q->user)))
		return false;
	struct bytes jid = arena_dup(&a->im->arena, jid_bare(&j));
	*p = pep_people_find(a->node->people, jid);
	p->jid = jid;
	p->affiliation = (uint8_t)affiliation;
	if (affiliation == PEP_OUTCAST) /* 4.1 */
		p->is_subscribed = false;
	return true;
}

static void set_people(struct pep_ask *a, bool (*read)(struct pep_ask *a, const struct xml_node *n, struct pep_person *p))
{
	struct pep_person p;

	for (const struct xml_node *n = xml_first(a->verb); n; n = xml_next(n)) {
		if (!read(a, n, &p)) {
			pep_refuse(a, STANZA_NOT_ACCEPTABLE, NULL);
			return;
		}
	}
	for (const struct xml_node *n = xml_first(a->verb); n; n = xml_next(n))
		if (read(a, n, &p) && !change(a, &p))
			return;
	(void)pep_save(a, a->node, BYTES_NONE); /* refused by it, if at all */
}

void pep_set_subscribers(struct pep_ask *a)
{
	set_people(a, read_subscriber);
}

void pep_set_affiliates(struct pep_ask *a)
{
	set_people(a, read_affiliate);
}
