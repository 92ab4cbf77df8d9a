/* Tokens of FAST (XEP-0484): what each is made from, never a token. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

struct token {
	int64_t user;
	struct bytes client, name, label, seed, basis;
	uint64_t now_ms, expires_ms;
	uint8_t kind, by, hash;
};

static bool is_client(struct bytes client)
{
	return client.n && client.n <= STORE_FAST_CLIENT_MAX;
}

/* 1 when the statement gives a row, 0, ERR_*. */
static int has_row(struct db_stmt *q)
{
	int rc = db_step(q);

	if (rc == 1)
		db_reset(q);
	return rc;
}

static int has_app(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_APP_HAS);

	if (!t->label.n)
		return 1;
	db_bind_int(q, 1, t->user);
	db_bind_text(q, 2, t->label);
	return has_row(q);
}

static int has_basis(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, t->by == STORE_FAST_BY_SALT ? SQL_APP_HAS_SALT : SQL_FAST_HAS);

	db_bind_int(q, 1, t->user);
	if (t->by == STORE_FAST_BY_SALT)
		db_bind_int(q, 2, t->hash);
	else
		db_bind_text(q, 2, t->client);
	db_bind_blob(q, 3, t->basis);
	return has_row(q);
}

/* The password may have been changed, or the application password deleted, since the client proved it. */
static int check_basis(struct store_ask *a, const struct token *t)
{
	int rc = has_app(a, t);

	if (rc == 1)
		rc = has_basis(a, t);
	return rc == 1 ? 0 : rc ? rc : ERR_BAD_STATE;
}

static int drop_expired(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_EXPIRED);

	db_bind_int(q, 1, t->user);
	db_bind_int(q, 2, (int64_t)t->now_ms);
	return db_run(q);
}

static int keep_one(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_KEEP_ONE);

	db_bind_int(q, 1, t->user);
	db_bind_text(q, 2, t->client);
	db_bind_blob(q, 3, t->seed);
	return db_run(q);
}

static int add(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_ADD);

	db_bind_int(q, 1, t->user);
	db_bind_text(q, 2, t->client);
	db_bind_blob(q, 3, t->seed);
	db_bind_int(q, 4, t->kind);
	db_bind_text(q, 5, t->label);
	db_bind_text(q, 6, t->name);
	db_bind_int(q, 7, (int64_t)t->now_ms);
	db_bind_int(q, 8, (int64_t)t->expires_ms);
	return db_run(q);
}

static int make_room(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_ROOM);

	db_bind_int(q, 1, t->user);
	db_bind_int(q, 2, STORE_FAST_CLIENTS_MAX);
	return db_run(q);
}

int op_fast_put(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct token t = { .client = wire_str(w) };

	t.name = wire_str(w);
	t.label = wire_str(w);
	t.kind = wire_u8(w);
	t.seed = wire_bytes(w);
	t.now_ms = wire_u64(w);
	t.expires_ms = wire_u64(w);
	t.by = wire_u8(w);
	t.hash = wire_u8(w);
	t.basis = wire_bytes(w);
	if (wire_end(w) || !is_client(t.client) || t.name.n > STORE_FAST_NAME_MAX || t.label.n > STORE_APP_LABEL_MAX ||
	    t.seed.n != STORE_FAST_SEED || t.by > STORE_FAST_BY_TOKEN)
		return ERR_SYNTAX;
	int rc = store_user(a, jid, &t.user);
	if (!rc)
		rc = check_basis(a, &t);
	if (!rc)
		rc = drop_expired(a, &t);
	if (!rc)
		rc = keep_one(a, &t);
	if (!rc)
		rc = add(a, &t);
	return rc ? rc : make_room(a, &t);
}

int op_fast_get(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_GET);
	struct bytes jid = wire_str(w), client = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	int off = store_is_disabled(a, jid);
	if (off < 0)
		return off;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, client);
	for (uint8_t i = 0; (rc = db_step(q)) == 1; i++) {
		struct buf *b = store_item(a);
		wire_put_u8(b, i);
		wire_put_bytes(b, db_bytes(q, 0));
		wire_put_u8(b, (uint8_t)db_int(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		wire_put_u64(b, (uint64_t)db_int(q, 3)); /* created, expires */
		wire_put_u64(b, (uint64_t)db_int(q, 4));
		wire_put_u8(b, (uint8_t)off);
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

/* A count that was seen is a replay (XEP-0484), and so is none where there were some; not so when the same login asks again. */
static int check_count(struct store_ask *a, const struct token *t, uint64_t login, uint64_t count)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_LAST);

	db_bind_int(q, 1, t->user);
	db_bind_text(q, 2, t->client);
	db_bind_blob(q, 3, t->seed);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	uint64_t last = (uint64_t)db_int(q, 0);
	bool is_again = (uint64_t)db_int(q, 1) == login;
	db_reset(q);
	return is_again || count > last || (!count && !last) ? 0 : ERR_EXISTS;
}

static int drop_older(struct store_ask *a, const struct token *t)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_OLDER);

	db_bind_int(q, 1, t->user);
	db_bind_text(q, 2, t->client);
	db_bind_blob(q, 3, t->seed);
	return db_run(q);
}

int op_fast_use(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_USED);
	struct bytes jid = wire_str(w);
	struct token t = { .client = wire_str(w) };

	t.seed = wire_bytes(w);
	uint64_t login = wire_u64(w), count = wire_u64(w);
	t.now_ms = wire_u64(w);
	struct bytes address = wire_str(w);
	int rc = store_user_last(a, w, jid, &t.user);
	if (!rc)
		rc = check_count(a, &t, login, count);
	if (rc)
		return rc;
	db_bind_int(q, 1, t.user);
	db_bind_text(q, 2, t.client);
	db_bind_blob(q, 3, t.seed);
	db_bind_int(q, 4, (int64_t)count);
	db_bind_int(q, 5, (int64_t)login);
	db_bind_int(q, 6, (int64_t)t.now_ms);
	db_bind_text(q, 7, address);
	rc = db_run(q);
	return rc ? rc : drop_older(a, &t);
}

int op_fast_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_LIST);
	struct bytes jid = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0)); /* client, name, label */
		wire_put_str(b, db_bytes(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		wire_put_u64(b, (uint64_t)db_int(q, 3)); /* created, used */
		wire_put_u64(b, (uint64_t)db_int(q, 4));
		wire_put_str(b, db_bytes(q, 5));
		wire_put_u64(b, (uint64_t)db_int(q, 6));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

int op_fast_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_FAST_DEL);
	struct bytes jid = wire_str(w), client = wire_str(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, client);
	rc = db_run(q);
	return rc ? rc : db_changes(a->store->db) ? 0 : ERR_NOT_FOUND;
}
