/* What a session needs before its first statement: that the server keeps what it confirms, that nobody else writes, and the schema. */
#include "db/postgresql_impl.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lock that one box holds: two numbers of ours. */
#define LOCK_KEY "26728, 1"
enum { OLDEST = 140000 }; /* PostgreSQL 14: pipelines */

/* Texts with several statements; the last one's rows are *out, which may be NULL. */
static int exec(struct pg *d, const char *sql, PGresult **out)
{
	uint64_t deadline = pg_deadline(d);
	PGresult *r, *last = NULL;
	int rc = PQsendQuery(d->conn, sql) ? 0 : ERR_IO;

	while (!rc && (r = pg_result(d, deadline))) {
		rc = pg_judge(d, r);
		PQclear(last);
		last = r;
	}
	while (rc && !d->is_lost && (r = pg_result(d, deadline)))
		PQclear(r); /* behind the error comes nothing but the end */
	if (!rc && (d->is_lost || !last))
		rc = ERR_IO;
	if (rc && !d->error[0])
		pg_words(d->error, PQerrorMessage(d->conn));
	if (out && !rc)
		*out = last;
	else
		PQclear(last);
	return rc;
}

static int refuse(struct pg *d, int rc, const char *why)
{
	snprintf(d->error, sizeof d->error, "%s", why);
	return rc;
}

/* One row of settings of the server. */
static int check_server(struct pg *d, const PGresult *r)
{
	if (PQntuples(r) != 1 || PQnfields(r) != 5)
		return refuse(d, ERR_IO, "the server does not say how it is set");
	if (strcmp(PQgetvalue(r, 0, 0), "UTF8") != 0)
		return refuse(d, ERR_UNSUPPORTED, "the database must be made with ENCODING 'UTF8'");
	if (strcmp(PQgetvalue(r, 0, 1), "on") != 0 || strcmp(PQgetvalue(r, 0, 2), "on") != 0)
		return refuse(d, ERR_UNSUPPORTED, "the server does not keep what it confirms: set fsync and full_page_writes on there");
	if (strcmp(PQgetvalue(r, 0, 3), "off") == 0)
		return refuse(d, ERR_UNSUPPORTED, "the server does not keep what it confirms: set synchronous_commit on there, or for this user");
	if (strcmp(PQgetvalue(r, 0, 4), "t") != 0)
		return refuse(d, ERR_BAD_STATE, "another box holds this database, or held it until just now; one database is for one box");
	return 0;
}

/* The server, too, ends a session whose box is gone, so that its lock does not keep out the next one. */
static int set_session(struct pg *d)
{
	char sql[768];

	snprintf(sql, sizeof sql,
	         "SET statement_timeout=%u; SET lock_timeout=%u; SET idle_in_transaction_session_timeout=%u; SET tcp_keepalives_idle=10;"
	         "SET tcp_keepalives_interval=5; SET tcp_keepalives_count=3; SET tcp_user_timeout=%u; SET client_min_messages=error;"
	         "SET client_connection_check_interval=2000;"
	         "SET default_transaction_isolation='read committed'; SET standard_conforming_strings=on; SET search_path=gatehouse;"
	         "SET plan_cache_mode=auto; CREATE SCHEMA IF NOT EXISTS gatehouse",
	         d->answer_ms, d->answer_ms, 4 * d->answer_ms, 2 * d->answer_ms);
	return exec(d, sql, NULL);
}

int pg_settle_in(struct pg *d)
{
	PGresult *r = NULL;
	int version = PQserverVersion(d->conn);

	snprintf(d->version, sizeof d->version, "%d.%d", version / 10000, version % 10000);
	if (version < OLDEST)
		return refuse(d, ERR_UNSUPPORTED, "PostgreSQL 14 is the oldest that does");
	int rc = exec(d,
	              "SELECT current_setting('server_encoding'),current_setting('fsync'),current_setting('full_page_writes'),"
	              "current_setting('synchronous_commit'),pg_try_advisory_lock(" LOCK_KEY ")",
	              &r);
	if (!rc)
		rc = check_server(d, r);
	PQclear(r);
	return rc ? rc : set_session(d);
}

/* ---- the schema ---- */

/* How many steps have run, and how many a program must know (db_needs). */
static int read_version(struct pg *d, size_t *at, size_t *needed)
{
	PGresult *r = NULL;
	int rc = exec(d, "CREATE TABLE IF NOT EXISTS schema_version(steps BIGINT NOT NULL, needs BIGINT NOT NULL);"
	                 "SELECT steps,needs FROM schema_version",
	              &r);

	if (rc)
		return rc;
	int n = PQntuples(r);
	*at = n == 1 ? strtoul(PQgetvalue(r, 0, 0), NULL, 10) : 0;
	*needed = n == 1 ? strtoul(PQgetvalue(r, 0, 1), NULL, 10) : 0;
	PQclear(r);
	return n <= 1 ? 0 : refuse(d, ERR_UNSUPPORTED, "schema_version has several rows");
}

static int run_step(struct pg *d, const char *const *steps, size_t i)
{
	char set[160];

	snprintf(set, sizeof set, "DELETE FROM schema_version; INSERT INTO schema_version VALUES(%zu,%zu); COMMIT", i + 1, db_needs(steps, i + 1));
	int rc = exec(d, "BEGIN", NULL);
	if (!rc)
		rc = exec(d, steps[i], NULL);
	return rc ? rc : exec(d, set, NULL); /* the end of the session undoes what failed */
}

int pg_migrate(struct pg *d, const char *const *steps, size_t n_steps)
{
	size_t at, needed;
	int rc = read_version(d, &at, &needed);

	if (!rc && needed > n_steps)
		return refuse(d, ERR_UNSUPPORTED, "written by a newer version");
	for (; !rc && at < n_steps; at++)
		rc = run_step(d, steps, at);
	return rc;
}

const char *db_server_version(struct db *d)
{
	return ((struct pg *)d)->version;
}
