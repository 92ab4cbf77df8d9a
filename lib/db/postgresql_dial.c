/* A connection to a PostgreSQL server, while it comes to be. */
#include "db/postgresql_impl.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libpq finds these by itself where they are not given; a name that is no file is one that it goes on without. */
#define NO_FILE "none"

struct db_dial {
	PGconn *conn;
	PostgresPollingStatusType wants;
	uint32_t answer_ms;
	char why[DB_WHY_BYTES];
};

static void forget_environment(void)
{
	char name[64];

	for (char **e = environ; *e;) {
		size_t n = strcspn(*e, "=");
		if (strncmp(*e, "PG", 2) != 0 || n >= sizeof name) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = '\0';
		(void)unsetenv(name); /* the next one takes its place */
	}
}

/* Notices of the server are of no use to anybody here. */
static void ignore(void *arg, const PGresult *r)
{
	(void)arg, (void)r;
}

int db_dial_start(const struct db_server *s, struct db_dial **out)
{
	char port[8], user_timeout[16];
	struct db_dial *c = calloc(1, sizeof *c);

	snprintf(port, sizeof port, "%u", (unsigned)s->port);
	snprintf(user_timeout, sizeof user_timeout, "%u", (unsigned)s->answer_ms);
	const char *const options[][2] = {
		{ "host", s->host }, { "hostaddr", s->address }, { "port", port }, { "dbname", s->database }, { "user", s->user },
		{ "password", s->password }, { "passfile", NO_FILE }, { "application_name", "gatehouse" }, { "client_encoding", "UTF8" },
		{ "gssencmode", "disable" }, { "target_session_attrs", "read-write" },
		{ "sslmode", s->is_clear ? "disable" : "verify-full" }, { "sslrootcert", s->anchors ? s->anchors : NO_FILE },
		{ "sslcrl", s->revoked ? s->revoked : NO_FILE }, { "sslcert", NO_FILE }, { "sslkey", NO_FILE },
		{ "ssl_min_protocol_version", s->is_tls_13 ? "TLSv1.3" : "TLSv1.2" },
		{ "keepalives_idle", "10" }, { "keepalives_interval", "5" }, { "keepalives_count", "3" }, { "tcp_user_timeout", user_timeout },
	};
	enum { N = sizeof options / sizeof options[0] };
	const char *names[N + 1] = { NULL }, *values[N + 1] = { NULL };

	if (!c)
		return ERR_NOMEM;
	forget_environment();
	for (size_t i = 0; i < N; i++) {
		names[i] = options[i][0];
		values[i] = options[i][1];
	}
	c->answer_ms = s->answer_ms;
	c->conn = PQconnectStartParams(names, values, 0);
	if (!c->conn) {
		free(c);
		return ERR_NOMEM;
	}
	(void)PQsetNoticeReceiver(c->conn, ignore, NULL);
	c->wants = PGRES_POLLING_WRITING; /* how it begins (PostgreSQL 15, 34.1) */
	*out = c;
	return 0;
}

int db_dial_go_on(struct db_dial *c)
{
	c->wants = PQstatus(c->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PQconnectPoll(c->conn);
	switch (c->wants) {
	case PGRES_POLLING_OK:
		return DB_DIAL_READY;
	case PGRES_POLLING_READING:
		return DB_DIAL_WANTS_READ;
	case PGRES_POLLING_WRITING:
	case PGRES_POLLING_ACTIVE:
		return DB_DIAL_WANTS_WRITE;
	case PGRES_POLLING_FAILED:
		break;
	}
	return PQconnectionNeedsPassword(c->conn) || PQconnectionUsedPassword(c->conn) ? ERR_AUTH : ERR_CLOSED;
}

int db_dial_fd(const struct db_dial *c)
{
	return PQsocket(c->conn);
}

const char *db_dial_why(struct db_dial *c)
{
	pg_words(c->why, PQerrorMessage(c->conn));
	return c->why;
}

void db_dial_free(struct db_dial *c)
{
	if (!c)
		return;
	PQfinish(c->conn);
	free(c);
}

/* ---- what it becomes ---- */

static struct pg *become(struct db_dial *c)
{
	struct pg *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->base.engine = &pg_engine;
	d->conn = c->conn;
	d->answer_ms = c->answer_ms;
	c->conn = NULL;
	return d;
}

int db_open_dialled(struct db_dial *c, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES])
{
	struct pg *d = become(c);

	db_dial_free(c);
	if (!d) {
		snprintf(why, DB_WHY_BYTES, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	int rc = pg_settle_in(d);
	if (!rc)
		rc = pg_migrate(d, steps, n_steps);
	if (!rc && (PQsetnonblocking(d->conn, 1) || !PQenterPipelineMode(d->conn)))
		rc = ERR_IO;
	if (rc) {
		snprintf(why, DB_WHY_BYTES, "%s", d->error);
		db_close(&d->base);
		return rc;
	}
	*out = &d->base;
	return 0;
}
