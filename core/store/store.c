#include "store.h"

#include "base/err.h"
#include "base/log.h"
#include "run/store_op.h"

/* Asked for, whether it writes: then it waits for the commit; and by whom. */
static const struct op_row {
	int (*fn)(struct store_ask *a, struct wire *w);
	bool is_write;
	enum prog who;
} ops[] = {
	[STORE_SECRET] = { op_secret, true, PROG_IM },
	[STORE_ACCOUNT_PUT] = { op_account_put, true, PROG_IM },
	[STORE_ACCOUNT_DEL] = { op_account_del, true, PROG_IM },
	[STORE_ACCOUNT_LIST] = { op_account_list, false, PROG_IM },
	[STORE_AUTH_GET] = { op_auth_get, false, PROG_IM },
	[STORE_USER_GET] = { op_user_get, false, PROG_IM },
	[STORE_CONTACT_PUT] = { op_contact_put, true, PROG_IM },
	[STORE_CONTACT_DEL] = { op_contact_del, true, PROG_IM },
	[STORE_BLOCK_ADD] = { op_block_add, true, PROG_IM },
	[STORE_BLOCK_DEL] = { op_block_del, true, PROG_IM },
	[STORE_BLOB_GET] = { op_blob_get, false, PROG_IM },
	[STORE_BLOB_PUT] = { op_blob_put, true, PROG_IM },
	[STORE_OFFLINE_ADD] = { op_offline_add, true, PROG_IM },
	[STORE_OFFLINE_PAGE] = { op_offline_page, false, PROG_IM },
	[STORE_OFFLINE_DROP] = { op_offline_drop, true, PROG_IM },
	[STORE_JOURNAL_ADD] = { op_journal_add, true, PROG_IM },
	[STORE_JOURNAL_DROP] = { op_journal_drop, true, PROG_IM },
	[STORE_JOURNAL_SETTLE] = { op_journal_settle, true, PROG_IM },
	[STORE_WATCH_PUT] = { op_watch_put, true, PROG_XLATE },
	[STORE_WATCH_DEL] = { op_watch_del, true, PROG_XLATE },
	[STORE_WATCH_LIST] = { op_watch_list, false, PROG_XLATE },
	[STORE_APP_PUT] = { op_app_put, true, PROG_IM },
	[STORE_APP_DEL] = { op_app_del, true, PROG_IM },
	[STORE_APP_LIST] = { op_app_list, false, PROG_IM },
	[STORE_APP_USED] = { op_app_used, true, PROG_IM },
	[STORE_FAST_PUT] = { op_fast_put, true, PROG_IM },
	[STORE_FAST_GET] = { op_fast_get, false, PROG_IM },
	[STORE_FAST_USE] = { op_fast_use, true, PROG_IM },
	[STORE_FAST_LIST] = { op_fast_list, false, PROG_IM },
	[STORE_FAST_DEL] = { op_fast_del, true, PROG_IM },
	[STORE_ARCHIVE_ADD] = { op_archive_add, true, PROG_IM },
	[STORE_ARCHIVE_PAGE] = { op_archive_page, false, PROG_IM },
	[STORE_ARCHIVE_IDS] = { op_archive_ids, false, PROG_IM },
	[STORE_ARCHIVE_DROP] = { op_archive_drop, true, PROG_IM },
	[STORE_ARCHIVE_CLEAN] = { op_archive_clean, true, PROG_IM },
	[STORE_ARCHIVE_STATE] = { op_archive_state, false, PROG_IM },
	[STORE_PEP_PUBLISH] = { op_pep_publish, true, PROG_IM },
	[STORE_PEP_RETRACT] = { op_pep_retract, true, PROG_IM },
	[STORE_PEP_PURGE] = { op_pep_purge, true, PROG_IM },
	[STORE_PEP_NODE_PUT] = { op_pep_node_put, true, PROG_IM },
	[STORE_PEP_NODE_DEL] = { op_pep_node_del, true, PROG_IM },
	[STORE_PEP_ITEMS] = { op_pep_items, false, PROG_IM },
	[STORE_PEP_LAST] = { op_pep_last, false, PROG_IM },
	[STORE_ROOM_PUT] = { op_room_put, true, PROG_IM },
	[STORE_ROOM_DEL] = { op_room_del, true, PROG_IM },
	[STORE_ROOM_AFFILIATE] = { op_room_affiliate, true, PROG_IM },
	[STORE_ROOM_PAST] = { op_room_past, true, PROG_IM },
	[STORE_ROOM_LIST] = { op_room_list, false, PROG_IM },
	[STORE_ARCHIVE_REPLACE] = { op_archive_replace, true, PROG_IM },
	[STORE_NOTED_LIST] = { op_noted_list, false, PROG_IM },
	[STORE_NOTED_DEL] = { op_noted_del, true, PROG_IM },
	[STORE_VERIFIER_ADD] = { op_verifier_add, true, PROG_IM },
	[STORE_CONTACT_MOVE] = { op_contact_move, true, PROG_IM },
	[STORE_CONTACT_LIST] = { op_contact_list, false, PROG_IM },
	[STORE_CONTACT_OWNERS] = { op_contact_owners, false, PROG_IM },
	[STORE_NOTICE_PUT] = { op_notice_put, true, PROG_IM },
	[STORE_NOTICE_LIST] = { op_notice_list, false, PROG_IM },
	[STORE_BLOB_LIST] = { op_blob_list, false, PROG_IM },
};
_Static_assert(sizeof ops / sizeof ops[0] == STORE_OP_COUNT, "a row for each op");

static void answer(struct store *s, enum prog to, uint32_t id, int rc)
{
	struct chan *c = bus_next(s->bus, to, NULL);

	wire_put_u32(chan_begin(c, MSG_STORE_DONE, id), (uint32_t)rc);
	(void)chan_end(c); /* who has gone asks again when it is back */
}

/* Without its server there is nothing more to do here: what was not answered is asked again when this program is back. */
static void check_lost(struct store *s)
{
	if (db_is_lost(s->db))
		die("store.database.lost", db_error(s->db));
}

void store_commit(struct store *s)
{
	if (!s->is_open)
		return;
	int rc = db_commit(s->db);
	check_lost(s);
	if (rc) {
		log_error("store.commit.failed", LOG_STR("reason", db_error(s->db)), LOG_INT("asks", s->n_waiting));
		db_rollback(s->db);
		s->offline_total = s->offline_before;
	}
	s->is_open = false;
	for (unsigned i = 0; i < s->n_waiting; i++)
		answer(s, s->waiting[i].to, s->waiting[i].id, rc ? rc : s->waiting[i].rc);
	s->n_waiting = 0;
}

static void on_turn_end(void *arg)
{
	store_commit(arg);
}

static int begin(struct store *s)
{
	if (s->is_open)
		return 0;
	if (db_begin(s->db))
		return ERR_IO;
	s->is_open = true;
	s->offline_before = s->offline_total;
	loop_defer_call(s->loop, &s->commit);
	return 0;
}

/* An op is whole or undone, whatever else is in the transaction. */
static int run_write(struct store_ask *a, const struct op_row *op, struct wire *w)
{
	int64_t offline = a->store->offline_total;
	int rc = begin(a->store);

	if (rc || (rc = db_run_later(store_sql(a, SQL_BEGIN_OP))))
		return rc;
	rc = op->fn(a, w);
	int later = db_settle(a->store->db);
	rc = rc ? rc : later;
	if (rc) {
		a->store->offline_total = offline;
		(void)db_run(store_sql(a, SQL_UNDO_OP)); /* the release below ends it either way */
	}
	int end = db_run_later(store_sql(a, SQL_END_OP));
	return rc ? rc : end;
}

int store_on_ask(void *program, struct chan *from, const struct frame *f)
{
	struct store *s = program;
	struct wire w = wire_of(f->body);
	uint8_t code = wire_u8(&w);
	struct store_ask a = { s, from, f->id };

	if (wire_failed(&w) || code >= STORE_OP_COUNT || !f->id || ops[code].who != chan_prog(from))
		return ERR_PROTOCOL;
	const struct op_row *op = &ops[code];
	int rc = op->is_write ? run_write(&a, op, &w) : op->fn(&a, &w);
	check_lost(s);
	if (wire_failed(&w))
		return ERR_PROTOCOL;
	if (!op->is_write || !s->is_open) {
		answer(s, chan_prog(from), f->id, rc);
		return 0;
	}
	s->waiting[s->n_waiting++] = (struct store_answer){ chan_prog(from), f->id, rc };
	if (s->n_waiting == STORE_ASKS_A_COMMIT)
		store_commit(s);
	return 0;
}

struct db_stmt *store_sql(struct store_ask *a, enum sql which)
{
	return a->store->sql[which];
}

int store_user(struct store_ask *a, struct bytes jid, int64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_USER_ID);

	db_bind_text(q, 1, jid);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	*out = db_int(q, 0);
	db_reset(q);
	return 0;
}

int store_is_disabled(struct store_ask *a, struct bytes jid)
{
	struct db_stmt *q = store_sql(a, SQL_BLOB_GET);

	db_bind_text(q, 1, jid);
	db_bind_text(q, 2, BYTES(STORE_DISABLED_KEY));
	int rc = db_step(q);
	if (rc == 1)
		db_reset(q);
	return rc;
}

int store_user_last(struct store_ask *a, struct wire *w, struct bytes jid, int64_t *out)
{
	return wire_end(w) ? ERR_SYNTAX : store_user(a, jid, out);
}

struct buf *store_item(struct store_ask *a)
{
	return chan_begin(a->from, MSG_STORE_ITEM, a->id);
}

int store_item_end(struct store_ask *a)
{
	return chan_end(a->from);
}

int store_row_end(struct store_ask *a, struct db_stmt *q)
{
	int rc = store_item_end(a);

	if (rc)
		db_reset(q);
	return rc;
}

int store_pairs(struct store_ask *a, struct db_stmt *q)
{
	int rc;

	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_bytes(b, db_bytes(q, 1));
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

static int count_offline(struct store *s)
{
	struct db_stmt *q = s->sql[SQL_OFFLINE_TOTAL];

	if (db_step(q) != 1)
		return ERR_IO;
	s->offline_total = db_int(q, 0);
	db_reset(q);
	return 0;
}

int store_take(struct store *s, struct db *d, const char **why)
{
	const char *const *texts = sql_of(db_kind(d))->texts;
	int rc = 0;

	loop_defer_init(&s->commit, on_turn_end, s);
	s->db = d;
	for (unsigned i = 0; !rc && i < SQL_COUNT; i++) {
		rc = db_prepare(s->db, texts[i], &s->sql[i]);
		if (rc)
			*why = texts[i];
	}
	return rc ? rc : count_offline(s);
}

int store_open(struct store *s, const char *path, const char **why)
{
	struct db *d = NULL;
	int rc = db_open(path, sql_sqlite.steps, sql_sqlite.n_steps, &d, why);

	return rc ? rc : store_take(s, d, why);
}

void store_close(struct store *s)
{
	store_commit(s);
	loop_defer_cancel(&s->commit);
	for (unsigned i = 0; i < SQL_COUNT; i++) {
		db_finish(s->sql[i]);
		s->sql[i] = NULL;
	}
	db_close(s->db);
	s->db = NULL;
}
