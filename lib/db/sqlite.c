#include "db/engine.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct sqlite {
	struct db base;
	sqlite3 *sql;
};

struct stmt {
	struct db_stmt base;
	sqlite3_stmt *sql;
};

static sqlite3 *of(struct db *d)
{
	return ((struct sqlite *)d)->sql;
}

static sqlite3_stmt *raw(struct db_stmt *s)
{
	return ((struct stmt *)s)->sql;
}

static int exec(struct db *d, const char *sql)
{
	return sqlite3_exec(of(d), sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;
}

static int pragma(struct db *d, const char *sql, int64_t *out)
{
	struct db_stmt *s;

	if (db_prepare(d, sql, &s))
		return ERR_IO;
	int rc = db_step(s);
	if (rc == 1)
		*out = db_int(s, 0);
	db_finish(s);
	return rc == 1 ? 0 : ERR_IO;
}

/* How many steps a program must know to go on with the database after the first n. It stands in SQLite's application_id, with a mark. */
enum { NEEDS_MARK = 0x67680000, NEEDS_BITS = 0xffff };

static int say_version(struct db *d, const char *const *steps, size_t n)
{
	char set[96];

	sqlite3_snprintf(sizeof set, set, "PRAGMA user_version=%d; PRAGMA application_id=%d", (int)n, NEEDS_MARK | (int)db_needs(steps, n));
	return exec(d, set);
}

/* One step and its number are one transaction, so a crash between steps starts at the right one. */
static int migrate_step(struct db *d, const char *const *steps, size_t i)
{
	if (db_begin(d))
		return ERR_IO;
	if (exec(d, steps[i]) || say_version(d, steps, i + 1)) {
		db_rollback(d);
		return ERR_IO;
	}
	return db_commit(d);
}

static int migrate(struct db *d, const char *const *steps, size_t n)
{
	int64_t at = 0, mark = 0;

	if (pragma(d, "PRAGMA user_version", &at) || pragma(d, "PRAGMA application_id", &mark))
		return ERR_IO;
	bool is_marked = (mark & ~(int64_t)NEEDS_BITS) == NEEDS_MARK;
	if (at < 0)
		return ERR_UNSUPPORTED;
	if ((size_t)at > n) /* written by a newer program */
		return is_marked && (size_t)(mark & NEEDS_BITS) <= n ? 0 : ERR_UNSUPPORTED;
	for (size_t i = (size_t)at; i < n; i++)
		if (migrate_step(d, steps, i))
			return ERR_IO;
	return is_marked ? 0 : say_version(d, steps, n);
}

/* Exclusive locking keeps the WAL index in our own memory: no shared-memory file, and nobody else
 * can write behind our back. */
static const char open_pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
				   "PRAGMA journal_mode=WAL;"
				   "PRAGMA synchronous=FULL;"
				   "PRAGMA temp_store=MEMORY;"
				   "PRAGMA foreign_keys=ON;"
				   "PRAGMA wal_autocheckpoint=2000;";

static void close_it(struct db *d)
{
	sqlite3_close_v2(of(d));
	free(d);
}

static int prepare(struct db *d, const char *sql, struct db_stmt **out)
{
	struct stmt *s = calloc(1, sizeof *s);

	if (!s)
		return ERR_NOMEM;
	s->base.db = d;
	if (sqlite3_prepare_v3(of(d), sql, -1, SQLITE_PREPARE_PERSISTENT, &s->sql, NULL) != SQLITE_OK) {
		free(s);
		return ERR_IO;
	}
	*out = &s->base;
	return 0;
}

static void finish(struct db_stmt *s)
{
	sqlite3_finalize(raw(s));
	free(s);
}

static void bind_int(struct db_stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(raw(s), i, v);
}

/* An empty view is an empty value, not NULL. */
static void bind_text(struct db_stmt *s, int i, struct bytes v)
{
	sqlite3_bind_text(raw(s), i, v.p ? (const char *)v.p : "", (int)v.n, SQLITE_STATIC);
}

static void bind_blob(struct db_stmt *s, int i, struct bytes v)
{
	sqlite3_bind_blob(raw(s), i, v.p ? (const void *)v.p : "", (int)v.n, SQLITE_STATIC);
}

static int step(struct db_stmt *s)
{
	int rc = sqlite3_step(raw(s));

	if (rc == SQLITE_ROW)
		return 1;
	db_reset(s);
	if (rc == SQLITE_DONE)
		return 0;
	return rc == SQLITE_CONSTRAINT ? ERR_EXISTS : rc == SQLITE_FULL ? ERR_FULL : ERR_IO;
}

static int settle(struct db *d)
{
	(void)d;
	return 0; /* all has run */
}

static void reset(struct db_stmt *s)
{
	sqlite3_reset(raw(s));
	sqlite3_clear_bindings(raw(s));
}

static int64_t get_int(struct db_stmt *s, int col)
{
	return sqlite3_column_int64(raw(s), col);
}

static struct bytes get_bytes(struct db_stmt *s, int col)
{
	const void *p = sqlite3_column_blob(raw(s), col);

	return bytes_make(p, (size_t)sqlite3_column_bytes(raw(s), col));
}

static int64_t changes(struct db *d)
{
	return sqlite3_changes64(of(d));
}

static int begin(struct db *d)
{
	return exec(d, "BEGIN IMMEDIATE");
}

static int commit(struct db *d)
{
	return exec(d, "COMMIT");
}

static void rollback(struct db *d)
{
	(void)exec(d, "ROLLBACK"); /* fails only when there is nothing to roll back */
}

static const char *error(struct db *d)
{
	return sqlite3_errmsg(of(d));
}

static bool is_lost(struct db *d)
{
	(void)d;
	return false;
}

static const struct db_engine engine = {
	.kind = DB_SQLITE, .close = close_it, .prepare = prepare, .finish = finish, .bind_int = bind_int, .bind_text = bind_text,
	.bind_blob = bind_blob, .step = step, .run_later = db_run, .settle = settle, .reset = reset, .get_int = get_int,
	.get_bytes = get_bytes, .changes = changes, .begin = begin, .commit = commit, .rollback = rollback, .error = error,
	.is_lost = is_lost,
};

int db_open(const char *path, const char *const *steps, size_t n_steps, struct db **out, const char **why)
{
	struct sqlite *q = calloc(1, sizeof *q);

	if (!q)
		return ERR_NOMEM;
	struct db *d = &q->base;
	d->engine = &engine;
	*why = "cannot open";
	int rc = sqlite3_open_v2(path, &q->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
			 ? ERR_IO : 0;
	if (!rc)
		rc = exec(d, open_pragmas);
	if (!rc)
		rc = migrate(d, steps, n_steps);
	if (rc) {
		/* The message must outlive the handle, so only SQLite's static text for the code. */
		*why = rc == ERR_UNSUPPORTED ? "written by a newer version" : sqlite3_errstr(sqlite3_errcode(q->sql));
		db_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

/* ---- copies ---- */

struct db_copy {
	sqlite3 *to;
	sqlite3_backup *backup;
};

int db_copy_open(struct db *from, const char *path, struct db_copy **out)
{
	struct db_copy *c = from->engine == &engine ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return from->engine == &engine ? ERR_NOMEM : ERR_UNSUPPORTED;
	int rc = sqlite3_open_v2(path, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ? ERR_IO : 0;
	/* A copy that a crash cuts is thrown away: no journal of its own. */
	if (!rc && sqlite3_exec(c->to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL))
		rc = ERR_IO;
	c->backup = rc ? NULL : sqlite3_backup_init(c->to, "main", of(from), "main");
	if (!c->backup) {
		db_copy_close(c);
		return ERR_IO;
	}
	*out = c;
	return 0;
}

int db_copy_step(struct db_copy *c, int n_pages)
{
	switch (sqlite3_backup_step(c->backup, n_pages)) {
	case SQLITE_OK:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return 1;
	case SQLITE_DONE:
		return 0;
	}
	return ERR_IO;
}

void db_copy_close(struct db_copy *c)
{
	if (!c)
		return;
	if (c->backup)
		sqlite3_backup_finish(c->backup);
	sqlite3_close_v2(c->to);
	free(c);
}
