/* Accounts and their SCRAM verifiers. A password never comes here. */
#include "store.h"

#include "base/err.h"
#include "base/random.h"
#include "run/store_op.h"

enum { SECRET_BYTES = 32, VERIFIERS_MAX = 4, LIST_MAX = 1000 };

/* An item of AUTH_GET. */
struct scram_row {
	uint32_t iterations;
	struct bytes salt, stored_key, server_key, label;
	bool is_disabled;
};

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
	int rc = db_step(add);
	if (rc != 1)
		return rc ? rc : ERR_IO;
	*id = db_int(add, 0);
	return db_run(add);
}

static int clear(struct store_ask *a, int64_t user, enum sql which)
{
	struct db_stmt *del = store_sql(a, which);

	db_bind_int(del, 1, user);
	return db_run(del);
}

static int put_note(struct store_ask *a, int64_t user, struct bytes note)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_PUT);

	db_bind_int(q, 1, user);
	db_bind_text(q, 2, BYTES(STORE_DIRECTORY_KEY));
	db_bind_blob(q, 3, note);
	return db_run(q);
}

/* ERR_EXISTS: the directory does not stand behind this account. */
static int has_note(struct store_ask *a, int64_t user)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_HAS);

	db_bind_int(q, 1, user);
	db_bind_text(q, 2, BYTES(STORE_DIRECTORY_KEY));
	int rc = db_step(q);
	db_reset(q);
	return rc < 0 ? rc : rc ? 0 : ERR_EXISTS;
}

static int drop_secrets(struct store_ask *a, int64_t user)
{
	int rc = clear(a, user, SQL_VERIFIER_DEL);

	if (!rc)
		rc = clear(a, user, SQL_APP_CLEAR); /* they hang on the salt that goes */
	return rc ? rc : clear(a, user, SQL_FAST_CLEAR); /* they stem from the password that goes, or from those */
}

int op_account_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	uint8_t mode = wire_u8(w);
	uint64_t now_ms = wire_u64(w);
	bool is_new = mode == STORE_ACCOUNT_NEW || mode == STORE_ACCOUNT_NEW_NOTED;
	bool is_noted = mode == STORE_ACCOUNT_CHANGE_NOTED || mode == STORE_ACCOUNT_NOTE;
	struct bytes note = mode >= STORE_ACCOUNT_NEW_NOTED ? wire_bytes(w) : BYTES_NONE;
	int64_t id;

	if (wire_failed(w))
		return ERR_SYNTAX;
	int rc = is_new ? add_user(a, jid, now_ms, &id) : store_user(a, jid, &id);
	if (!rc && is_noted)
		rc = has_note(a, id);
	/* Whom the directory stands behind has their password there. */
	if (!rc && mode == STORE_ACCOUNT_CHANGE && has_note(a, id) != ERR_EXISTS)
		rc = ERR_DENIED;
	if (!rc && mode != STORE_ACCOUNT_NOTE)
		rc = drop_secrets(a, id);
	if (!rc && note.n)
		rc = put_note(a, id, note);
	if (!rc)
		return put_verifiers(a, id, w);
	(void)wire_raw(w, wire_left(w)); /* refused for another reason than its form */
	return rc;
}

static int account_del(struct store_ask *a, struct bytes jid, int64_t user)
{
	struct db_stmt *del = store_sql(a, SQL_USER_DEL);
	int rc = store_archive_abandon(a, user);

	if (rc)
		return rc;
	db_bind_text(del, 1, jid);
	rc = db_run(del);
	if (rc)
		return rc;
	/* Their messages went along. */
	struct db_stmt *q = store_sql(a, SQL_OFFLINE_TOTAL);
	if (db_step(q) == 1) {
		a->store->offline_total = db_int(q, 0);
		db_reset(q);
	}
	return 0;
}

int op_account_del(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	return rc ? rc : account_del(a, jid, user);
}

int op_noted_del(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (!rc)
		rc = has_note(a, user);
	return rc ? rc : account_del(a, jid, user);
}

int op_noted_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_ALL);
	struct bytes after = wire_str(w);
	uint32_t limit = wire_u32(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, BYTES(STORE_DIRECTORY_KEY));
	db_bind_text(q, 2, after);
	db_bind_int(q, 3, limit < LIST_MAX ? limit : LIST_MAX);
	return store_pairs(a, q);
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
		wire_put_u8(b, (uint8_t)db_int(q, 2));
		wire_put_u8(b, (uint8_t)db_int(q, 3));
		(void)store_item_end(a); /* over the channel's limit: the answer says so below */
	}
	return rc;
}

static int put_key(struct store_ask *a, const struct scram_row *r)
{
	struct buf *b = store_item(a);

	wire_put_u32(b, r->iterations);
	wire_put_bytes(b, r->salt);
	wire_put_bytes(b, r->stored_key);
	wire_put_bytes(b, r->server_key);
	wire_put_str(b, r->label);
	wire_put_u8(b, r->is_disabled);
	return store_item_end(a);
}

static int get_app_keys(struct store_ask *a, struct bytes jid, uint8_t hash, struct scram_row r)
{
	struct db_stmt *q = store_sql(a, SQL_APP_KEYS);
	int rc;

	db_bind_text(q, 1, jid);
	db_bind_int(q, 2, hash);
	while ((rc = db_step(q)) == 1) {
		r.stored_key = db_bytes(q, 0);
		r.server_key = db_bytes(q, 1);
		r.label = db_bytes(q, 2);
		int end = put_key(a, &r);
		if (end) {
			db_reset(q);
			return end;
		}
	}
	return rc;
}

/* For an account that is not there any more, or that has another password by now, nothing. */
int op_verifier_add(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_VERIFIER_ADD);
	struct bytes jid = wire_str(w), salt = wire_bytes(w);
	uint8_t hash = wire_u8(w);
	struct bytes stored = wire_bytes(w), server = wire_bytes(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_blob(q, 2, salt);
	db_bind_int(q, 3, hash);
	db_bind_blob(q, 4, stored);
	db_bind_blob(q, 5, server);
	return db_run(q);
}

int op_auth_get(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_VERIFIER_GET);
	struct bytes jid = wire_str(w);
	uint8_t hash = wire_u8(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	bool or_sha1 = hash & STORE_HASH_OR_SHA1;
	hash &= (uint8_t)~STORE_HASH_OR_SHA1;
	db_bind_text(q, 1, jid);
	db_bind_int(q, 2, hash);
	int rc = db_step(q);
	if (rc == 0 && or_sha1) {
		hash = 0;
		db_bind_text(q, 1, jid);
		db_bind_int(q, 2, hash);
		rc = db_step(q);
	}
	int off = store_is_disabled(a, jid);
	if (off < 0) {
		db_reset(q);
		return off;
	}
	/* An account that was imported has no HA1, but its application passwords have. */
	if (rc == 0 && hash >= STORE_HASH_DIGEST)
		return get_app_keys(a, jid, hash, (struct scram_row){ .is_disabled = off });
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	const struct scram_row r = { (uint32_t)db_int(q, 0), db_bytes(q, 1), db_bytes(q, 2), db_bytes(q, 3), BYTES_NONE, off };
	rc = put_key(a, &r);
	if (!rc)
		rc = get_app_keys(a, jid, hash, r);
	db_reset(q); /* its salt is in every item */
	return rc;
}

/* ---- what a domain tells everybody ---- */

int op_notice_put(struct store_ask *a, struct wire *w)
{
	struct bytes domain = wire_str(w), value = wire_bytes(w);
	struct db_stmt *q = store_sql(a, value.n ? SQL_NOTICE_PUT : SQL_NOTICE_DEL);

	if (wire_end(w) || !domain.n)
		return ERR_SYNTAX;
	db_bind_text(q, 1, domain);
	if (value.n)
		db_bind_blob(q, 2, value);
	return db_run(q);
}

int op_notice_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_NOTICE_ALL);

	if (wire_end(w))
		return ERR_SYNTAX;
	return store_pairs(a, q);
}
