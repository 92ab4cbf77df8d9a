#include "pep/bookmarks.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "pep/pep_own.h"

enum { ROOMS_MAX = 200, TEXT_BYTES_MAX = 1 << 20 };

/* XEP-0402 3: nobody else sees them, and nothing is sent to who comes. */
const struct pep_config bookmarks_config = {
	.access = PEP_WHITELIST, .last = PEP_LAST_NEVER, .is_persistent = true, .has_payloads = true, .tells_delete = true,
	.tells_retract = true, .max_items = PEP_ITEMS_MAX,
};

bool bookmarks_are(const struct xml_node *n)
{
	return xml_is(n, "storage", NS_BOOKMARKS_OLD);
}

/* ---- one room, in either form ---- */

static void put_text(struct buf *b, const struct xml_node *room, const char *name)
{
	const struct xml_node *n = xml_child(room, name, room->ns);

	if (!n)
		return;
	buf_putf(b, "<%s>", name);
	text_xml_escape(xml_text(n), b);
	buf_putf(b, "</%s>", name);
}

/* jid: written when it is given (the older form has it inside). */
static void put_room(struct buf *b, const struct xml_node *room, const char *ns, struct bytes jid)
{
	struct bytes name = xml_attr(room, "name"), autojoin = xml_attr(room, "autojoin");

	buf_put_str(b, "<conference");
	if (ns)
		xml_write_attr(b, "xmlns", bytes_of(ns));
	if (jid.n)
		xml_write_attr(b, "jid", jid);
	if (name.n)
		xml_write_attr(b, "name", name);
	if (bytes_eq_str(autojoin, "true") || bytes_eq_str(autojoin, "1"))
		buf_put_str(b, " autojoin='true'");
	buf_put_u8(b, '>');
	put_text(b, room, "nick");
	put_text(b, room, "password");
	buf_put_str(b, "</conference>");
}

/* ---- reading all ---- */

struct rooms {
	struct iq_later *later;
	struct user *user; /* pinned */
	struct buf found;  /* each: id str, the older form bytes */
	struct buf wanted; /* the request, when there is one */
};

static struct rooms *rooms_new(struct iq *q)
{
	struct rooms *r = calloc(1, sizeof *r);

	if (!r || !(r->later = iq_keep(q))) {
		free(r);
		return NULL;
	}
	r->user = q->user;
	user_pin(r->user);
	buf_init(&r->found, TEXT_BYTES_MAX);
	buf_init(&r->wanted, TEXT_BYTES_MAX);
	return r;
}

static void rooms_free(struct im *im, struct rooms *r)
{
	user_unpin(im, r->user);
	buf_fini(&r->found);
	buf_fini(&r->wanted);
	free(r);
}

static void on_room(struct im *im, struct ask *a, struct wire *w)
{
	struct rooms *r = a->arg;
	struct xml_node *n;
	struct buf b;

	if (wire_left(w) == 8) { /* the numbers, which come first: also when the ask is sent again */
		buf_clear(&r->found);
		*w = wire_of(BYTES_NONE);
		return;
	}
	struct bytes id = wire_str(w);
	(void)wire_str(w); /* publisher */
	(void)wire_u64(w);
	struct bytes payload = wire_bytes(w);
	if (wire_failed(w) || xml_pool_parse(im->parsers, payload, NS_CLIENT, &xml_limits_default, &im->arena, &n))
		return;
	buf_init(&b, TEXT_BYTES_MAX);
	put_room(&b, n, NULL, id);
	wire_put_str(&r->found, id);
	wire_put_bytes(&r->found, buf_bytes(&b));
	buf_fini(&b);
}

static void on_got_all(struct im *im, struct ask *a, int rc)
{
	struct rooms *r = a->arg;
	struct wire w = wire_of(buf_bytes(&r->found));
	struct buf b;

	buf_init(&b, TEXT_BYTES_MAX);
	buf_put_str(&b, "<query xmlns='" NS_PRIVATE "'><storage xmlns='" NS_BOOKMARKS_OLD "'>");
	while (wire_left(&w)) {
		(void)wire_str(&w);
		buf_put_bytes(&b, wire_bytes(&w));
	}
	buf_put_str(&b, "</storage></query>");
	if (rc || buf_failed(&b))
		iq_late_error(im, r->later, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_result(im, r->later, buf_bytes(&b));
	buf_fini(&b);
	rooms_free(im, r);
}

bool bookmarks_get(struct im *im, struct iq *q)
{
	struct rooms *r = pep_node_find(q->user, BYTES(NS_BOOKMARKS)) ? rooms_new(q) : NULL;

	if (r)
		pep_own_read(im, q->user, BYTES(NS_BOOKMARKS), BYTES_NONE, on_room, on_got_all, r);
	return r != NULL;
}

/* ---- writing ---- */

/* The older form of a room that is there; empty: it is not. */
static struct bytes found(const struct rooms *r, struct bytes id)
{
	struct wire w = wire_of(buf_bytes(&r->found));

	while (wire_left(&w)) {
		struct bytes its = wire_str(&w), text = wire_bytes(&w);
		if (bytes_eq(its, id))
			return text;
	}
	return BYTES_NONE;
}

static bool is_room(struct im *im, const struct xml_node *n, struct bytes *id)
{
	struct jid j;

	if (!xml_is(n, "conference", NS_BOOKMARKS_OLD) || jid_parse(xml_attr(n, "jid"), &im->arena, &j))
		return false;
	*id = arena_dup(&im->arena, jid_bare(&j));
	return id->n > 0 && id->n <= PEP_NAME_MAX;
}

/* false: no room for it. */
static bool publish(struct im *im, struct rooms *r, const struct xml_node *n, struct bytes id)
{
	struct buf old, now;
	bool is_done = true;

	buf_init(&old, TEXT_BYTES_MAX);
	buf_init(&now, TEXT_BYTES_MAX);
	put_room(&old, n, NULL, id);
	put_room(&now, n, NS_BOOKMARKS, BYTES_NONE);
	if (!bytes_eq(found(r, id), buf_bytes(&old))) /* as it was: what only the new form has stays */
		is_done = pep_own_publish(im, r->user, BYTES(NS_BOOKMARKS), &bookmarks_config, id, buf_bytes(&now));
	buf_fini(&old);
	buf_fini(&now);
	return is_done;
}

static bool is_wanted(struct im *im, const struct xml_node *storage, struct bytes id)
{
	for (const struct xml_node *n = xml_first(storage); n; n = xml_next(n)) {
		struct bytes its;
		if (is_room(im, n, &its) && bytes_eq(its, id))
			return true;
	}
	return false;
}

static void drop_others(struct im *im, struct rooms *r, const struct xml_node *storage)
{
	struct wire w = wire_of(buf_bytes(&r->found));

	while (wire_left(&w)) {
		struct bytes id = wire_str(&w);
		struct pep_node *n = pep_node_find(r->user, BYTES(NS_BOOKMARKS));
		(void)wire_bytes(&w);
		if (n && !is_wanted(im, storage, id))
			pep_own_retract(im, r->user, n, id);
	}
}

static bool bring_about(struct im *im, struct rooms *r)
{
	struct xml_node *storage;
	struct bytes id;
	unsigned n = 0;

	if (xml_pool_parse(im->parsers, buf_bytes(&r->wanted), NS_CLIENT, &xml_limits_default, &im->arena, &storage))
		return false;
	for (const struct xml_node *room = xml_first(storage); room; room = xml_next(room))
		if (is_room(im, room, &id) && (++n > ROOMS_MAX || !publish(im, r, room, id)))
			return false;
	drop_others(im, r, storage);
	return true;
}

bool bookmarks_convert(struct im *im, const struct xml_node *room, struct bytes *id, struct buf *payload)
{
	if (!is_room(im, room, id))
		return false;
	put_room(payload, room, NS_BOOKMARKS, BYTES_NONE);
	return true;
}

static void on_kept(struct im *im, struct ask *a, int rc)
{
	if (rc)
		iq_late_error(im, a->arg, STANZA_INTERNAL_SERVER_ERROR);
	else
		iq_late_result(im, a->arg, BYTES_NONE);
}

/* The node is brought about; then the older form is kept as it is, and answers for all: it is the last one to reach the disk. */
static void on_read(struct im *im, struct ask *a, int rc)
{
	struct rooms *r = a->arg;

	if (rc && rc != ERR_NOT_FOUND) {
		iq_late_error(im, r->later, STANZA_INTERNAL_SERVER_ERROR);
	} else if (!bring_about(im, r)) {
		iq_late_error(im, r->later, STANZA_RESOURCE_CONSTRAINT);
	} else {
		struct buf *b = ask_begin(im, STORE_BLOB_PUT);
		wire_put_str(b, user_jid(r->user));
		wire_put_str(b, BYTES("private storage " NS_BOOKMARKS_OLD));
		buf_clear(&im->out2);
		buf_put_str(&im->out2, "<query xmlns='" NS_PRIVATE "'>");
		buf_put_bytes(&im->out2, buf_bytes(&r->wanted));
		buf_put_str(&im->out2, "</query>");
		wire_put_bytes(b, buf_bytes(&im->out2));
		ask_send(im, NULL, on_kept, r->later, 0);
	}
	rooms_free(im, r);
}

void bookmarks_set(struct im *im, struct iq *q, const struct xml_node *storage)
{
	struct rooms *r = rooms_new(q);

	if (!r) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	xml_write(&r->wanted, storage, "");
	pep_own_read(im, q->user, BYTES(NS_BOOKMARKS), BYTES_NONE, on_room, on_read, r);
}
