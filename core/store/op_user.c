/* What hangs on a user: contacts, requests, block list, small things by key. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

static int get_contacts(struct store_ask *a, int64_t user)
{
	struct db_stmt *q = store_sql(a, SQL_CONTACT_ALL);
	int rc;

	db_bind_int(q, 1, user);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u8(b, STORE_USER_CONTACT);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_u8(b, (uint8_t)db_int(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		wire_put_bytes(b, db_bytes(q, 3));
		wire_put_bytes(b, db_bytes(q, 4));
		wire_put_bytes(b, db_bytes(q, 5));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

static int get_blocks(struct store_ask *a, int64_t user)
{
	struct db_stmt *q = store_sql(a, SQL_BLOCK_ALL);
	int rc;

	db_bind_int(q, 1, user);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u8(b, STORE_USER_BLOCK);
		wire_put_str(b, db_bytes(q, 0));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

static int get_small(struct store_ask *a, struct bytes jid, struct bytes key, uint8_t kind)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_GET);

	db_bind_text(q, 1, jid);
	db_bind_text(q, 2, key);
	int rc = db_step(q);
	if (rc != 1)
		return rc;
	struct buf *b = store_item(a);
	wire_put_u8(b, kind);
	wire_put_bytes(b, db_bytes(q, 0));
	db_reset(q);
	return store_item_end(a);
}

int op_user_get(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_USER_VERSION);
	struct bytes jid = wire_str(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	int64_t user = db_int(q, 0);
	struct buf *b = store_item(a);
	wire_put_u8(b, STORE_USER_VERSION);
	wire_put_u64(b, (uint64_t)db_int(q, 1));
	db_reset(q);
	rc = store_item_end(a);
	if (!rc)
		rc = get_contacts(a, user);
	if (!rc)
		rc = pep_get_nodes(a, user);
	if (!rc)
		rc = get_blocks(a, user);
	if (!rc)
		rc = get_small(a, jid, BYTES(STORE_PREFS_KEY), STORE_USER_PREFS);
	if (!rc)
		rc = get_small(a, jid, BYTES(STORE_PUSH_KEY), STORE_USER_PUSH);
	if (!rc)
		rc = get_small(a, jid, BYTES(STORE_POLICY_KEY), STORE_USER_POLICY);
	if (!rc)
		rc = get_small(a, jid, BYTES(STORE_DIRECTORY_KEY), STORE_USER_DIRECTORY);
	if (!rc)
		rc = get_small(a, jid, BYTES(STORE_DISABLED_KEY), STORE_USER_DISABLED);
	return rc ? rc : get_small(a, jid, BYTES(STORE_NOTICE_KEY), STORE_USER_NOTICE);
}

static int set_version(struct store_ask *a, int64_t user, uint64_t version)
{
	struct db_stmt *q = store_sql(a, SQL_USER_SET_VERSION);

	db_bind_int(q, 1, user);
	db_bind_int(q, 2, (int64_t)version);
	return db_run(q);
}

struct contact_row {
	struct bytes jid, name, groups, request, shared;
	uint8_t bits;
};

static int put_contact(struct store_ask *a, int64_t user, const struct contact_row *c)
{
	struct db_stmt *q = store_sql(a, SQL_CONTACT_PUT);

	db_bind_int(q, 1, user);
	db_bind_text(q, 2, c->jid);
	db_bind_int(q, 3, c->bits);
	db_bind_text(q, 4, c->name);
	db_bind_blob(q, 5, c->groups);
	db_bind_blob(q, 6, c->request);
	db_bind_blob(q, 7, c->shared);
	return db_run(q);
}

static void get_contact(struct wire *w, struct contact_row *c)
{
	c->bits = wire_u8(w);
	c->name = wire_str(w);
	c->groups = wire_bytes(w);
	c->request = wire_bytes(w);
	c->shared = wire_bytes(w);
}

int op_contact_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct contact_row c = { .jid = wire_str(w) };
	uint64_t version = wire_u64(w);
	int64_t user;

	get_contact(w, &c);
	int rc = store_user_last(a, w, jid, &user);
	if (!rc)
		rc = put_contact(a, user, &c);
	return rc ? rc : set_version(a, user, version);
}

/* Asked again, it finds the old address gone, or as it left it. */
int op_contact_move(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w), from = wire_str(w);
	uint64_t version = wire_u64(w);
	bool leaves_request = wire_u8(w);
	struct contact_row c = { .jid = wire_str(w) };
	struct db_stmt *q = store_sql(a, leaves_request ? SQL_CONTACT_REQUEST_ONLY : SQL_CONTACT_DEL);
	int64_t user;

	get_contact(w, &c);
	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, from);
	if (leaves_request)
		db_bind_int(q, 3, CONTACT_IN);
	rc = db_run(q);
	if (!rc)
		rc = put_contact(a, user, &c);
	return rc ? rc : set_version(a, user, version);
}

int op_contact_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_CONTACT_DEL);
	struct bytes jid = wire_str(w), contact = wire_str(w);
	uint64_t version = wire_u64(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, contact);
	rc = db_run(q);
	return rc ? rc : set_version(a, user, version);
}

/* ---- lists of all people ---- */

int op_contact_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_CONTACT_LIST);
	struct bytes domain = wire_str(w), only = wire_str(w), user = wire_str(w), contact = wire_str(w);
	uint32_t limit = wire_u32(w);
	int rc;

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, domain);
	db_bind_text(q, 2, only);
	db_bind_text(q, 3, user);
	db_bind_text(q, 4, contact);
	db_bind_int(q, 5, limit < STORE_CONTACT_LIST_MAX ? limit : STORE_CONTACT_LIST_MAX);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_str(b, db_bytes(q, 1));
		wire_put_u8(b, (uint8_t)db_int(q, 2));
		wire_put_str(b, db_bytes(q, 3));
		wire_put_bytes(b, db_bytes(q, 4));
		wire_put_bytes(b, db_bytes(q, 5));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

int op_contact_owners(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_CONTACT_OWNERS);
	struct bytes contact = wire_str(w), after = wire_str(w);
	uint32_t limit = wire_u32(w);
	int rc;

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, contact);
	db_bind_text(q, 2, after);
	db_bind_int(q, 3, limit < STORE_CONTACT_LIST_MAX ? limit : STORE_CONTACT_LIST_MAX);
	while ((rc = db_step(q)) == 1) {
		wire_put_str(store_item(a), db_bytes(q, 0));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

/* ---- block lists, small things ---- */

static int each_block(struct store_ask *a, struct wire *w, enum sql which)
{
	struct db_stmt *q = store_sql(a, which);
	struct bytes jid = wire_str(w);
	uint16_t n = wire_u16(w);
	int64_t user;

	if (wire_failed(w))
		return ERR_SYNTAX;
	int rc = store_user(a, jid, &user);
	if (rc) {
		(void)wire_raw(w, wire_left(w)); /* an account deleted meanwhile */
		return rc;
	}
	if (n == 0 && which == SQL_BLOCK_DEL) {
		q = store_sql(a, SQL_BLOCK_CLEAR);
		db_bind_int(q, 1, user);
		return db_run(q);
	}
	for (; !rc && n; n--) {
		struct bytes blocked = wire_str(w);
		if (wire_failed(w))
			return ERR_SYNTAX;
		db_bind_int(q, 1, user);
		db_bind_text(q, 2, blocked);
		rc = db_run(q);
	}
	return rc ? rc : wire_end(w);
}

int op_block_add(struct store_ask *a, struct wire *w)
{
	return each_block(a, w, SQL_BLOCK_ADD);
}

int op_block_del(struct store_ask *a, struct wire *w)
{
	return each_block(a, w, SQL_BLOCK_DEL);
}

int op_blob_get(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_GET);
	struct bytes jid = wire_str(w), key = wire_str(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_text(q, 2, key);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	wire_put_bytes(store_item(a), db_bytes(q, 0));
	db_reset(q);
	return store_item_end(a);
}

int op_blob_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_LIST);
	struct bytes jid = wire_str(w), front = wire_str(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_text(q, 2, front);
	return store_pairs(a, q);
}

int op_blob_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w), key = wire_str(w), value = wire_bytes(w);
	struct db_stmt *q = store_sql(a, value.n ? SQL_BLOB_PUT : SQL_BLOB_DEL);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, key);
	if (value.n)
		db_bind_blob(q, 3, value);
	return db_run(q);
}
