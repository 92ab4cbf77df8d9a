#include "db/engine.h"

#include <string.h>

void db_close(struct db *d)
{
	if (d)
		d->engine->close(d);
}

enum db_kind db_kind(const struct db *d)
{
	return d->engine->kind;
}

int db_prepare(struct db *d, const char *sql, struct db_stmt **out)
{
	return d->engine->prepare(d, sql, out);
}

void db_finish(struct db_stmt *s)
{
	if (s)
		s->db->engine->finish(s);
}

void db_bind_int(struct db_stmt *s, int i, int64_t v)
{
	s->db->engine->bind_int(s, i, v);
}

void db_bind_text(struct db_stmt *s, int i, struct bytes v)
{
	s->db->engine->bind_text(s, i, v);
}

void db_bind_blob(struct db_stmt *s, int i, struct bytes v)
{
	s->db->engine->bind_blob(s, i, v);
}

int db_step(struct db_stmt *s)
{
	return s->db->engine->step(s);
}

int db_run(struct db_stmt *s)
{
	int rc;

	while ((rc = db_step(s)) == 1)
		;
	return rc;
}

int db_run_later(struct db_stmt *s)
{
	return s->db->engine->run_later(s);
}

int db_settle(struct db *d)
{
	return d->engine->settle(d);
}

void db_reset(struct db_stmt *s)
{
	s->db->engine->reset(s);
}

int64_t db_int(struct db_stmt *s, int col)
{
	return s->db->engine->get_int(s, col);
}

struct bytes db_bytes(struct db_stmt *s, int col)
{
	return s->db->engine->get_bytes(s, col);
}

int64_t db_changes(struct db *d)
{
	return d->engine->changes(d);
}

int db_begin(struct db *d)
{
	return d->engine->begin(d);
}

int db_commit(struct db *d)
{
	return d->engine->commit(d);
}

void db_rollback(struct db *d)
{
	d->engine->rollback(d);
}

const char *db_error(struct db *d)
{
	return d->engine->error(d);
}

bool db_is_lost(struct db *d)
{
	return d->engine->is_lost(d);
}

size_t db_needs(const char *const *steps, size_t n)
{
	while (n > 0 && strncmp(steps[n - 1], DB_BREAKS, strlen(DB_BREAKS)) != 0)
		n--;
	return n;
}
