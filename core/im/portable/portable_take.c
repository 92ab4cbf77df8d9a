/* One part of a person's data comes in, unless it is there: contacts, small things by key, blocked addresses, messages. */
#include "archive/archive.h"
#include "base/err.h"
#include "base/text.h"
#include "delivery/item.h"
#include "domain.h"
#include "iq/card.h"
#include "pep/avatar.h"
#include "pep/bookmarks.h"
#include "portable/job.h"
#include "presence/roster.h"
#include "proto/hmac.h"
#include "proto/xmpp.h"

enum { GROUPS_BYTES = 32 << 10, BLOB_MAX_BYTES = 128 << 10, BLOCKS_MAX = 1000 };

/* ---- contacts ---- */

static uint8_t bits_of(const struct xml_node *item)
{
	struct bytes sub = xml_attr(item, "subscription"), approved = xml_attr(item, "approved");
	bool is_both = bytes_eq_str(sub, "both");
	uint8_t bits = CONTACT_LISTED;

	if (is_both || bytes_eq_str(sub, "to"))
		bits |= CONTACT_TO;
	else if (bytes_eq_str(xml_attr(item, "ask"), "subscribe"))
		bits |= CONTACT_OUT;
	if (is_both || bytes_eq_str(sub, "from"))
		bits |= CONTACT_FROM;
	else if (bytes_eq_str(approved, "true") || bytes_eq_str(approved, "1"))
		bits |= CONTACT_APPROVED;
	return bits;
}

static void put_contact(struct im *im, struct portable *p, const struct contact_parts *parts)
{
	portable_asked(p);
	p->who.counts[PORTABLE_CONTACTS]++;
	if (roster_put(im, p->who.user, parts, portable_done, p))
		portable_done(im, &(struct ask){ .arg = p }, ERR_NOMEM);
}

/* The address of a contact, bare and in the arena. false: there cannot be such a contact. */
static bool contact_of(struct im *im, struct portable *p, struct bytes in, struct bytes *bare)
{
	struct jid j;

	if (jid_parse(in, &im->arena, &j)) {
		portable_leave_out(p, "a contact without an address");
		return false;
	}
	*bare = arena_dup(&im->arena, jid_bare(&j));
	return bare->n && !bytes_eq(*bare, portable_jid(p));
}

static bool read_groups(const struct xml_node *item, struct buf *out)
{
	struct buf one;
	bool is_all = true;

	for (const struct xml_node *g = xml_first(item); g; g = xml_next(g)) {
		if (!xml_is(g, "group", NS_ROSTER) || !xml_text(g).n)
			continue;
		buf_init(&one, GROUPS_BYTES);
		wire_put_str(&one, text_cut(xml_text(g), ROSTER_NAME_MAX_BYTES));
		is_all = roster_add_groups(out, buf_bytes(&one)) && is_all;
		buf_fini(&one);
	}
	return is_all;
}

static void take_contact(struct im *im, struct portable *p, const struct xml_node *item)
{
	struct bytes bare;
	struct buf groups;

	if (!xml_is(item, "item", NS_ROSTER) || bytes_eq_str(xml_attr(item, "subscription"), "remove") ||
	    !contact_of(im, p, xml_attr(item, "jid"), &bare))
		return;
	const struct contact *c = user_contact(p->who.user, bare);
	struct contact_parts parts = c ? contact_parts(c) : (struct contact_parts){ .jid = bare };
	if (parts.shared.n || parts.bits & CONTACT_LISTED)
		return; /* as it is: of the directory, or here before */
	if (!roster_has_room(im, p->who.user, c)) {
		portable_leave_out(p, "contacts above im roster-max");
		return;
	}
	buf_init(&groups, GROUPS_BYTES);
	if (!read_groups(item, &groups))
		portable_leave_out(p, "groups of a contact: too many");
	parts.groups = buf_bytes(&groups);
	parts.name = text_cut(xml_attr(item, "name"), ROSTER_NAME_MAX_BYTES);
	parts.bits |= bits_of(item);
	if (parts.bits & CONTACT_TO)
		parts.bits &= (uint8_t)~CONTACT_OUT;
	if (parts.bits & CONTACT_FROM) {
		parts.bits &= (uint8_t)~(CONTACT_IN | CONTACT_APPROVED);
		parts.request = BYTES_NONE;
	}
	put_contact(im, p, &parts);
	buf_fini(&groups);
}

/* XEP-0227 4.7: a request that waits for the person. */
static void take_request(struct im *im, struct portable *p, struct xml_node *n)
{
	struct bytes bare;
	struct stanza s;
	struct buf b;

	if (stanza_of_node(n, n->ns, &s) || s.kind != STANZA_PRESENCE || s.type != TYPE_SUBSCRIBE || !contact_of(im, p, s.from, &bare))
		return;
	const struct contact *c = user_contact(p->who.user, bare);
	struct contact_parts parts = c ? contact_parts(c) : (struct contact_parts){ .jid = bare };
	if (parts.bits & (CONTACT_IN | CONTACT_FROM))
		return;
	if (!roster_has_room_for_watcher(im, p->who.user, c)) {
		portable_leave_out(p, "requests above im watchers-max");
		return;
	}
	buf_init(&b, GROUPS_BYTES);
	stanza_write(&b, &s, bare, portable_jid(p));
	parts.request = buf_bytes(&b);
	parts.bits |= CONTACT_IN;
	if (!buf_failed(&b))
		put_contact(im, p, &parts);
	else
		portable_leave_out(p, "a request that is too long");
	buf_fini(&b);
}

/* ---- by key: what is there stays ---- */

static void on_value(struct im *im, struct ask *a, struct wire *w)
{
	(void)im, (void)w;
	((struct portable *)a->arg)->is_found = true;
}

static void on_looked(struct im *im, struct ask *a, int rc)
{
	portable_done(im, a, rc == ERR_NOT_FOUND ? 0 : rc);
}

static void put_if_none(struct im *im, struct portable *p)
{
	if (p->is_found || p->who.result == PORTABLE_ERROR)
		return;
	struct buf *b = ask_begin(im, STORE_BLOB_PUT);
	wire_put_str(b, portable_jid(p));
	wire_put_str(b, buf_bytes(&p->key));
	wire_put_bytes(b, buf_bytes(&p->value));
	p->who.counts[PORTABLE_OTHER]++;
	portable_asked(p);
	ask_send_free(im, NULL, portable_done, p, 0);
}

/* p->key and p->value are there. */
static void keep(struct im *im, struct portable *p)
{
	if (buf_failed(&p->key) || buf_failed(&p->value) || buf_len(&p->value) > BLOB_MAX_BYTES) {
		portable_leave_out(p, "a vCard, or private XML, that is too long");
		return;
	}
	p->is_found = false;
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, portable_jid(p));
	wire_put_str(b, buf_bytes(&p->key));
	portable_asked(p);
	portable_wait(p, put_if_none);
	ask_send_free(im, on_value, on_looked, p, 0);
}

static void take_vcard(struct im *im, struct portable *p, const struct xml_node *n)
{
	if (card_is_of_directory(im, p->who.user))
		return;
	if (!avatar_hash(p->who.user).n)
		avatar_of_vcard(im, p->who.user, n);
	buf_clear(&p->key);
	buf_clear(&p->value);
	buf_put_str(&p->key, "vcard");
	xml_write(&p->value, n, NS_CLIENT);
	keep(im, p);
}

/* The rooms of older clients are those of newer ones (XEP-0402), unless these have some. */
static void take_rooms(struct im *im, struct portable *p, const struct xml_node *storage)
{
	struct buf payload;
	struct bytes id;

	for (const struct xml_node *room = xml_first(storage); room; room = xml_next(room)) {
		buf_init(&payload, pie_limits.stanza_bytes);
		if (bookmarks_convert(im, room, &id, &payload) && !buf_failed(&payload))
			portable_publish(im, p, BYTES(NS_BOOKMARKS), &bookmarks_config, id, buf_bytes(&payload));
		buf_fini(&payload);
	}
}

static void take_private(struct im *im, struct portable *p, const struct xml_node *n)
{
	if (bookmarks_are(n))
		take_rooms(im, p, n);
	buf_clear(&p->key);
	buf_clear(&p->value);
	buf_putf(&p->key, "private %s %s", n->name, n->ns);
	buf_put_str(&p->value, "<query xmlns='" NS_PRIVATE "'>");
	xml_write(&p->value, n, NS_PRIVATE);
	buf_put_str(&p->value, "</query>");
	keep(im, p);
}

/* ---- blocked addresses ---- */

static void block(struct im *im, struct portable *p, struct bytes in)
{
	struct user *u = p->who.user;
	struct bytes *all;
	struct jid j;

	if (jid_parse(in, &im->arena, &j)) {
		portable_leave_out(p, "a blocked address that is none");
		return;
	}
	for (uint32_t i = 0; i < u->n_blocks; i++)
		if (bytes_eq(u->blocks[i], j.full))
			return;
	all = u->n_blocks < BLOCKS_MAX ? arena_alloc(&im->arena, (u->n_blocks + 1) * sizeof *all) : NULL;
	if (!all) {
		portable_leave_out(p, "blocked addresses: too many");
		return;
	}
	if (u->n_blocks)
		memcpy(all, u->blocks, u->n_blocks * sizeof *all);
	all[u->n_blocks] = j.full;
	portable_asked(p);
	if (user_set_blocks(u, all, u->n_blocks + 1)) {
		portable_done(im, &(struct ask){ .arg = p }, ERR_NOMEM);
		return;
	}
	p->who.counts[PORTABLE_OTHER]++;
	struct buf *b = ask_begin(im, STORE_BLOCK_ADD);
	wire_put_str(b, user_jid(u));
	wire_put_u16(b, 1);
	wire_put_str(b, u->blocks[u->n_blocks - 1]);
	ask_send_free(im, NULL, portable_done, p, 0);
}

static void take_blocklist(struct im *im, struct portable *p, const struct xml_node *n)
{
	for (const struct xml_node *i = xml_first(n); i; i = xml_next(i))
		if (xml_is(i, "item", NS_BLOCKING))
			block(im, p, xml_attr(i, "jid"));
}

/* COMPAT: ejabberd 23.01 has its block list in the default list of XEP-0016; of other lists, and of other rules, nothing is taken. */
static void take_privacy(struct im *im, struct portable *p, const struct xml_node *n)
{
	struct bytes name = xml_attr(xml_child(n, "default", NS_PRIVACY), "name");

	for (const struct xml_node *list = xml_first(n); list; list = xml_next(list)) {
		if (!xml_is(list, "list", NS_PRIVACY))
			continue;
		for (const struct xml_node *i = xml_first(list); i; i = xml_next(i)) {
			bool is_block = name.n && bytes_eq(xml_attr(list, "name"), name) && !xml_first(i) &&
					bytes_eq_str(xml_attr(i, "type"), "jid") && bytes_eq_str(xml_attr(i, "action"), "deny");
			if (is_block)
				block(im, p, xml_attr(i, "value"));
			else
				portable_leave_out(p, "privacy lists (XEP-0016): what is no blocked address");
		}
	}
}

/* ---- messages ---- */

/* An id by an address that only this box speaks for (XEP-0359 5). True: there was one. */
static bool strip_ids(struct im *im, const struct portable *p, struct xml_node *message)
{
	struct xml_node *next;
	bool was_there = false;

	for (struct xml_node *c = xml_first(message); c; c = next) {
		struct jid j;
		next = xml_next(c);
		if (!xml_is(c, "stanza-id", NS_STANZA_ID) || jid_parse(xml_attr(c, "by"), &im->arena, &j) || !bytes_eq(j.full, portable_jid(p)))
			continue;
		xml_del_node(c);
		was_there = true;
	}
	return was_there;
}

/* The message as one that was sent here; its bytes are in b. false: it is none, or not for this person. */
static bool make_envelope(struct im *im, struct portable *p, struct xml_node *n, struct buf *b, struct envelope *e)
{
	struct stanza s;
	struct jid from, to;

	if (stanza_of_node(n, n->ns, &s) || s.kind != STANZA_MESSAGE || s.type > TYPE_CHAT)
		return false;
	to = jid_of_normal(portable_jid(p));
	if ((s.to.n && jid_parse(s.to, &im->arena, &to)) || jid_parse(s.from.n ? s.from : portable_jid(p), &im->arena, &from))
		return false;
	stanza_write(b, &s, from.full, to.full);
	*e = (struct envelope){ .door = DOOR_CORE, .kind = STANZA_MESSAGE, .type = (uint8_t)s.type, .facts = s.facts, .from = from.full, .to = to.full,
				.sid = s.id, .stanza = buf_bytes(b) };
	return !buf_failed(b);
}

static void on_offline(struct im *im, struct ask *a, int rc)
{
	if (rc == ERR_FULL)
		portable_leave_out(a->arg, "messages above im offline-user, or other limits of them");
	else if (!rc)
		((struct portable *)a->arg)->who.counts[PORTABLE_OFFLINE]++;
	portable_done(im, a, rc == ERR_FULL ? 0 : rc);
}

static void store_offline(struct im *im, struct portable *p, const struct envelope *e, uint64_t at_ms)
{
	struct jid from = jid_of_normal(e->from);
	uint8_t mac[HMAC_BYTES_MAX] = { 0 };
	uint64_t uid = 0;

	const struct bytes parts[] = { portable_jid(p), BYTES("\n"), e->stanza };
	buf_clear(&p->value);
	envelope_encode(&p->value, e);
	if (buf_failed(&p->value) || !hmac_make(HMAC_SHA256, BYTES("brought"), parts, 3, mac)) {
		portable_leave_out(p, "a message that is too long");
		return;
	}
	for (int i = 0; i < 7; i++)
		uid = uid << 8 | mac[i];
	struct buf *b = ask_begin(im, STORE_OFFLINE_ADD);
	wire_put_u64(b, uid); /* the same message has the same number: it waits once */
	wire_put_str(b, portable_jid(p));
	wire_put_u64(b, at_ms);
	wire_put_u32(b, im->config.offline_user);
	wire_put_u32(b, im->config.offline_domain);
	wire_put_u32(b, im->config.offline_total);
	wire_put_str(b, domain_of(im, jid_domain(&from)) ? BYTES_NONE : jid_domain(&from));
	wire_put_bytes(b, buf_bytes(&p->value));
	portable_asked(p);
	ask_send_free(im, NULL, on_offline, p, 0);
}

static void take_offline(struct im *im, struct portable *p, struct xml_node *n)
{
	uint64_t at_ms = pie_take_delay(n, loop_wall_ms(im->loop));
	bool was_archived = strip_ids(im, p, n);
	struct envelope e;
	struct buf b;

	buf_init(&b, pie_limits.stanza_bytes);
	if (!make_envelope(im, p, n, &b, &e)) {
		portable_leave_out(p, "offline messages that are none");
	} else if (!im->config.has_offline) {
		portable_leave_out(p, "offline messages: im offline is off");
	} else {
		struct jid to = jid_of_normal(e.to);
		e.to = jid_bare(&to);
		e.facts |= was_archived ? FACT_ARCHIVED : 0; /* it comes with the archive, if that comes */
		store_offline(im, p, &e, at_ms);
	}
	buf_fini(&b);
}

/* XEP-0227 4.10: <result><forwarded><delay/><message/></forwarded></result>. */
static void take_archived(struct im *im, struct portable *p, const struct xml_node *result)
{
	struct xml_node *forwarded = xml_child(result, "forwarded", NS_FORWARD), *m = xml_child(forwarded, "message", NS_CLIENT);
	uint64_t at_ms = pie_take_delay(forwarded, 0);
	struct envelope e;
	struct buf b;

	buf_init(&b, pie_limits.stanza_bytes);
	if (m && at_ms)
		(void)strip_ids(im, p, m);
	if (!m || !at_ms || !make_envelope(im, p, m, &b, &e)) {
		portable_leave_out(p, "archived messages that are none");
	} else if (!im->config.has_archive) {
		portable_leave_out(p, "archived messages: im archive is off");
	} else {
		struct jid from = jid_of_normal(e.from);
		bool is_sent = bytes_eq(jid_bare(&from), portable_jid(p));
		if (archive_brought(im, portable_jid(p), &e, is_sent ? e.to : e.from, at_ms, xml_attr(result, "id")))
			p->who.counts[PORTABLE_ARCHIVED]++;
		else
			portable_leave_out(p, "archived messages: no memory, or of no time");
	}
	buf_fini(&b);
}

/* ---- which part ---- */

static void take_small(struct im *im, struct portable *p, struct xml_node *n)
{
	if (xml_is(n, "vCard", NS_VCARD))
		take_vcard(im, p, n);
	else if (xml_is(n, "presence", n->ns) && (strcmp(n->ns, NS_CLIENT) == 0 || strcmp(n->ns, NS_PIE) == 0))
		take_request(im, p, n);
	else if (xml_is(n, "blocklist", NS_BLOCKING))
		take_blocklist(im, p, n);
	else if (xml_is(n, "query", NS_PRIVACY))
		take_privacy(im, p, n);
	else
		portable_leave_out(p, "parts that this box does not have");
}

void portable_take(struct im *im, struct portable *p, enum pie in, struct xml_node *n)
{
	switch (in) {
	case PIE_USER:
		take_small(im, p, n);
		break;
	case PIE_ROSTER:
		take_contact(im, p, n);
		break;
	case PIE_OFFLINE:
		take_offline(im, p, n);
		break;
	case PIE_PRIVATE:
		take_private(im, p, n);
		break;
	case PIE_NODES:
		portable_take_node(im, p, n);
		break;
	case PIE_ITEMS:
		portable_take_item(im, p, n);
		break;
	case PIE_ARCHIVE:
		take_archived(im, p, n);
		break;
	default:
		portable_leave_out(p, "parts that this box does not have");
	}
}
