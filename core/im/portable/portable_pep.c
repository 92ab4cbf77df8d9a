/* Nodes of a person and their items (XEP-0227 4.9). A node that was here before keeps its configuration. */
#include "base/err.h"
#include "pep/pep.h"
#include "pep/pep_form.h"
#include "pep/pep_own.h"
#include "portable/job.h"
#include "proto/xmpp.h"

/* Of a node whose configuration has not come, or is one that this box does not have: nobody else sees it. */
static const struct pep_config closed = {
	.access = PEP_WHITELIST, .last = PEP_LAST_NEVER, .is_persistent = true, .has_payloads = true, .tells_delete = true,
	.tells_retract = true, .max_items = PEP_ITEMS_MAX,
};

static bool is_made_here(const struct portable *p, struct bytes node)
{
	struct wire w = wire_of(buf_bytes(&p->who.nodes));

	while (wire_left(&w))
		if (bytes_eq(wire_str(&w), node))
			return true;
	return false;
}

/* NULL: too many, or no memory. */
static struct pep_node *make_node(struct im *im, struct portable *p, struct bytes name, const struct pep_config *c, struct bytes people)
{
	struct user *u = p->who.user;
	bool is_new = !pep_node_find(u, name);

	if (is_new && u->n_nodes >= im->config.pep_nodes) {
		portable_leave_out(p, "nodes above im pep-nodes");
		return NULL;
	}
	if (is_new)
		wire_put_str(&p->who.nodes, name);
	struct pep_node *n = buf_failed(&p->who.nodes) ? NULL : pep_node_put(u, name, c, people);
	if (!n)
		portable_leave_out(p, "nodes: no memory");
	return n;
}

static void put_node(struct im *im, struct portable *p, const struct pep_node *n)
{
	struct buf *b = ask_begin(im, STORE_PEP_NODE_PUT);

	wire_put_str(b, portable_jid(p));
	wire_put_str(b, pep_node_name(n));
	wire_put_bytes(b, pep_node_state(n));
	wire_put_u32(b, pep_kept(im, &n->config));
	portable_asked(p);
	ask_send_free(im, NULL, portable_done, p, 0);
}

static void take_config(struct im *im, struct portable *p, struct bytes name, const struct xml_node *x)
{
	const struct pep_node *old = pep_node_find(p->who.user, name);
	struct bytes people = old ? arena_dup(&im->arena, old->people) : BYTES_NONE;
	struct pep_config c = pep_default;

	if (x && pep_form_read(x, &im->arena, &c)) {
		c = closed;
		portable_leave_out(p, "the configuration of a node: nobody else sees it now");
	}
	struct pep_node *node = make_node(im, p, name, &c, people);
	if (node)
		put_node(im, p, node);
}

/* Appends who is affiliated with a node besides its owner. */
static int read_people(struct im *im, struct portable *p, const struct xml_node *n, struct buf *out)
{
	struct bytes people = BYTES_NONE;
	struct buf next;
	int rc = 0;

	for (const struct xml_node *i = xml_first(n); i && !rc; i = xml_next(i)) {
		struct pep_person one = { .affiliation = (uint8_t)pep_name_of(pep_affiliation_names, PEP_AFFILIATION_COUNT, xml_attr(i, "affiliation")) };
		struct jid j;
		if (!xml_is(i, "affiliation", NS_PUBSUB_OWNER) || one.affiliation == PEP_AFFILIATION_COUNT || one.affiliation == PEP_OWNER ||
		    jid_parse(xml_attr(i, "jid"), &im->arena, &j) || bytes_eq(jid_bare(&j), portable_jid(p)))
			continue; /* the owner is the person */
		one.jid = jid_bare(&j);
		buf_init(&next, pie_limits.stanza_bytes);
		rc = pep_people_set(&next, people, &one);
		people = rc ? people : arena_dup(&im->arena, buf_bytes(&next));
		buf_fini(&next);
	}
	buf_put_bytes(out, people);
	return rc;
}

static void take_people(struct im *im, struct portable *p, struct bytes name, const struct xml_node *n)
{
	const struct pep_node *old = pep_node_find(p->who.user, name);
	struct pep_config c = old ? old->config : closed;
	struct buf people;

	buf_init(&people, pie_limits.stanza_bytes);
	if (read_people(im, p, n, &people))
		portable_leave_out(p, "affiliations of a node: too many");
	/* The texts of the configuration are the old node's memory. */
	c.title = arena_dup(&im->arena, c.title);
	c.type = arena_dup(&im->arena, c.type);
	c.groups = arena_dup(&im->arena, c.groups);
	struct pep_node *node = make_node(im, p, name, &c, buf_bytes(&people));
	if (node)
		put_node(im, p, node);
	buf_fini(&people);
}

void portable_take_node(struct im *im, struct portable *p, const struct xml_node *n)
{
	struct bytes name = xml_attr(n, "node");

	if (!name.n || name.n > PEP_NAME_MAX)
		portable_leave_out(p, "a node without a name");
	else if (pep_node_find(p->who.user, name) && !is_made_here(p, name))
		return;
	else if (xml_is(n, "configure", NS_PUBSUB_OWNER))
		take_config(im, p, name, xml_child(n, "x", NS_DATA));
	else if (xml_is(n, "affiliations", NS_PUBSUB_OWNER))
		take_people(im, p, name, n);
	else if (xml_first(n))
		portable_leave_out(p, "subscriptions to nodes");
}

/* ---- items ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	(void)im;
	if (wire_left(w) > 2 * sizeof(uint32_t)) /* not the numbers, which come first */
		((struct portable *)a->arg)->is_found = true;
}

static void on_looked(struct im *im, struct ask *a, int rc)
{
	portable_done(im, a, rc == ERR_NOT_FOUND ? 0 : rc);
}

static void send_item(struct im *im, struct portable *p, struct pep_node *n, struct bytes id, struct bytes payload)
{
	p->who.counts[PORTABLE_ITEMS]++;
	pep_own_ask(im, p->who.user, n, id, BYTES_NONE, payload);
	portable_asked(p);
	ask_send_free(im, NULL, portable_done, p, 0);
}

/* p->key: node str, id str; p->value: the payload. */
static void put_if_none(struct im *im, struct portable *p)
{
	struct wire w = wire_of(buf_bytes(&p->key));
	struct bytes name = wire_str(&w), id = wire_str(&w);
	struct pep_node *n = pep_node_find(p->who.user, name);

	if (n && !p->is_found && p->who.result != PORTABLE_ERROR)
		send_item(im, p, n, id, buf_bytes(&p->value));
}

static void look(struct im *im, struct portable *p, struct bytes node, struct bytes id, struct bytes payload)
{
	buf_clear(&p->key);
	buf_clear(&p->value);
	wire_put_str(&p->key, node);
	wire_put_str(&p->key, id);
	buf_put_bytes(&p->value, payload);
	if (buf_failed(&p->key) || buf_failed(&p->value)) {
		portable_leave_out(p, "an item that is too long");
		return;
	}
	p->is_found = false;
	portable_asked(p);
	portable_wait(p, put_if_none);
	pep_own_read(im, p->who.user, node, id, on_item, on_looked, p);
}

void portable_publish(struct im *im, struct portable *p, struct bytes node, const struct pep_config *config, struct bytes id, struct bytes payload)
{
	struct pep_node *n = pep_node_find(p->who.user, node);

	if (!node.n || node.n > PEP_NAME_MAX || !id.n || id.n > PEP_NAME_MAX || payload.n > im->config.pep_item_bytes) {
		portable_leave_out(p, "items above im pep-item-bytes, or without a name");
	} else if (!n) {
		if ((n = make_node(im, p, node, config, BYTES_NONE)))
			send_item(im, p, n, id, payload);
	} else if (is_made_here(p, node)) {
		send_item(im, p, n, id, payload);
	} else if (pep_kept(im, &n->config) != 1 || !n->last) {
		if (config != &closed)
			return; /* rooms of the older form, where there are newer ones */
		look(im, p, node, id, payload);
	} /* else: the newest is what the person has now */
}

void portable_take_item(struct im *im, struct portable *p, const struct xml_node *n)
{
	const struct xml_node *payload = xml_first(n);
	struct buf b;

	if (!xml_is(n, "item", NS_PUBSUB) || (payload && (xml_next(payload) || !*payload->ns))) {
		portable_leave_out(p, "items that are none");
		return;
	}
	buf_init(&b, pie_limits.stanza_bytes);
	if (payload)
		xml_write(&b, payload, "");
	if (buf_failed(&b))
		portable_leave_out(p, "an item that is too long");
	else
		portable_publish(im, p, bytes_make(p->node, p->node_n), &closed, xml_attr(n, "id"), buf_bytes(&b));
	buf_fini(&b);
}
