#include "presence/roster.h"

#include "base/err.h"
#include "base/text.h"
#include "run/alarm.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "presence/shared.h"
#include "presence/subscribe.h"

#include <stdio.h>

enum { FULL_ALARMS_MAX = 50 };
enum { GROUPS_MAX = 20, GROUPS_BYTES_MAX = 8192 };

/* ---- on the wire ---- */

static void put_item(struct buf *b, const struct contact_parts *p)
{
	buf_put_str(b, "<item");
	xml_write_attr(b, "jid", p->jid);
	struct bytes name = p->name.n || !p->shared.n ? p->name : shared_name(p->shared);
	if (name.n)
		xml_write_attr(b, "name", name);
	xml_write_attr(b, "subscription", bytes_of(subscription_name(p->bits)));
	if (p->bits & CONTACT_OUT)
		buf_put_str(b, " ask='subscribe'");
	if (p->bits & CONTACT_APPROVED)
		buf_put_str(b, " approved='true'");
	buf_put_str(b, ">");
	struct wire w = wire_of(p->groups);
	while (wire_left(&w)) {
		struct bytes g = wire_str(&w);
		if (wire_failed(&w))
			break;
		buf_put_str(b, "<group>");
		text_xml_escape(g, b);
		buf_put_str(b, "</group>");
	}
	if (p->shared.n)
		shared_put_groups(b, p->shared, p->groups);
	buf_put_str(b, "</item>");
}

static void put_query(struct buf *b, const struct user *u)
{
	buf_putf(b, "<query xmlns='" NS_ROSTER "' ver='%llu'>", (unsigned long long)u->roster_version);
}

/* RFC 6121 2.1.6. item: contact, or NULL for a removal of `gone`. */
static void push(struct im *im, struct user *u, const struct contact_parts *item, struct bytes gone)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!(s->bits & SESSION_WANTS_ROSTER))
			continue;
		struct buf *b = &im->out;
		buf_clear(b);
		buf_putf(b, "<iq type='set' id='push%llx'", (unsigned long long)im_next_id(im));
		xml_write_attr(b, "to", session_full(s));
		buf_put_str(b, ">");
		put_query(b, u);
		if (item) {
			put_item(b, item);
		} else {
			buf_put_str(b, "<item");
			xml_write_attr(b, "jid", gone);
			buf_put_str(b, " subscription='remove'/>");
		}
		buf_put_str(b, "</query></iq>");
		if (!buf_failed(b))
			session_send(im, s, STANZA_IQ, buf_bytes(b));
	}
}

/* ---- changing ---- */

static void on_saved(struct im *im, struct ask *a, int rc)
{
	if (rc && a->arg)
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
	else if (a->arg)
		iq_late_result(im, a->arg, BYTES_NONE);
}

static void put_row(struct buf *b, const struct contact_parts *p)
{
	wire_put_u8(b, p->bits);
	wire_put_str(b, p->name);
	wire_put_bytes(b, p->groups);
	wire_put_bytes(b, p->request);
	wire_put_bytes(b, p->shared);
}

int roster_put(struct im *im, struct user *u, const struct contact_parts *p, ask_done_fn done, void *arg)
{
	struct contact *old = user_contact(u, p->jid);
	bool was_listed = old && old->bits & CONTACT_LISTED;
	struct contact_parts now;

	struct contact *c = user_put_contact(u, p);
	if (!c) {
		im_stats[STAT_NO_MEMORY]++;
		return ERR_NOMEM;
	}
	now = contact_parts(c); /* the parts may have been the old one's memory, which has gone */
	u->roster_version++;
	struct buf *b = ask_begin(im, STORE_CONTACT_PUT);
	wire_put_str(b, user_jid(u));
	wire_put_str(b, now.jid);
	wire_put_u64(b, u->roster_version);
	put_row(b, &now);
	ask_send(im, NULL, done, arg, 0);
	if (now.bits & CONTACT_LISTED || was_listed)
		push(im, u, &now, BYTES_NONE);
	roster_check_full(im, u);
	return 0;
}

int roster_change(struct im *im, struct user *u, const struct contact_parts *p, struct iq_later *asker)
{
	return roster_put(im, u, p, on_saved, asker);
}

void roster_remove(struct im *im, struct user *u, struct bytes bare, struct iq_later *asker)
{
	struct contact *old = user_contact(u, bare);

	if (!old)
		return;
	bool was_listed = old->bits & CONTACT_LISTED;
	struct bytes gone = arena_dup(&im->arena, bare);
	user_del_contact(u, gone);
	u->roster_version++;
	struct buf *b = ask_begin(im, STORE_CONTACT_DEL);
	wire_put_str(b, user_jid(u));
	wire_put_str(b, gone);
	wire_put_u64(b, u->roster_version);
	ask_send(im, NULL, on_saved, asker, 0);
	if (was_listed)
		push(im, u, NULL, gone);
	roster_check_full(im, u);
}

/* ---- how much there may be ---- */

static uint32_t count(const struct user *u, bool (*is_one)(uint8_t bits))
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->n_contacts; i++)
		n += is_one(u->contacts[i]->bits);
	return n;
}

static bool is_watcher(uint8_t bits)
{
	return bits & (CONTACT_FROM | CONTACT_IN);
}

static bool is_more_than_watcher(uint8_t bits)
{
	return !is_watcher(bits) || bits & (CONTACT_TO | CONTACT_OUT);
}

bool roster_has_room(const struct im *im, const struct user *u, const struct contact *c)
{
	return (c && is_more_than_watcher(c->bits)) || count(u, is_more_than_watcher) < im->config.roster_max;
}

bool roster_has_room_for_watcher(const struct im *im, const struct user *u, const struct contact *c)
{
	return (c && is_watcher(c->bits)) || count(u, is_watcher) < im->config.watchers_max;
}

static bool is_full(const struct im *im, const struct user *u)
{
	return u->state == USER_READY && u->n_contacts >= im->config.roster_max && count(u, is_more_than_watcher) >= im->config.roster_max;
}

void roster_check_full(struct im *im, struct user *u)
{
	char key[ALARM_KEY_MAX + 1];
	bool is = is_full(im, u);

	if ((is || im->full.n) && is == names_has(&im->full, user_jid(u)))
		return;
	if (!is && !names_del(&im->full, user_jid(u)))
		return;
	if (is && im->full.n >= FULL_ALARMS_MAX)
		return;
	if (is)
		names_add(&im->full, user_jid(u), FULL_ALARMS_MAX);
	(void)snprintf(key, sizeof key, "%.*s", BYTES_FMT(user_jid(u)));
	alarm_set(ALARM_ROSTER_FULL, key, is, NULL);
}

void roster_apply(struct im *im, uint32_t max_before)
{
	size_t at = 0;

	if (im->config.roster_max == max_before)
		return;
	alarm_clear_all(ALARM_ROSTER_FULL); /* also of those who are not of interest now: seen again when they are */
	names_clear(&im->full);
	for (struct user *u; (u = map_next(&im->users, &at));)
		roster_check_full(im, u);
}

/* ---- another address ---- */

static bool has_group(const struct buf *groups, struct bytes name)
{
	struct wire w = wire_of(buf_bytes(groups));

	while (wire_left(&w))
		if (bytes_eq(wire_str(&w), name))
			return true;
	return false;
}

bool roster_add_groups(struct buf *groups, struct bytes more)
{
	struct wire all = wire_of(buf_bytes(groups)), w = wire_of(more);
	unsigned n = 0;

	for (; wire_left(&all) && !wire_failed(&all); n++)
		(void)wire_str(&all);
	while (wire_left(&w)) {
		struct bytes g = wire_str(&w);
		if (wire_failed(&w) || has_group(groups, g))
			continue;
		if (++n > GROUPS_MAX || buf_len(groups) + sizeof(uint16_t) + g.n > GROUPS_BYTES_MAX)
			return false;
		wire_put_str(groups, g);
	}
	return !buf_failed(groups);
}

/* The state at the new address: what either had. */
static uint8_t moved_bits(uint8_t from, uint8_t to)
{
	uint8_t bits = (uint8_t)(to | (from & ~CONTACT_IN));

	if (bits & CONTACT_TO)
		bits &= (uint8_t)~CONTACT_OUT;
	if (bits & CONTACT_FROM)
		bits &= (uint8_t)~(CONTACT_IN | CONTACT_APPROVED);
	return bits;
}

/* In memory: the old address has nothing, or its request alone. */
static int leave(struct user *u, struct bytes jid, struct bytes request)
{
	const struct contact_parts left = { .jid = jid, .bits = CONTACT_IN, .request = request };

	if (request.n)
		return user_put_contact(u, &left) ? 0 : ERR_NOMEM;
	user_del_contact(u, jid);
	return 0;
}

int roster_move(struct im *im, struct user *u, const struct contact *from, struct bytes to, ask_done_fn done, void *arg)
{
	const struct contact *there = user_contact(u, to);
	struct contact_parts old = contact_parts(from), p = there ? contact_parts(there) : (struct contact_parts){ .jid = to };
	struct bytes gone = arena_dup(&im->arena, old.jid), request = BYTES_NONE;
	struct buf groups;
	int rc = ERR_NOMEM;

	buf_init(&groups, 2 * GROUPS_BYTES_MAX);
	buf_put_bytes(&groups, p.groups);
	(void)roster_add_groups(&groups, old.groups); /* what is too much stays out */
	p.groups = buf_bytes(&groups);
	if (!p.name.n)
		p.name = arena_dup(&im->arena, old.name);
	if (old.bits & CONTACT_IN)
		request = arena_dup(&im->arena, old.request);
	p.bits = moved_bits(old.bits, p.bits);
	if (!(p.bits & CONTACT_IN))
		p.request = BYTES_NONE;
	const struct contact *c = gone.n && !buf_failed(&groups) ? user_put_contact(u, &p) : NULL;
	if (c && (rc = leave(u, gone, request)) == 0) {
		struct contact_parts now = contact_parts(c);
		u->roster_version += 2; /* one a push: who sees the first alone does not take itself for up to date */
		struct buf *b = ask_begin(im, STORE_CONTACT_MOVE);
		wire_put_str(b, user_jid(u));
		wire_put_str(b, gone);
		wire_put_u64(b, u->roster_version);
		wire_put_u8(b, request.n > 0);
		wire_put_str(b, now.jid);
		put_row(b, &now);
		ask_send(im, NULL, done, arg, 0);
		u->roster_version--;
		push(im, u, NULL, gone);
		u->roster_version++;
		push(im, u, &now, BYTES_NONE);
	} else {
		im_stats[STAT_NO_MEMORY]++;
	}
	buf_fini(&groups);
	return rc;
}

/* ---- requests ---- */

void roster_get(struct im *im, struct iq *q)
{
	struct user *u = q->user;
	struct bytes ver = xml_attr(q->child, "ver");
	uint64_t v;

	if (q->session)
		q->session->bits |= SESSION_WANTS_ROSTER;
	if (ver.n && !bytes_to_u64(ver, UINT64_MAX, &v) && v == u->roster_version) {
		iq_result(im, q, BYTES_NONE); /* RFC 6121 2.6.3: nothing has changed */
		return;
	}
	struct buf *b = &im->out2;
	buf_clear(b);
	put_query(b, u);
	for (uint32_t i = 0; i < u->n_contacts; i++) {
		struct contact_parts p = contact_parts(u->contacts[i]);
		if (p.bits & CONTACT_LISTED)
			put_item(b, &p);
	}
	buf_put_str(b, "</query>");
	iq_result(im, q, buf_bytes(b));
}

/* RFC 6121 2.3.3: what a set may not be. false: *why. */
static bool read_groups(const struct xml_node *item, struct buf *out, enum stanza_error *why)
{
	unsigned n = 0;

	*why = STANZA_NOT_ACCEPTABLE;
	for (struct xml_node *g = xml_first(item); g; g = xml_next(g)) {
		if (!xml_is(g, "group", NS_ROSTER))
			continue;
		struct bytes t = xml_text(g);
		if (!t.n || ++n > GROUPS_MAX)
			return false;
		if (has_group(out, t)) {
			*why = STANZA_BAD_REQUEST;
			return false;
		}
		wire_put_str(out, t);
	}
	return !buf_failed(out);
}

static void set_item(struct im *im, struct iq *q, const struct xml_node *item, struct bytes bare)
{
	struct user *u = q->user;
	struct contact *c = user_contact(u, bare);
	struct contact_parts p = c ? contact_parts(c) : (struct contact_parts){ .jid = bare };
	enum stanza_error why = STANZA_NOT_ACCEPTABLE;
	struct buf groups;

	p.name = xml_attr(item, "name");
	p.bits |= CONTACT_LISTED;
	buf_init(&groups, GROUPS_BYTES_MAX);
	if (p.name.n > ROSTER_NAME_MAX_BYTES || !read_groups(item, &groups, &why)) {
		iq_error(im, q, why);
	} else if (!roster_has_room(im, u, c)) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
	} else {
		p.groups = buf_bytes(&groups);
		struct iq_later *l = iq_keep(q);
		if (!l)
			iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		else if (roster_change(im, u, &p, l))
			iq_late_error(im, l, STANZA_RESOURCE_CONSTRAINT);
	}
	buf_fini(&groups);
}

static void remove_item(struct im *im, struct iq *q, struct bytes bare)
{
	const struct contact *c = user_contact(q->user, bare);

	if (!c || !(c->bits & CONTACT_LISTED)) {
		iq_error(im, q, STANZA_ITEM_NOT_FOUND);
		return;
	}
	struct iq_later *l = iq_keep(q);
	if (!l) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	uint8_t bits = c->bits;
	roster_remove(im, q->user, bare, l);
	subscribe_end(im, q->user, bare, bits);
}

void roster_set(struct im *im, struct iq *q)
{
	struct xml_node *item = xml_first(q->child);
	struct jid j;

	if (!xml_is(item, "item", NS_ROSTER) || xml_next(item) || jid_parse(xml_attr(item, "jid"), &im->arena, &j)) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	struct bytes bare = arena_dup(&im->arena, jid_bare(&j));
	const struct contact *c = user_contact(q->user, bare);
	if (bytes_eq(bare, user_jid(q->user))) {
		iq_error(im, q, STANZA_NOT_ALLOWED);
	} else if (c && c->shared_n) { /* */
		iq_refuse(im, q, &(struct stanza_refusal){ .error = STANZA_NOT_ALLOWED, .text = "This contact is of a group of the directory" });
	} else if (bytes_eq_str(xml_attr(item, "subscription"), "remove")) {
		remove_item(im, q, bare);
	} else {
		set_item(im, q, item, bare);
	}
}
