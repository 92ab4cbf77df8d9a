#include "play_store.h"

#include "base/err.h"
#include "proto/scram.h"
#include "sip/digest.h"

#include <stdlib.h>

enum kind { ACCOUNT, VERIFIER, CONTACT, BLOCK, BLOB, OFFLINE, JOURNAL };

struct row {
	struct list node;
	enum kind kind;
	uint64_t id, at; /* ACCOUNT: id is the roster's version */
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

static int auth_get(struct play_store *s, uint32_t id, struct wire *w)
{
	struct bytes user = wire_str(w);
	uint8_t hash = wire_u8(w);
	struct row *r = find(s, VERIFIER, user, bytes_make(&hash, 1));

	if (!r)
		return ERR_NOT_FOUND;
	buf_put_bytes(item(s, id), r->value);
	item_end(s);
	return 0;
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
		if (r->kind == VERIFIER && bytes_eq(r->user, user))
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
	bool is_new = wire_u8(w) == STORE_ACCOUNT_NEW, is_there = find(s, ACCOUNT, user, BYTES_NONE);

	(void)id;
	(void)wire_u64(w);
	if (is_new == is_there)
		return is_new ? ERR_EXISTS : ERR_NOT_FOUND;
	if (is_new)
		add(s, ACCOUNT, user, BYTES_NONE, BYTES_NONE);
	put_verifiers(s, user, w);
	return 0;
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
	replace(s, BLOB, user, key, wire_bytes(w));
	return 0;
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
	[STORE_USER_GET] = { user_get, false },
	[STORE_CONTACT_PUT] = { contact_put, true },
	[STORE_CONTACT_DEL] = { contact_del, true },
	[STORE_BLOCK_ADD] = { block_add, true },
	[STORE_BLOCK_DEL] = { block_del, true },
	[STORE_BLOB_GET] = { blob_get, false },
	[STORE_BLOB_PUT] = { blob_put, true },
	[STORE_OFFLINE_ADD] = { offline_add, true },
	[STORE_OFFLINE_PAGE] = { offline_page, false },
	[STORE_OFFLINE_DROP] = { offline_drop, true },
	[STORE_JOURNAL_ADD] = { journal_add, true },
	[STORE_JOURNAL_DROP] = { journal_drop, true },
	[STORE_JOURNAL_SETTLE] = { journal_settle, true },
};

static void carry_out(struct play_store *s, uint32_t id, struct bytes body)
{
	struct wire w = wire_of(body);
	uint8_t op = wire_u8(&w);
	int rc = s->sick_ops & 1u << op ? ERR_IO : ops[op].fn(s, id, &w);

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
	if (!(s->is_slow && ops[op].is_write) && !(s->slow_ops & 1u << op)) {
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

unsigned play_store_offline(const struct play_store *s, const char *jid)
{
	return count(s, OFFLINE, bytes_of(jid));
}

unsigned play_store_journal(const struct play_store *s)
{
	return count(s, JOURNAL, BYTES_NONE);
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
