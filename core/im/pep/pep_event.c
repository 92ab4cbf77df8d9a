/* Events to those who want to hear of a node, and last items to those who come (XEP-0060 7.1.2, XEP-0163 4). */
#include "pep/pep.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "pep/caps.h"
#include "domain.h"
#include "delivery/remote.h"

#include <stdlib.h>

enum { EVENT_BYTES_MAX = 1 << 20 };

/* ---- one event ---- */

struct event {
	struct bytes from, inner;
	uint64_t at_ms; /* wall time of what happened before; 0: now */
};

static void write_event(struct im *im, struct buf *b, const struct event *ev, struct bytes to)
{
	char when[TEXT_TIME_BYTES];

	buf_putf(b, "<message type='headline' id='pep%llx'", (unsigned long long)im_next_id(im));
	xml_write_attr(b, "from", ev->from);
	xml_write_attr(b, "to", to);
	buf_put_str(b, "><event xmlns='" NS_PUBSUB_EVENT "'>");
	buf_put_bytes(b, ev->inner);
	buf_put_str(b, "</event>");
	if (ev->at_ms) {
		text_time(ev->at_ms, false, when);
		buf_putf(b, "<delay xmlns='" NS_DELAY "' stamp='%s'/>", when);
	}
	buf_put_str(b, "</message>");
}

/* A full JID: that client; a bare one: all that are available. */
static void to_local(struct im *im, const struct envelope *e)
{
	struct jid j = jid_of_normal(e->to);
	struct user *u = user_find(im, jid_bare(&j));

	if (!u || user_blocks(u, e->from))
		return;
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!session_is_available(s) || (j.resource_n && !bytes_eq(session_full(s), e->to)))
			continue;
		session_send_as(im, s, e);
		im_stats[STAT_PEP_NOTIFIED]++;
	}
}

static void to_address(struct im *im, const struct event *ev, struct bytes to)
{
	struct jid j = jid_of_normal(to);
	struct buf b;

	buf_init(&b, EVENT_BYTES_MAX);
	write_event(im, &b, ev, to);
	struct envelope e = { .door = DOOR_CORE, .kind = STANZA_MESSAGE, .type = TYPE_HEADLINE, .facts = FACT_PAYLOAD, .from = ev->from,
			      .to = to, .stanza = buf_bytes(&b) };
	if (buf_failed(&b)) {
		im_stats[STAT_NO_MEMORY]++;
	} else if (!domain_of(im, jid_domain(&j))) {
		remote_post(im, &e);
		im_stats[STAT_PEP_NOTIFIED]++;
	} else {
		to_local(im, &e);
	}
	buf_fini(&b);
}

/* ---- to all ---- */

static void to_clients(struct im *im, const struct event *ev, const struct user *of, struct bytes node)
{
	LIST_EACH (it, &of->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		if (session_is_available(s) && caps_wants(im, session_full(s), node))
			to_address(im, ev, session_full(s));
	}
}

static void to_remote(struct im *im, struct bytes full, void *arg)
{
	to_address(im, arg, full);
}

/* Does it hear of the node because it sees the owner's presence? */
static bool is_shown(const struct im *im, const struct user *u, struct bytes bare)
{
	const struct contact *c = user_contact(u, bare);

	return bytes_eq(bare, user_jid(u)) || (im->config.has_presence && c && c->bits & CONTACT_FROM);
}

static void to_contacts(struct im *im, struct event *ev, struct user *u, const struct pep_node *n)
{
	struct bytes name = pep_node_name(n);

	for (uint32_t i = 0; im->config.has_presence && i < u->n_contacts; i++) {
		struct bytes bare = contact_jid(u->contacts[i]);
		struct jid j = jid_of_normal(bare);
		if (!(u->contacts[i]->bits & CONTACT_FROM) || !pep_shows(u, n, bare))
			continue;
		const struct user *peer = domain_of(im, jid_domain(&j)) ? user_find(im, bare) : NULL;
		if (peer)
			to_clients(im, ev, peer, name);
		else
			caps_each_remote(im, bare, name, to_remote, ev);
	}
}

/* Who has subscribed, where it has not been told already. */
static void to_subscriber(struct im *im, const struct event *ev, struct user *u, const struct pep_node *n, struct bytes jid)
{
	struct jid j = jid_of_normal(jid);
	struct bytes bare = jid_bare(&j);
	bool may_be_told = is_shown(im, u, bare);

	if (!pep_shows(u, n, jid))
		return;
	const struct user *peer = domain_of(im, jid_domain(&j)) ? user_find(im, bare) : NULL;
	if (!peer) {
		to_address(im, ev, jid); /* nobody, when it is one of ours */
		return;
	}
	LIST_EACH (it, &peer->sessions) {
		const struct session *s = LIST_OWNER(it, struct session, node);
		bool is_meant = !j.resource_n || bytes_eq(session_full(s), jid);
		if (is_meant && !(may_be_told && caps_wants(im, session_full(s), pep_node_name(n))))
			to_address(im, ev, session_full(s));
	}
}

void pep_notify(struct im *im, struct user *u, const struct pep_node *n, struct bytes inner)
{
	struct event ev = { .from = user_jid(u), .inner = inner };
	struct wire w = wire_of(n->people);
	struct pep_person p;

	to_clients(im, &ev, u, pep_node_name(n));
	to_contacts(im, &ev, u, n);
	while (pep_people_next(&w, &p))
		if (p.is_subscribed)
			to_subscriber(im, &ev, u, n, p.jid);
}

/* ---- last items ---- */

static void send_item(struct im *im, struct bytes owner, struct bytes node, struct wire *w, struct bytes to, bool has_payload)
{
	struct bytes id = wire_str(w), publisher = wire_str(w);
	struct event ev = { .from = owner, .at_ms = wire_u64(w) };
	struct bytes payload = wire_bytes(w);
	struct buf b;

	if (wire_failed(w))
		return;
	buf_init(&b, EVENT_BYTES_MAX);
	buf_put_str(&b, "<items");
	xml_write_attr(&b, "node", node);
	buf_put_u8(&b, '>');
	pep_put_item(&b, id, publisher, has_payload ? payload : BYTES_NONE);
	buf_put_str(&b, "</items>");
	ev.inner = buf_bytes(&b);
	if (!buf_failed(&b))
		to_address(im, &ev, to);
	buf_fini(&b);
}

static void on_last(struct im *im, struct ask *a, struct wire *w)
{
	struct bytes owner = wire_str(w), name = wire_str(w), state = wire_bytes(w), groups = wire_bytes(w), people;
	struct bytes to = bytes_of(a->arg);
	struct jid j = jid_of_normal(to);
	struct pep_config c;

	if (wire_failed(w) || pep_state_get(state, &c, &people))
		return;
	const struct pep_viewer v = { .jid = to, .groups = groups, .is_own = bytes_eq(owner, jid_bare(&j)), .is_shown = true };
	if (c.last == PEP_LAST_ON_PRESENCE && pep_may_see(&c, people, &v))
		send_item(im, owner, name, w, to, c.has_payloads);
	else
		*w = wire_of(BYTES_NONE);
}

static void on_last_done(struct im *im, struct ask *a, int rc)
{
	(void)im;
	(void)rc; /* the next presence asks again */
	free(a->arg);
}

void pep_send_last(struct im *im, struct bytes owner, struct bytes full, const struct bytes *nodes, unsigned n)
{
	struct jid j = jid_of_normal(full);
	char *to = n ? strndup((const char *)full.p, full.n) : NULL;

	if (!to)
		return;
	struct buf *b = ask_begin(im, STORE_PEP_LAST);
	wire_put_str(b, owner);
	wire_put_str(b, jid_bare(&j));
	wire_put_str(b, full);
	wire_put_str(b, jid_domain(&j));
	wire_put_str(b, bytes_skip(full, j.local_n ? j.local_n + 1u : 0)); /* domain/resource, as in user_blocks */
	wire_put_u16(b, (uint16_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_str(b, nodes[i]);
	ask_send_free(im, on_last, on_last_done, to, 0);
}

/* ---- to one who has subscribed ---- */

/* The node is named in the ask's own body: user, node. */
static void on_last_of(struct im *im, struct ask *a, struct wire *w)
{
	struct wire asked = wire_of(bytes_make(a->body + 1, a->n - 1));
	struct bytes owner = wire_str(&asked), name = wire_str(&asked);

	if (wire_left(w) == 8) /* how many there are */
		*w = wire_of(BYTES_NONE);
	else
		send_item(im, owner, name, w, bytes_of(a->arg), a->number);
}

void pep_send_last_of(struct im *im, const struct user *u, const struct pep_node *n, struct bytes to)
{
	char *copy = strndup((const char *)to.p, to.n);

	if (!copy)
		return;
	struct buf *b = ask_begin(im, STORE_PEP_ITEMS);
	wire_put_str(b, user_jid(u));
	wire_put_str(b, pep_node_name(n));
	wire_put_u8(b, STORE_PEP_BEFORE);
	wire_put_u32(b, 1);
	wire_put_u32(b, PEP_RESULT_BYTES);
	wire_put_str(b, BYTES_NONE);
	ask_send_free(im, on_last_of, on_last_done, copy, n->config.has_payloads);
}
