/* Nodes of people and what they published (XEP-0163). */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

enum { IDS_MAX = 1000, INTERESTS_MAX = 256 };

int pep_get_nodes(struct store_ask *a, int64_t user)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_NODES);
	int rc;

	db_bind_int(q, 1, user);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u8(b, STORE_USER_NODE);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_bytes(b, db_bytes(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

/* The one number that a bound statement gives. ERR_NOT_FOUND. */
static int number(struct db_stmt *q, int64_t *out)
{
	int rc = db_step(q);

	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	*out = db_int(q, 0);
	db_reset(q);
	return 0;
}

static int node_of(struct store_ask *a, int64_t user, struct bytes name, int64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_NODE_ID);

	db_bind_int(q, 1, user);
	db_bind_text(q, 2, name);
	return number(q, out);
}

/* The node of an account, both by name. */
static int find_node(struct store_ask *a, struct bytes jid, struct bytes name, int64_t *out)
{
	int64_t user;
	int rc = store_user(a, jid, &user);

	return rc ? rc : node_of(a, user, name, out);
}

static int make_node(struct store_ask *a, struct bytes jid, struct bytes name, struct bytes state, int64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_NODE_ADD);
	int64_t user;
	int rc = store_user(a, jid, &user);

	if (rc)
		return rc;
	db_bind_int(q, 1, user);
	db_bind_text(q, 2, name);
	db_bind_blob(q, 3, state);
	rc = db_run(q);
	return rc ? rc : node_of(a, user, name, out);
}

/* The newest stay. */
static int trim(struct store_ask *a, int64_t node, uint32_t keep)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_TRIM);

	db_bind_int(q, 1, node);
	db_bind_int(q, 2, keep);
	return db_run(q);
}

static int delete_item(struct store_ask *a, int64_t node, struct bytes id)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_ITEM_DEL);

	db_bind_int(q, 1, node);
	db_bind_text(q, 2, id);
	return db_run(q);
}

int op_pep_publish(struct store_ask *a, struct wire *w)
{
	struct db_stmt *add = store_sql(a, SQL_PEP_ITEM_ADD);
	struct bytes jid = wire_str(w), name = wire_str(w), state = wire_bytes(w);
	uint32_t keep = wire_u32(w);
	uint64_t at = wire_u64(w);
	struct bytes id = wire_str(w), publisher = wire_str(w), payload = wire_bytes(w);
	int64_t node;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = make_node(a, jid, name, state, &node);
	if (rc || !keep)
		return rc;
	rc = delete_item(a, node, id);
	if (rc)
		return rc;
	db_bind_int(add, 1, node);
	db_bind_text(add, 2, id);
	db_bind_text(add, 3, publisher);
	db_bind_int(add, 4, (int64_t)at);
	db_bind_blob(add, 5, payload);
	rc = db_run(add);
	return rc ? rc : trim(a, node, keep);
}

int op_pep_retract(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w), name = wire_str(w), id = wire_str(w);
	int64_t node;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = find_node(a, jid, name, &node);
	if (!rc)
		rc = delete_item(a, node, id);
	return rc ? rc : db_changes(a->store->db) ? 0 : ERR_NOT_FOUND;
}

static int run_for_node(struct store_ask *a, struct wire *w, enum sql which)
{
	struct db_stmt *q = store_sql(a, which);
	struct bytes jid = wire_str(w), name = wire_str(w);
	int64_t node;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = find_node(a, jid, name, &node);
	if (rc)
		return rc;
	db_bind_int(q, 1, node);
	return db_run(q);
}

int op_pep_purge(struct store_ask *a, struct wire *w)
{
	return run_for_node(a, w, SQL_PEP_PURGE);
}

int op_pep_node_del(struct store_ask *a, struct wire *w)
{
	return run_for_node(a, w, SQL_PEP_NODE_DEL);
}

int op_pep_node_put(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_NODE_SET);
	struct bytes jid = wire_str(w), name = wire_str(w), state = wire_bytes(w);
	uint32_t keep = wire_u32(w);
	int64_t node;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = make_node(a, jid, name, state, &node);
	if (rc)
		return rc;
	db_bind_int(q, 1, node);
	db_bind_blob(q, 2, state);
	rc = db_run(q);
	return rc ? rc : trim(a, node, keep);
}

/* ---- reading ---- */

static int row_of(struct store_ask *a, int64_t node, struct bytes id, int64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_ROW);

	db_bind_int(q, 1, node);
	db_bind_text(q, 2, id);
	return number(q, out);
}

/* How many there are in all, and before this row. */
static int tell_count(struct store_ask *a, int64_t node, int64_t row)
{
	struct db_stmt *q = store_sql(a, SQL_PEP_COUNT);

	db_bind_int(q, 1, node);
	db_bind_int(q, 2, row);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_IO;
	struct buf *b = store_item(a);
	wire_put_u32(b, (uint32_t)db_int(q, 0));
	wire_put_u32(b, (uint32_t)db_int(q, 1));
	db_reset(q);
	return store_item_end(a);
}

/* Up to `bytes` of payloads, but one item always. */
static int tell_rows(struct store_ask *a, struct db_stmt *q, uint32_t *bytes, bool *is_any)
{
	int rc;

	while ((rc = db_step(q)) == 1) {
		struct bytes payload = db_bytes(q, 4);
		if (*is_any && payload.n > *bytes)
			break;
		*bytes -= payload.n < *bytes ? (uint32_t)payload.n : *bytes;
		*is_any = true;
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		wire_put_u64(b, (uint64_t)db_int(q, 3));
		wire_put_bytes(b, payload);
		if (store_item_end(a))
			break;
	}
	if (rc == 1)
		db_reset(q);
	return rc < 0 ? rc : 0;
}

static int tell_page(struct store_ask *a, int64_t node, uint8_t how, int64_t row, uint32_t limit, uint32_t bytes)
{
	struct db_stmt *q = store_sql(a, how == STORE_PEP_AFTER ? SQL_PEP_AFTER : SQL_PEP_BEFORE);
	bool is_any = false;
	int rc = tell_count(a, node, how == STORE_PEP_AFTER ? row + 1 : row);

	if (rc)
		return rc;
	db_bind_int(q, 1, node);
	db_bind_int(q, 2, row);
	db_bind_int(q, 3, limit);
	return tell_rows(a, q, &bytes, &is_any);
}

/* Each from before the row behind its own: the one statement serves both. */
static int tell_ids(struct store_ask *a, int64_t node, struct wire *w, uint32_t bytes)
{
	uint16_t n = wire_u16(w);
	bool is_any = false;
	int rc = tell_count(a, node, 0);

	for (; !rc && n && !wire_failed(w); n--) {
		struct db_stmt *q = store_sql(a, SQL_PEP_BEFORE);
		int64_t row;
		int found = row_of(a, node, wire_str(w), &row);
		if (found == ERR_NOT_FOUND)
			continue;
		if (found)
			return found;
		db_bind_int(q, 1, node);
		db_bind_int(q, 2, row + 1);
		db_bind_int(q, 3, 1);
		rc = tell_rows(a, q, &bytes, &is_any);
	}
	return rc ? rc : wire_end(w);
}

int op_pep_items(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w), name = wire_str(w);
	uint8_t how = wire_u8(w);
	uint32_t limit = wire_u32(w), bytes = wire_u32(w);
	struct bytes from = how == STORE_PEP_IDS ? BYTES_NONE : wire_str(w);
	int64_t node, row = how == STORE_PEP_AFTER ? 0 : INT64_MAX;

	if (wire_failed(w) || how > STORE_PEP_IDS || limit > IDS_MAX)
		return ERR_SYNTAX;
	int rc = find_node(a, jid, name, &node);
	if (rc) {
		w->at = w->in.n; /* the ids do not matter */
		return rc;
	}
	if (how == STORE_PEP_IDS)
		return tell_ids(a, node, w, bytes);
	if (wire_end(w))
		return ERR_SYNTAX;
	if (from.n && (rc = row_of(a, node, from, &row)))
		return rc;
	return tell_page(a, node, how, row, limit, bytes);
}

struct last {
	struct bytes interests[INTERESTS_MAX];
	uint16_t n;
};

static bool wants(const struct last *l, struct bytes node)
{
	for (uint16_t i = 0; i < l->n; i++)
		if (bytes_eq(l->interests[i], node))
			return true;
	return false;
}

static int tell_last(struct store_ask *a, struct db_stmt *q, const struct last *l)
{
	int rc;

	while ((rc = db_step(q)) == 1) {
		if (!wants(l, db_bytes(q, 1)))
			continue;
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_str(b, db_bytes(q, 1));
		wire_put_bytes(b, db_bytes(q, 2));
		wire_put_bytes(b, db_bytes(q, 3));
		wire_put_str(b, db_bytes(q, 4));
		wire_put_str(b, db_bytes(q, 5));
		wire_put_u64(b, (uint64_t)db_int(q, 6));
		wire_put_bytes(b, db_bytes(q, 7));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

/* Who comes sees the newest item of each node that is of interest (XEP-0163 4.3.2): its own account's, and
 * those of people who let it see their presence and do not block it. Access models are gh-im's business. */
int op_pep_last(struct store_ask *a, struct wire *w)
{
	struct db_stmt *own = store_sql(a, SQL_PEP_LAST_OWN), *others = store_sql(a, SQL_PEP_LAST);
	struct bytes owner = wire_str(w), bare = wire_str(w), full = wire_str(w), domain = wire_str(w), at_domain = wire_str(w);
	struct last l = { .n = wire_u16(w) };

	if (wire_failed(w) || l.n > INTERESTS_MAX)
		return ERR_SYNTAX;
	for (uint16_t i = 0; i < l.n; i++)
		l.interests[i] = wire_str(w);
	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = 0;
	if (!owner.n || bytes_eq(owner, bare)) {
		db_bind_text(own, 1, bare);
		rc = tell_last(a, own, &l);
	}
	if (rc || bytes_eq(owner, bare))
		return rc;
	db_bind_text(others, 1, bare);
	db_bind_int(others, 2, CONTACT_FROM);
	db_bind_text(others, 3, owner);
	db_bind_text(others, 4, full);
	db_bind_text(others, 5, domain);
	db_bind_text(others, 6, at_domain);
	return tell_last(a, others, &l);
}
