#include "db/postgresql_fixture.h"

#include "base/err.h"
#include "base/log.h"

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS "/usr/lib/postgresql/15/bin/"
enum { NOBODY = 65534, PORT = 5432, ANSWER_MS = 20000, TRIES = 1000, PAUSE_MS = 20 };

static char folder[] = "/tmp/postgresql_testXXXXXX", data[64];
static pid_t server, owner;

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static pid_t run(const char *const *argv)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGQUIT); /* the change of user forgets it */
	if (chdir(folder) || !freopen("/dev/null", "r", stdin) || !freopen("log", "a", stdout) || dup2(1, 2) < 0)
		_exit(1);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static int status_of(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void remove_all(void)
{
	const char *const argv[] = { "/bin/rm", "-rf", folder, NULL };

	(void)status_of(run(argv)); /* as who made the files; the folder itself is ours */
	(void)rmdir(folder);
}

static int dial(const char *database, struct db_dial **out)
{
	struct db_server s = { .host = folder, .port = PORT, .database = database, .user = "gatehouse", .password = "", .is_clear = true,
			       .answer_ms = ANSWER_MS };
	int rc = db_dial_start(&s, out), wants = DB_DIAL_WANTS_WRITE;

	while (!rc) {
		struct pollfd p = { .fd = db_dial_fd(*out), .events = wants == DB_DIAL_WANTS_READ ? POLLIN : POLLOUT };
		if (poll(&p, 1, ANSWER_MS) <= 0)
			rc = ERR_TIMEOUT;
		else if ((wants = db_dial_go_on(*out)) == DB_DIAL_READY)
			return 0;
		else
			rc = wants < 0 ? wants : 0;
	}
	return rc;
}

int postgresql_fixture_try(const char *database, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES])
{
	struct db_dial *c = NULL;
	int rc = dial(database, &c);

	if (!rc)
		return db_open_dialled(c, steps, n_steps, out, why);
	snprintf(why, DB_WHY_BYTES, "%s", c ? db_dial_why(c) : err_text(rc));
	db_dial_free(c);
	return rc;
}

int postgresql_fixture_open(const char *database, const char *const *steps, size_t n_steps, struct db **out, char why[static DB_WHY_BYTES])
{
	int rc = postgresql_fixture_try(database, steps, n_steps, out, why);

	for (int i = 0; i < TRIES && rc == ERR_BAD_STATE; i++) {
		pause_ms(PAUSE_MS);
		rc = postgresql_fixture_try(database, steps, n_steps, out, why);
	}
	return rc;
}

static void start_server(void)
{
	const char *const argv[] = { PROGRAMS "postgres", "-D", data, "-k", folder, "-h", "", "-c", "shared_buffers=32MB", "-c", "max_connections=20", "-c",
				     "log_min_messages=fatal", NULL };
	int rc = -1;

	server = run(argv);
	for (int i = 0; rc && i < TRIES; i++) {
		struct db_dial *c = NULL;
		pause_ms(PAUSE_MS);
		rc = dial("postgres", &c);
		db_dial_free(c);
	}
	if (rc)
		die("test.postgresql", "the server does not start; its log is in the folder of the test");
}

void postgresql_fixture_start(void)
{
	const char *const argv[] = { PROGRAMS "initdb", "-D", data, "-U", "gatehouse", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", NULL };

	if (server)
		return;
	if (!owner) {
		if (!mkdtemp(folder) || chmod(folder, 0777))
			die("test.postgresql", "no folder");
		snprintf(data, sizeof data, "%s/data", folder);
		owner = getpid();
		if (status_of(run(argv)) != 0)
			die("test.postgresql", "initdb fails: is the package postgresql there?");
	}
	start_server();
}

void postgresql_fixture_kill(void)
{
	char path[96];

	snprintf(path, sizeof path, "%s/postmaster.pid", data);
	kill(server, SIGKILL); /* the others of it see that at once, and end */
	(void)status_of(server);
	server = 0;
	(void)unlink(path); /* else the next one looks for the process of that number */
}

void postgresql_fixture_stop(void)
{
	if (owner != getpid())
		return;
	if (server) {
		kill(server, SIGQUIT);
		(void)status_of(server);
	}
	server = 0;
	remove_all();
}

static void must(struct db *d, const char *sql)
{
	struct db_stmt *q;
	int rc = db_prepare(d, sql, &q);

	if (!rc) {
		rc = db_run(q);
		db_finish(q);
	}
	if (rc)
		die("test.postgresql", db_error(d));
}

void postgresql_fixture_create(const char *database)
{
	char sql[160], why[DB_WHY_BYTES] = "";
	struct db *d;

	if (postgresql_fixture_open("postgres", NULL, 0, &d, why))
		die("test.postgresql", why);
	snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
	must(d, sql);
	snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0", database);
	must(d, sql);
	db_close(d);
}
