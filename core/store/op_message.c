/* Messages on disk: for people who are signed out, and those not yet confirmed. */
#include "store.h"

#include "base/err.h"

enum { PAGE_MAX = 500 };

static int has_offline(struct store_ask *a, uint64_t uid)
{
	struct db_stmt *q = store_sql(a, SQL_OFFLINE_HAS);

	db_bind_int(q, 1, (int64_t)uid);
	int rc = db_step(q);
	if (rc == 1)
		db_reset(q);
	return rc;
}

/* The one number that a bound statement gives. */
static int below(struct db_stmt *q, uint32_t limit)
{
	if (db_step(q) != 1)
		return ERR_IO;
	int64_t n = db_int(q, 0);
	db_reset(q);
	return n >= limit ? ERR_FULL : 0;
}

struct offline_limits {
	uint32_t per_user, per_sender, total;
};

/* ERR_FULL over any limit (A-06.05; by person and by other domain: xmpp.md lesson 25). */
static int check_room(struct store_ask *a, int64_t user, struct bytes sender, const struct offline_limits *l)
{
	struct db_stmt *of_user = store_sql(a, SQL_OFFLINE_COUNT), *of_sender = store_sql(a, SQL_OFFLINE_SENDER);

	if (a->store->offline_total >= l->total)
		return ERR_FULL;
	db_bind_int(of_user, 1, user);
	int rc = below(of_user, l->per_user);
	if (rc || !sender.n)
		return rc;
	db_bind_text(of_sender, 1, sender);
	return below(of_sender, l->per_sender);
}

int op_offline_add(struct store_ask *a, struct wire *w)
{
	struct db_stmt *add = store_sql(a, SQL_OFFLINE_ADD);
	uint64_t uid = wire_u64(w);
	struct bytes jid = wire_str(w);
	uint64_t at = wire_u64(w);
	struct offline_limits limits = { .per_user = wire_u32(w) };
	limits.per_sender = wire_u32(w);
	limits.total = wire_u32(w);
	struct bytes sender = wire_str(w), envelope = wire_bytes(w);
	int64_t user;

	int rc = store_user_last(a, w, jid, &user);
	if (rc)
		return rc;
	if ((rc = has_offline(a, uid)))
		return rc == 1 ? 0 : rc; /* asked again after a crash */
	if ((rc = check_room(a, user, sender, &limits)))
		return rc;
	db_bind_int(add, 1, (int64_t)uid);
	db_bind_int(add, 2, user);
	db_bind_int(add, 3, (int64_t)at);
	db_bind_blob(add, 4, envelope);
	db_bind_text(add, 5, sender);
	rc = db_run(add);
	if (!rc)
		a->store->offline_total++;
	return rc;
}

int op_offline_page(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_OFFLINE_PAGE);
	struct bytes jid = wire_str(w);
	uint64_t after = wire_u64(w);
	uint32_t limit = wire_u32(w);
	int rc;

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_int(q, 2, (int64_t)after);
	db_bind_int(q, 3, limit < PAGE_MAX ? limit : PAGE_MAX);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u64(b, (uint64_t)db_int(q, 0));
		wire_put_u64(b, (uint64_t)db_int(q, 1));
		wire_put_bytes(b, db_bytes(q, 2));
		if (store_item_end(a))
			break; /* the cursor goes on from the last one that fitted */
	}
	if (rc == 1)
		db_reset(q);
	return rc < 0 ? rc : 0;
}

int op_offline_drop(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_OFFLINE_DROP);
	uint32_t n = wire_u32(w);
	int rc = 0;

	for (; !rc && n && !wire_failed(w); n--) {
		db_bind_int(q, 1, (int64_t)wire_u64(w));
		rc = db_run(q);
		a->store->offline_total -= rc ? 0 : db_changes(a->store->db);
	}
	return rc ? rc : wire_end(w);
}

int op_journal_add(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_JOURNAL_ADD);
	uint32_t n = wire_u32(w);
	int rc = 0;

	for (; !rc && n; n--) {
		uint64_t uid = wire_u64(w), at = wire_u64(w);
		struct bytes jid = wire_str(w), envelope = wire_bytes(w);
		if (wire_failed(w))
			return ERR_SYNTAX;
		db_bind_int(q, 1, (int64_t)uid);
		db_bind_int(q, 2, (int64_t)at);
		db_bind_text(q, 3, jid);
		db_bind_blob(q, 4, envelope);
		rc = db_run_later(q);
	}
	return rc ? rc : wire_end(w);
}

int op_journal_drop(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_JOURNAL_DROP);
	uint32_t n = wire_u32(w);
	int rc = 0;

	for (; !rc && n && !wire_failed(w); n--) {
		db_bind_int(q, 1, (int64_t)wire_u64(w));
		rc = db_run_later(q);
	}
	return rc ? rc : wire_end(w);
}

static int list_remote(struct store_ask *a)
{
	struct db_stmt *q = store_sql(a, SQL_JOURNAL_REMOTE);
	int rc;

	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u64(b, (uint64_t)db_int(q, 0));
		wire_put_u64(b, (uint64_t)db_int(q, 1));
		wire_put_bytes(b, db_bytes(q, 2));
		(void)store_item_end(a); /* over the channel's limit: found at the next start */
	}
	return rc;
}

/* gh-im has started: what was on its way to people here when the last one ended goes to them as
 * offline messages (the limits do not count: these were acknowledged); what was on its way out
 * is listed, and stays until it is confirmed. */
int op_journal_settle(struct store_ask *a, struct wire *w)
{
	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = db_run(store_sql(a, SQL_JOURNAL_TO_OFFLINE));
	if (rc)
		return rc;
	a->store->offline_total += db_changes(a->store->db);
	rc = db_run(store_sql(a, SQL_JOURNAL_CLEAR_LOCAL));
	return rc ? rc : list_remote(a);
}
