/* Persistent rooms (XEP-0045): their configuration, their lists, and their last messages. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

enum { PAGE_BYTES = 1 << 20 }; /* a page ends with the room that passes it */

int store_room(struct store_ask *a, struct bytes jid, int64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_ID);

	db_bind_text(q, 1, jid);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	*out = db_int(q, 0);
	db_reset(q);
	return 0;
}

int op_room_put(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_PUT);
	struct bytes jid = wire_str(w), value = wire_bytes(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, jid);
	db_bind_blob(q, 2, value);
	return db_run(q);
}

int op_room_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_DEL);
	struct bytes jid = wire_str(w);
	int64_t id;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = store_room(a, jid, &id);
	if (rc)
		return rc == ERR_NOT_FOUND ? 0 : rc; /* asked again */
	rc = store_archive_abandon_room(a, id);
	db_bind_text(q, 1, jid);
	return rc ? rc : db_run(q);
}

int op_room_affiliate(struct store_ask *a, struct wire *w)
{
	struct bytes room = wire_str(w), jid = wire_str(w);
	uint8_t affiliation = wire_u8(w);
	struct bytes nick = wire_str(w), reason = wire_str(w);
	int64_t id;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = store_room(a, room, &id);
	if (rc)
		return rc;
	struct db_stmt *q = store_sql(a, affiliation ? SQL_ROOM_AFFILIATE_PUT : SQL_ROOM_AFFILIATE_DEL);
	db_bind_int(q, 1, id);
	db_bind_text(q, 2, jid);
	if (affiliation) {
		db_bind_int(q, 3, affiliation);
		db_bind_text(q, 4, nick);
		db_bind_text(q, 5, reason);
	}
	return db_run(q);
}

/* Old ones make room. */
static int keep_last(struct store_ask *a, int64_t room, uint32_t keep)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_PAST_ROOM);

	db_bind_int(q, 1, room);
	db_bind_int(q, 2, keep);
	return db_run(q);
}

int op_room_past(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_PAST_PUT);
	struct bytes room = wire_str(w), sid = wire_str(w);
	uint64_t at_ms = wire_u64(w);
	struct bytes sender = wire_str(w), occupant = wire_str(w), stanza = wire_bytes(w);
	uint32_t keep = wire_u32(w);
	int64_t id;

	if (wire_end(w))
		return ERR_SYNTAX;
	int rc = store_room(a, room, &id);
	if (rc)
		return rc;
	db_bind_int(q, 1, id);
	db_bind_text(q, 2, sid);
	db_bind_int(q, 3, (int64_t)at_ms);
	db_bind_text(q, 4, sender);
	db_bind_text(q, 5, occupant);
	db_bind_blob(q, 6, stanza);
	rc = db_run(q);
	return rc ? rc : keep_last(a, id, keep);
}

/* ---- reading ---- */

static int give_affiliates(struct store_ask *a, int64_t room, size_t *bytes)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_AFFILIATE_ALL);
	int rc;

	db_bind_int(q, 1, room);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u8(b, STORE_ROOM_ITEM_AFFILIATE);
		wire_put_str(b, db_bytes(q, 0));
		wire_put_u8(b, (uint8_t)db_int(q, 1));
		wire_put_str(b, db_bytes(q, 2));
		wire_put_str(b, db_bytes(q, 3));
		*bytes += 64;
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

static int give_past(struct store_ask *a, int64_t room, size_t *bytes)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_PAST_ALL);
	int rc;

	db_bind_int(q, 1, room);
	while ((rc = db_step(q)) == 1) {
		struct buf *b = store_item(a);
		wire_put_u8(b, STORE_ROOM_ITEM_PAST);
		wire_put_u64(b, (uint64_t)db_int(q, 0));
		wire_put_str(b, db_bytes(q, 1)); /* stanza-id, sender, occupant-id */
		wire_put_str(b, db_bytes(q, 2));
		wire_put_str(b, db_bytes(q, 3));
		wire_put_bytes(b, db_bytes(q, 4));
		*bytes += db_bytes(q, 4).n;
		int end = store_row_end(a, q);
		if (end)
			return end;
	}
	return rc;
}

static int give_room(struct store_ask *a, struct db_stmt *q, size_t *bytes)
{
	int64_t id = db_int(q, 0);
	struct buf *b = store_item(a);

	wire_put_u8(b, STORE_ROOM_ITEM_ROOM);
	wire_put_str(b, db_bytes(q, 1));
	wire_put_bytes(b, db_bytes(q, 2));
	*bytes += db_bytes(q, 2).n;
	int rc = store_item_end(a);
	if (!rc)
		rc = give_affiliates(a, id, bytes);
	return rc ? rc : give_past(a, id, bytes);
}

int op_room_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_ROOM_LIST);
	struct bytes after = wire_str(w);
	uint32_t limit = wire_u32(w);
	size_t bytes = 0;
	int rc;

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, after);
	db_bind_int(q, 2, limit);
	while ((rc = db_step(q)) == 1) {
		rc = give_room(a, q, &bytes);
		if (rc || bytes > PAGE_BYTES) {
			db_reset(q);
			return rc;
		}
	}
	return rc;
}
