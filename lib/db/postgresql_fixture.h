/* db/postgresql_fixture.h - for tests: a PostgreSQL server of Debian's package, of this test's own, on a Unix socket in a temporary folder. It
 * runs as nobody where the test is root, and keeps what it confirms like any other. */
#ifndef DB_POSTGRESQL_FIXTURE_H
#define DB_POSTGRESQL_FIXTURE_H

#include "db/postgresql.h"

/* Made and started once a process, in two or three seconds; ends with postgresql_fixture_stop. Dies where the package is missing. */
void postgresql_fixture_start(void);
void postgresql_fixture_stop(void);
/* kill -9 of all its processes, as a machine without power; start brings back what was on disk. */
void postgresql_fixture_kill(void);
/* A new and empty database, in place of any of that name; who is connected is put out. */
void postgresql_fixture_create(const char *database);
/* Dials and opens, waiting: once. */
int postgresql_fixture_try(const char *database, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES]);
/* Dials and opens, waiting. As db_open_dialled, or ERR_CLOSED, ERR_AUTH, ERR_TIMEOUT. A lock that the session of a process that just died holds
 * is waited for. */
int postgresql_fixture_open(const char *database, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES]);

#endif
