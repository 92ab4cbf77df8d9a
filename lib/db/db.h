/* db/db.h - a database, the few calls we use of it: a file of SQLite (sqlite.c), or a PostgreSQL server (postgresql.h). Only gh-store
 * links it. Statements are made once and reused; ? and ?3 are their places. One writer: a commit that returned is on disk. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/arena.h"
#include "base/bytes.h"

enum db_kind { DB_SQLITE, DB_POSTGRESQL };

struct db;
struct db_stmt;

/* How a step begins that older programs cannot go on after: it takes away or changes what they use. After all others (new tables, columns with
 * a default, indexes) they can, and a version that an upgrade falls back to does. */
#define DB_BREAKS "/* breaks */ "

/* A file of SQLite. path relative to the root of the process. Migrates: steps[i] is run when the version is i. A database of a newer program
 * is taken as it is, if none of the steps that are not known here breaks. ERR_UNSUPPORTED: one does, or that was a program that did not say
 * so; ERR_IO, with *why from SQLite. */
int db_open(const char *path, const char *const *steps, size_t n_steps, struct db **out, const char **why);
void db_close(struct db *d);
enum db_kind db_kind(const struct db *d);
int db_prepare(struct db *d, const char *sql, struct db_stmt **out);
void db_finish(struct db_stmt *s);
/* Binds: i from 1. The bytes stay with the caller until the statement has run; of a text that means valid UTF-8 without NUL. */
void db_bind_int(struct db_stmt *s, int i, int64_t v);
void db_bind_text(struct db_stmt *s, int i, struct bytes v);
void db_bind_blob(struct db_stmt *s, int i, struct bytes v);
/* 1 a row is there; 0 done (and reset); negative error (and reset): ERR_EXISTS a constraint, ERR_FULL no room on the disk, ERR_SYNTAX a text
 * that is none, ERR_IO. */
int db_step(struct db_stmt *s);
/* Runs to the end for statements without rows; then reset. */
int db_run(struct db_stmt *s);
/* The same for one whose result is not looked at now: it may go to a server together with what follows. An error comes from db_settle, or from
 * the statement that it went with. The bytes bound may go when this returns. */
int db_run_later(struct db_stmt *s);
/* All that ran later has run. The first error of it. */
int db_settle(struct db *d);
void db_reset(struct db_stmt *s);
int64_t db_int(struct db_stmt *s, int col);
struct bytes db_bytes(struct db_stmt *s, int col); /* valid until the next step */
int64_t db_changes(struct db *d); /* rows that the last statement of db_run or db_step changed */
int db_begin(struct db *d);
int db_commit(struct db *d); /* on disk when it returns 0 */
void db_rollback(struct db *d);
const char *db_error(struct db *d);
/* The server is gone, or nobody can tell what stands there: nothing more works. Close it and open another. */
bool db_is_lost(struct db *d);

/* ---- a copy of a file of SQLite that goes on being used ---- */
struct db_copy;
/* path is made anew. ERR_IO; ERR_UNSUPPORTED: from is no file of SQLite. */
int db_copy_open(struct db *from, const char *path, struct db_copy **out);
/* Copies the next pages (at most n); what is written to `from` meanwhile comes along. No transaction may be open.
 * 1: more is to come; 0: path is whole; ERR_IO. */
int db_copy_step(struct db_copy *c, int n_pages);
/* At any time; the file stays. */
void db_copy_close(struct db_copy *c);

#endif
