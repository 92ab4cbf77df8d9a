/* Listeners of a door: newcomers wait while it does not want them, one that is closed from the hook is not read again,
 * no more listeners than there are places, and without a descriptor left a pause, of which few lines are logged. */
#include "run/acceptor.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

struct door {
	struct loop *loop;
	struct acceptor acceptor;
	unsigned accepted, paused, told;
	char last[16];
	bool closes;
};

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static int dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
	return fd;
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct door *d = arg;

	assert_int_equal(from->sa_family, AF_INET);
	d->accepted++;
	memcpy(d->last, l->name, sizeof d->last);
	close(fd);
	if (d->closes)
		assert_int_equal(acceptor_change(&d->acceptor, l->name, l->addr, l->port, -1), 0);
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct door *d = arg;

	assert_int_equal(why, EMFILE);
	d->paused++;
	d->told += not_shown != NULL;
}

static void turns(struct door *d)
{
	for (int i = 0; i < 20; i++)
		loop_turn(d->loop, 0);
}

static void open_door(struct door *d, bool is_wanted)
{
	static const struct acceptor_hooks hooks = { on_accepted, on_paused };

	*d = (struct door){ .loop = loop_new(LOOP_LIBEVENT) };
	assert_non_null(d->loop);
	acceptor_init(&d->acceptor, d->loop, is_wanted, &hooks, d);
}

static void close_door(struct door *d)
{
	acceptor_fini(&d->acceptor);
	loop_free(d->loop);
}

static void test_waits_until_wanted(void **state)
{
	struct door d;
	uint16_t port;

	(void)state;
	open_door(&d, false);
	assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", 1, listen_somewhere(&port)), 0);
	int fd = dial(port);
	turns(&d);
	assert_int_equal(d.accepted, 0);
	assert_int_equal(acceptor_want(&d.acceptor, true), 0);
	turns(&d);
	assert_int_equal(d.accepted, 1);
	assert_string_equal(d.last, "one");
	close(fd);
	close_door(&d);
}

static void test_closed_from_the_hook(void **state)
{
	struct door d;
	uint16_t port;

	(void)state;
	open_door(&d, true);
	d.closes = true;
	assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", 1, listen_somewhere(&port)), 0);
	int a = dial(port), b = dial(port);
	turns(&d);
	assert_int_equal(d.accepted, 1); /* the second was in the queue of a socket that is closed */
	close(a);
	close(b);
	close_door(&d);
}

static void test_places(void **state)
{
	struct door d;
	uint16_t port;

	(void)state;
	open_door(&d, true);
	for (uint16_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", i, listen_somewhere(&port)), 0);
	assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", 999, listen_somewhere(&port)), ERR_FULL);
	assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", 7, -1), 0);
	assert_int_equal(acceptor_change(&d.acceptor, "two", "127.0.0.1", 7, -1), 0); /* was never there */
	assert_int_equal(acceptor_change(&d.acceptor, "two", "127.0.0.1", 999, listen_somewhere(&port)), 0);
	int fd = dial(port);
	turns(&d);
	assert_string_equal(d.last, "two");
	close(fd);
	close_door(&d);
}

/* Six pauses of half a second each, of which a minute has five lines. */
static void test_no_descriptor_left(void **state)
{
	struct rlimit before, none = { 0 };
	struct door d;
	uint16_t port;

	(void)state;
	open_door(&d, true);
	assert_int_equal(acceptor_change(&d.acceptor, "one", "127.0.0.1", 1, listen_somewhere(&port)), 0);
	int fd = dial(port);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (d.paused < 6)
		loop_turn(d.loop, 100);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(d.accepted, 0);
	assert_int_equal(d.told, 5);
	while (d.accepted == 0)
		loop_turn(d.loop, 100);
	close(fd);
	close_door(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_waits_until_wanted), cmocka_unit_test(test_closed_from_the_hook),
		                            cmocka_unit_test(test_places), cmocka_unit_test(test_no_descriptor_left) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
