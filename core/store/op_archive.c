/* Message archives (XEP-0313): rows go in, pages come out. */
#include "store.h"
#include "words.h"

#include "base/err.h"
#include "run/store_op.h"

/* Above a person's limit the oldest make room: so many a message, so that a lowered limit is reached soon. */
enum { ROOM_A_MESSAGE = 16 };
enum { ROW_BYTES_MAX = 8 << 20 };

struct row {
	uint64_t id;
	int64_t user;
	struct bytes peer, resource, body, stanza;
};

/* ---- in ---- */

static int make_room(struct store_ask *a, int64_t user, uint32_t most, uint64_t most_bytes)
{
	struct db_stmt *size = store_sql(a, SQL_ARCHIVE_SIZE), *del = store_sql(a, SQL_ARCHIVE_DEL_UPTO);

	db_bind_int(size, 1, user);
	int rc = db_step(size);
	if (rc != 1)
		return rc;
	int64_t over = db_int(size, 0) - most;
	bool is_heavy = db_int(size, 1) > (int64_t)most_bytes;
	db_reset(size);
	if (over <= 0 && !is_heavy)
		return 0;
	db_bind_int(del, 1, user);
	db_bind_int(del, 2, INT64_MAX);
	db_bind_int(del, 3, is_heavy || over > ROOM_A_MESSAGE ? ROOM_A_MESSAGE : over);
	return db_run(del);
}

static int put_row(struct store_ask *a, const struct row *r)
{
	struct db_stmt *add = store_sql(a, SQL_ARCHIVE_ADD);

	db_bind_int(add, 1, (int64_t)r->id);
	db_bind_int(add, 2, r->user);
	db_bind_text(add, 3, r->peer);
	db_bind_text(add, 4, r->resource);
	db_bind_int(add, 5, (int64_t)(r->stanza.n + r->body.n));
	db_bind_text(add, 6, r->body);
	db_bind_blob(add, 7, r->stanza);
	if (db_kind(a->store->db) == DB_SQLITE)
		return db_run(add); /* a row that is there already was asked for again; triggers index its words */
	struct buf words;
	buf_init(&words, 2 * WORDS_BYTES_MAX);
	int rc = words_vector(r->body, r->user, &words);
	db_bind_text(add, 8, buf_bytes(&words));
	rc = rc ? rc : db_run(add);
	buf_fini(&words);
	return rc;
}

static int add_one(struct store_ask *a, struct wire *w, uint32_t most, uint64_t most_bytes)
{
	struct row r = { .id = wire_u64(w) };
	struct bytes jid = wire_str(w);

	r.peer = wire_str(w);
	r.resource = wire_str(w);
	r.body = wire_bytes(w);
	r.stanza = wire_bytes(w);
	if (wire_failed(w) || r.id > STORE_ARCHIVE_ID_MAX)
		return ERR_SYNTAX;
	int rc = store_archive_owner(a, jid, &r.user);
	if (rc)
		return rc == ERR_NOT_FOUND ? 0 : rc; /* an account or a room deleted meanwhile */
	rc = put_row(a, &r);
	return rc || !db_changes(a->store->db) ? rc : make_room(a, r.user, most, most_bytes);
}

int op_archive_add(struct store_ask *a, struct wire *w)
{
	uint32_t most = wire_u32(w);
	uint64_t most_bytes = wire_u64(w);
	uint32_t n = wire_u32(w);
	int rc = wire_failed(w) || most_bytes > INT64_MAX ? ERR_SYNTAX : 0;

	for (; !rc && n; n--)
		rc = add_one(a, w, most, most_bytes);
	return rc ? rc : wire_end(w);
}

/* ---- moderated (XEP-0425) ---- */

/* Who said it stands in the first attribute, and stays; what it says goes, also from the words that are searched. ERR_NOT_FOUND. */
static int read_stone(struct store_ask *a, struct row *r, struct bytes rest, struct buf *b)
{
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_WHOLE);

	db_bind_int(q, 1, (int64_t)r->id);
	db_bind_int(q, 2, r->user);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	struct bytes peer = db_bytes(q, 0), resource = db_bytes(q, 1), stanza = db_bytes(q, 2);
	size_t open = bytes_find(stanza, '\''), end = open + 2 + bytes_find(bytes_skip(stanza, open + 1), '\'');
	buf_put_bytes(b, peer);
	buf_put_bytes(b, resource);
	buf_put_bytes(b, bytes_make(stanza.p, end <= stanza.n ? end : 0));
	buf_put_bytes(b, rest);
	const uint8_t *at = buf_bytes(b).p;
	r->peer = bytes_make(at, peer.n);
	r->resource = bytes_make(at + peer.n, resource.n);
	r->stanza = bytes_skip(buf_bytes(b), peer.n + resource.n);
	db_reset(q);
	return end > stanza.n ? ERR_SYNTAX : buf_failed(b) ? ERR_NOMEM : 0;
}

static int replace_row(struct store_ask *a, const struct row *r)
{
	struct db_stmt *del = store_sql(a, SQL_ARCHIVE_DEL_ONE);

	db_bind_int(del, 1, (int64_t)r->id);
	db_bind_int(del, 2, r->user);
	int rc = db_run(del);
	return rc ? rc : put_row(a, r);
}

int op_archive_replace(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct row r = { .id = wire_u64(w) };
	struct bytes rest = wire_bytes(w);
	struct buf b;

	int rc = wire_end(w) || r.id > STORE_ARCHIVE_ID_MAX ? ERR_SYNTAX : store_archive_owner(a, jid, &r.user);
	if (rc)
		return rc;
	buf_init(&b, ROW_BYTES_MAX);
	rc = read_stone(a, &r, rest, &b);
	if (!rc)
		rc = replace_row(a, &r);
	buf_fini(&b);
	return rc;
}

/* ---- out ---- */

struct page {
	int64_t user;
	uint64_t from, to;      /* of the question; not in it */
	uint64_t after, before; /* of this page of it */
	struct bytes peer, resource;
	const char *match;
	uint32_t limit;
	uint8_t flags;
	uint32_t rows;
	size_t bytes;
	bool is_complete;
};

/* Each word in quotes, so that nothing in it is syntax of FTS5. No beginnings of words: for those FTS5 reads every row that has one,
 * of all people, where for words it skips to those of the owner. */
static int put_words(struct buf *b, struct bytes text, int64_t user)
{
	unsigned n = 0;

	buf_putf(b, "owner : \"u%lld\"", (long long)user);
	while (text.n) {
		size_t end = 0;
		while (end < text.n && text.p[end] > ' ')
			end++;
		if (end && ++n > STORE_ARCHIVE_WORDS_MAX)
			return ERR_LIMIT;
		buf_put_str(b, end ? " AND body : \"" : "");
		for (size_t i = 0; i < end; i++) {
			buf_put_str(b, text.p[i] == '"' ? "\"" : "");
			buf_put_u8(b, text.p[i]);
		}
		buf_put_str(b, end ? "\"" : "");
		text = bytes_skip(text, end + 1);
	}
	return buf_failed(b) ? ERR_NOMEM : 0;
}

static struct db_stmt *bound(struct store_ask *a, const struct page *p, enum sql all, uint32_t limit)
{
	/* The statements of one with a peer, and with words, stand behind in the table. */
	static const unsigned step = SQL_ARCHIVE_PEER_UP - SQL_ARCHIVE_UP;
	struct db_stmt *q = store_sql(a, all + (p->match ? 2 * step : p->peer.n ? step : 0));

	db_bind_int(q, 1, p->user);
	db_bind_int(q, 2, (int64_t)p->after);
	db_bind_int(q, 3, (int64_t)p->before);
	db_bind_int(q, 4, limit);
	db_bind_text(q, 5, p->peer);
	db_bind_text(q, 6, p->resource);
	if (p->match)
		db_bind_text(q, 7, bytes_of(p->match));
	return q;
}
_Static_assert(SQL_ARCHIVE_WORDS_UP - SQL_ARCHIVE_PEER_UP == SQL_ARCHIVE_PEER_UP - SQL_ARCHIVE_UP &&
	       SQL_ARCHIVE_PEER_DOWN - SQL_ARCHIVE_DOWN == SQL_ARCHIVE_PEER_UP - SQL_ARCHIVE_UP &&
	       SQL_ARCHIVE_PEER_COUNT - SQL_ARCHIVE_COUNT == SQL_ARCHIVE_PEER_UP - SQL_ARCHIVE_UP, "statements of a page");

static int put_item(struct store_ask *a, struct db_stmt *q, uint32_t number)
{
	struct buf *b = store_item(a);

	wire_put_u32(b, number);
	wire_put_u64(b, (uint64_t)db_int(q, 0));
	wire_put_bytes(b, db_bytes(q, 1));
	return store_row_end(a, q);
}

static int put_rows(struct store_ask *a, struct page *p)
{
	struct db_stmt *q = bound(a, p, p->flags & STORE_ARCHIVE_DOWN ? SQL_ARCHIVE_DOWN : SQL_ARCHIVE_UP, p->limit + 1);
	int rc;

	while ((rc = db_step(q)) == 1) {
		if (p->rows == p->limit || p->bytes >= STORE_ARCHIVE_PAGE_BYTES) {
			db_reset(q);
			return 0; /* there is more */
		}
		p->bytes += db_bytes(q, 1).n;
		if ((rc = put_item(a, q, p->rows++)))
			return rc;
	}
	p->is_complete = true;
	return rc;
}

static int put_end(struct store_ask *a, const struct page *p)
{
	uint32_t count = STORE_ARCHIVE_UNCOUNTED;

	if (p->flags & STORE_ARCHIVE_COUNTED) {
		uint32_t most = p->match ? STORE_ARCHIVE_COUNT_WORDS_MAX : STORE_ARCHIVE_COUNT_MAX;
		struct page all = *p;
		all.after = p->from;
		all.before = p->to;
		struct db_stmt *q = bound(a, &all, SQL_ARCHIVE_COUNT, most + 1);
		if (db_step(q) != 1)
			return ERR_IO;
		if (db_int(q, 0) <= most)
			count = (uint32_t)db_int(q, 0);
		db_reset(q);
	}
	struct buf *b = store_item(a);
	wire_put_u32(b, STORE_ARCHIVE_END);
	wire_put_u32(b, count);
	wire_put_u8(b, p->is_complete);
	return store_item_end(a);
}

static int has(struct store_ask *a, int64_t user, uint64_t id)
{
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_HAS);

	db_bind_int(q, 1, (int64_t)id);
	db_bind_int(q, 2, user);
	int rc = db_step(q);
	if (rc == 1)
		db_reset(q);
	return rc == 1 ? 0 : rc ? rc : ERR_NOT_FOUND;
}

/* What was dropped by its owner is gone, though its rows may still be there. */
static int floor_of(struct store_ask *a, int64_t user, uint64_t *out)
{
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_FLOOR);

	*out = 0;
	db_bind_int(q, 1, user);
	int rc = db_step(q);
	if (rc != 1)
		return rc;
	*out = (uint64_t)db_int(q, 0);
	db_reset(q);
	return 0;
}

/* Ids that the asker named, which must be there (XEP-0313 3.3). */
static int check_ids(struct store_ask *a, struct wire ids, uint8_t n, int64_t user, uint64_t floor)
{
	int rc = 0;

	for (; !rc && n; n--) {
		uint64_t id = wire_u64(&ids);
		rc = id > floor && id <= STORE_ARCHIVE_ID_MAX ? has(a, user, id) : ERR_NOT_FOUND;
	}
	return rc;
}

static int find(struct store_ask *a, struct page *p, struct bytes text)
{
	struct buf words;
	int rc = 0;

	buf_init(&words, 16 << 10);
	bool is_sqlite = db_kind(a->store->db) == DB_SQLITE;
	if (text.n)
		rc = is_sqlite ? put_words(&words, text, p->user) : words_query(text, p->user, STORE_ARCHIVE_WORDS_MAX, &words);
	if (text.n && !rc)
		p->match = buf_cstr(&words);
	if (!rc)
		rc = p->limit ? put_rows(a, p) : 0;
	if (!rc)
		rc = put_end(a, p);
	buf_fini(&words);
	return rc;
}

/* All of a page, then how many the question matches in all, and whether nothing lies beyond the page. */
int op_archive_page(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	struct page p = { .flags = wire_u8(w) };
	uint64_t *const bounds[] = { &p.from, &p.to, &p.after, &p.before }, floor;
	int rc = 0;

	for (int i = 0; i < 4; i++)
		if ((*bounds[i] = wire_u64(w)) > STORE_ARCHIVE_ID_MAX)
			rc = ERR_SYNTAX;
	p.peer = wire_str(w);
	p.resource = wire_str(w);
	struct bytes text = wire_str(w);
	p.limit = wire_u32(w);
	uint8_t n = wire_u8(w);
	struct wire ids = wire_of(wire_raw(w, 8u * n));

	if (rc || text.n > STORE_ARCHIVE_TEXT_MAX)
		return ERR_SYNTAX;
	rc = wire_end(w) ? ERR_SYNTAX : store_archive_owner(a, jid, &p.user);
	if (!rc)
		rc = floor_of(a, p.user, &floor);
	if (!rc)
		rc = check_ids(a, ids, n, p.user, floor);
	if (rc)
		return rc;
	p.limit = p.limit < STORE_ARCHIVE_PAGE_MAX ? p.limit : STORE_ARCHIVE_PAGE_MAX;
	p.from = p.from > floor ? p.from : floor;
	p.after = p.after > p.from ? p.after : p.from;
	p.before = p.before < p.to ? p.before : p.to;
	return find(a, &p, text);
}

static int put_one(struct store_ask *a, int64_t user, uint64_t id, uint32_t number)
{
	struct db_stmt *q = store_sql(a, SQL_ARCHIVE_ONE);

	db_bind_int(q, 1, (int64_t)id);
	db_bind_int(q, 2, user);
	int rc = db_step(q);
	if (rc != 1)
		return rc ? rc : ERR_NOT_FOUND;
	rc = put_item(a, q, number);
	if (!rc)
		db_reset(q);
	return rc;
}

/* The rows of these ids, none of which may be missing. */
int op_archive_ids(struct store_ask *a, struct wire *w)
{
	struct bytes jid = wire_str(w);
	uint8_t n = wire_u8(w);
	struct wire ids = wire_of(wire_raw(w, 8u * n)), again = ids;
	struct page p = { .flags = 0, .is_complete = true };
	uint64_t floor;

	int rc = wire_end(w) ? ERR_SYNTAX : store_archive_owner(a, jid, &p.user);
	if (!rc)
		rc = floor_of(a, p.user, &floor);
	if (!rc)
		rc = check_ids(a, ids, n, p.user, floor);
	for (uint32_t i = 0; !rc && i < n; i++)
		rc = put_one(a, p.user, wire_u64(&again), i);
	return rc ? rc : put_end(a, &p);
}
