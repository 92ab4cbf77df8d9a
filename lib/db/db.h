/* db/db.h - SQLite, the few calls we use of it. Only gh-store links it. Statements are made once and
 * reused. One writer, WAL, synchronous=FULL: a commit that returned is on disk. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/arena.h"
#include "base/bytes.h"

struct db;
struct db_stmt;

/* How a step begins that older programs cannot go on after: it takes away or changes what they use. After all others (new tables, columns with
 * a default, indexes) they can, and a version that an upgrade falls back to does. */
#define DB_BREAKS "/* breaks */ "

/* path relative to the root of the process. Migrates: steps[i] is run when user_version is i. A database of a newer program is taken as it
 * is, if none of the steps that are not known here breaks. ERR_UNSUPPORTED: one does, or that was a program that did not say so; ERR_IO, with
 * *why from SQLite. */
int db_open(const char *path, const char *const *steps, size_t n_steps, struct db **out, const char **why);
void db_close(struct db *d);
int db_prepare(struct db *d, const char *sql, struct db_stmt **out);
void db_finish(struct db_stmt *s);
/* Binds: i from 1. */
void db_bind_int(struct db_stmt *s, int i, int64_t v);
void db_bind_text(struct db_stmt *s, int i, struct bytes v);
void db_bind_blob(struct db_stmt *s, int i, struct bytes v);
/* 1 a row is there; 0 done (and reset); negative error (and reset). */
int db_step(struct db_stmt *s);
/* Runs to the end for statements without rows; then reset. */
int db_run(struct db_stmt *s);
void db_reset(struct db_stmt *s);
int64_t db_int(struct db_stmt *s, int col);
struct bytes db_bytes(struct db_stmt *s, int col); /* valid until the next step */
int64_t db_changes(struct db *d);
int64_t db_last_id(struct db *d);
int db_begin(struct db *d);
int db_commit(struct db *d); /* on disk when it returns 0 */
void db_rollback(struct db *d);
const char *db_error(struct db *d);

/* ---- a copy of a database that goes on being used ---- */
struct db_copy;
/* path is made anew. ERR_IO. */
int db_copy_open(struct db *from, const char *path, struct db_copy **out);
/* Copies the next pages (at most n); what is written to `from` meanwhile comes along. No transaction may be open.
 * 1: more is to come; 0: path is whole; ERR_IO. */
int db_copy_step(struct db_copy *c, int n_pages);
/* At any time; the file stays. */
void db_copy_close(struct db_copy *c);

#endif
