#include "presence/presence.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "announce/notice.h"
#include "delivery/answered.h"
#include "pep/avatar.h"
#include "iq/blocking.h"
#include "pep/caps.h"
#include "delivery/deliver.h"
#include "domain.h"
#include "iq/iq.h"
#include "delivery/offline.h"
#include "presence/online.h"
#include "delivery/partner.h"
#include "room/rooms.h"
#include "presence/subscribe.h"
#include "presence/watch.h"

#include <stdlib.h>

enum { DIRECTED_MAX = 1000, TAG = sizeof "<presence" - 1 };

/* ---- sending ---- */

/* The stanza with `to` put in behind its name. */
static struct bytes addressed(struct im *im, struct bytes stanza, struct bytes to)
{
	buf_clear(&im->out2);
	buf_put_str(&im->out2, "<presence");
	xml_write_attr(&im->out2, "to", to);
	buf_put_bytes(&im->out2, bytes_skip(stanza, TAG));
	return buf_bytes(&im->out2);
}

static void to_sessions(struct im *im, struct user *u, struct bytes stanza, const struct session *but)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s != but && session_is_available(s))
			session_send(im, s, STANZA_PRESENCE, stanza);
	}
}

/* from: full JID of the sender. */
static void send_to(struct im *im, struct bytes from, struct bytes to, enum stanza_type type, struct bytes stanza)
{
	struct jid j = jid_of_normal(to);
	struct bytes out = addressed(im, stanza, to);

	if (!domain_of(im, jid_domain(&j))) {
		post(im, STANZA_PRESENCE, type, from, to, out);
		return;
	}
	struct user *u = user_find(im, jid_bare(&j));
	if (!u || user_blocks(u, from))
		return;
	if (j.resource_n) {
		struct session *s = session_by_resource(u, jid_resource(&j));
		if (s)
			session_send(im, s, STANZA_PRESENCE, out);
	} else {
		to_sessions(im, u, out, NULL);
	}
}

static void put_bare_presence(struct buf *b, enum stanza_type type, struct bytes from, struct bytes to)
{
	buf_put_str(b, "<presence");
	if (type != TYPE_AVAILABLE) {
		buf_put_str(b, " type='");
		buf_put_str(b, stanza_type_name(type));
		buf_put_str(b, "'");
	}
	xml_write_attr(b, "from", from);
	if (to.n)
		xml_write_attr(b, "to", to);
	buf_put_str(b, "/>");
}

void presence_post(struct im *im, enum stanza_type type, struct bytes from, struct bytes to)
{
	buf_clear(&im->out);
	put_bare_presence(&im->out, type, from, to);
	struct jid j = jid_of_normal(to);
	if (domain_of(im, jid_domain(&j)) && !j.resource_n) {
		struct user *u = user_find(im, to);
		if (u)
			to_sessions(im, u, buf_bytes(&im->out), NULL);
		return;
	}
	post(im, STANZA_PRESENCE, type, from, to, buf_bytes(&im->out));
}

/* ---- broadcast ---- */

static void to_contacts(struct im *im, struct session *s, enum stanza_type type, struct bytes stanza)
{
	struct user *u = s->user;

	for (uint32_t i = 0; im->config.has_presence && i < u->n_contacts; i++) {
		struct contact *c = u->contacts[i];
		if (c->bits & CONTACT_FROM && !user_blocks(u, contact_jid(c)))
			send_to(im, session_full(s), contact_jid(c), type, stanza);
	}
	struct list *at = NULL;
	for (const struct session *w; im->config.has_presence && (w = watch_next(im, u, &at));)
		send_to(im, session_full(s), session_full(w), type, stanza);
	/* One's own other resources (RFC 6121 4.2.2). */
	struct bytes own = addressed(im, stanza, session_bare(s));
	to_sessions(im, u, own, NULL);
}

/* What the others of a local contact, or of ourselves, look like now. */
static void show_sessions(struct im *im, const struct user *of, struct session *to)
{
	LIST_EACH (it, &of->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (s == to || !session_is_available(s))
			continue;
		session_send(im, to, STANZA_PRESENCE, addressed(im, bytes_make(s->presence, s->presence_n), session_full(to)));
	}
}

static void probe_one(struct im *im, struct session *s, const struct contact *c)
{
	struct jid j = jid_of_normal(contact_jid(c));

	if (!domain_of(im, jid_domain(&j))) {
		presence_post(im, TYPE_PROBE, session_bare(s), contact_jid(c));
		return;
	}
	struct user *peer = user_find(im, contact_jid(c));
	if (peer && peer->n_sessions && iq_may_see(peer, session_bare(s)) && !user_blocks(peer, session_full(s)))
		show_sessions(im, peer, s);
}

void presence_ask(struct im *im, struct user *u, struct bytes contact)
{
	const struct contact *c = user_contact(u, contact);

	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (im->config.has_presence && c && c->bits & CONTACT_TO && session_is_available(s))
			probe_one(im, s, c);
	}
}

static void came(struct im *im, struct session *s)
{
	struct user *u = s->user;

	show_sessions(im, u, s);
	for (uint32_t i = 0; im->config.has_presence && i < u->n_contacts; i++)
		if (u->contacts[i]->bits & CONTACT_TO)
			probe_one(im, s, u->contacts[i]);
	subscribe_show_waiting(im, s);
}

int8_t presence_priority(struct im *im, struct bytes stanza)
{
	struct xml_node *n;

	if (!memmem(stanza.p, stanza.n, "<priority", 9))
		return 0;
	if (xml_pool_parse(im->parsers, stanza, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return 0;
	struct bytes t = xml_text(xml_child(n, "priority", NS_CLIENT));
	bool is_negative = t.n && t.p[0] == '-';
	uint64_t v;
	if (bytes_to_u64(bytes_skip(t, is_negative), is_negative ? 128 : 127, &v))
		return 0;
	return (int8_t)(is_negative ? -(int)v : (int)v);
}

static bool keep(struct session *s, struct bytes stanza)
{
	uint8_t *copy = malloc(stanza.n);

	if (!copy) {
		im_stats[STAT_NO_MEMORY]++;
		return false;
	}
	memcpy(copy, stanza.p, stanza.n);
	free(s->presence);
	s->presence = copy;
	s->presence_n = (uint32_t)stanza.n;
	return true;
}

void presence_renew(struct im *im, struct session *s, struct bytes stanza)
{
	if (!bytes_eq(stanza, bytes_make(s->presence, s->presence_n)) && keep(s, stanza))
		to_contacts(im, s, TYPE_AVAILABLE, stanza);
}

static void available(struct im *im, struct session *s, const struct item *it)
{
	bool is_first = !session_is_available(s), took = !is_first && s->priority >= 0;
	struct bytes stanza = avatar_in_presence(im, s->user, it->e.stanza);

	if (!keep(s, stanza))
		return;
	s->presence_ms = loop_wall_ms(im->loop);
	s->bits |= SESSION_IS_AVAILABLE;
	s->priority = presence_priority(im, stanza);
	to_contacts(im, s, TYPE_AVAILABLE, stanza);
	answered_presence(s);
	online_check(im, s->user);
	if (is_first)
		came(im, s);
	caps_presence(im, s->user, session_full(s), bytes_make(s->presence, s->presence_n));
	if (!took && s->priority >= 0) {
		offline_start(im, s->user);
		notice_show(im, s);
	}
}

/* Does broadcast reach this address? */
static bool is_subscriber(const struct user *u, struct bytes jid)
{
	struct jid j = jid_of_normal(jid);
	const struct contact *c = user_contact(u, jid_bare(&j));

	return c && c->bits & CONTACT_FROM && !user_blocks(u, contact_jid(c));
}

/* Those who got directed presence hear of the end, but for those who hear it by broadcast. */
static void end_directed(struct im *im, struct session *s, struct bytes stanza, bool is_broadcast)
{
	for (unsigned i = 0; i < s->directed.n; i++) {
		struct bytes to = bytes_of(s->directed.v[i]);
		if (!is_broadcast || !is_subscriber(s->user, to))
			send_to(im, session_full(s), to, TYPE_UNAVAILABLE, stanza);
	}
	names_clear(&s->directed);
}

void presence_directed_end(struct im *im, struct session *s)
{
	struct buf b;

	if (!s->directed.n)
		return;
	buf_init(&b, 16384);
	put_bare_presence(&b, TYPE_UNAVAILABLE, session_full(s), BYTES_NONE);
	end_directed(im, s, buf_bytes(&b), session_is_available(s));
	buf_fini(&b);
}

static void unavailable(struct im *im, struct session *s, struct bytes stanza)
{
	bool is_broadcast = session_is_available(s);

	if (is_broadcast)
		to_contacts(im, s, TYPE_UNAVAILABLE, stanza);
	s->bits &= (uint16_t)~SESSION_IS_AVAILABLE;
	free(s->presence);
	s->presence = NULL;
	s->presence_n = 0;
	end_directed(im, s, stanza, is_broadcast);
	caps_gone(im, session_full(s), BYTES_NONE);
	answered_presence(s);
	online_check(im, s->user);
}

void presence_broadcast(struct im *im, struct session *s, struct item *it)
{
	if (it->e.type == TYPE_AVAILABLE) {
		available(im, s, it);
	} else {
		rooms_gone(im, session_full(s)); /* RFC 6121 4.5.2 */
		watch_session_over(im, s);
		unavailable(im, s, it->e.stanza);
	}
}

void presence_gone(struct im *im, struct session *s)
{
	rooms_gone(im, session_full(s));
	watch_session_over(im, s);
	if (!session_is_available(s) && !s->directed.n)
		return;
	struct buf b;
	buf_init(&b, 16384);
	put_bare_presence(&b, TYPE_UNAVAILABLE, session_full(s), BYTES_NONE);
	unavailable(im, s, buf_bytes(&b));
	buf_fini(&b);
}

/* ---- directed ---- */

void presence_directed(struct session *s, const struct item *it)
{
	if (it->e.type == TYPE_AVAILABLE)
		names_add(&s->directed, it->e.to, DIRECTED_MAX);
	else if (it->e.type == TYPE_UNAVAILABLE)
		names_del(&s->directed, it->e.to);
}

/* ---- inward ---- */

void presence_show(struct im *im, struct user *u, struct bytes to)
{
	if (user_blocks(u, to))
		return;
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (im->config.has_presence && session_is_available(s))
			send_to(im, session_full(s), to, TYPE_AVAILABLE, bytes_make(s->presence, s->presence_n));
	}
}

void presence_hide(struct im *im, struct user *u, struct bytes to)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!im->config.has_presence || !session_is_available(s))
			continue;
		buf_clear(&im->out);
		put_bare_presence(&im->out, TYPE_UNAVAILABLE, session_full(s), BYTES_NONE);
		send_to(im, session_full(s), to, TYPE_UNAVAILABLE, buf_bytes(&im->out));
	}
}

static void probed(struct im *im, struct user *u, struct bytes from)
{
	/* RFC 6121 4.3.2: who is not subscribed hears so, as does who asks for nobody. */
	if (u->state == USER_NONE || !iq_may_see(u, from))
		presence_post(im, TYPE_UNSUBSCRIBED, user_jid(u), from);
	else if (im->config.has_presence && deliver_reach(u) > REACH_NONE)
		presence_show(im, u, from);
	else
		presence_post(im, TYPE_UNAVAILABLE, user_jid(u), from);
}

static bool is_own(const struct user *u, struct bytes from)
{
	struct jid j = jid_of_normal(from);

	return bytes_eq(jid_bare(&j), user_jid(u));
}

/* A client at another domain, of a contact: what it wants to hear of (XEP-0163 4.2). */
static void client_seen(struct im *im, struct user *u, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from);

	if (domain_of(im, jid_domain(&from)) || !from.resource_n || !user_contact(u, jid_bare(&from)))
		return;
	if (e->type == TYPE_AVAILABLE)
		caps_presence(im, u, e->from, e->stanza);
	else if (e->type == TYPE_UNAVAILABLE)
		caps_gone(im, e->from, user_jid(u));
}

void presence_in(struct im *im, struct user *u, struct item *it)
{
	struct jid to = jid_of_normal(it->e.to);

	if (it->e.type == TYPE_PROBE && it->session && it->session->door_prog == PROG_ACCESS) {
		watch_begin(im, u, it);
		return;
	}
	if (blocking_refuses(im, u, it))
		return;
	if (it->e.type == TYPE_ERROR && !to.resource_n && partner_is_bounce(&it->e))
		return; /* to a probe of ours, which nobody here has sent */
	if (it->e.type == TYPE_PROBE) {
		probed(im, u, it->e.from);
		return;
	}
	if (!im->config.has_presence && !is_own(u, it->e.from))
		return;
	partner_seen(im, u, &it->e);
	client_seen(im, u, &it->e);
	if (to.resource_n) {
		struct session *s = session_by_resource(u, jid_resource(&to));
		if (s)
			(void)session_send_item(im, s, it, 0); /* full queue: presence may be lost */
	} else {
		LIST_EACH (n, &u->sessions) {
			struct session *s = LIST_OWNER(n, struct session, node);
			if (session_is_available(s))
				(void)session_send_item(im, s, it, 0); /* as above */
		}
	}
}
