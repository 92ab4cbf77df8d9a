#include "db/db.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const steps[] = {
	"CREATE TABLE a(k INTEGER PRIMARY KEY, v BLOB)",
	"ALTER TABLE a ADD COLUMN w TEXT DEFAULT 'x'",
};

static char dir[] = "/tmp/db_testXXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char p[80];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(p, sizeof p, "%s%s", path, ends[i]);
		(void)unlink(p); /* the WAL may be gone already */
	}
	return rmdir(dir);
}

static void count(struct db *d, int64_t want)
{
	struct db_stmt *s;

	assert_int_equal(db_prepare(d, "SELECT count(*) FROM a", &s), 0);
	assert_int_equal(db_step(s), 1);
	assert_int_equal(db_int(s, 0), want);
	db_finish(s);
}

static void test_migrates(void **state)
{
	struct db *d;
	struct db_stmt *s;
	const char *why;

	(void)state;
	assert_int_equal(db_open(path, steps, 1, &d, &why), 0);
	assert_int_equal(db_prepare(d, "INSERT INTO a(k,v) VALUES(?,?)", &s), 0);
	db_bind_int(s, 1, 1);
	db_bind_blob(s, 2, BYTES("one"));
	assert_int_equal(db_run(s), 0);
	db_bind_int(s, 1, 1);
	assert_int_equal(db_run(s), ERR_EXISTS);
	db_finish(s);
	db_close(d);
	assert_int_equal(db_open(path, steps, 2, &d, &why), 0);
	assert_int_equal(db_prepare(d, "SELECT v,w FROM a", &s), 0);
	assert_int_equal(db_step(s), 1);
	assert_true(bytes_eq(db_bytes(s, 0), BYTES("one")));
	assert_true(bytes_eq(db_bytes(s, 1), BYTES("x")));
	assert_int_equal(db_step(s), 0);
	db_finish(s);
	db_close(d);
	assert_int_equal(db_open(path, steps, 1, &d, &why), 0); /* older programs go on with it, and leave it as it is */
	assert_int_equal(db_prepare(d, "INSERT INTO a(k,v) VALUES(2,'two')", &s), 0);
	assert_int_equal(db_run(s), 0);
	db_finish(s);
	db_close(d);
	assert_int_equal(db_open(path, steps, 2, &d, &why), 0);
	assert_int_equal(db_prepare(d, "DELETE FROM a WHERE k=2 AND w='x'", &s), 0);
	assert_int_equal(db_run(s), 0);
	assert_int_equal(db_changes(d), 1);
	db_finish(s);
	db_close(d);
}

/* After a step that breaks, only programs that know it go on; nor after steps of a program that did not mark the database. */
static void test_a_step_that_breaks(void **state)
{
	static const char *const more[] = { "CREATE TABLE a(k)", "CREATE TABLE b(k)", DB_BREAKS "DROP TABLE a", "CREATE TABLE c(k)" };
	static const int opens[] = { ERR_UNSUPPORTED, ERR_UNSUPPORTED, 0, 0 };
	char other[sizeof path + 8];
	struct db *d;
	const char *why;

	(void)state;
	snprintf(other, sizeof other, "%s.more", path);
	assert_int_equal(db_open(other, more, 4, &d, &why), 0);
	db_close(d);
	for (size_t n = 1; n <= 4; n++) {
		int rc = db_open(other, more, n, &d, &why);
		assert_int_equal(rc, opens[n - 1]);
		if (rc == 0)
			db_close(d);
	}
	assert_int_equal(db_open(other, more, 4, &d, &why), 0);
	struct db_stmt *s;
	assert_int_equal(db_prepare(d, "PRAGMA application_id=0", &s), 0);
	assert_int_equal(db_run(s), 0);
	db_finish(s);
	db_close(d);
	assert_int_equal(db_open(other, more, 3, &d, &why), ERR_UNSUPPORTED);
	assert_int_equal(db_open(other, more, 4, &d, &why), 0); /* it is marked now */
	db_close(d);
	assert_int_equal(db_open(other, more, 3, &d, &why), 0);
	db_close(d);
	(void)unlink(other);
}

/* What was committed is there after the process dies at once; what was not, is not. */
static void test_commit_survives(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct db *d;
		struct db_stmt *s;
		const char *why;
		if (db_open(path, steps, 2, &d, &why) || db_prepare(d, "INSERT INTO a(k) VALUES(?)", &s))
			_exit(1);
		for (int k = 10; k < 20; k++) {
			if (k == 10 || k == 15)
				db_begin(d);
			db_bind_int(s, 1, k);
			db_run(s);
			if (k == 14 && db_commit(d))
				_exit(1);
		}
		abort();
	}
	int status;
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	struct db *d;
	const char *why;
	assert_int_equal(db_open(path, steps, 2, &d, &why), 0);
	count(d, 1 + 5);
	db_close(d);
}

/* Rows are written between the steps of a copy, before and behind where it is: it has all of them when it is whole. */
static void test_copy_while_written(void **state)
{
	struct db *d, *copied;
	struct db_stmt *s, *q;
	struct db_copy *c;
	const char *why;
	char to[sizeof path + 8];
	uint8_t value[2000] = { 1 };
	int rc = 1, k = 1000, first;

	(void)state;
	snprintf(to, sizeof to, "%s.copy", path);
	assert_int_equal(db_open(path, steps, 2, &d, &why), 0);
	assert_int_equal(db_prepare(d, "REPLACE INTO a(k,v) VALUES(?,?)", &s), 0);
	for (; k < 1400; k++) {
		db_bind_int(s, 1, k);
		db_bind_blob(s, 2, bytes_make(value, sizeof value));
		assert_int_equal(db_run(s), 0);
	}
	first = k;
	assert_int_equal(db_copy_open(d, to, &c), 0);
	for (unsigned turns = 0; rc == 1; turns++) {
		assert_true(turns < 1000);
		rc = db_copy_step(c, 8);
		if (rc == 1 && turns < 20) { /* one at the end, one changed at the front */
			db_bind_int(s, 1, k++);
			db_bind_blob(s, 2, bytes_make(value, sizeof value));
			assert_int_equal(db_run(s), 0);
			db_bind_int(s, 1, 1000);
			db_bind_blob(s, 2, BYTES("changed"));
			assert_int_equal(db_run(s), 0);
		}
	}
	assert_int_equal(rc, 0);
	assert_true(k > first + 10);
	db_copy_close(c);
	assert_int_equal(db_open(to, steps, 2, &copied, &why), 0);
	count(copied, 1 + 5 + (k - 1000));
	assert_int_equal(db_prepare(copied, "SELECT v FROM a WHERE k=1000", &q), 0);
	assert_int_equal(db_step(q), 1);
	assert_true(bytes_eq(db_bytes(q, 0), BYTES("changed")));
	db_finish(q);
	assert_int_equal(db_prepare(copied, "PRAGMA integrity_check", &q), 0);
	assert_int_equal(db_step(q), 1);
	assert_true(bytes_eq(db_bytes(q, 0), BYTES("ok")));
	db_finish(q);
	db_close(copied);
	db_finish(s);
	db_close(d);
	assert_int_equal(unlink(to), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_migrates),
		cmocka_unit_test(test_a_step_that_breaks),
		cmocka_unit_test(test_commit_survives),
		cmocka_unit_test(test_copy_while_written),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
