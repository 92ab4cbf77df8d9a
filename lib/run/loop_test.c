#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct loop *loop;
	struct loop_timer timers[5];
	struct loop_watch a, b;
	struct loop_defer defer;
	char trace[64];
	int sockets[2];
	unsigned calls;
};

static void note(struct world *w, char c)
{
	size_t n = strlen(w->trace);

	if (n + 1 < sizeof w->trace)
		w->trace[n] = c;
}

static struct world *world_new(enum loop_backend backend)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(backend);
	assert_non_null(w->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->sockets), 0);
	return w;
}

static void world_free(struct world *w)
{
	loop_free(w->loop);
	close(w->sockets[0]);
	close(w->sockets[1]);
	test_free(w);
}

static void on_a(void *arg)
{
	note(arg, 'a');
}
static void on_b(void *arg)
{
	note(arg, 'b');
}
static void on_c(void *arg)
{
	struct world *w = arg;

	note(w, 'c');
	loop_timer_del(w->loop, &w->timers[3]);
	loop_timer_set(w->loop, &w->timers[4], 0);
}
static void on_stop(void *arg)
{
	note(arg, '.');
	loop_stop(((struct world *)arg)->loop);
}

/* Order by time; a timer may remove a later one and add another. */
static void timers_fire_in_order(void **state)
{
	static const enum loop_backend backends[] = { LOOP_LIBEVENT, LOOP_POLL };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *w = world_new(backends[i]);
		static const loop_timer_fn fns[] = { on_b, on_a, on_c, on_a, on_stop };
		static const uint64_t delays[] = { 20, 5, 30, 40 };
		for (int t = 0; t < 5; t++)
			loop_timer_init(&w->timers[t], fns[t], w);
		for (int t = 0; t < 4; t++)
			assert_int_equal(loop_timer_set(w->loop, &w->timers[t], delays[t]), 0);
		loop_run(w->loop);
		assert_string_equal(w->trace, "abc.");
		world_free(w);
	}
}

static void fake_clock_moves_only_when_told(void **state)
{
	struct world *w = world_new(LOOP_FAKE);
	uint64_t start = loop_now(w->loop);

	(void)state;
	loop_timer_init(&w->timers[0], on_a, w);
	loop_timer_init(&w->timers[1], on_b, w);
	loop_timer_set(w->loop, &w->timers[0], 3600 * 1000);
	loop_timer_set(w->loop, &w->timers[1], 10);
	loop_fake_advance(w->loop, 9);
	assert_string_equal(w->trace, "");
	loop_fake_advance(w->loop, 1);
	assert_string_equal(w->trace, "b");
	loop_fake_advance(w->loop, 3600 * 1000);
	assert_string_equal(w->trace, "ba");
	assert_int_equal(loop_now(w->loop) - start, 3600 * 1000 + 10);
	world_free(w);
}

static void many_timers_keep_the_heap_right(void **state)
{
	enum { N = 1000 };
	struct world *w = world_new(LOOP_FAKE);
	struct loop_timer *many = test_calloc(N, sizeof *many);

	(void)state;
	for (int i = 0; i < N; i++) {
		loop_timer_init(&many[i], on_a, w);
		loop_timer_set(w->loop, &many[i], (uint64_t)((i * 7919) % N));
	}
	for (int i = 0; i < N; i += 2)
		loop_timer_del(w->loop, &many[i]);
	for (int i = 1; i < N; i += 4)
		loop_timer_set(w->loop, &many[i], 5000);
	loop_fake_advance(w->loop, 4000);
	for (int i = 0; i < N; i++)
		assert_int_equal(loop_timer_is_set(&many[i]), i % 4 == 1);
	loop_fake_advance(w->loop, 1001);
	for (int i = 0; i < N; i++)
		assert_false(loop_timer_is_set(&many[i]));
	world_free(w);
	test_free(many);
}

static void remove_other(void *arg, unsigned events)
{
	struct world *w = arg;

	(void)events;
	w->calls++;
	loop_watch_del(&w->a);
	loop_watch_del(&w->b);
}

/* Two ready descriptors; the first to run removes both: the second must not run. */
static void a_removed_watch_does_not_fire(void **state)
{
	static const enum loop_backend backends[] = { LOOP_LIBEVENT, LOOP_POLL, LOOP_FAKE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct world *w = world_new(backends[i]);
		assert_int_equal(loop_watch_add(w->loop, &w->a, w->sockets[0], LOOP_WRITE, remove_other, w), 0);
		assert_int_equal(loop_watch_add(w->loop, &w->b, w->sockets[1], LOOP_WRITE, remove_other, w), 0);
		loop_turn(w->loop, 10);
		loop_turn(w->loop, 10);
		assert_int_equal(w->calls, 1);
		world_free(w);
	}
}

static void count_reads(void *arg, unsigned events)
{
	struct world *w = arg;
	char byte;

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(w->sockets[0], &byte, 1), 1);
	w->calls++;
}

static void events_change_while_watching(void **state)
{
	static const enum loop_backend backends[] = { LOOP_LIBEVENT, LOOP_POLL, LOOP_FAKE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct world *w = world_new(backends[i]);
		assert_int_equal(write(w->sockets[1], "xy", 2), 2);
		assert_int_equal(loop_watch_add(w->loop, &w->a, w->sockets[0], 0, count_reads, w), 0);
		loop_turn(w->loop, 5);
		assert_int_equal(w->calls, 0);
		assert_int_equal(loop_watch_set(&w->a, LOOP_READ), 0);
		loop_turn(w->loop, 5);
		assert_int_equal(w->calls, 1);
		assert_int_equal(loop_watch_set(&w->a, 0), 0);
		loop_turn(w->loop, 5);
		assert_int_equal(w->calls, 1);
		loop_watch_del(&w->a);
		loop_watch_del(&w->a);
		world_free(w);
	}
}

static void again(void *arg)
{
	struct world *w = arg;

	if (++w->calls < 3)
		loop_defer_call(w->loop, &w->defer);
}

static void deferred_work_runs_once_a_turn(void **state)
{
	struct world *w = world_new(LOOP_FAKE);

	(void)state;
	loop_defer_init(&w->defer, again, w);
	loop_defer_call(w->loop, &w->defer);
	loop_defer_call(w->loop, &w->defer);
	loop_turn(w->loop, 0);
	assert_int_equal(w->calls, 3); /* what it deferred itself ran in the same turn */
	loop_defer_call(w->loop, &w->defer);
	loop_defer_cancel(&w->defer);
	loop_turn(w->loop, 0);
	assert_int_equal(w->calls, 3);
	world_free(w);
}

static void on_usr1(void *arg, int signo)
{
	struct world *w = arg;

	assert_int_equal(signo, SIGUSR1);
	w->calls++;
	loop_stop(w->loop);
}

static void signals_arrive_in_the_loop(void **state)
{
	struct world *w = world_new(LOOP_LIBEVENT);

	(void)state;
	assert_int_equal(loop_signal(w->loop, SIGUSR1, on_usr1, w), 0);
	raise(SIGUSR1);
	assert_int_equal(w->calls, 0);
	loop_run(w->loop);
	assert_int_equal(w->calls, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(fake_clock_moves_only_when_told),
		cmocka_unit_test(many_timers_keep_the_heap_right),
		cmocka_unit_test(a_removed_watch_does_not_fire),
		cmocka_unit_test(events_change_while_watching),
		cmocka_unit_test(deferred_work_runs_once_a_turn),
		cmocka_unit_test(signals_arrive_in_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
