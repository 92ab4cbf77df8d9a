/* Message archives: what goes, bit by bit, and how much there is. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

/* Owners of archives are accounts by their row, and from here on rooms by theirs. */
#define FIRST_ROOM (INT64_C(1) << 40)

static int last_id(struct store_ask *a, enum sql which, uint64_t *out)
{
	struct db_stmt *q = store_sql(a, which);
	int rc = db_step(q);

	*out = 0;
	if (rc != 1)
		return rc;
	*out = (uint64_t)db_int(q, 0);
	db_reset(q);
	return 0;
}

static int put_floor(struct store_ask *a, int64_t user, uint64_t floor)
{
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_FLOOR_PUT);

	db_bind_int(q, 1, user);
	db_bind_int(q, 2, (int64_t)floor);
	return db_run(q);
}

int store_archive_abandon(struct store_ask *a, int64_t user)
{
	return put_floor(a, user, STORE_ARCHIVE_ID_MAX);
}

int store_archive_abandon_room(struct store_ask *a, int64_t room)
{
	return store_archive_abandon(a, FIRST_ROOM + room);
}

int store_archive_owner(struct store_ask *a, struct bytes jid, int64_t *out)
{
	int rc = store_user(a, jid, out);

	if (rc != ERR_NOT_FOUND)
		return rc;
	rc = store_room(a, jid, out);
	if (!rc)
		*out += FIRST_ROOM;
	return rc;
}

/* Pages show nothing of it from now on; the rows follow (op_archive_clean). */
int op_archive_drop(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	uint64_t last;
	int64_t user;

	int rc = wire_end(w) ? ERR_SYNTAX : store_archive_owner(a, jid, &user);
	if (!rc)
		rc = last_id(a, SQL_ARCHIVE_LAST, &last);
	return rc ? rc : put_floor(a, user, last);
}

/* ---- cleaning ---- */

/* A floor whose rows are all gone has done its work. */
static int end_floor(struct store_ask *a, int64_t user)
{
	struct db_stmt *floor = store_sql(a, SQL_ARCHIVE_FLOOR_DEL), *size = store_sql(a, SQL_ARCHIVE_USER_DEL);

	db_bind_int(floor, 1, user);
	db_bind_int(size, 1, user);
	int rc = db_run(floor);
	return rc ? rc : db_run(size);
}

static int clean_floor(struct store_ask *a, uint32_t limit, uint32_t *n)
{
	struct db_stmt *any = store_sql(a, SQL_ARCHIVE_FLOOR_ANY), *del = store_sql(a, SQL_ARCHIVE_DEL_UPTO);
	int rc = db_step(any);

	if (rc != 1)
		return rc;
	int64_t user = db_int(any, 0), floor = db_int(any, 1);
	db_reset(any);
	db_bind_int(del, 1, user);
	db_bind_int(del, 2, floor);
	db_bind_int(del, 3, limit);
	rc = db_run(del);
	if (rc)
		return rc;
	*n = (uint32_t)db_changes(a->store->db);
	if (*n == limit)
		return 0;
	*n = limit; /* there may be another floor */
	return end_floor(a, user);
}

static int clean_old(struct store_ask *a, uint64_t oldest, uint32_t limit, uint32_t *n)
{
	struct db_stmt *del = store_sql(a, SQL_ARCHIVE_DEL_OLD);

	db_bind_int(del, 1, (int64_t)oldest);
	db_bind_int(del, 2, limit);
	int rc = db_run(del);
	*n = rc ? 0 : (uint32_t)db_changes(a->store->db);
	return rc;
}

/* One piece. The item says whether there may be more. */
int op_archive_clean(struct store_ask *a, struct wire *w)
{
	uint64_t oldest = wire_u64(w);
	uint32_t limit = wire_u32(w), n = 0;

	if (wire_end(w) || oldest > STORE_ARCHIVE_ID_MAX || !limit)
		return ERR_SYNTAX;
	if (limit > STORE_ARCHIVE_CLEAN_MAX)
		limit = STORE_ARCHIVE_CLEAN_MAX;
	int rc = clean_floor(a, limit, &n);
	if (!rc && !n)
		rc = clean_old(a, oldest, limit, &n);
	if (rc)
		return rc;
	wire_put_u8(store_item(a), n == limit);
	return store_item_end(a);
}

/* ---- how much there is ---- */

static int state_of_user(struct store_ask *a, struct bytes jid, struct db_stmt **q)
{
	int64_t user;
	int rc = store_archive_owner(a, jid, &user);

	*q = store_sql(a, SQL_ARCHIVE_SIZE);
	db_bind_int(*q, 1, user);
	return rc;
}

int op_archive_state(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_SIZES);
	uint64_t first = 0, n = 0, bytes = 0;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = jid.n ? state_of_user(a, jid, &q) : last_id(a, SQL_ARCHIVE_FIRST, &first);
	if (rc)
		return rc;
	rc = db_step(q);
	if (rc < 0)
		return rc;
	if (rc) {
		n = (uint64_t)db_int(q, 0);
		bytes = (uint64_t)db_int(q, 1);
		db_reset(q);
	}
	struct buf *b = store_item(a);
	wire_put_u64(b, n);
	wire_put_u64(b, bytes);
	wire_put_u64(b, first);
	return store_item_end(a);
}
