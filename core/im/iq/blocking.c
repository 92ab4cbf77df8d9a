#include "iq/blocking.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "iq/report.h"
#include "presence/authorise.h"
#include "presence/presence.h"
#include "presence/subscribe.h"
#include "presence/watch.h"
#include "room/rooms.h"

#include <stdlib.h>

enum { BLOCKS_MAX = 1000 };

/* Subscriptions are answered by policy (authorise_of); what the person asked for comes back, and who goes may say so. */
static bool is_kept_out(const struct user *u, const struct envelope *e)
{
	if (e->type == TYPE_ERROR || e->type == TYPE_RESULT || e->type == TYPE_UNAVAILABLE || subscribe_is((enum stanza_type)e->type))
		return false;
	return authorise_keeps_out(u, e->from);
}

bool blocking_refuses(struct im *im, const struct user *u, const struct item *it)
{
	if (!user_lists_block(u, it->e.from) && !is_kept_out(u, &it->e))
		return false;
	im_stats[STAT_BLOCKED]++;
	if (it->e.kind != STANZA_PRESENCE)
		item_refuse(im, it, STANZA_SERVICE_UNAVAILABLE, NULL);
	return true;
}

/* Who blocks everybody can still show themselves to somebody, ask for a contact, and speak in rooms (C-AVL-17: no messages). */
static bool is_kept_in(const struct im *im, const struct user *u, const struct envelope *e)
{
	return e->kind == STANZA_MESSAGE && authorise_keeps_out(u, e->to) && !rooms_host_of(im, e->to);
}

/* XEP-0191 3.5: not-acceptable, with a condition of its own. */
bool blocking_refuses_out(struct im *im, const struct user *u, const struct item *it)
{
	const struct envelope *e = &it->e;
	struct buf *b = &im->out;

	if (!user_lists_block(u, e->to) && !is_kept_in(im, u, e))
		return false;
	im_stats[STAT_BLOCKED]++;
	if (e->type == TYPE_ERROR || e->type == TYPE_RESULT)
		return true;
	buf_clear(b);
	buf_putf(b, "<%s type='error'", stanza_kind_name((enum stanza_kind)e->kind));
	if (e->sid.n)
		xml_write_attr(b, "id", e->sid);
	xml_write_attr(b, "from", e->to);
	xml_write_attr(b, "to", e->from);
	buf_put_str(b, "><error type='cancel'><not-acceptable xmlns='" NS_STANZA_ERRORS "'/>"
		       "<blocked xmlns='" NS_BLOCKING_ERRORS "'/></error>");
	buf_putf(b, "</%s>", stanza_kind_name((enum stanza_kind)e->kind));
	post(im, (enum stanza_kind)e->kind, TYPE_ERROR, e->to, e->from, buf_bytes(b));
	return true;
}

/* ---- requests ---- */

static void put_items(struct buf *b, const struct bytes *jids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", jids[i]);
		buf_put_str(b, "/>");
	}
}

void blocking_get(struct im *im, struct iq *q)
{
	struct buf *b = &im->out2;

	if (q->session)
		q->session->bits |= SESSION_WANTS_BLOCKS;
	buf_clear(b);
	buf_put_str(b, "<blocklist xmlns='" NS_BLOCKING "'>");
	put_items(b, q->user->blocks, q->user->n_blocks);
	buf_put_str(b, "</blocklist>");
	iq_result(im, q, buf_bytes(b));
}

static void push(struct im *im, struct user *u, const char *name, const struct bytes *jids, uint32_t n)
{
	LIST_EACH (it, &u->sessions) {
		struct session *s = LIST_OWNER(it, struct session, node);
		if (!(s->bits & SESSION_WANTS_BLOCKS))
			continue;
		buf_clear(&im->out);
		buf_putf(&im->out, "<iq type='set' id='push%llx'", (unsigned long long)im_next_id(im));
		xml_write_attr(&im->out, "to", session_full(s));
		buf_putf(&im->out, "><%s xmlns='" NS_BLOCKING "'>", name);
		put_items(&im->out, jids, n);
		buf_putf(&im->out, "</%s></iq>", name);
		if (!buf_failed(&im->out))
			session_send(im, s, STANZA_IQ, buf_bytes(&im->out));
	}
}

/* The addresses in the request, in the arena. n: how many; false: malformed. */
static bool read_items(struct im *im, const struct iq *q, struct bytes **out, uint32_t *n)
{
	*out = arena_alloc(&im->arena, BLOCKS_MAX * sizeof **out);
	*n = 0;
	for (struct xml_node *i = xml_first(q->child); i; i = xml_next(i)) {
		struct jid j;
		if (!*out || *n == BLOCKS_MAX || !xml_is(i, "item", NS_BLOCKING) || jid_parse(xml_attr(i, "jid"), &im->arena, &j))
			return false;
		(*out)[(*n)++] = arena_dup(&im->arena, j.full);
		report_take(im, q, i, j.full);
	}
	return *out != NULL;
}

static void on_saved(struct im *im, struct ask *a, int rc)
{
	if (rc)
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_result(im, a->arg, BYTES_NONE);
}

static void save(struct im *im, struct iq *q, enum store_op op, const struct bytes *jids, uint32_t n)
{
	struct iq_later *l = iq_keep(q);

	if (!l) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	struct buf *b = ask_begin(im, op);
	wire_put_str(b, user_jid(q->user));
	wire_put_u16(b, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_str(b, jids[i]);
	ask_send(im, NULL, on_saved, l, 0);
}

bool *blocking_note(struct im *im, const struct user *u)
{
	bool *were = arena_alloc(&im->arena, (u->n_contacts + 1) * sizeof *were);

	for (uint32_t i = 0; were && i < u->n_contacts; i++)
		were[i] = user_blocks(u, contact_jid(u->contacts[i]));
	return were;
}

/* Contacts for whom it makes a difference see the user go, or come (XEP-0191 3.3, 3.4). */
void blocking_changed(struct im *im, struct user *u, const bool *were)
{
	for (uint32_t i = 0; i < u->n_contacts; i++) {
		struct bytes jid = contact_jid(u->contacts[i]);
		bool is = user_blocks(u, jid);
		if (were[i] == is)
			continue;
		if (!is)
			presence_ask(im, u, jid); /* what it was meanwhile was kept from the user */
		if (!(u->contacts[i]->bits & CONTACT_FROM))
			continue;
		if (is)
			presence_hide(im, u, jid);
		else
			presence_show(im, u, jid);
	}
	watch_check(im, u);
}

static bool has(const struct bytes *list, uint32_t n, struct bytes jid)
{
	for (uint32_t i = 0; i < n; i++)
		if (bytes_eq(list[i], jid))
			return true;
	return false;
}

/* Takes the list `now` (in the arena) over. */
static bool take(struct im *im, struct user *u, const struct bytes *now, uint32_t n)
{
	bool *were = blocking_note(im, u);

	if (!were || user_set_blocks(u, now, n))
		return false;
	blocking_changed(im, u, were);
	return true;
}

void blocking_block(struct im *im, struct iq *q)
{
	struct user *u = q->user;
	struct bytes *jids;
	uint32_t n;

	if (!read_items(im, q, &jids, &n) || !n) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	struct bytes *now = arena_alloc(&im->arena, (u->n_blocks + n) * sizeof *now);
	uint32_t n_now = u->n_blocks;
	if (now && u->n_blocks)
		memcpy(now, u->blocks, u->n_blocks * sizeof *now);
	for (uint32_t i = 0; now && i < n; i++)
		if (!has(now, n_now, jids[i]))
			now[n_now++] = jids[i];
	if (!now || n_now > BLOCKS_MAX || !take(im, u, now, n_now)) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	save(im, q, STORE_BLOCK_ADD, jids, n);
	push(im, u, "block", jids, n);
}

void blocking_unblock(struct im *im, struct iq *q)
{
	struct user *u = q->user;
	struct bytes *jids;
	uint32_t n, n_now = 0;

	if (!read_items(im, q, &jids, &n)) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	struct bytes *now = arena_alloc(&im->arena, (u->n_blocks + 1) * sizeof *now);
	for (uint32_t i = 0; now && n && i < u->n_blocks; i++)
		if (!has(jids, n, u->blocks[i]))
			now[n_now++] = u->blocks[i];
	if (!now || !take(im, u, now, n_now)) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	save(im, q, STORE_BLOCK_DEL, jids, n);
	push(im, u, "unblock", jids, n);
}
