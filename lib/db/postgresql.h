/* db/postgresql.h - a PostgreSQL server (14 or newer) as a database, by libpq. Tables stand in a schema of ours, "gatehouse". One connection;
 * statements are prepared on the server. A session holds a lock (advisory), so that one box alone writes to a database.
 *
 * libpq is given everything it would look for elsewhere: it reads no environment (every variable PG* is taken away), no service file, no
 * password file, no key of a person's home. */
#ifndef DB_POSTGRESQL_H
#define DB_POSTGRESQL_H

#include "db/db.h"

struct db_server {
	const char *host;     /* the name that its certificate must have; of a folder, a Unix socket there */
	const char *address;  /* in numbers; NULL: of a Unix socket */
	uint16_t port;
	const char *database, *user, *password;
	bool is_clear;        /* without TLS */
	bool is_tls_13;       /* no older one */
	const char *anchors;  /* a file of PEM: who may have issued the certificate (sslmode=verify-full) */
	const char *revoked;  /* a file of PEM: revocation lists; NULL: none */
	uint32_t answer_ms;   /* how long a statement may take, on the server and on the way */
};

/* ---- a connection that comes to be, beside other work ---- */
struct db_dial;
/* The strings of server need not stay. ERR_NOMEM. */
int db_dial_start(const struct db_server *server, struct db_dial **out);
enum db_dial_state { DB_DIAL_READY, DB_DIAL_WANTS_READ, DB_DIAL_WANTS_WRITE };
/* Goes on when its descriptor is ready for what it wanted. An enum db_dial_state, or ERR_AUTH (password, or the server lets nobody in),
 * ERR_CLOSED: it failed, see db_dial_why. */
int db_dial_go_on(struct db_dial *c);
/* It may be another after each step. */
int db_dial_fd(const struct db_dial *c);
/* libpq's words, one line; until db_dial_free. */
const char *db_dial_why(struct db_dial *c);
void db_dial_free(struct db_dial *c); /* NULL is fine */

enum { DB_WHY_BYTES = 256 };
/* What a connection that is ready leads to, which it becomes in any case (c is gone). Migrates as db_open does; waits up to answer_ms for each
 * step. ERR_UNSUPPORTED: written by a newer program, a server that is too old, or one that does not keep what it confirms (fsync off), a
 * database that is not of UTF-8; ERR_BAD_STATE: another box holds it; ERR_IO. why says more, in one line. */
int db_open_dialled(struct db_dial *c, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES]);
/* "15.18"; until db_close. */
const char *db_server_version(struct db *d);

#endif
