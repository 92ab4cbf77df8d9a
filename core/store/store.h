/* store.h - gh-store: asks come in, all writes of a turn go into one transaction, and they are
 * answered after its commit. Reads are answered at once and see what the open transaction wrote. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "db/db.h"
#include "run/bus.h"
#include "sql.h"

#define STORE_DB_FILE "gatehouse.db" /* in the program's own folder, where it stands */

enum { STORE_ASKS_A_COMMIT = 4096 };

struct store_answer {
	enum prog to;
	uint32_t id;
	int rc;
};

struct store {
	struct loop *loop;
	struct bus *bus;
	struct db *db;
	struct db_stmt *sql[SQL_COUNT];
	struct loop_defer commit;
	bool is_open; /* a transaction is */
	struct store_answer waiting[STORE_ASKS_A_COMMIT]; /* writes done in the open transaction */
	unsigned n_waiting;
	int64_t offline_total; /* rows in all: counting them at each message would be slow */
	int64_t offline_before; /* what it was when the transaction began */
};

/* One ask being carried out. */
struct store_ask {
	struct store *store;
	struct chan *from;
	uint32_t id;
};

/* Opens path, prepares all statements. ERR_* with *why. */
int store_open(struct store *s, const char *path, const char **why);
/* The same with a database that is open already; it goes with the store. */
int store_take(struct store *s, struct db *d, const char **why);
void store_close(struct store *s);
/* Commits what is open and answers it. */
void store_commit(struct store *s);

/* The bus handler of STORE_ASK; the program is a struct store. */
int store_on_ask(void *program, struct chan *from, const struct frame *f);

/* A statement ready to be bound. */
struct db_stmt *store_sql(struct store_ask *a, enum sql which);
/* Row number of an account; ERR_NOT_FOUND. */
int store_user(struct store_ask *a, struct bytes jid, int64_t *out);
/* Is it one that nobody may log in to? 1, 0, ERR_*. */
int store_is_disabled(struct store_ask *a, struct bytes jid);
/* The same where w must be at its end: ERR_SYNTAX when it is not. */
int store_user_last(struct store_ask *a, struct wire *w, struct bytes jid, int64_t *out);
/* An item of the answer. */
struct buf *store_item(struct store_ask *a);
int store_item_end(struct store_ask *a);
/* One that is a row of q: when it finds no room, q ends too. */
int store_row_end(struct store_ask *a, struct db_stmt *q);
/* All that is left of q, a name and its value a row, as items: name str, value bytes. */
int store_pairs(struct store_ask *a, struct db_stmt *q);

/* One function an op: reads its body (to wire_end) and does it. */
#define STORE_OP_FN(name) int name(struct store_ask *a, struct wire *w)
STORE_OP_FN(op_secret);
STORE_OP_FN(op_account_put);
STORE_OP_FN(op_account_del);
STORE_OP_FN(op_account_list);
STORE_OP_FN(op_verifier_add);
STORE_OP_FN(op_noted_list);
STORE_OP_FN(op_noted_del);
STORE_OP_FN(op_notice_put);
STORE_OP_FN(op_notice_list);
STORE_OP_FN(op_auth_get);
STORE_OP_FN(op_user_get);
STORE_OP_FN(op_contact_put);
STORE_OP_FN(op_contact_del);
STORE_OP_FN(op_contact_move);
STORE_OP_FN(op_contact_list);
STORE_OP_FN(op_contact_owners);
STORE_OP_FN(op_block_add);
STORE_OP_FN(op_block_del);
STORE_OP_FN(op_blob_get);
STORE_OP_FN(op_blob_put);
STORE_OP_FN(op_blob_list);
STORE_OP_FN(op_offline_add);
STORE_OP_FN(op_offline_page);
STORE_OP_FN(op_offline_drop);
STORE_OP_FN(op_journal_add);
STORE_OP_FN(op_journal_drop);
STORE_OP_FN(op_journal_settle);
STORE_OP_FN(op_watch_put);
STORE_OP_FN(op_watch_del);
STORE_OP_FN(op_watch_list);
STORE_OP_FN(op_app_put);
STORE_OP_FN(op_app_del);
STORE_OP_FN(op_app_list);
STORE_OP_FN(op_app_used);
STORE_OP_FN(op_fast_put);
STORE_OP_FN(op_fast_get);
STORE_OP_FN(op_fast_use);
STORE_OP_FN(op_fast_list);
STORE_OP_FN(op_fast_del);
STORE_OP_FN(op_archive_add);
STORE_OP_FN(op_archive_page);
STORE_OP_FN(op_archive_ids);
STORE_OP_FN(op_archive_drop);
STORE_OP_FN(op_archive_clean);
STORE_OP_FN(op_archive_state);
STORE_OP_FN(op_archive_replace);
/* Row number of a persistent room; ERR_NOT_FOUND. */
int store_room(struct store_ask *a, struct bytes jid, int64_t *out);
/* Whose archive: an account, or a persistent room; rooms are numbered above all accounts. ERR_NOT_FOUND. */
int store_archive_owner(struct store_ask *a, struct bytes jid, int64_t *out);
/* The same for a room. */
int store_archive_abandon_room(struct store_ask *a, int64_t room);
/* The archive of an account that is about to go is given to op_archive_clean (op_archive_keep.c). */
int store_archive_abandon(struct store_ask *a, int64_t user);
STORE_OP_FN(op_pep_publish);
STORE_OP_FN(op_pep_retract);
STORE_OP_FN(op_pep_purge);
STORE_OP_FN(op_pep_node_put);
STORE_OP_FN(op_pep_node_del);
STORE_OP_FN(op_pep_items);
STORE_OP_FN(op_pep_last);

/* What op_user_get says of the nodes of an account (op_pep.c). */
int pep_get_nodes(struct store_ask *a, int64_t user);
STORE_OP_FN(op_room_put);
STORE_OP_FN(op_room_del);
STORE_OP_FN(op_room_affiliate);
STORE_OP_FN(op_room_past);
STORE_OP_FN(op_room_list);

#endif
