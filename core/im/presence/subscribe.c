#include "presence/subscribe.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "domain.h"
#include "iq/blocking.h"
#include "pep/caps.h"
#include "presence/authorise.h"
#include "presence/presence.h"
#include "presence/roster.h"

static enum sub_kind kind_of(uint8_t type)
{
	static const enum sub_kind kinds[] = {
		[TYPE_SUBSCRIBE - TYPE_SUBSCRIBE] = SUB_SUBSCRIBE,
		[TYPE_SUBSCRIBED - TYPE_SUBSCRIBE] = SUB_SUBSCRIBED,
		[TYPE_UNSUBSCRIBE - TYPE_SUBSCRIBE] = SUB_UNSUBSCRIBE,
		[TYPE_UNSUBSCRIBED - TYPE_SUBSCRIBE] = SUB_UNSUBSCRIBED,
	};

	return kinds[type - TYPE_SUBSCRIBE];
}

/* The contact as it is, or an empty one. */
static struct contact_parts parts_of(struct user *u, struct bytes bare)
{
	struct contact *c = user_contact(u, bare);

	return c ? contact_parts(c) : (struct contact_parts){ .jid = bare };
}

/* A contact that is in no list and no state is no contact. */
static void change(struct im *im, struct user *u, struct contact_parts *p, uint8_t bits)
{
	if (!(bits & CONTACT_IN))
		p->request = BYTES_NONE;
	p->bits = bits;
	if (!bits)
		roster_remove(im, u, p->jid, NULL);
	else
		(void)roster_change(im, u, p, NULL); /* counted there */
}

/* No room for what the user asks of, or grants to, somebody. */
static bool is_full(const struct im *im, const struct user *u, struct bytes bare, enum sub_kind kind)
{
	const struct contact *c = user_contact(u, bare);

	return (kind == SUB_SUBSCRIBE && !roster_has_room(im, u, c)) ||
	       (kind == SUB_SUBSCRIBED && !roster_has_room_for_watcher(im, u, c));
}

/* The same stanza between bare addresses (RFC 6121 3.1.2), as an item for the way on. */
static bool rewrite(struct im *im, struct item *it, struct bytes from, struct bytes to)
{
	struct xml_node *n;
	struct stanza s;

	if (xml_pool_parse(im->parsers, it->e.stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n) ||
	    stanza_of_node(n, NS_CLIENT, &s))
		return false;
	s.is_inner_portable = false;
	buf_clear(&im->out);
	stanza_write(&im->out, &s, from, to);
	it->e.from = from;
	it->e.to = to;
	it->e.stanza = buf_bytes(&im->out);
	buf_clear(&im->out2);
	envelope_encode(&im->out2, &it->e);
	if (buf_failed(&im->out) || buf_failed(&im->out2))
		return false;
	it->body = arena_dup(&im->arena, buf_bytes(&im->out2));
	return it->body.n && !envelope_decode(it->body, &it->e);
}

bool subscribe_out(struct im *im, struct session *s, struct item *it)
{
	struct user *u = s->user;
	struct jid to = jid_of_normal(it->e.to);
	struct bytes bare = arena_dup(&im->arena, jid_bare(&to));
	enum sub_kind kind = kind_of(it->e.type);
	struct contact_parts p = parts_of(u, bare);
	uint8_t old = p.bits, next;

	if (is_full(im, u, bare, kind)) {
		item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, "Too many contacts");
		return false;
	}
	if (bytes_eq(bare, user_jid(u)) || !rewrite(im, it, session_bare(s), bare))
		return false;
	if (p.shared.n && kind != SUB_SUBSCRIBE) { /* the directory says who sees whom */
		item_refuse(im, it, STANZA_NOT_ALLOWED, "This contact is of a group of the directory");
		return false;
	}
	bool passes = subscription_out(old, kind, &next);
	if (kind == SUB_SUBSCRIBE)
		next |= CONTACT_LISTED;
	if (kind == SUB_SUBSCRIBED && !passes && !(old & CONTACT_FROM))
		next |= CONTACT_APPROVED | CONTACT_LISTED; /* RFC 6121 3.4 */
	if (kind == SUB_SUBSCRIBED && passes)
		next |= CONTACT_LISTED;
	if (kind == SUB_UNSUBSCRIBED)
		next &= (uint8_t)~CONTACT_APPROVED;
	if (next != old)
		change(im, u, &p, next);
	if (kind == SUB_UNSUBSCRIBED && old & CONTACT_FROM)
		presence_hide(im, u, bare);
	return passes;
}

bool subscribe_is_held(struct im *im, struct session *s, const struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);
	struct bytes bare = arena_dup(&im->arena, jid_bare(&to));
	const struct contact *c = bare.n ? user_contact(s->user, bare) : NULL;

	if (!c || !(c->bits & CONTACT_TO))
		return false;
	buf_clear(&im->out);
	buf_put_str(&im->out, "<presence type='subscribed'");
	xml_write_attr(&im->out, "from", bare);
	xml_write_attr(&im->out, "to", session_full(s));
	buf_put_str(&im->out, "/>");
	session_send(im, s, STANZA_PRESENCE, buf_bytes(&im->out));
	return true;
}

void subscribe_sent(struct im *im, struct session *s, const struct item *it)
{
	/* RFC 6121 3.1.5: the contact sees the user from now on. */
	if (it->e.type != TYPE_SUBSCRIBED)
		return;
	presence_show(im, s->user, it->e.to);
	caps_show(im, s->user, it->e.to);
}

static void make_and_route(struct im *im, struct user *u, enum stanza_type type, struct bytes to);
static void grant(struct im *im, struct user *u, struct bytes to);

static void to_interested(struct im *im, struct user *u, struct bytes stanza)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (session_is_available(s) || s->bits & SESSION_WANTS_ROSTER)
			session_send(im, s, STANZA_PRESENCE, stanza);
	}
}

/* Too many see the user, or wait to. One who lives here asks no longer; others hear why. */
static void turn_away(struct im *im, struct user *u, struct item *it, struct bytes bare)
{
	struct jid from = jid_of_normal(bare);

	if (domain_of(im, jid_domain(&from)))
		make_and_route(im, u, TYPE_UNSUBSCRIBED, bare);
	else
		item_refuse(im, it, STANZA_RESOURCE_CONSTRAINT, "Too many see this person, or wait to");
}

/* A request that the user need not be asked about: granted already, or in advance (RFC 6121 3.1.3, 3.4.2), or by policy (D-AUT). */
static bool is_answered(struct im *im, struct user *u, struct contact_parts *p)
{
	uint8_t old = p->bits;
	enum authorise_verdict verdict =
		old & (CONTACT_FROM | CONTACT_APPROVED) ? AUTHORISE_APPROVES : authorise_of(im, u, p->jid);
	struct bytes bare = p->jid = arena_dup(&im->arena, p->jid); /* what it stood in may go with the change */

	switch (verdict) {
	case AUTHORISE_APPROVES:
		if (!(old & CONTACT_FROM))
			change(im, u, p, (uint8_t)((old | CONTACT_FROM | CONTACT_LISTED) & ~(CONTACT_IN | CONTACT_APPROVED)));
		grant(im, u, bare);
		return true;
	case AUTHORISE_REFUSES:
		if (old & CONTACT_IN)
			change(im, u, p, (uint8_t)(old & ~CONTACT_IN));
		make_and_route(im, u, TYPE_UNSUBSCRIBED, bare);
		return true;
	case AUTHORISE_ASKS:
		break;
	}
	return false;
}

/* C-AVL-11: whose own list is full is in nobody's list anew. Strangers cannot bring that about: they fill nobody's list. */
static bool has_room_for(const struct im *im, const struct user *u, const struct contact *c)
{
	bool is_known = c && c->bits & (CONTACT_FROM | CONTACT_IN | CONTACT_APPROVED);

	return (is_known || roster_has_room(im, u, c)) && roster_has_room_for_watcher(im, u, c);
}

void subscribe_in(struct im *im, struct user *u, struct item *it)
{
	struct jid from = jid_of_normal(it->e.from);
	struct bytes bare = jid_bare(&from);
	enum sub_kind kind = kind_of(it->e.type);
	struct contact_parts p = parts_of(u, bare);
	uint8_t old = p.bits, next;

	if (u->state == USER_NONE) {
		if (kind == SUB_SUBSCRIBE)
			make_and_route(im, u, TYPE_UNSUBSCRIBED, bare);
		return;
	}
	if (blocking_refuses(im, u, it))
		return;
	if (kind == SUB_SUBSCRIBE && !has_room_for(im, u, user_contact(u, bare))) {
		turn_away(im, u, it, bare);
		return;
	}
	if (p.shared.n && kind != SUB_SUBSCRIBE)
		return; /* the directory says who sees whom */
	bool passes = subscription_in(old, kind, &next);
	if (kind == SUB_SUBSCRIBE && is_answered(im, u, &p))
		return;
	if (kind == SUB_SUBSCRIBE && passes)
		p.request = it->e.stanza;
	if (next != old)
		change(im, u, &p, next);
	if (passes)
		to_interested(im, u, it->e.stanza);
	if (kind == SUB_UNSUBSCRIBE && old & CONTACT_FROM)
		presence_hide(im, u, bare);
}

void subscribe_show_waiting(struct im *im, struct session *s)
{
	struct user *u = s->user;

	for (uint32_t i = 0; i < u->n_contacts; i++)
		if (u->contacts[i]->bits & CONTACT_IN && u->contacts[i]->request_n)
			session_send(im, s, STANZA_PRESENCE, contact_request(u->contacts[i]));
}

/* Subscription presence of our own making: to another domain, or on to a user here. */
static void make_and_route(struct im *im, struct user *u, enum stanza_type type, struct bytes to)
{
	struct item it = { .e = { .door = DOOR_CORE, .kind = STANZA_PRESENCE, .type = (uint8_t)type } };
	struct buf b;

	buf_init(&b, 16384);
	buf_put_str(&b, "<presence type='");
	buf_put_str(&b, stanza_type_name(type));
	buf_put_str(&b, "'/>");
	it.e.stanza = arena_dup(&im->arena, buf_bytes(&b));
	buf_fini(&b);
	struct bytes from = arena_dup(&im->arena, user_jid(u));
	to = arena_dup(&im->arena, to);
	if (it.e.stanza.n && from.n && to.n && rewrite(im, &it, from, to))
		item_route(im, &it);
}

static void grant(struct im *im, struct user *u, struct bytes to)
{
	to = arena_dup(&im->arena, to);
	make_and_route(im, u, TYPE_SUBSCRIBED, to);
	presence_show(im, u, to);
	caps_show(im, u, to);
}

void subscribe_end(struct im *im, struct user *u, struct bytes contact, uint8_t bits)
{
	if (bits & (CONTACT_FROM | CONTACT_IN)) {
		presence_hide(im, u, contact);
		make_and_route(im, u, TYPE_UNSUBSCRIBED, contact);
	}
	if (bits & (CONTACT_TO | CONTACT_OUT))
		make_and_route(im, u, TYPE_UNSUBSCRIBE, contact);
}
