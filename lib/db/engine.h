/* db/engine.h - what is behind db.h: a row of functions for each engine. Theirs begins with struct db, and struct db_stmt. */
#ifndef DB_ENGINE_H
#define DB_ENGINE_H

#include "db/db.h"

struct db_engine {
	enum db_kind kind;
	void (*close)(struct db *d);
	int (*prepare)(struct db *d, const char *sql, struct db_stmt **out);
	void (*finish)(struct db_stmt *s);
	void (*bind_int)(struct db_stmt *s, int i, int64_t v);
	void (*bind_text)(struct db_stmt *s, int i, struct bytes v);
	void (*bind_blob)(struct db_stmt *s, int i, struct bytes v);
	int (*step)(struct db_stmt *s);
	int (*run_later)(struct db_stmt *s);
	int (*settle)(struct db *d);
	void (*reset)(struct db_stmt *s);
	int64_t (*get_int)(struct db_stmt *s, int col);
	struct bytes (*get_bytes)(struct db_stmt *s, int col);
	int64_t (*changes)(struct db *d);
	int (*begin)(struct db *d);
	int (*commit)(struct db *d);
	void (*rollback)(struct db *d);
	const char *(*error)(struct db *d);
	bool (*is_lost)(struct db *d);
};

struct db {
	const struct db_engine *engine;
};

struct db_stmt {
	struct db *db;
};

/* Of n steps: how many a program must know to go on with the database after them. */
size_t db_needs(const char *const *steps, size_t n);

#endif
