#include "pep/pep.h"

#include "base/err.h"
#include "proto/xmpp.h"

static const struct verb_row {
	const char *name, *ns;
	enum iq_type type;
	bool wants_node; /* one that is there */
	bool is_owners;  /* nobody else's business */
	void (*fn)(struct pep_ask *a);
} verbs[] = {
	/* element        namespace        type    node   owner  handler */
	{ "publish",       NS_PUBSUB,       IQ_SET, false, false, pep_publish },
	{ "retract",       NS_PUBSUB,       IQ_SET, true,  false, pep_retract },
	{ "items",         NS_PUBSUB,       IQ_GET, true,  false, pep_items },
	{ "create",        NS_PUBSUB,       IQ_SET, false, true,  pep_create },
	{ "subscribe",     NS_PUBSUB,       IQ_SET, true,  false, pep_subscribe },
	{ "unsubscribe",   NS_PUBSUB,       IQ_SET, true,  false, pep_unsubscribe },
	{ "subscriptions", NS_PUBSUB,       IQ_GET, false, false, pep_subscriptions },
	{ "affiliations",  NS_PUBSUB,       IQ_GET, false, false, pep_affiliations },
	{ "delete",        NS_PUBSUB_OWNER, IQ_SET, true,  true,  pep_delete },
	{ "purge",         NS_PUBSUB_OWNER, IQ_SET, true,  true,  pep_purge },
	{ "configure",     NS_PUBSUB_OWNER, IQ_GET, true,  true,  pep_get_config },
	{ "configure",     NS_PUBSUB_OWNER, IQ_SET, true,  true,  pep_set_config },
	{ "default",       NS_PUBSUB_OWNER, IQ_GET, false, true,  pep_get_default },
	{ "subscriptions", NS_PUBSUB_OWNER, IQ_GET, true,  true,  pep_get_subscribers },
	{ "subscriptions", NS_PUBSUB_OWNER, IQ_SET, true,  true,  pep_set_subscribers },
	{ "affiliations",  NS_PUBSUB_OWNER, IQ_GET, true,  true,  pep_get_affiliates },
	{ "affiliations",  NS_PUBSUB_OWNER, IQ_SET, true,  true,  pep_set_affiliates },
};

void pep_refuse(struct pep_ask *a, enum stanza_error why, const char *condition)
{
	struct stanza_refusal r = { .error = why };
	struct buf *b = &a->im->out2;

	im_stats[STAT_PEP_REFUSED]++;
	buf_clear(b);
	if (condition) {
		buf_putf(b, "<%s xmlns='" NS_PUBSUB_ERRORS "'/>", condition);
		r.detail = buf_bytes(b);
	}
	iq_refuse(a->im, a->q, &r);
}

void pep_refuse_unsupported(struct pep_ask *a, const char *feature)
{
	struct buf *b = &a->im->out2;

	im_stats[STAT_PEP_REFUSED]++;
	buf_clear(b);
	buf_putf(b, "<unsupported xmlns='" NS_PUBSUB_ERRORS "' feature='%s'/>", feature);
	iq_refuse(a->im, a->q, &(struct stanza_refusal){ .error = STANZA_FEATURE_NOT_IMPLEMENTED, .detail = buf_bytes(b) });
}

uint32_t pep_kept(const struct im *im, const struct pep_config *c)
{
	uint32_t most = im->config.pep_items;

	return !c->is_persistent ? 0 : c->max_items < most ? c->max_items : most;
}

/* ---- who may ---- */

static bool is_in_group(struct bytes groups, struct bytes allowed)
{
	struct wire g = wire_of(groups);

	while (wire_left(&g) && !wire_failed(&g)) {
		struct bytes name = wire_str(&g);
		struct wire w = wire_of(allowed);
		while (wire_left(&w) && !wire_failed(&w))
			if (bytes_eq(wire_str(&w), name))
				return true;
	}
	return false;
}

bool pep_may_see(const struct pep_config *c, struct bytes people, const struct pep_viewer *v)
{
	struct jid j = jid_of_normal(v->jid);
	uint8_t affiliation = pep_people_find(people, jid_bare(&j)).affiliation;

	if (v->is_own)
		return true;
	if (affiliation == PEP_OUTCAST)
		return false;
	if (affiliation != PEP_NONE)
		return true;
	switch (c->access) {
	case PEP_OPEN:
		return true;
	case PEP_PRESENCE:
		return v->is_shown;
	case PEP_ROSTER:
		return v->is_shown && is_in_group(v->groups, c->groups);
	default:
		return false;
	}
}

bool pep_shows(const struct user *u, const struct pep_node *n, struct bytes jid)
{
	struct jid j = jid_of_normal(jid);
	const struct contact *c = user_contact(u, jid_bare(&j));
	const struct pep_viewer v = { .jid = jid, .groups = c ? contact_groups(c) : BYTES_NONE,
				      .is_own = bytes_eq(jid_bare(&j), user_jid(u)), .is_shown = c && c->bits & CONTACT_FROM };

	return !user_blocks(u, jid) && pep_may_see(&n->config, n->people, &v);
}

/* Strangers learn nothing of accounts (RFC 6121 8.5.1): what they may not see is not there, nor is the account. */
static bool is_known(const struct pep_ask *a)
{
	struct jid from = jid_of_normal(a->q->it->e.from);

	return a->q->who == IQ_SELF || user_contact(a->q->user, jid_bare(&from)) ||
	       (a->node && pep_people_find(a->node->people, jid_bare(&from)).jid.n);
}

/* XEP-0060 6.1.3, 6.5.9 */
static void refuse_access(struct pep_ask *a)
{
	static const struct {
		enum stanza_error error;
		const char *condition;
	} answers[PEP_ACCESS_COUNT] = {
		[PEP_OPEN] = { STANZA_FORBIDDEN, NULL },
		[PEP_PRESENCE] = { STANZA_NOT_AUTHORIZED, "presence-subscription-required" },
		[PEP_ROSTER] = { STANZA_NOT_AUTHORIZED, "not-in-roster-group" },
		[PEP_WHITELIST] = { STANZA_NOT_ALLOWED, "closed-node" },
	};

	if (is_known(a))
		pep_refuse(a, answers[a->node->config.access].error, answers[a->node->config.access].condition);
	else
		pep_refuse(a, STANZA_SERVICE_UNAVAILABLE, NULL);
}

static void run(struct pep_ask *a, const struct verb_row *r)
{
	bool is_own = a->q->who == IQ_SELF;

	if (r->is_owners && !is_own)
		pep_refuse(a, is_known(a) ? STANZA_FORBIDDEN : STANZA_SERVICE_UNAVAILABLE, NULL);
	else if (r->wants_node && !a->name.n)
		pep_refuse(a, STANZA_BAD_REQUEST, "nodeid-required");
	else if (a->name.n > PEP_NAME_MAX)
		pep_refuse(a, STANZA_NOT_ACCEPTABLE, NULL);
	else if (r->wants_node && !a->node)
		pep_refuse(a, is_known(a) ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE, NULL);
	else if (!r->is_owners && a->node && !pep_shows(a->q->user, a->node, a->q->it->e.from))
		refuse_access(a);
	else
		r->fn(a);
}

/* What stands beside the verb. */
static void find_parts(struct pep_ask *a)
{
	a->verb = xml_first(a->q->child);
	for (const struct xml_node *n = a->verb; n; n = xml_next(n)) {
		if (xml_is(n, "set", NS_RSM))
			a->set = n;
		else if (xml_is(n, "configure", NS_PUBSUB) || xml_is(n, "publish-options", NS_PUBSUB))
			a->options = n;
	}
	a->name = xml_attr(a->verb, "node");
	a->node = a->name.n ? pep_node_find(a->q->user, a->name) : NULL;
}

void pep_request(struct im *im, struct iq *q)
{
	struct pep_ask a = { .im = im, .q = q };
	enum iq_type type = q->is_set ? IQ_SET : IQ_GET;
	bool is_known_verb = false;

	find_parts(&a);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (!xml_is(a.verb, verbs[i].name, verbs[i].ns))
			continue;
		is_known_verb = true;
		if (verbs[i].type != type)
			continue;
		run(&a, &verbs[i]);
		return;
	}
	if (is_known_verb || !a.verb)
		pep_refuse(&a, STANZA_BAD_REQUEST, NULL);
	else if (xml_is(a.verb, "options", NS_PUBSUB))
		pep_refuse_unsupported(&a, "subscription-options");
	else
		pep_refuse(&a, STANZA_FEATURE_NOT_IMPLEMENTED, NULL);
}
