/* Application passwords: verifiers beside the account's, with its salt and iterations. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

enum { HASHES_MAX = 4 };

struct app_key {
	uint8_t hash;
	struct bytes salt, stored, server;
};

struct app {
	int64_t user;
	struct bytes label;
	uint64_t now_ms;
	struct app_key keys[HASHES_MAX];
	uint8_t n;
};

static int read_keys(struct app *p, struct wire *w)
{
	p->n = wire_u8(w);
	if (!p->n || p->n > HASHES_MAX)
		return ERR_RANGE;
	for (uint8_t i = 0; i < p->n; i++) {
		p->keys[i].hash = wire_u8(w);
		p->keys[i].salt = wire_bytes(w);
		p->keys[i].stored = wire_bytes(w);
		p->keys[i].server = wire_bytes(w);
	}
	return wire_end(w);
}

/* A row there? 1, 0, ERR_*. */
static int has_row(struct db_stmt *q)
{
	int rc = db_step(q);

	if (rc == 1)
		db_reset(q);
	return rc;
}

/* The account's password may have been changed since its salt was read. */
static int check_salts(struct store_ask *a, const struct app *p)
{
	for (uint8_t i = 0; i < p->n; i++) {
		if (p->keys[i].hash >= STORE_HASH_DIGEST) /* an HA1 has none */
			continue;
		struct db_stmt *q = store_sql(a, SQL_APP_HAS_SALT);
		db_bind_int(q, 1, p->user);
		db_bind_int(q, 2, p->keys[i].hash);
		db_bind_blob(q, 3, p->keys[i].salt);
		int rc = has_row(q);
		if (rc != 1)
			return rc ? rc : ERR_BAD_STATE;
	}
	return 0;
}

/* The label is taken: by this very password, asked for again, or by another. */
static int check_again(struct store_ask *a, const struct app *p)
{
	struct db_stmt *q = store_sql(a, SQL_APP_HAS_KEY);

	db_bind_int(q, 1, p->user);
	db_bind_text(q, 2, p->label);
	db_bind_int(q, 3, p->keys[0].hash);
	db_bind_blob(q, 4, p->keys[0].stored);
	int rc = has_row(q);
	return rc == 1 ? 0 : rc ? rc : ERR_EXISTS;
}

static int put_keys(struct store_ask *a, const struct app *p)
{
	int rc = 0;

	for (uint8_t i = 0; !rc && i < p->n; i++) {
		struct db_stmt *q = store_sql(a, SQL_APP_VERIFIER_ADD);
		db_bind_int(q, 1, p->user);
		db_bind_text(q, 2, p->label);
		db_bind_int(q, 3, p->keys[i].hash);
		db_bind_blob(q, 4, p->keys[i].stored);
		db_bind_blob(q, 5, p->keys[i].server);
		rc = db_run(q);
	}
	return rc;
}

/* Refused below: the transaction of this ask is undone as a whole (store.c). */
static int put(struct store_ask *a, const struct app *p)
{
	struct db_stmt *add = store_sql(a, SQL_APP_ADD), *count = store_sql(a, SQL_APP_COUNT);

	db_bind_int(add, 1, p->user);
	db_bind_text(add, 2, p->label);
	db_bind_int(add, 3, (int64_t)p->now_ms);
	int rc = db_run(add);
	if (rc)
		return rc;
	if (!db_changes(a->store->db))
		return check_again(a, p);
	db_bind_int(count, 1, p->user);
	rc = db_step(count);
	if (rc != 1)
		return rc ? rc : ERR_IO;
	int64_t n = db_int(count, 0);
	db_reset(count);
	return n > STORE_APPS_MAX ? ERR_FULL : put_keys(a, p);
}

int op_app_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct app p = { .n = 0 };

	p.label = wire_str(w);
	p.now_ms = wire_u64(w);
	if (read_keys(&p, w) || !p.label.n || p.label.n > STORE_APP_LABEL_MAX)
		return ERR_SYNTAX;
	int rc = store_user(a, jid, &p.user);
	if (!rc)
		rc = check_salts(a, &p);
	return rc ? rc : put(a, &p);
}

/* Those that stem from it (XEP-0484). */
static int drop_tokens(struct store_ask *a, int64_t user, struct bytes label)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_DEL_LABEL);

	db_bind_int(q, 1, user);
	db_bind_text(q, 2, label);
	return db_run(q);
}

int op_app_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_APP_DEL);
	struct bytes jid = wire_str(w), label = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, label);
	rc = db_run(q);
	if (rc)
		return rc;
	return db_changes(a->store->db) ? drop_tokens(a, user, label) : ERR_NOT_FOUND;
}

int op_app_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_APP_LIST);
	struct bytes jid = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_u64(b, (uint64_t)db_int(q, 1));
		wire_put_u64(b, (uint64_t)db_int(q, 2));
		wire_put_str(b, db_bytes(q, 3));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

int op_app_used(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_APP_USED);
	struct bytes jid = wire_str(w), label = wire_str(w);
	uint64_t now_ms = wire_u64(w);
	struct bytes address = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, label);
	db_bind_int(q, 3, (int64_t)now_ms);
	db_bind_text(q, 4, address);
	return db_run(q);
}
