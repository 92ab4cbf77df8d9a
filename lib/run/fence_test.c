#include "run/fence.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_UID = 61999 };

/* A state folder with the row's own folder, and an empty one. */
struct ground {
	char top[32], state[64], empty[64], own[128];
	struct fence_place place;
};

static void ground_make(struct ground *g, const struct service *row, unsigned uid)
{
	snprintf(g->top, sizeof g->top, "/tmp/gh-fence-XXXXXX");
	assert_non_null(mkdtemp(g->top));
	assert_int_equal(chmod(g->top, 0711), 0);
	snprintf(g->state, sizeof g->state, "%s/state", g->top);
	snprintf(g->empty, sizeof g->empty, "%s/empty", g->top);
	snprintf(g->own, sizeof g->own, "%s/%s", g->state, row->folder);
	assert_int_equal(mkdir(g->state, 0711), 0);
	assert_int_equal(mkdir(g->empty, 0555), 0);
	if (row->folder[0]) {
		assert_int_equal(mkdir(g->own, 0700), 0);
		assert_true(!uid || chown(g->own, uid, uid) == 0);
	}
	g->place = (struct fence_place){ .state = g->state, .empty = g->empty, .uid = uid };
}

static void ground_clear(struct ground *g, const struct service *row)
{
	if (row->folder[0])
		assert_int_equal(rmdir(g->own), 0);
	assert_int_equal(rmdir(g->empty), 0);
	assert_int_equal(rmdir(g->state), 0);
	assert_int_equal(rmdir(g->top), 0);
}

static void leave_root(void)
{
	if (geteuid() == 0 && (setresgid(TEST_UID, TEST_UID, TEST_UID) || setresuid(TEST_UID, TEST_UID, TEST_UID)))
		_exit(99);
}

/* Runs fn inside the fence of a row in a child; its exit code. */
static int inside_row(const struct service *row, bool as_root, int (*fn)(const struct service *row))
{
	bool is_root = geteuid() == 0;
	struct ground g;
	const char *step;
	int status;

	ground_make(&g, row, is_root ? TEST_UID : 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (!as_root)
			leave_root();
		if (fence_apply(row, &g.place, &step)) {
			dprintf(2, "not fenced: %s: %s\n", step, strerror(errno));
			_exit(98);
		}
		_exit(fn(row));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ground_clear(&g, row);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int inside(enum prog prog, bool as_root, int (*fn)(const struct service *row))
{
	return inside_row(service_of(prog), as_root, fn);
}

static int probe(const struct service *row)
{
	struct buf report;

	buf_init(&report, 65536);
	unsigned open = fence_probe(row, &report);
	if (open)
		(void)!write(2, buf_bytes(&report).p, buf_len(&report));
	return (int)open;
}

/* With a source address in the settings: bind works, and no filter can be loaded any more. */
static int narrowed_with_source(const struct service *row)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)row;
	if (fence_narrow(true))
		return 1;
	if (bind(fd, (struct sockaddr *)&to, sizeof to))
		return 2;
	if (fence_narrow(false) == 0)
		return 3;
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 || getpid() < 2;
}

/* An address that is listened at and connected from (RFC 6062). */
static int relays(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	const int on = 1;
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (door < 0 || from < 0)
		return 20;
	if (bind(door, (struct sockaddr *)&at, n) || setsockopt(door, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) || listen(door, 4) ||
	    getsockname(door, (struct sockaddr *)&at, &n))
		return 21;
	if (setsockopt(from, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || setsockopt(from, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) ||
	    bind(from, (struct sockaddr *)&at, n))
		return 22;
	at.sin_port = htons(9);
	return connect(from, (struct sockaddr *)&at, n) && errno != ECONNREFUSED ? 23 : 0;
}

/* What programs need all day still works. */
static int live(const struct service *row)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct stat st;
	char random[16];

	if (getrandom(random, sizeof random, 0) != sizeof random || fstat(2, &st))
		return 1;
	void *p = malloc(8 << 20);
	if (!p)
		return 2;
	memset(p, 1, 8 << 20);
	free(p);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || (epoll_ctl(ep, EPOLL_CTL_ADD, 0, &ev) && errno != EPERM))
		return 3;
	if (signal(SIGUSR1, SIG_IGN) == SIG_ERR || getpid() < 2)
		return 4;
	if (row->may & FENCE_CONNECT) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		if (fd < 0 || setsockopt(fd, IPPROTO_TCP, 1, &(int){ 1 }, sizeof(int)))
			return 5;
		if (row->may & FENCE_BIND && bind(fd, (struct sockaddr *)&to, sizeof to))
			return 6; /* a source address */
		to.sin_port = htons(9);
		if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS && errno != ECONNREFUSED)
			return 7;
		if (socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0) < 0 && errno != EAFNOSUPPORT)
			return 8;
	}
	return row->may & FENCE_RELAY ? relays() : 0;
}

static int missing_file(const struct service *row)
{
	(void)row;
	/* Libraries take "no such file" for an optional file that is not there. */
	return open("/etc/ssl/openssl.cnf", O_RDONLY) < 0 && errno == ENOENT ? 0 : 1;
}

static int abort_inside(const struct service *row)
{
	(void)row;
	abort();
}

static void test_no_door_is_open(void **state)
{
	(void)state;
	for (unsigned p = PROG_SUPER + 1; p < PROG_COUNT; p++) {
		assert_int_equal(inside((enum prog)p, true, probe), 0);
		assert_int_equal(inside((enum prog)p, false, probe), 0);
	}
}

static void test_a_source_address_keeps_bind(void **state)
{
	(void)state;
	assert_int_equal(inside(PROG_S2S, true, narrowed_with_source), 0);
	assert_int_equal(inside(PROG_S2S, false, narrowed_with_source), 0);
}

static void test_maps_and_links_open_their_commands_only(void **state)
{
	static const unsigned rights[] = { FENCE_MAPS, FENCE_LINKS, FENCE_MAPS | FENCE_LINKS };

	(void)state;
	for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
		struct service row = *service_of(PROG_IM);
		row.may |= rights[i];
		assert_int_equal(inside_row(&row, true, probe), 0);
		assert_int_equal(inside_row(&row, false, probe), 0);
	}
}

static void test_programs_can_live(void **state)
{
	(void)state;
	for (unsigned p = PROG_SUPER + 1; p < PROG_COUNT; p++) {
		assert_int_equal(inside((enum prog)p, true, live), 0);
		assert_int_equal(inside((enum prog)p, false, live), 0);
	}
}

static void test_optional_files(void **state)
{
	(void)state;
	assert_int_equal(inside(PROG_S2S, true, missing_file), 0);
	assert_int_equal(inside(PROG_IM, false, missing_file), 0);
}

static void test_abort_ends(void **state)
{
	(void)state;
	assert_int_equal(inside(PROG_IM, true, abort_inside), 1000 + SIGABRT);
}

/* The probe finds what is open: without a fence most is. */
static void test_probe_sees_open_doors(void **state)
{
	struct buf report;
	unsigned open = 0;

	(void)state;
	buf_init(&report, 65536);
	pid_t pid = fork();
	if (pid == 0) {
		open = fence_probe(service_of(PROG_IM), &report);
		unlink("/tmp/gh-fence-probe");
		unlink("gh-fence-probe");
		_exit(open > 100 ? 100 : (int)open);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) >= 10);
	buf_fini(&report);
}

static void test_missing_folder_is_an_error(void **state)
{
	struct fence_place place = { .state = "/nonexistent", .empty = "/nonexistent" };
	const char *step = "";

	(void)state;
	assert_true(fence_apply(service_of(PROG_STORE), &place, &step) < 0);
	assert_string_equal(step, "open folder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_door_is_open),
		cmocka_unit_test(test_programs_can_live),
		cmocka_unit_test(test_a_source_address_keeps_bind),
		cmocka_unit_test(test_maps_and_links_open_their_commands_only),
		cmocka_unit_test(test_optional_files),
		cmocka_unit_test(test_abort_ends),
		cmocka_unit_test(test_probe_sees_open_doors),
		cmocka_unit_test(test_missing_folder_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
