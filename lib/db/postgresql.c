/* Statements on a PostgreSQL server. The connection is in pipeline mode (PostgreSQL 15, 34.5): what may run later is sent with what follows it,
 * and waits for no answer of its own. */
#include "db/postgresql_impl.h"
#include "base/err.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLACES_MAX = 16, SENT_MAX = 256, INT_BYTES = 24, SQL_BYTES_MAX = 8192 };

struct place {
	const char *p; /* NULL: NULL */
	int n;
	bool is_bytes; /* else a number in text */
	char number[INT_BYTES];
};

struct stmt {
	struct db_stmt base;
	char name[16];
	struct place places[PLACES_MAX];
	int n_places;
	PGresult *rows;
	int row, n_rows;
};

static struct pg *of(struct db *d)
{
	return (struct pg *)d;
}

static struct stmt *raw(struct db_stmt *s)
{
	return (struct stmt *)s;
}

void pg_words(char out[static DB_WHY_BYTES], const char *words)
{
	size_t n = 0;

	for (; *words && n + 1 < DB_WHY_BYTES; words++)
		if ((unsigned char)*words >= ' ')
			out[n++] = *words;
		else if (n && out[n - 1] != ' ')
			out[n++] = ' ';
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static int lost(struct pg *d, const char *words)
{
	if (!d->is_lost)
		pg_words(d->error, words);
	d->is_lost = true;
	return ERR_IO;
}

/* ---- results ---- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t pg_deadline(const struct pg *d)
{
	return now_ms() + d->answer_ms;
}

/* Sends what waits, and reads what came. */
static int wait_for(struct pg *d, uint64_t deadline_ms)
{
	uint64_t now = now_ms();
	int unsent = PQflush(d->conn);

	if (unsent < 0)
		return lost(d, PQerrorMessage(d->conn));
	struct pollfd p = { .fd = PQsocket(d->conn), .events = (short)(POLLIN | (unsent ? POLLOUT : 0)) };
	int n = now < deadline_ms ? poll(&p, 1, (int)(deadline_ms - now)) : 0;
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return lost(d, "the server does not answer");
	return PQconsumeInput(d->conn) ? 0 : lost(d, PQerrorMessage(d->conn));
}

PGresult *pg_result(struct pg *d, uint64_t deadline_ms)
{
	if (d->is_lost || PQflush(d->conn) < 0)
		return NULL;
	while (PQisBusy(d->conn))
		if (wait_for(d, deadline_ms))
			return NULL;
	return PQgetResult(d->conn);
}

/* Classes of SQLSTATE (PostgreSQL 15, appendix A). */
static int code_of(struct pg *d, const char *state)
{
	static const struct { const char *begin; int rc; bool is_lost; } rows[] = {
		{ "23", ERR_EXISTS, false },   /* a constraint */
		{ "53100", ERR_FULL, false },  /* disk full */
		{ "22021", ERR_SYNTAX, false }, /* no UTF-8 */
		{ "25006", ERR_IO, true },     /* read only: it is the primary no more */
		{ "57P", ERR_IO, true },       /* shut down */
		{ "08", ERR_IO, true },
	};

	for (size_t i = 0; state && i < sizeof rows / sizeof rows[0]; i++)
		if (strncmp(state, rows[i].begin, strlen(rows[i].begin)) == 0) {
			d->is_lost |= rows[i].is_lost;
			return rows[i].rc;
		}
	return ERR_IO;
}

int pg_judge(struct pg *d, const PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_PIPELINE_SYNC:
		return 0;
	case PGRES_PIPELINE_ABORTED:
		return ERR_IO; /* one before it failed */
	default:
		pg_words(d->error, PQresultErrorMessage(r));
		return code_of(d, PQresultErrorField(r, PG_DIAG_SQLSTATE));
	}
}

static void note_changes(struct pg *d, PGresult *r)
{
	const char *n = PQcmdTuples(r);

	if (*n && strncmp(PQcmdStatus(r), "SELECT", 6) != 0)
		d->changes = strtoll(n, NULL, 10);
}

/* The one result of the next statement of the pipeline; *out only if it is good. */
static int take(struct pg *d, uint64_t deadline_ms, PGresult **out)
{
	PGresult *r = pg_result(d, deadline_ms);

	if (!r)
		return lost(d, PQerrorMessage(d->conn));
	int rc = pg_judge(d, r);
	if (!rc)
		note_changes(d, r);
	if (rc || !out)
		PQclear(r);
	else
		*out = r;
	r = pg_result(d, deadline_ms); /* a NULL ends it */
	if (r) {
		PQclear(r);
		return lost(d, "a statement has two results");
	}
	return rc;
}

/* Reads all that was sent; the last one's result is *out. The first error of those before it is kept in later_rc. */
static int collect(struct pg *d, PGresult **out)
{
	uint64_t deadline = pg_deadline(d);
	int rc = 0;

	if (!d->is_lost && !PQpipelineSync(d->conn))
		return lost(d, PQerrorMessage(d->conn));
	for (; d->n_sent && !d->is_lost; d->n_sent--) {
		bool is_last = d->n_sent == 1;
		rc = take(d, deadline, is_last ? out : NULL);
		if (rc && !is_last && !d->later_rc)
			d->later_rc = rc;
	}
	PGresult *sync = pg_result(d, deadline);
	if (d->is_lost || !sync || PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
		rc = lost(d, "the connection ended");
	PQclear(sync);
	return rc;
}

/* ---- statements ---- */

/* Our ? and ?3 as $1 and $3; n is the highest. */
static int translate(const char *sql, char *out, size_t room, int *n)
{
	bool is_quoted = false;
	int last = 0;
	size_t at = 0;

	for (*n = 0; *sql; sql++) {
		if (at + 8 > room)
			return ERR_LIMIT;
		is_quoted ^= *sql == '\'';
		if (*sql != '?' || is_quoted) {
			out[at++] = *sql;
			continue;
		}
		char *end;
		long number = strtol(sql + 1, &end, 10);
		last = end > sql + 1 ? (int)number : last + 1;
		if (last < 1 || last > PLACES_MAX)
			return ERR_LIMIT;
		*n = last > *n ? last : *n;
		at += (size_t)snprintf(out + at, room - at, "$%d", last);
		sql = end - 1;
	}
	out[at] = '\0';
	return 0;
}

static int prepare(struct db *db, const char *sql, struct db_stmt **out)
{
	struct pg *d = of(db);
	struct stmt *s = calloc(1, sizeof *s);
	char text[SQL_BYTES_MAX];

	if (!s)
		return ERR_NOMEM;
	s->base.db = db;
	snprintf(s->name, sizeof s->name, "s%u", d->n_stmts++);
	int rc = translate(sql, text, sizeof text, &s->n_places);
	if (!rc && !PQsendPrepare(d->conn, s->name, text, 0, NULL))
		rc = lost(d, PQerrorMessage(d->conn));
	if (!rc) {
		d->n_sent++;
		rc = collect(d, NULL);
	}
	if (rc) {
		free(s);
		return rc;
	}
	*out = &s->base;
	return 0;
}

static void reset(struct db_stmt *q)
{
	struct stmt *s = raw(q);

	PQclear(s->rows);
	s->rows = NULL;
	s->row = s->n_rows = 0;
	memset(s->places, 0, sizeof s->places);
}

/* The server forgets it with the session. */
static void finish(struct db_stmt *q)
{
	reset(q);
	free(q);
}

static struct place *place(struct db_stmt *q, int i)
{
	static struct place nowhere;

	return i >= 1 && i <= raw(q)->n_places ? &raw(q)->places[i - 1] : &nowhere;
}

static void bind_int(struct db_stmt *q, int i, int64_t v)
{
	struct place *p = place(q, i);

	p->n = snprintf(p->number, sizeof p->number, "%lld", (long long)v);
	p->p = p->number;
	p->is_bytes = false;
}

static void bind_bytes(struct db_stmt *q, int i, struct bytes v)
{
	struct place *p = place(q, i);

	p->p = v.p ? (const char *)v.p : "";
	p->n = (int)v.n;
	p->is_bytes = true;
}

/* Numbers go as text, so that it does not matter which kind the server takes them for; the rest, and all results, as they are. */
static int send_it(struct pg *d, struct stmt *s)
{
	const char *values[PLACES_MAX];
	int lengths[PLACES_MAX], formats[PLACES_MAX];

	for (int i = 0; i < s->n_places; i++) {
		values[i] = s->places[i].p;
		lengths[i] = s->places[i].n;
		formats[i] = s->places[i].is_bytes;
	}
	if (d->is_lost || !PQsendQueryPrepared(d->conn, s->name, s->n_places, values, lengths, formats, 1))
		return lost(d, PQerrorMessage(d->conn));
	d->n_sent++;
	return 0;
}

static int settle(struct db *db)
{
	struct pg *d = of(db);
	int last = d->n_sent ? collect(d, NULL) : d->is_lost ? ERR_IO : 0;
	int rc = d->later_rc ? d->later_rc : last;

	d->later_rc = 0;
	return rc;
}

static int run_later(struct db_stmt *q)
{
	struct pg *d = of(q->db);
	int rc = d->n_sent < SENT_MAX ? 0 : settle(q->db);

	if (!rc)
		rc = send_it(d, raw(q));
	reset(q);
	return rc;
}

static int run(struct stmt *s)
{
	struct pg *d = of(s->base.db);
	PGresult *rows = NULL;
	int rc = send_it(d, s);

	if (!rc)
		rc = collect(d, &rows);
	if (d->later_rc) {
		rc = d->later_rc;
		d->later_rc = 0;
	}
	if (rc) {
		PQclear(rows);
		return rc;
	}
	s->rows = rows;
	s->n_rows = PQntuples(rows);
	s->row = -1;
	return 0;
}

static int step(struct db_stmt *q)
{
	struct stmt *s = raw(q);
	int rc = s->rows ? 0 : run(s);

	if (!rc && ++s->row < s->n_rows)
		return 1;
	reset(q);
	return rc;
}

/* ---- values ---- */

static int64_t get_int(struct db_stmt *q, int col)
{
	struct stmt *s = raw(q);
	const uint8_t *p = (const uint8_t *)PQgetvalue(s->rows, s->row, col);
	int n = PQgetlength(s->rows, s->row, col);
	uint64_t v = n && p[0] & 0x80 && n > 1 ? UINT64_MAX : 0; /* two's complement, the highest byte first; bool is one byte */

	for (int i = 0; i < n && n <= 8; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static struct bytes get_bytes(struct db_stmt *q, int col)
{
	struct stmt *s = raw(q);

	return bytes_make(PQgetvalue(s->rows, s->row, col), (size_t)PQgetlength(s->rows, s->row, col));
}

static int64_t changes(struct db *d)
{
	return of(d)->changes;
}

/* ---- transactions ---- */

static int send_text(struct pg *d, const char *sql)
{
	if (d->is_lost || !PQsendQueryParams(d->conn, sql, 0, NULL, NULL, NULL, NULL, 1))
		return lost(d, PQerrorMessage(d->conn));
	d->n_sent++;
	return 0;
}

/* It goes with the first statement of the transaction. */
static int begin(struct db *d)
{
	return send_text(of(d), "BEGIN");
}

static void rollback(struct db *db)
{
	struct pg *d = of(db);

	(void)settle(db); /* what failed is undone now */
	if (!d->is_lost && PQtransactionStatus(d->conn) != PQTRANS_IDLE && send_text(d, "ROLLBACK") == 0)
		(void)collect(d, NULL);
	d->later_rc = 0;
}

/* A transaction that failed ends with the tag ROLLBACK, and no error; one that fails together with its COMMIT does not end by it. */
static int commit(struct db *db)
{
	struct pg *d = of(db);
	PGresult *r = NULL;
	int rc = send_text(d, "COMMIT");

	if (!rc)
		rc = collect(d, &r);
	if (!rc)
		rc = d->later_rc;
	if (!rc && strcmp(PQcmdStatus(r), "COMMIT") != 0)
		rc = ERR_IO;
	d->later_rc = 0;
	PQclear(r);
	if (rc)
		rollback(db);
	return rc;
}

static const char *error(struct db *d)
{
	return of(d)->error;
}

/* A statement that failed outside of a savepoint took the transaction along: nobody who was answered may rely on it. */
static bool is_lost(struct db *db)
{
	struct pg *d = of(db);

	if (!d->is_lost && !d->n_sent && PQtransactionStatus(d->conn) == PQTRANS_INERROR)
		d->is_lost = true; /* the words are of that statement */
	return d->is_lost;
}

static void close_it(struct db *db)
{
	PQfinish(of(db)->conn);
	free(db);
}

const struct db_engine pg_engine = {
	.kind = DB_POSTGRESQL, .close = close_it, .prepare = prepare, .finish = finish, .bind_int = bind_int, .bind_text = bind_bytes,
	.bind_blob = bind_bytes, .step = step, .run_later = run_later, .settle = settle, .reset = reset, .get_int = get_int,
	.get_bytes = get_bytes, .changes = changes, .begin = begin, .commit = commit, .rollback = rollback, .error = error,
	.is_lost = is_lost,
};
