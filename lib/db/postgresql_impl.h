/* db/postgresql_impl.h - between postgresql.c (statements), postgresql_dial.c (connections) and postgresql_open.c (session, schema). */
#ifndef DB_POSTGRESQL_IMPL_H
#define DB_POSTGRESQL_IMPL_H

#include "db/engine.h"
#include "db/postgresql.h"

#include <libpq-fe.h>

struct pg {
	struct db base;
	PGconn *conn;
	uint32_t answer_ms;
	unsigned n_sent;   /* statements in the pipeline whose results were not read */
	unsigned n_stmts;  /* prepared so far: their names */
	int later_rc;      /* first error of those that ran later */
	int64_t changes;
	bool is_lost;
	char error[DB_WHY_BYTES];
	char version[32];
};

/* The next result, or NULL at the end of a statement's; waits until *deadline. NULL and is_lost: the server is gone or silent. */
PGresult *pg_result(struct pg *d, uint64_t deadline_ms);
uint64_t pg_deadline(const struct pg *d);
/* 0 or what the result says; keeps its words. */
int pg_judge(struct pg *d, const PGresult *r);
/* Words of libpq as one line. */
void pg_words(char out[static DB_WHY_BYTES], const char *words);
/* Before the pipeline: what the session needs, and the schema (postgresql_open.c). ERR_* as of db_open_dialled, with words in d->error. */
int pg_settle_in(struct pg *d);
int pg_migrate(struct pg *d, const char *const *steps, size_t n_steps);
extern const struct db_engine pg_engine;

#endif
