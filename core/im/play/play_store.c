#include "play/play_store.h"

#include "base/err.h"
#include "proto/jid.h"
#include "proto/scram.h"
#include "sip/digest.h"

#include <stdlib.h>

enum kind { ACCOUNT, VERIFIER, CONTACT, BLOCK, BLOB, OFFLINE, JOURNAL, APP, APP_KEY, FAST, ARCHIVE, PEP_NODE, PEP_ITEM, ROOM, ROOM_AFFILIATE, ROOM_PAST, NOTICE };

struct row {
	struct list node;
	enum kind kind;
	uint64_t id, at; /* ACCOUNT: id is the roster's version */
	bool is_used; /* FAST */
	struct bytes user, key, value;
	uint8_t text[];
};

struct held {
	struct list node;
	uint32_t id, n;
	uint8_t body[];
};

static const uint8_t secret[32] = "the secret of the box in a play";

/* ---- rows ---- */

static struct row *add(struct play_store *s, enum kind kind, struct bytes user, struct bytes key, struct bytes value)
{
	struct row *r = calloc(1, sizeof *r + user.n + key.n + value.n);
	struct bytes *const out[] = { &r->user, &r->key, &r->value };
	const struct bytes in[] = { user, key, value };

	if (!r)
		abort();
	uint8_t *at = r->text;
	for (int i = 0; i < 3; i++) {
		if (in[i].n)
			memcpy(at, in[i].p, in[i].n);
		*out[i] = bytes_make(at, in[i].n);
		at += in[i].n;
	}
	r->kind = kind;
	r->id = ++s->last_row;
	list_add_tail(&s->rows, &r->node);
	return r;
}

static void del(struct row *r)
{
	list_del(&r->node);
	free(r);
}

static struct row *find(const struct play_store *s, enum kind kind, struct bytes user, struct bytes key)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == kind && bytes_eq(r->user, user) && bytes_eq(r->key, key))
			return r;
	}
	return NULL;
}

static void replace(struct play_store *s, enum kind kind, struct bytes user, struct bytes key, struct bytes value)
{
	struct row *old = find(s, kind, user, key);

	if (old)
		del(old);
	if (value.n)
		add(s, kind, user, key, value);
}

static unsigned count(const struct play_store *s, enum kind kind, struct bytes user)
{
	unsigned n = 0;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		n += r->kind == kind && (!user.n || bytes_eq(r->user, user));
	}
	return n;
}

/* ---- answers ---- */

static struct chan *to_im(struct play_store *s)
{
	return s->bus ? bus_next(s->bus, PROG_IM, NULL) : NULL;
}

static void done(struct play_store *s, uint32_t id, int rc)
{
	wire_put_u32(chan_begin(to_im(s), MSG_STORE_DONE, id), (uint32_t)rc);
	(void)chan_end(to_im(s)); /* a gh-im that has gone asks again */
}

static struct buf *item(struct play_store *s, uint32_t id)
{
	return chan_begin(to_im(s), MSG_STORE_ITEM, id);
}

static void item_end(struct play_store *s)
{
	(void)chan_end(to_im(s)); /* as in done */
}

/* ---- reads ---- */

static bool is_disabled(struct play_store *s, struct bytes user)
{
	return find(s, BLOB, user, BYTES(STORE_DISABLED_KEY)) != NULL;
}

/* Key: hash, label. Value: stored key, server key. */
static void app_keys(struct play_store *s, uint32_t id, struct bytes user, uint8_t hash, struct bytes main)
{
	struct wire w = wire_of(main);
	uint32_t iterations = wire_u32(&w);
	struct bytes salt = wire_bytes(&w);

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != APP_KEY || !bytes_eq(r->user, user) || r->key.p[0] != hash)
			continue;
		struct buf *b = item(s, id);
		wire_put_u32(b, iterations);
		wire_put_bytes(b, salt);
		buf_put_bytes(b, r->value);
		wire_put_str(b, bytes_skip(r->key, 1));
		wire_put_u8(b, is_disabled(s, user));
		item_end(s);
	}
}

static int app_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != APP || !bytes_eq(r->user, user))
			continue;
		struct buf *b = item(s, id);
		wire_put_str(b, r->key);
		wire_put_u64(b, 1);
		wire_put_u64(b, r->at);
		wire_put_str(b, r->at ? BYTES("192.0.2.1") : BYTES_NONE);
		item_end(s);
	}
	return 0;
}

static int auth_get(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint8_t hash = wire_u8(w);
	bool or_sha1 = hash & STORE_HASH_OR_SHA1;

	hash &= (uint8_t)~STORE_HASH_OR_SHA1;
	struct row *r = find(s, VERIFIER, user, bytes_make(&hash, 1));
	if (!r && or_sha1) {
		hash = 0;
		r = find(s, VERIFIER, user, bytes_make(&hash, 1));
	}
	if (!r)
		return ERR_NOT_FOUND;
	struct buf *b = item(s, id);
	buf_put_bytes(b, r->value);
	wire_put_str(b, BYTES_NONE);
	wire_put_u8(b, is_disabled(s, user));
	item_end(s);
	app_keys(s, id, user, hash, r->value);
	return 0;
}

static int verifier_add(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), salt = wire_bytes(w);
	uint8_t hash = wire_u8(w), sha1 = 0;
	struct bytes stored = wire_bytes(w), server = wire_bytes(w);
	struct row *r = find(s, VERIFIER, user, bytes_make(&sha1, 1));
	struct buf b;

	(void)id;
	if (!r || find(s, VERIFIER, user, bytes_make(&hash, 1)))
		return 0;
	struct wire old = wire_of(r->value);
	uint32_t iterations = wire_u32(&old);
	if (!bytes_eq(wire_bytes(&old), salt))
		return 0;
	buf_init(&b, 1024);
	wire_put_u32(&b, iterations);
	wire_put_bytes(&b, salt);
	wire_put_bytes(&b, stored);
	wire_put_bytes(&b, server);
	add(s, VERIFIER, user, bytes_make(&hash, 1), buf_bytes(&b));
	buf_fini(&b);
	return 0;
}

/* ---- nodes: key the name, value the state; items: key "node id", value publisher, when, payload ---- */

static bool is_item_of(const struct row *r, struct bytes user, struct bytes node, struct bytes *id)
{
	if (r->kind != PEP_ITEM || !bytes_eq(r->user, user) || !bytes_starts(r->key, node) || r->key.n <= node.n || r->key.p[node.n] != ' ')
		return false;
	*id = bytes_skip(r->key, node.n + 1);
	return true;
}

/* The newest, before one (NULL: at all). */
static struct row *pep_newest(struct play_store *s, struct bytes user, struct bytes node, const struct row *before, struct bytes *id)
{
	struct row *last = NULL;
	struct bytes its;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r == before)
			break;
		if (is_item_of(r, user, node, &its)) {
			last = r;
			*id = its;
		}
	}
	return last;
}

static void tell_nodes(struct play_store *s, uint32_t id, struct bytes user)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		struct bytes last = BYTES_NONE;
		if (r->kind != PEP_NODE || !bytes_eq(r->user, user))
			continue;
		(void)pep_newest(s, user, r->key, NULL, &last);
		struct buf *b = item(s, id);
		wire_put_u8(b, STORE_USER_NODE);
		wire_put_str(b, r->key);
		wire_put_bytes(b, r->value);
		wire_put_str(b, last);
		item_end(s);
	}
}

static void put_row(struct buf *b, struct bytes id, const struct row *r)
{
	wire_put_str(b, id);
	buf_put_bytes(b, r->value);
}

static void tell_one(struct play_store *s, uint32_t id, struct bytes name, const struct row *r)
{
	put_row(item(s, id), name, r);
	item_end(s);
}

static int pep_items(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), node = wire_str(w), name;
	uint8_t how = wire_u8(w);
	uint32_t limit = wire_u32(w), total = 0, before = 0;
	bool is_behind = false;

	(void)wire_u32(w); /* bytes: the store's own test */
	if (!find(s, PEP_NODE, user, node)) {
		w->at = w->in.n;
		return ERR_NOT_FOUND;
	}
	struct bytes from = how == STORE_PEP_IDS ? BYTES_NONE : wire_str(w);
	LIST_EACH (it, &s->rows) {
		if (!is_item_of(LIST_OWNER(it, struct row, node), user, node, &name))
			continue;
		is_behind |= how == STORE_PEP_BEFORE && from.n && bytes_eq(name, from);
		before += !is_behind && (how == STORE_PEP_BEFORE || from.n);
		is_behind |= how == STORE_PEP_AFTER && bytes_eq(name, from);
		total++;
	}
	struct buf *b = item(s, id);
	wire_put_u32(b, total);
	wire_put_u32(b, before);
	item_end(s);
	bool has_begun = !from.n;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (how != STORE_PEP_AFTER || !limit || !is_item_of(r, user, node, &name))
			continue;
		if (has_begun) {
			tell_one(s, id, name, r);
			limit--;
		}
		has_begun |= bytes_eq(name, from);
	}
	for (uint16_t n = how == STORE_PEP_IDS ? wire_u16(w) : 0; n; n--) {
		struct bytes wanted = wire_str(w);
		LIST_EACH (it, &s->rows) {
			struct row *r = LIST_OWNER(it, struct row, node);
			if (is_item_of(r, user, node, &name) && bytes_eq(name, wanted))
				tell_one(s, id, name, r);
		}
	}
	struct row *at = NULL;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (how == STORE_PEP_BEFORE && from.n && is_item_of(r, user, node, &name) && bytes_eq(name, from))
			at = r;
	}
	while (how == STORE_PEP_BEFORE && limit-- && (at = pep_newest(s, user, node, at, &name)))
		tell_one(s, id, name, at);
	return 0;
}

static int pep_last(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes owner = wire_str(w), bare = wire_str(w), name;
	struct bytes nodes[64];
	uint16_t n;

	for (int i = 0; i < 3; i++)
		(void)wire_str(w); /* who may be blocked: the store's own test */
	n = wire_u16(w);
	for (uint16_t i = 0; i < n && i < 64; i++)
		nodes[i] = wire_str(w);
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != PEP_NODE || (owner.n && !bytes_eq(r->user, owner)))
			continue;
		struct row *c = find(s, CONTACT, r->user, bare), *last = pep_newest(s, r->user, r->key, NULL, &name);
		struct bytes groups = BYTES_NONE;
		if (!last || (!bytes_eq(r->user, bare) && (!c || !(c->value.p[0] & CONTACT_FROM))))
			continue;
		if (c) {
			struct wire v = wire_of(bytes_skip(c->value, 1));
			(void)wire_str(&v);
			groups = wire_bytes(&v);
		}
		for (uint16_t i = 0; i < n; i++) {
			if (!bytes_eq(nodes[i], r->key))
				continue;
			struct buf *b = item(s, id);
			wire_put_str(b, r->user);
			wire_put_str(b, r->key);
			wire_put_bytes(b, r->value);
			wire_put_bytes(b, groups);
			put_row(b, name, last);
			item_end(s);
		}
	}
	return 0;
}

static void tell_small(struct play_store *s, uint32_t id, const struct row *r, uint8_t kind)
{
	if (!r)
		return;
	struct buf *b = item(s, id);
	wire_put_u8(b, kind);
	wire_put_bytes(b, r->value);
	item_end(s);
}

static int user_get(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	struct row *account = find(s, ACCOUNT, user, BYTES_NONE);

	if (!account)
		return ERR_NOT_FOUND;
	struct buf *b = item(s, id);
	wire_put_u8(b, STORE_USER_VERSION);
	wire_put_u64(b, account->id);
	item_end(s);
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if ((r->kind != CONTACT && r->kind != BLOCK) || !bytes_eq(r->user, user))
			continue;
		b = item(s, id);
		wire_put_u8(b, r->kind == CONTACT ? STORE_USER_CONTACT : STORE_USER_BLOCK);
		wire_put_str(b, r->key);
		buf_put_bytes(b, r->value);
		item_end(s);
	}
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_PREFS_KEY)), STORE_USER_PREFS);
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_POLICY_KEY)), STORE_USER_POLICY);
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_PUSH_KEY)), STORE_USER_PUSH);
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_DIRECTORY_KEY)), STORE_USER_DIRECTORY);
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_DISABLED_KEY)), STORE_USER_DISABLED);
	tell_small(s, id, find(s, BLOB, user, BYTES(STORE_NOTICE_KEY)), STORE_USER_NOTICE);
	tell_nodes(s, id, user);
	return 0;
}

static int blob_get(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), key = wire_str(w);
	struct row *r = find(s, BLOB, user, key);

	if (!r)
		return ERR_NOT_FOUND;
	wire_put_bytes(item(s, id), r->value);
	item_end(s);
	return 0;
}

static int blob_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), front = wire_str(w), last = BYTES_NONE;

	for (;;) {
		const struct row *next = NULL;
		LIST_EACH (it, &s->rows) {
			const struct row *r = LIST_OWNER(it, struct row, node);
			bool is_one = r->kind == BLOB && bytes_eq(r->user, user) && r->key.n >= front.n &&
				      bytes_eq(bytes_make(r->key.p, front.n), front) && bytes_cmp(r->key, last) > 0;
			if (is_one && (!next || bytes_cmp(r->key, next->key) < 0))
				next = r;
		}
		if (!next)
			return 0;
		struct buf *b = item(s, id);
		wire_put_str(b, next->key);
		wire_put_bytes(b, next->value);
		item_end(s);
		last = next->key;
	}
}

static int offline_page(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint64_t after = wire_u64(w);
	uint32_t limit = wire_u32(w);

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != OFFLINE || !bytes_eq(r->user, user) || r->id <= after || !limit)
			continue;
		limit--;
		struct buf *b = item(s, id);
		wire_put_u64(b, r->id);
		wire_put_u64(b, r->at);
		wire_put_bytes(b, r->value);
		item_end(s);
	}
	return 0;
}

/* ---- writes ---- */

static int secret_get(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)w;
	wire_put_bytes(item(s, id), bytes_make(secret, sizeof secret));
	item_end(s);
	return 0;
}

static void put_verifiers(struct play_store *s, struct bytes user, struct wire *w)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if ((r->kind == VERIFIER || r->kind == APP || r->kind == APP_KEY || r->kind == FAST) && bytes_eq(r->user, user))
			del(r);
	}
	for (uint8_t n = wire_u8(w); n; n--) {
		uint8_t hash = wire_u8(w);
		struct buf b;
		buf_init(&b, 1024);
		wire_put_u32(&b, wire_u32(w));
		for (int i = 0; i < 3; i++) /* salt, stored key, server key */
			wire_put_bytes(&b, wire_bytes(w));
		replace(s, VERIFIER, user, bytes_make(&hash, 1), buf_bytes(&b));
		buf_fini(&b);
	}
}

static int account_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint8_t mode = wire_u8(w);
	bool is_new = mode == STORE_ACCOUNT_NEW || mode == STORE_ACCOUNT_NEW_NOTED, is_there = find(s, ACCOUNT, user, BYTES_NONE);

	(void)id;
	(void)wire_u64(w);
	struct bytes note = mode >= STORE_ACCOUNT_NEW_NOTED ? wire_bytes(w) : BYTES_NONE;
	int rc = is_new == is_there ? is_new ? ERR_EXISTS : ERR_NOT_FOUND : 0;
	if (!rc && !is_new && note.n && !find(s, BLOB, user, BYTES(STORE_DIRECTORY_KEY)))
		rc = ERR_EXISTS;
	if (!rc && mode == STORE_ACCOUNT_CHANGE && find(s, BLOB, user, BYTES(STORE_DIRECTORY_KEY)))
		rc = ERR_DENIED;
	if (rc) {
		w->at = w->in.n;
		return rc;
	}
	if (is_new)
		add(s, ACCOUNT, user, BYTES_NONE, BYTES_NONE);
	if (note.n)
		replace(s, BLOB, user, BYTES(STORE_DIRECTORY_KEY), note);
	if (mode == STORE_ACCOUNT_NOTE)
		return wire_u8(w) ? ERR_SYNTAX : 0;
	put_verifiers(s, user, w);
	return 0;
}

static int app_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), label = wire_str(w);
	bool is_there = find(s, APP, user, label);
	struct buf key, value;

	(void)id;
	(void)wire_u64(w);
	if (!is_there)
		add(s, APP, user, label, BYTES_NONE);
	for (uint8_t n = wire_u8(w); n; n--) {
		buf_init(&key, 128);
		buf_init(&value, 128);
		buf_put_u8(&key, wire_u8(w));
		buf_put_bytes(&key, label);
		(void)wire_bytes(w); /* the salt: the store's own test */
		for (int i = 0; i < 2; i++)
			wire_put_bytes(&value, wire_bytes(w));
		if (!is_there)
			add(s, APP_KEY, user, buf_bytes(&key), buf_bytes(&value));
		buf_fini(&key);
		buf_fini(&value);
	}
	return is_there ? ERR_EXISTS : 0;
}

/* ---- tokens of FAST: key the client, id the last count, at of the making; value: struct fast_value ---- */

struct fast_value {
	struct bytes label, seed;
	uint8_t kind;
	uint64_t expires;
};

static struct fast_value fast_value(const struct row *r)
{
	struct wire w = wire_of(r->value);

	return (struct fast_value){ .label = wire_str(&w), .seed = wire_bytes(&w), .kind = wire_u8(&w), .expires = wire_u64(&w) };
}

static struct row *fast_find(const struct play_store *s, struct bytes user, struct bytes client, struct bytes seed)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == FAST && bytes_eq(r->user, user) && bytes_eq(r->key, client) && bytes_eq(fast_value(r).seed, seed))
			return r;
	}
	return NULL;
}

/* Rows of a client (BYTES_NONE: all of the user's), or those with a label, but for one. */
static unsigned fast_drop(struct play_store *s, struct bytes user, struct bytes client, const struct bytes *label,
			  const struct row *but)
{
	unsigned n = 0;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != FAST || r == but || !bytes_eq(r->user, user) || (client.n && !bytes_eq(r->key, client)) ||
		    (label && !bytes_eq(fast_value(r).label, *label)))
			continue;
		del(r);
		n++;
	}
	return n;
}

/* The client has the token that it used last, else the newest, beside the new one. */
static struct row *fast_last(const struct play_store *s, struct bytes user, struct bytes client)
{
	struct row *last = NULL;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == FAST && bytes_eq(r->user, user) && bytes_eq(r->key, client) && (!last || r->is_used >= last->is_used))
			last = r;
	}
	return last;
}

static int fast_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), client = wire_str(w);
	struct buf value;

	(void)id;
	(void)wire_str(w); /* name */
	struct bytes label = wire_str(w);
	uint8_t kind = wire_u8(w);
	struct bytes seed = wire_bytes(w);
	uint64_t now = wire_u64(w), expires = wire_u64(w);
	uint8_t by = wire_u8(w);
	(void)wire_u8(w);
	struct bytes basis = wire_bytes(w);
	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	if ((label.n && !find(s, APP, user, label)) || (by == STORE_FAST_BY_TOKEN && !fast_find(s, user, client, basis)))
		return ERR_BAD_STATE;
	struct row *old = fast_find(s, user, client, seed);
	if (old)
		return 0;
	fast_drop(s, user, client, NULL, fast_last(s, user, client));
	buf_init(&value, 256);
	wire_put_str(&value, label);
	wire_put_bytes(&value, seed);
	wire_put_u8(&value, kind);
	wire_put_u64(&value, expires);
	struct row *r = add(s, FAST, user, client, buf_bytes(&value));
	r->id = 0;
	r->at = now;
	buf_fini(&value);
	return 0;
}

static int fast_get(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), client = wire_str(w);
	uint8_t i = 0;

	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != FAST || !bytes_eq(r->user, user) || !bytes_eq(r->key, client))
			continue;
		struct fast_value v = fast_value(r);
		struct buf *b = item(s, id);
		wire_put_u8(b, i++);
		wire_put_bytes(b, v.seed);
		wire_put_u8(b, v.kind);
		wire_put_str(b, v.label);
		wire_put_u64(b, r->at);
		wire_put_u64(b, v.expires);
		wire_put_u8(b, is_disabled(s, user));
		item_end(s);
	}
	return 0;
}

static int fast_use(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), client = wire_str(w), seed = wire_bytes(w);
	uint64_t login = wire_u64(w), count = wire_u64(w);
	struct row *r = fast_find(s, user, client, seed);

	(void)id;
	(void)login; /* the store's own test */
	if (!r)
		return ERR_NOT_FOUND;
	if (count <= r->id && (count || r->id))
		return ERR_EXISTS;
	r->id = count;
	r->is_used = true;
	LIST_EACH (it, &s->rows) { /* those before it */
		struct row *old = LIST_OWNER(it, struct row, node);
		if (old == r)
			break;
		if (old->kind == FAST && bytes_eq(old->user, user) && bytes_eq(old->key, client))
			del(old);
	}
	return 0;
}

static int fast_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);

	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != FAST || !bytes_eq(r->user, user))
			continue;
		struct fast_value v = fast_value(r);
		struct buf *b = item(s, id);
		wire_put_str(b, r->key);
		wire_put_str(b, BYTES_NONE);
		wire_put_str(b, v.label);
		wire_put_u64(b, r->at);
		wire_put_u64(b, 0);
		wire_put_str(b, BYTES_NONE);
		wire_put_u64(b, v.expires);
		item_end(s);
	}
	return 0;
}

static int fast_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), client = wire_str(w);

	(void)id;
	return fast_drop(s, user, client, NULL, NULL) ? 0 : ERR_NOT_FOUND;
}

static int app_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), label = wire_str(w);

	(void)id;
	if (!find(s, APP, user, label))
		return ERR_NOT_FOUND;
	fast_drop(s, user, BYTES_NONE, &label, NULL);
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		bool is_its = r->kind == APP ? bytes_eq(r->key, label) : r->kind == APP_KEY && bytes_eq(bytes_skip(r->key, 1), label);
		if (is_its && bytes_eq(r->user, user))
			del(r);
	}
	return 0;
}

static int app_used(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), label = wire_str(w);
	struct row *r = find(s, APP, user, label);

	(void)id;
	if (r)
		r->at = wire_u64(w);
	return r ? 0 : ERR_NOT_FOUND;
}

static int account_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);

	(void)id;
	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (bytes_eq(r->user, user))
			del(r);
	}
	return 0;
}

static int noted_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct wire peek = *w;

	if (find(s, BLOB, wire_str(&peek), BYTES(STORE_DIRECTORY_KEY)))
		return account_del(s, id, w);
	(void)wire_str(w);
	return ERR_EXISTS;
}

/* The first behind an address. */
static struct row *noted_after(struct play_store *s, struct bytes after)
{
	struct row *first = NULL;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == BLOB && bytes_eq_str(r->key, STORE_DIRECTORY_KEY) && bytes_cmp(r->user, after) > 0 &&
		    (!first || bytes_cmp(r->user, first->user) < 0))
			first = r;
	}
	return first;
}

static int noted_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes after = wire_str(w);
	uint32_t limit = wire_u32(w);

	for (struct row *r; limit && (r = noted_after(s, after)); limit--, after = r->user) {
		struct buf *b = item(s, id);
		wire_put_str(b, r->user);
		wire_put_bytes(b, r->value);
		item_end(s);
	}
	return 0;
}

static int account_list(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)w;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != ACCOUNT)
			continue;
		struct buf *b = item(s, id);
		wire_put_str(b, r->user);
		wire_put_u64(b, 0);
		wire_put_u8(b, is_disabled(s, r->user));
		wire_put_u8(b, find(s, VERIFIER, r->user, bytes_make("\1", 1)) != NULL);
		item_end(s);
	}
	return 0;
}

static int contact(struct play_store *s, struct wire *w, bool is_put)
{
	struct bytes user = wire_str(w), jid = wire_str(w);
	struct row *account = find(s, ACCOUNT, user, BYTES_NONE);

	if (!account)
		return ERR_NOT_FOUND;
	account->id = wire_u64(w);
	replace(s, CONTACT, user, jid, is_put ? wire_raw(w, wire_left(w)) : BYTES_NONE);
	return 0;
}

static int contact_put(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)id;
	return contact(s, w, true);
}

static int contact_del(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)id;
	return contact(s, w, false);
}

static int contact_move(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), from = wire_str(w);
	struct row *account = find(s, ACCOUNT, user, BYTES_NONE), *old = find(s, CONTACT, user, from);
	uint64_t version = wire_u64(w);
	bool leaves_request = wire_u8(w);
	struct bytes to = wire_str(w);

	(void)id;
	if (!account)
		return ERR_NOT_FOUND;
	account->id = version;
	if (old && leaves_request) {
		struct wire o = wire_of(old->value);
		struct buf b;
		buf_init(&b, 1 << 16);
		(void)wire_u8(&o), (void)wire_str(&o), (void)wire_bytes(&o);
		wire_put_u8(&b, CONTACT_IN);
		wire_put_str(&b, BYTES_NONE);
		wire_put_bytes(&b, BYTES_NONE);
		wire_put_bytes(&b, wire_bytes(&o));
		wire_put_bytes(&b, BYTES_NONE);
		replace(s, CONTACT, user, from, buf_bytes(&b));
		buf_fini(&b);
	} else {
		replace(s, CONTACT, user, from, BYTES_NONE);
	}
	replace(s, CONTACT, user, to, wire_raw(w, wire_left(w)));
	return 0;
}

/* The next row behind (user, contact) in their order, of one person or all. */
static struct row *next_contact(struct play_store *s, struct bytes only, struct bytes user, struct bytes contact)
{
	struct row *best = NULL;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		int c = bytes_cmp(r->user, user);
		if (r->kind != CONTACT || (only.n && !bytes_eq(r->user, only)) || c < 0 || (c == 0 && bytes_cmp(r->key, contact) <= 0))
			continue;
		c = best ? bytes_cmp(r->user, best->user) : -1;
		if (c < 0 || (c == 0 && bytes_cmp(r->key, best->key) < 0))
			best = r;
	}
	return best;
}

static int contact_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes domain = wire_str(w), only = wire_str(w), user = wire_str(w), contact = wire_str(w);
	uint32_t limit = wire_u32(w);
	struct row *r;

	while (limit && (r = next_contact(s, only, user, contact))) {
		struct jid j = jid_of_normal(r->user);
		user = r->user;
		contact = r->key;
		if (domain.n && !bytes_eq(jid_domain(&j), domain))
			continue;
		struct wire v = wire_of(r->value);
		struct buf *b = item(s, id);
		wire_put_str(b, r->user);
		wire_put_str(b, r->key);
		wire_put_u8(b, wire_u8(&v));
		wire_put_str(b, wire_str(&v));
		wire_put_bytes(b, wire_bytes(&v));
		(void)wire_bytes(&v);
		wire_put_bytes(b, wire_bytes(&v));
		item_end(s);
		limit--;
	}
	return 0;
}

static int contact_owners(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes contact = wire_str(w), user = wire_str(w), at = BYTES_NONE;
	uint32_t limit = wire_u32(w);
	struct row *r;

	while (limit && (r = next_contact(s, BYTES_NONE, user, at))) {
		user = r->user;
		at = r->key;
		if (!bytes_eq(at, contact))
			continue;
		wire_put_str(item(s, id), r->user);
		item_end(s);
		limit--;
	}
	return 0;
}

static int block_add(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);

	(void)id;
	for (uint16_t n = wire_u16(w); n; n--) {
		struct bytes jid = wire_str(w);
		if (!find(s, BLOCK, user, jid))
			add(s, BLOCK, user, jid, BYTES_NONE);
	}
	return 0;
}

static int block_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint16_t n = wire_u16(w);
	bool is_all = n == 0;

	(void)id;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (is_all && r->kind == BLOCK && bytes_eq(r->user, user))
			del(r);
	}
	for (; n; n--)
		replace(s, BLOCK, user, wire_str(w), BYTES_NONE);
	return 0;
}

static int blob_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), key = wire_str(w);

	(void)id;
	if (!find(s, ACCOUNT, user, BYTES_NONE)) {
		(void)wire_bytes(w);
		return ERR_NOT_FOUND;
	}
	replace(s, BLOB, user, key, wire_bytes(w));
	return 0;
}

/* key: the domain */
static int notice_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes domain = wire_str(w);

	(void)id;
	replace(s, NOTICE, BYTES_NONE, domain, wire_bytes(w));
	return 0;
}

static int notice_list(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)w;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != NOTICE)
			continue;
		struct buf *b = item(s, id);
		wire_put_str(b, r->key);
		wire_put_bytes(b, r->value);
		item_end(s);
	}
	return 0;
}

static void put_node(struct play_store *s, struct bytes user, struct bytes node, struct bytes state)
{
	struct row *r = find(s, PEP_NODE, user, node);

	if (!r)
		add(s, PEP_NODE, user, node, state);
}

static void pep_trim(struct play_store *s, struct bytes user, struct bytes node, uint32_t keep)
{
	struct bytes id;
	struct row *r = NULL;

	while (keep && (r = pep_newest(s, user, node, r, &id)))
		keep--;
	for (struct row *old; r && (old = pep_newest(s, user, node, r, &id));)
		del(old);
}

static void item_key(struct buf *b, struct bytes node, struct bytes id)
{
	buf_init(b, 2048);
	buf_put_bytes(b, node);
	buf_put_u8(b, ' ');
	buf_put_bytes(b, id);
}

static int pep_publish(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), node = wire_str(w), state = wire_bytes(w);
	uint32_t keep = wire_u32(w);
	uint64_t at = wire_u64(w);
	struct bytes name = wire_str(w);
	struct buf key, value;

	(void)id;
	buf_init(&value, 1 << 20);
	wire_put_str(&value, wire_str(w));
	wire_put_u64(&value, at);
	wire_put_bytes(&value, wire_bytes(w));
	if (find(s, ACCOUNT, user, BYTES_NONE)) {
		put_node(s, user, node, state);
		item_key(&key, node, name);
		if (keep)
			replace(s, PEP_ITEM, user, buf_bytes(&key), buf_bytes(&value));
		buf_fini(&key);
		pep_trim(s, user, node, keep);
	}
	buf_fini(&value);
	return find(s, ACCOUNT, user, BYTES_NONE) ? 0 : ERR_NOT_FOUND;
}

static int pep_node_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), node = wire_str(w), state = wire_bytes(w);
	uint32_t keep = wire_u32(w);

	(void)id;
	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	replace(s, PEP_NODE, user, node, state);
	pep_trim(s, user, node, keep);
	return 0;
}

static int pep_retract(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), node = wire_str(w), name = wire_str(w);
	struct buf key;

	(void)id;
	item_key(&key, node, name);
	struct row *r = find(s, PEP_ITEM, user, buf_bytes(&key));
	buf_fini(&key);
	if (r)
		del(r);
	return r ? 0 : ERR_NOT_FOUND;
}

static int pep_purge(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w), node = wire_str(w), name;

	(void)id;
	for (struct row *r; (r = pep_newest(s, user, node, NULL, &name));)
		del(r);
	return find(s, PEP_NODE, user, node) ? 0 : ERR_NOT_FOUND;
}

static int pep_node_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct wire again = *w;
	int rc = pep_purge(s, id, w);
	struct bytes user = wire_str(&again);

	replace(s, PEP_NODE, user, wire_str(&again), BYTES_NONE);
	return rc;
}

static int offline_add(struct play_store *s, uint32_t id, struct wire *w)
{
	uint64_t uid = wire_u64(w);
	struct bytes user = wire_str(w), uid_key = bytes_make(&uid, sizeof uid);
	uint64_t at = wire_u64(w);
	uint32_t per_user = wire_u32(w), per_sender = wire_u32(w), total = wire_u32(w);

	(void)id;
	(void)per_sender; /* the store's own test */
	(void)wire_str(w);
	if (!find(s, ACCOUNT, user, BYTES_NONE))
		return ERR_NOT_FOUND;
	if (find(s, OFFLINE, user, uid_key))
		return 0; /* asked again */
	if (count(s, OFFLINE, user) >= per_user || count(s, OFFLINE, BYTES_NONE) >= total)
		return ERR_FULL;
	add(s, OFFLINE, user, uid_key, wire_bytes(w))->at = at;
	return 0;
}

static int offline_drop(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)id;
	for (uint32_t n = wire_u32(w); n; n--) {
		uint64_t row = wire_u64(w);
		LIST_EACH (it, &s->rows) {
			struct row *r = LIST_OWNER(it, struct row, node);
			if (r->kind == OFFLINE && r->id == row)
				del(r);
		}
	}
	return 0;
}

static int journal_add(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)id;
	for (uint32_t n = wire_u32(w); n; n--) {
		uint64_t uid = wire_u64(w), at = wire_u64(w);
		struct bytes user = wire_str(w), key = bytes_make(&uid, sizeof uid);
		replace(s, JOURNAL, user, key, wire_bytes(w));
		find(s, JOURNAL, user, key)->at = at;
	}
	return 0;
}

static int journal_drop(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)id;
	for (uint32_t n = wire_u32(w); n; n--) {
		uint64_t uid = wire_u64(w);
		LIST_EACH (it, &s->rows) {
			struct row *r = LIST_OWNER(it, struct row, node);
			if (r->kind == JOURNAL && bytes_eq(r->key, bytes_make(&uid, sizeof uid)))
				del(r);
		}
	}
	return 0;
}

static int journal_settle(struct play_store *s, uint32_t id, struct wire *w)
{
	(void)w;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind != JOURNAL)
			continue;
		if (r->user.n) {
			r->kind = OFFLINE;
			continue;
		}
		uint64_t uid;
		memcpy(&uid, r->key.p, sizeof uid);
		struct buf *b = item(s, id);
		wire_put_u64(b, uid);
		wire_put_u64(b, r->at);
		wire_put_bytes(b, r->value);
		item_end(s);
	}
	return 0;
}

/* ---- archives: at is the id, key the peer, value resource, text, stanza ---- */

static int archive_add(struct play_store *s, uint32_t id, struct wire *w)
{
	uint32_t most = wire_u32(w);

	(void)id;
	(void)wire_u64(w);
	for (uint32_t n = wire_u32(w); n; n--) {
		uint64_t at = wire_u64(w);
		struct bytes user = wire_str(w), peer = wire_str(w);
		struct buf b;
		bool is_there = false;
		buf_init(&b, 1 << 20);
		wire_put_str(&b, wire_str(w));
		wire_put_bytes(&b, wire_bytes(w));
		wire_put_bytes(&b, wire_bytes(w));
		LIST_EACH (it, &s->rows) {
			struct row *r = LIST_OWNER(it, struct row, node);
			is_there |= r->kind == ARCHIVE && r->at == at;
		}
		if (!is_there && (find(s, ACCOUNT, user, BYTES_NONE) || find(s, ROOM, user, BYTES_NONE)) && count(s, ARCHIVE, user) < most)
			add(s, ARCHIVE, user, peer, buf_bytes(&b))->at = at;
		buf_fini(&b);
	}
	return 0;
}

static struct row *archive_row(struct play_store *s, struct bytes user, uint64_t at)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == ARCHIVE && r->at == at && bytes_eq(r->user, user))
			return r;
	}
	return NULL;
}

struct archive_question {
	struct bytes user, peer, resource, text;
	uint64_t after, before;
	bool is_down;
};

static bool archive_fits(const struct row *r, const struct archive_question *q)
{
	struct wire w = wire_of(r->value);
	struct bytes resource = wire_str(&w), text = wire_bytes(&w);

	if (r->kind != ARCHIVE || !bytes_eq(r->user, q->user) || r->at <= q->after || r->at >= q->before)
		return false;
	if (q->text.n && !memmem(text.p, text.n, q->text.p, q->text.n))
		return false;
	return (!q->peer.n || bytes_eq(r->key, q->peer)) && (!q->resource.n || bytes_eq(resource, q->resource));
}

/* The nearest to where it begins. */
static struct row *archive_next(struct play_store *s, const struct archive_question *q)
{
	struct row *best = NULL;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (archive_fits(r, q) && (!best || (q->is_down ? r->at > best->at : r->at < best->at)))
			best = r;
	}
	return best;
}

static void archive_item(struct play_store *s, uint32_t id, uint32_t number, const struct row *r)
{
	struct wire w = wire_of(r->value);
	struct buf *b = item(s, id);

	(void)wire_str(&w);
	(void)wire_bytes(&w);
	wire_put_u32(b, number);
	wire_put_u64(b, r->at);
	wire_put_bytes(b, wire_bytes(&w));
	item_end(s);
}

static void archive_end(struct play_store *s, uint32_t id, uint32_t n, bool is_complete)
{
	struct buf *b = item(s, id);

	wire_put_u32(b, STORE_ARCHIVE_END);
	wire_put_u32(b, n);
	wire_put_u8(b, is_complete);
	item_end(s);
}

static int archive_page(struct play_store *s, uint32_t id, struct wire *w)
{
	struct archive_question q = { .user = wire_str(w) };
	uint8_t flags = wire_u8(w);
	uint64_t from = wire_u64(w), to = wire_u64(w), after = wire_u64(w), before = wire_u64(w);
	uint32_t n = 0, in_all = 0;
	int rc = 0;

	q.peer = wire_str(w);
	q.resource = wire_str(w);
	q.text = wire_str(w);
	uint32_t limit = wire_u32(w);
	for (uint8_t named = wire_u8(w); named; named--)
		if (!archive_row(s, q.user, wire_u64(w)))
			rc = ERR_NOT_FOUND;
	if (rc)
		return rc;
	q.is_down = flags & STORE_ARCHIVE_DOWN;
	q.after = from;
	q.before = to;
	LIST_EACH (it, &s->rows)
		in_all += archive_fits(LIST_OWNER(it, struct row, node), &q);
	q.after = from > after ? from : after;
	q.before = to < before ? to : before;
	struct row *r;
	while (n < limit && (r = archive_next(s, &q))) {
		archive_item(s, id, n++, r);
		*(q.is_down ? &q.before : &q.after) = r->at;
	}
	archive_end(s, id, flags & STORE_ARCHIVE_COUNTED ? in_all : STORE_ARCHIVE_UNCOUNTED, limit && !archive_next(s, &q));
	return 0;
}

static int archive_ids(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint32_t n = 0;

	for (uint8_t left = wire_u8(w); left; left--) {
		struct row *r = archive_row(s, user, wire_u64(w));
		if (!r)
			return ERR_NOT_FOUND;
		archive_item(s, id, n++, r);
	}
	archive_end(s, id, STORE_ARCHIVE_UNCOUNTED, true);
	return 0;
}

static int archive_drop(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);

	(void)id;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == ARCHIVE && bytes_eq(r->user, user))
			del(r);
	}
	return find(s, ACCOUNT, user, BYTES_NONE) ? 0 : ERR_NOT_FOUND;
}

static int archive_clean(struct play_store *s, uint32_t id, struct wire *w)
{
	uint64_t oldest = wire_u64(w);
	uint32_t limit = wire_u32(w), n = 0;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == ARCHIVE && r->at < oldest && n < limit) {
			del(r);
			n++;
		}
	}
	wire_put_u8(item(s, id), n == limit);
	item_end(s);
	return 0;
}

static int archive_state(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	struct buf *b = item(s, id);

	wire_put_u64(b, count(s, ARCHIVE, user));
	wire_put_u64(b, 0);
	wire_put_u64(b, 0);
	item_end(s);
	return 0;
}

static int archive_replace(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	struct row *old = archive_row(s, user, wire_u64(w));
	struct bytes rest = wire_bytes(w);
	struct buf b;

	(void)id;
	if (!old)
		return ERR_NOT_FOUND;
	struct wire in = wire_of(old->value);
	buf_init(&b, 1 << 20);
	wire_put_str(&b, wire_str(&in));
	(void)wire_bytes(&in);
	wire_put_bytes(&b, BYTES_NONE);
	struct bytes stanza = wire_bytes(&in);
	size_t open = bytes_find(stanza, '\''), end = open + 2 + bytes_find(bytes_skip(stanza, open + 1), '\'');
	wire_put_u32(&b, (uint32_t)(end + rest.n));
	buf_put(&b, stanza.p, end);
	buf_put_bytes(&b, rest);
	add(s, ARCHIVE, user, old->key, buf_bytes(&b))->at = old->at;
	del(old);
	buf_fini(&b);
	return 0;
}

/* ---- rooms ---- */

static int room_put(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes jid = wire_str(w);

	(void)id;
	replace(s, ROOM, jid, BYTES_NONE, wire_bytes(w));
	return 0;
}

static int room_del(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes jid = wire_str(w);

	(void)id;
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if ((r->kind == ROOM || r->kind == ROOM_AFFILIATE || r->kind == ROOM_PAST || r->kind == ARCHIVE) && bytes_eq(r->user, jid))
			del(r);
	}
	return 0;
}

/* Value: as in the item. */
static int room_affiliate(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes room = wire_str(w), jid = wire_str(w);
	struct bytes rest = wire_raw(w, wire_left(w));

	(void)id;
	if (!find(s, ROOM, room, BYTES_NONE))
		return ERR_NOT_FOUND;
	replace(s, ROOM_AFFILIATE, room, jid, rest.p[0] ? rest : BYTES_NONE);
	return 0;
}

static int room_past(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes room = wire_str(w), key = wire_str(w);
	struct bytes rest = wire_raw(w, wire_left(w) - 4);
	uint32_t keep = wire_u32(w);

	(void)id;
	if (!find(s, ROOM, room, BYTES_NONE))
		return ERR_NOT_FOUND;
	replace(s, ROOM_PAST, room, key, rest);
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == ROOM_PAST && bytes_eq(r->user, room) && count(s, ROOM_PAST, room) > keep)
			del(r);
	}
	return 0;
}

static void give_room(struct play_store *s, uint32_t id, const struct row *room)
{
	struct buf *b = item(s, id);

	wire_put_u8(b, STORE_ROOM_ITEM_ROOM);
	wire_put_str(b, room->user);
	wire_put_bytes(b, room->value);
	item_end(s);
	LIST_EACH (it, &s->rows) {
		const struct row *r = LIST_OWNER(it, struct row, node);
		if ((r->kind != ROOM_AFFILIATE && r->kind != ROOM_PAST) || !bytes_eq(r->user, room->user))
			continue;
		struct wire w = wire_of(r->value);
		b = item(s, id);
		wire_put_u8(b, r->kind == ROOM_PAST ? STORE_ROOM_ITEM_PAST : STORE_ROOM_ITEM_AFFILIATE);
		if (r->kind == ROOM_PAST)
			wire_put_u64(b, wire_u64(&w));
		wire_put_str(b, r->key);
		buf_put_bytes(b, wire_raw(&w, wire_left(&w)));
		item_end(s);
	}
}

static int room_list(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes after = wire_str(w);

	for (uint32_t limit = wire_u32(w); limit; limit--) {
		const struct row *next = NULL;
		LIST_EACH (it, &s->rows) {
			const struct row *r = LIST_OWNER(it, struct row, node);
			if (r->kind == ROOM && bytes_cmp(r->user, after) > 0 && (!next || bytes_cmp(r->user, next->user) < 0))
				next = r;
		}
		if (!next)
			break;
		give_room(s, id, next);
		after = next->user;
	}
	return 0;
}

/* ---- asks ---- */

static const struct op {
	int (*fn)(struct play_store *s, uint32_t id, struct wire *w);
	bool is_write;
} ops[STORE_OP_COUNT] = {
	[STORE_SECRET] = { secret_get, true },
	[STORE_ACCOUNT_PUT] = { account_put, true },
	[STORE_ACCOUNT_DEL] = { account_del, true },
	[STORE_ACCOUNT_LIST] = { account_list, false },
	[STORE_AUTH_GET] = { auth_get, false },
	[STORE_VERIFIER_ADD] = { verifier_add, true },
	[STORE_USER_GET] = { user_get, false },
	[STORE_CONTACT_PUT] = { contact_put, true },
	[STORE_CONTACT_DEL] = { contact_del, true },
	[STORE_CONTACT_MOVE] = { contact_move, true },
	[STORE_CONTACT_LIST] = { contact_list, false },
	[STORE_CONTACT_OWNERS] = { contact_owners, false },
	[STORE_BLOCK_ADD] = { block_add, true },
	[STORE_BLOCK_DEL] = { block_del, true },
	[STORE_BLOB_GET] = { blob_get, false },
	[STORE_BLOB_PUT] = { blob_put, true },
	[STORE_BLOB_LIST] = { blob_list, false },
	[STORE_OFFLINE_ADD] = { offline_add, true },
	[STORE_OFFLINE_PAGE] = { offline_page, false },
	[STORE_OFFLINE_DROP] = { offline_drop, true },
	[STORE_JOURNAL_ADD] = { journal_add, true },
	[STORE_JOURNAL_DROP] = { journal_drop, true },
	[STORE_JOURNAL_SETTLE] = { journal_settle, true },
	[STORE_APP_PUT] = { app_put, true },
	[STORE_APP_DEL] = { app_del, true },
	[STORE_APP_LIST] = { app_list, false },
	[STORE_APP_USED] = { app_used, true },
	[STORE_FAST_PUT] = { fast_put, true },
	[STORE_FAST_GET] = { fast_get, false },
	[STORE_FAST_USE] = { fast_use, true },
	[STORE_FAST_LIST] = { fast_list, false },
	[STORE_FAST_DEL] = { fast_del, true },
	[STORE_ARCHIVE_ADD] = { archive_add, true },
	[STORE_ARCHIVE_PAGE] = { archive_page, false },
	[STORE_ARCHIVE_IDS] = { archive_ids, false },
	[STORE_ARCHIVE_DROP] = { archive_drop, true },
	[STORE_ARCHIVE_CLEAN] = { archive_clean, true },
	[STORE_ARCHIVE_STATE] = { archive_state, false },
	[STORE_PEP_PUBLISH] = { pep_publish, true },
	[STORE_PEP_RETRACT] = { pep_retract, true },
	[STORE_PEP_PURGE] = { pep_purge, true },
	[STORE_PEP_NODE_PUT] = { pep_node_put, true },
	[STORE_PEP_NODE_DEL] = { pep_node_del, true },
	[STORE_PEP_ITEMS] = { pep_items, false },
	[STORE_PEP_LAST] = { pep_last, false },
	[STORE_ROOM_PUT] = { room_put, true },
	[STORE_ROOM_DEL] = { room_del, true },
	[STORE_ROOM_AFFILIATE] = { room_affiliate, true },
	[STORE_ROOM_PAST] = { room_past, true },
	[STORE_ROOM_LIST] = { room_list, false },
	[STORE_ARCHIVE_REPLACE] = { archive_replace, true },
	[STORE_NOTED_LIST] = { noted_list, false },
	[STORE_NOTED_DEL] = { noted_del, true },
	[STORE_NOTICE_PUT] = { notice_put, true },
	[STORE_NOTICE_LIST] = { notice_list, false },
};

static void carry_out(struct play_store *s, uint32_t id, struct bytes body)
{
	struct wire w = wire_of(body);
	uint8_t op = wire_u8(&w);
	int rc = s->sick_ops & UINT64_C(1) << op ? ERR_IO : ops[op].fn(s, id, &w);

	if (wire_failed(&w))
		abort();
	done(s, id, rc);
}

static int on_ask(void *program, struct chan *from, const struct frame *f)
{
	struct play_store *s = program;
	uint8_t op = f->body.p[0];

	(void)from;
	if (op >= STORE_OP_COUNT || !ops[op].fn)
		return ERR_PROTOCOL;
	s->n_asked[op]++;
	if (!(s->is_slow && ops[op].is_write) && !(s->slow_ops & UINT64_C(1) << op)) {
		carry_out(s, f->id, f->body);
		return 0;
	}
	struct held *h = malloc(sizeof *h + f->body.n);
	if (!h)
		abort();
	*h = (struct held){ .id = f->id, .n = (uint32_t)f->body.n };
	memcpy(h->body, f->body.p, f->body.n);
	list_add_tail(&s->held, &h->node);
	return 0;
}

const struct bus_handler play_store_handlers[] = { { MSG_STORE_ASK, on_ask } };
const size_t play_store_n_handlers = sizeof play_store_handlers / sizeof play_store_handlers[0];

void play_store_sync(struct play_store *s)
{
	LIST_EACH (it, &s->held) {
		struct held *h = LIST_OWNER(it, struct held, node);
		carry_out(s, h->id, bytes_make(h->body, h->n));
		list_del(&h->node);
		free(h);
	}
}

void play_store_forget_held(struct play_store *s)
{
	LIST_EACH (it, &s->held) {
		struct held *h = LIST_OWNER(it, struct held, node);
		list_del(&h->node);
		free(h);
	}
}

/* ---- for the test ---- */

void play_store_forget_hash(struct play_store *s, const char *jid, uint8_t hash)
{
	del(find(s, VERIFIER, bytes_of(jid), bytes_make(&hash, 1)));
}

static void add_digests(struct play_store *s, struct bytes jid, struct bytes password)
{
	size_t at = bytes_find(jid, '@');

	for (uint8_t a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
		uint8_t hash = (uint8_t)(STORE_HASH_DIGEST + a);
		struct digest_ha1 h;
		struct buf b;
		if (digest_make_ha1((enum digest_algorithm)a, bytes_make(jid.p, at), bytes_skip(jid, at + 1), password, &h))
			abort();
		buf_init(&b, 1024);
		wire_put_u32(&b, 0);
		wire_put_bytes(&b, BYTES_NONE);
		wire_put_bytes(&b, bytes_make(h.p, h.n));
		wire_put_bytes(&b, BYTES_NONE);
		add(s, VERIFIER, jid, bytes_make(&hash, 1), buf_bytes(&b));
		buf_fini(&b);
	}
}

void play_store_account(struct play_store *s, const char *jid, const char *password)
{
	static const size_t digest[] = { 20, 32 };

	add(s, ACCOUNT, bytes_of(jid), BYTES_NONE, BYTES_NONE)->id = 1;
	for (uint8_t h = 0; h < SCRAM_HASH_COUNT; h++) {
		struct scram_verifier v;
		struct buf b;
		char salt[17] = "salt of sixteen?";
		salt[15] = (char)('0' + h);
		if (scram_make_verifier((enum scram_hash)h, bytes_of(password), bytes_of(salt), 1, &v))
			abort();
		buf_init(&b, 1024);
		wire_put_u32(&b, v.iterations);
		wire_put_bytes(&b, bytes_make(v.salt, v.salt_n));
		wire_put_bytes(&b, bytes_make(v.stored_key, digest[h]));
		wire_put_bytes(&b, bytes_make(v.server_key, digest[h]));
		add(s, VERIFIER, bytes_of(jid), bytes_make(&h, 1), buf_bytes(&b));
		buf_fini(&b);
	}
	add_digests(s, bytes_of(jid), bytes_of(password));
}

static void add_app_digest(struct play_store *s, struct bytes jid, const char *label, const char *password)
{
	size_t at = bytes_find(jid, '@');
	struct digest_ha1 h;
	struct buf key, value;

	if (digest_make_ha1(DIGEST_SHA256, bytes_make(jid.p, at), bytes_skip(jid, at + 1), bytes_of(password), &h))
		abort();
	buf_init(&key, 128);
	buf_init(&value, 128);
	buf_put_u8(&key, STORE_HASH_DIGEST + DIGEST_SHA256);
	buf_put_str(&key, label);
	wire_put_bytes(&value, bytes_make(h.p, h.n));
	wire_put_bytes(&value, BYTES_NONE);
	add(s, APP_KEY, jid, buf_bytes(&key), buf_bytes(&value));
	buf_fini(&key);
	buf_fini(&value);
}

void play_store_app(struct play_store *s, const char *jid, const char *label, const char *password)
{
	static const size_t digest[] = { 20, 32 };

	add(s, APP, bytes_of(jid), bytes_of(label), BYTES_NONE);
	for (uint8_t h = 0; h < SCRAM_HASH_COUNT; h++) {
		struct wire w = wire_of(find(s, VERIFIER, bytes_of(jid), bytes_make(&h, 1))->value);
		uint32_t iterations = wire_u32(&w);
		struct scram_verifier v;
		struct buf key, value;
		if (scram_make_verifier((enum scram_hash)h, bytes_of(password), wire_bytes(&w), iterations, &v))
			abort();
		buf_init(&key, 128);
		buf_init(&value, 128);
		buf_put_u8(&key, h);
		buf_put_str(&key, label);
		wire_put_bytes(&value, bytes_make(v.stored_key, digest[h]));
		wire_put_bytes(&value, bytes_make(v.server_key, digest[h]));
		add(s, APP_KEY, bytes_of(jid), buf_bytes(&key), buf_bytes(&value));
		buf_fini(&key);
		buf_fini(&value);
	}
	add_app_digest(s, bytes_of(jid), label, password);
}

unsigned play_store_offline(const struct play_store *s, const char *jid)
{
	return count(s, OFFLINE, bytes_of(jid));
}

unsigned play_store_journal(const struct play_store *s)
{
	return count(s, JOURNAL, BYTES_NONE);
}

unsigned play_store_archived(const struct play_store *s, const char *jid)
{
	return count(s, ARCHIVE, bytes_of(jid));
}

unsigned play_store_archive_has(const struct play_store *s, const char *text)
{
	unsigned n = 0;

	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		n += r->kind == ARCHIVE && memmem(r->value.p, r->value.n, text, strlen(text));
	}
	return n;
}

bool play_store_has(const struct play_store *s, const char *text)
{
	LIST_EACH (it, &s->rows) {
		struct row *r = LIST_OWNER(it, struct row, node);
		if (r->kind == OFFLINE && memmem(r->value.p, r->value.n, text, strlen(text)))
			return true;
	}
	return false;
}

void play_store_init(struct play_store *s)
{
	*s = (struct play_store){ .last_row = 0 };
	list_init(&s->rows);
	list_init(&s->held);
}

void play_store_fini(struct play_store *s)
{
	play_store_forget_held(s);
	LIST_EACH (it, &s->rows)
		del(LIST_OWNER(it, struct row, node));
}
