/* Accounts and their SCRAM verifiers. A password never comes here. */
#include "store.h"

#include "base/err.h"
#include "base/random.h"
#include "run/store_op.h"

enum { SECRET_BYTES = 32, VERIFIERS_MAX = 4, LIST_MAX = 1000 };

int op_secret(struct store_ask *a, struct wire *w)
{
	struct db_stmt *get = store_sql(a, SQL_SECRET_GET), *put = store_sql(a, SQL_SECRET_PUT);
	uint8_t fresh[SECRET_BYTES];
	struct bytes v = bytes_make(fresh, sizeof fresh);

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = db_step(get);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		random_bytes(fresh, sizeof fresh);
		db_bind_blob(put, 1, v);
		rc = db_run(put);
		if (rc)
			return rc;
	} else {
		v = db_bytes(get, 0);
	}
	wire_put_bytes(store_item(a), v);
	db_reset(get);
	return store_item_end(a);
}

static int put_verifiers(struct store_ask *a, int64_t user, struct wire *w)
{
	struct db_stmt *put = store_sql(a, SQL_VERIFIER_PUT);
	uint8_t n = wire_u8(w);

	if (n > VERIFIERS_MAX)
		return ERR_RANGE;
	for (uint8_t i = 0; i < n; i++) {
		uint8_t hash = wire_u8(w);
		uint32_t iterations = wire_u32(w);
		struct bytes salt = wire_bytes(w), stored = wire_bytes(w), server = wire_bytes(w);
		if (wire_failed(w))
			return ERR_SYNTAX;
		db_bind_int(put, 1, user);
		db_bind_int(put, 2, hash);
		db_bind_int(put, 3, iterations);
		db_bind_blob(put, 4, salt);
		db_bind_blob(put, 5, stored);
		db_bind_blob(put, 6, server);
		int rc = db_run(put);
		if (rc)
			return rc;
	}
	return wire_end(w);
}

static int add_user(struct store_ask *a, struct bytes jid, uint64_t now_ms, int64_t *id)
{
	struct db_stmt *add = store_sql(a, SQL_USER_ADD);

	db_bind_text(add, 1, jid);
	db_bind_text(add, 2, bytes_skip(jid, bytes_find(jid, '@') + 1));
	db_bind_int(add, 3, (int64_t)now_ms);
	/* A roster version that an earlier account of this name cannot have had. */
	db_bind_int(add, 4, (int64_t)now_ms);
	int rc = db_run(add);
	if (!rc)
		*id = db_last_id(a->store->db);
	return rc;
}

int op_account_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	uint8_t mode = wire_u8(w);
	uint64_t now_ms = wire_u64(w);
	int64_t id;

	if (wire_failed(w))
		return ERR_SYNTAX;
	int rc = mode == STORE_ACCOUNT_NEW ? add_user(a, jid, now_ms, &id) : store_user(a, jid, &id);
	if (rc)
		goto skip;
	struct db_stmt *del = store_sql(a, SQL_VERIFIER_DEL);
	db_bind_int(del, 1, id);
	rc = db_run(del);
	if (!rc)
		return put_verifiers(a, id, w);
skip:
	(void)wire_raw(w, wire_left(w)); /* refused for another reason than its form */
	return rc;
}

int op_account_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *del = store_sql(a, SQL_USER_DEL);
	struct bytes jid = wire_str(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(del, 1, jid);
	int rc = db_run(del);
	if (rc)
		return rc;
	if (!db_changes(a->store->db))
		return ERR_NOT_FOUND;
	/* Their messages went along. */
	struct db_stmt *q = store_sql(a, SQL_OFFLINE_TOTAL);
	if (db_step(q) == 1) {
		a->store->offline_total = db_int(q, 0);
		db_reset(q);
	}
	return 0;
}

int op_account_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_USER_LIST);
	struct bytes domain = wire_str(w), after = wire_str(w);
	uint32_t limit = wire_u32(w);
	int rc;

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, domain);
	db_bind_text(q, 2, after);
	db_bind_int(q, 3, limit < LIST_MAX ? limit : LIST_MAX);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_u64(b, (uint64_t)db_int(q, 1));
		(void)store_item_end(a); /* over the channel's limit: the answer says so below */
	}
	return rc;
}

int op_auth_get(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_VERIFIER_GET);
	struct bytes jid = wire_str(w);
	uint8_t hash = wire_u8(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_int(q, 2, hash);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	struct buf *b = store_item(a);
	wire_put_u32(b, (uint32_t)db_int(q, 0));
	wire_put_bytes(b, db_bytes(q, 1));
	wire_put_bytes(b, db_bytes(q, 2));
	wire_put_bytes(b, db_bytes(q, 3));
	db_reset(q);
	return store_item_end(a);
}
