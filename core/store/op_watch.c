/* Presence subscriptions between SIP and XMPP: rows that gh-xlate alone understands. */
#include "store.h"

#include "base/err.h"
#include "run/store_op.h"

enum { LIST_MAX = 1000 };

int op_watch_put(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_WATCH_PUT);
	int rc = 0;

	for (uint32_t n = wire_u32(w); n && !rc; n--) {
		struct bytes key = wire_str(w), value = wire_bytes(w);
		if (wire_failed(w))
			return ERR_SYNTAX;
		db_bind_text(q, 1, key);
		db_bind_blob(q, 2, value);
		rc = db_run_later(q);
	}
	return rc ? rc : wire_end(w);
}

int op_watch_del(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_WATCH_DEL);
	int rc = 0;

	for (uint32_t n = wire_u32(w); n && !rc; n--) {
		struct bytes key = wire_str(w);
		if (wire_failed(w))
			return ERR_SYNTAX;
		db_bind_text(q, 1, key);
		rc = db_run_later(q);
	}
	return rc ? rc : wire_end(w);
}

int op_watch_list(struct store_ask *a, struct wire *w)
{
	struct db_stmt *q = store_sql(a, SQL_WATCH_LIST);
	struct bytes after = wire_str(w);
	uint32_t limit = wire_u32(w);

	if (wire_end(w))
		return ERR_SYNTAX;
	db_bind_text(q, 1, after);
	db_bind_int(q, 2, limit < LIST_MAX ? limit : LIST_MAX);
	return store_pairs(a, q);
}
