/* PostgreSQL behind db.h: versions of the schema, the lock, errors within transactions, a server that dies. */
#include "db/postgresql_fixture.h"
#include "base/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const steps[] = {
	"CREATE TABLE a(k BIGINT PRIMARY KEY, v BYTEA NOT NULL); INSERT INTO a VALUES(1,'one')",
	"ALTER TABLE a ADD COLUMN w TEXT COLLATE \"C\" NOT NULL DEFAULT 'x'",
};
static char why[DB_WHY_BYTES];

static struct db *opened(const char *const *of, size_t n)
{
	struct db *d = NULL;

	if (postgresql_fixture_open("t", of, n, &d, why))
		fail_msg("%s", why);
	return d;
}

static int run(struct db *d, const char *sql)
{
	struct db_stmt *q;
	int rc = db_prepare(d, sql, &q);

	if (rc)
		return rc;
	rc = db_run(q);
	db_finish(q);
	return rc;
}

static int64_t number(struct db *d, const char *sql)
{
	struct db_stmt *q;

	assert_int_equal(db_prepare(d, sql, &q), 0);
	assert_int_equal(db_step(q), 1);
	int64_t n = db_int(q, 0);
	db_finish(q);
	return n;
}

static int fresh(void **state)
{
	(void)state;
	postgresql_fixture_create("t");
	return 0;
}

/* Forward, and back to a program that does not know the newer step, which leaves it as it is. */
static void test_migrates(void **state)
{
	(void)state;
	struct db *d = opened(steps, 1);
	assert_int_equal(number(d, "SELECT count(*) FROM a"), 1);
	db_close(d);
	d = opened(steps, 2);
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE w='x'"), 1);
	db_close(d);
	d = opened(steps, 1);
	assert_int_equal(run(d, "INSERT INTO a(k,v) VALUES(2,'two')"), 0);
	db_close(d);
	d = opened(steps, 2);
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE w='x'"), 2);
	db_close(d);
}

static void test_a_step_that_breaks(void **state)
{
	static const char *const more[] = { "CREATE TABLE a(k INT)", "CREATE TABLE b(k INT)", DB_BREAKS "DROP TABLE a", "CREATE TABLE c(k INT)" };
	static const int opens[] = { ERR_UNSUPPORTED, ERR_UNSUPPORTED, 0, 0 };

	(void)state;
	db_close(opened(more, 4));
	for (size_t n = 1; n <= 4; n++) {
		struct db *d = NULL;
		int rc = postgresql_fixture_open("t", more, n, &d, why);
		assert_int_equal(rc, opens[n - 1]);
		if (rc == 0)
			db_close(d);
		else
			assert_string_equal(why, "written by a newer version");
	}
}

/* A step that fails leaves nothing of itself. */
static void test_a_step_that_fails(void **state)
{
	static const char *const bad[] = { "CREATE TABLE a(k INT)", "CREATE TABLE b(k INT); CREATE TABLE a(k INT)" };
	struct db *d = NULL;

	(void)state;
	assert_int_equal(postgresql_fixture_open("t", bad, 2, &d, why), ERR_IO);
	assert_non_null(strstr(why, "already exists"));
	d = opened(bad, 1);
	assert_int_equal(number(d, "SELECT count(*) FROM pg_tables WHERE schemaname='gatehouse' AND tablename IN ('a','b')"), 1);
	db_close(d);
}

static void test_one_box_writes(void **state)
{
	struct db *second = NULL;

	(void)state;
	struct db *d = opened(steps, 2);
	assert_int_equal(postgresql_fixture_try("t", steps, 2, &second, why), ERR_BAD_STATE);
	assert_non_null(strstr(why, "another box"));
	db_close(d);
	db_close(opened(steps, 2));
}

/* A server that loses what it confirmed is none, and neither is a database that is not of UTF-8. */
static void test_what_is_refused(void **state)
{
	struct db *d = NULL;

	(void)state;
	d = opened(steps, 2);
	assert_int_equal(run(d, "ALTER DATABASE t SET synchronous_commit=off"), 0);
	db_close(d);
	assert_int_equal(postgresql_fixture_open("t", steps, 2, &d, why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "synchronous_commit"));
	d = NULL;
	assert_int_equal(postgresql_fixture_open("nowhere", steps, 2, &d, why), ERR_CLOSED);
	assert_non_null(strstr(why, "does not exist"));
}

static void test_errors(void **state)
{
	struct db_stmt *add, *quoted;

	(void)state;
	struct db *d = opened(steps, 2);
	assert_int_equal(db_prepare(d, "INSERT INTO a(k,v,w) VALUES(?2,?1,?3)", &add), 0);
	db_bind_blob(add, 1, BYTES("\0\1\xff"));
	db_bind_int(add, 2, -7);
	db_bind_text(add, 3, BYTES("\xc3\xa9"));
	assert_int_equal(db_run(add), 0);
	assert_int_equal(db_changes(d), 1);
	db_bind_blob(add, 1, BYTES_NONE);
	db_bind_int(add, 2, -7);
	db_bind_text(add, 3, BYTES_NONE);
	assert_int_equal(db_run(add), ERR_EXISTS);
	db_bind_blob(add, 1, BYTES_NONE);
	db_bind_int(add, 2, 8);
	db_bind_text(add, 3, BYTES("\xff"));
	assert_int_equal(db_run(add), ERR_SYNTAX);
	assert_false(db_is_lost(d));
	assert_int_equal(db_prepare(d, "SELECT k,v,'?' FROM a WHERE w=? ORDER BY k", &quoted), 0);
	db_bind_text(quoted, 1, BYTES("\xc3\xa9"));
	assert_int_equal(db_step(quoted), 1);
	assert_int_equal(db_int(quoted, 0), -7);
	assert_true(bytes_eq(db_bytes(quoted, 1), BYTES("\0\1\xff")));
	assert_true(bytes_eq(db_bytes(quoted, 2), BYTES("?")));
	assert_int_equal(db_step(quoted), 0);
	db_finish(quoted);
	db_finish(add);
	assert_int_equal(run(d, "SELECT nothing FROM nowhere"), ERR_IO);
	assert_non_null(strstr(db_error(d), "nowhere"));
	db_close(d);
}

static int add_later(struct db_stmt *add, int64_t k)
{
	db_bind_int(add, 1, k);
	return db_run_later(add);
}

/* What ran later is in the transaction; its error is told once, and a savepoint takes it back. */
static void test_later(void **state)
{
	struct db_stmt *add, *point, *undo;

	(void)state;
	struct db *d = opened(steps, 2);
	assert_int_equal(db_prepare(d, "INSERT INTO a(k,v) VALUES(?,'v')", &add), 0);
	assert_int_equal(db_prepare(d, "SAVEPOINT p", &point), 0);
	assert_int_equal(db_prepare(d, "ROLLBACK TO p", &undo), 0);
	assert_int_equal(db_begin(d), 0);
	for (int64_t k = 100; k < 1100; k++)
		assert_int_equal(add_later(add, k), 0);
	assert_int_equal(db_settle(d), 0);
	assert_int_equal(db_run_later(point), 0);
	assert_int_equal(add_later(add, 2000), 0);
	assert_int_equal(add_later(add, 100), 0);
	assert_int_equal(add_later(add, 2001), 0);
	assert_int_equal(db_settle(d), ERR_EXISTS);
	assert_int_equal(db_settle(d), 0);
	assert_int_equal(db_run(undo), 0);
	assert_int_equal(add_later(add, 3000), 0);
	assert_int_equal(db_commit(d), 0);
	assert_int_equal(number(d, "SELECT count(*) FROM a"), 1002);
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE k=3000"), 1);
	/* without one, the transaction is none any more: its commit says so */
	assert_int_equal(db_begin(d), 0);
	assert_int_equal(add_later(add, 4000), 0);
	assert_int_equal(add_later(add, 100), 0);
	assert_true(db_commit(d) < 0);
	assert_false(db_is_lost(d));
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE k=4000"), 0);
	assert_int_equal(db_begin(d), 0);
	assert_int_equal(run(d, "SELECT nothing"), ERR_IO);
	assert_true(db_is_lost(d)); /* who was told of writes in it may not rely on them */
	db_finish(add);
	db_finish(point);
	db_finish(undo);
	db_close(d);
}

/* kill -9 of the server: what was committed is there, the session knows that it is lost, and a new one goes on. */
static void test_the_server_dies(void **state)
{
	(void)state;
	struct db *d = opened(steps, 2);
	assert_int_equal(db_begin(d), 0);
	assert_int_equal(run(d, "INSERT INTO a(k,v) VALUES(10,'committed')"), 0);
	assert_int_equal(db_commit(d), 0);
	assert_int_equal(db_begin(d), 0);
	assert_int_equal(run(d, "INSERT INTO a(k,v) VALUES(11,'not')"), 0);
	postgresql_fixture_kill();
	assert_int_equal(db_commit(d), ERR_IO);
	assert_true(db_is_lost(d));
	assert_true(strlen(db_error(d)) > 0);
	assert_int_equal(run(d, "SELECT 1"), ERR_IO);
	db_close(d);
	postgresql_fixture_start();
	d = opened(steps, 2);
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE k=10"), 1);
	assert_int_equal(number(d, "SELECT count(*) FROM a WHERE k=11"), 0);
	db_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_migrates, fresh),
		cmocka_unit_test_setup(test_a_step_that_breaks, fresh),
		cmocka_unit_test_setup(test_a_step_that_fails, fresh),
		cmocka_unit_test_setup(test_one_box_writes, fresh),
		cmocka_unit_test_setup(test_what_is_refused, fresh),
		cmocka_unit_test_setup(test_errors, fresh),
		cmocka_unit_test_setup(test_later, fresh),
		cmocka_unit_test_setup(test_the_server_dies, fresh),
	};

	postgresql_fixture_start();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgresql_fixture_stop();
	return failed;
}
