#include "run/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVENTS_MAX = 64 };

/* What happened, in order, as letters. */
struct seen {
	struct loop *loop;
	char log[EVENTS_MAX];
	unsigned n;
};

struct mark {
	struct seen *seen;
	char letter;
	struct loop_timer timer;
	struct loop_defer defer;
	struct loop_watch watch;
	struct mark *victim; /* is removed when this one fires */
	int fds[2];
};

static void note(struct seen *s, char letter)
{
	assert_true(s->n < EVENTS_MAX - 1);
	s->log[s->n++] = letter;
	s->log[s->n] = 0;
}

static void on_timer(void *arg)
{
	struct mark *m = arg;

	note(m->seen, m->letter);
	if (m->victim)
		loop_timer_del(m->seen->loop, &m->victim->timer);
}

static void on_defer(void *arg)
{
	struct mark *m = arg;

	note(m->seen, m->letter);
	if (m->victim)
		loop_defer_call(m->seen->loop, &m->victim->defer);
}

static void on_watch(void *arg, unsigned events)
{
	struct mark *m = arg;
	char c;

	if (events & LOOP_READ) {
		note(m->seen, m->letter);
		assert_int_equal(read(m->fds[0], &c, 1), 1);
	}
	if (events & LOOP_WRITE)
		note(m->seen, (char)(m->letter - 32));
	if (m->victim)
		loop_watch_del(&m->victim->watch);
}

static void mark_init(struct mark *m, struct seen *s, char letter)
{
	*m = (struct mark){ .seen = s, .letter = letter };
	loop_timer_init(&m->timer, on_timer, m);
	loop_defer_init(&m->defer, on_defer, m);
}

static void mark_pair(struct mark *m, struct seen *s, char letter)
{
	mark_init(m, s, letter);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, m->fds), 0);
	assert_int_equal(loop_watch_add(s->loop, &m->watch, m->fds[0], LOOP_READ, on_watch, m), 0);
}

static void mark_close(struct mark *m)
{
	loop_watch_del(&m->watch);
	close(m->fds[0]);
	close(m->fds[1]);
}

static void pass(struct loop *l, uint64_t ms, enum loop_backend backend)
{
	if (backend == LOOP_FAKE) {
		loop_fake_advance(l, ms);
		return;
	}
	for (uint64_t end = loop_now(l) + ms; loop_now(l) < end;)
		loop_turn(l, end - loop_now(l));
}

static void check_timers(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m[6];

	for (int i = 0; i < 6; i++)
		mark_init(&m[i], &s, (char)('a' + i));
	m[1].victim = &m[4];
	assert_int_equal(loop_timer_set(s.loop, &m[3].timer, 40), 0);
	assert_int_equal(loop_timer_set(s.loop, &m[0].timer, 10), 0);
	assert_int_equal(loop_timer_set(s.loop, &m[1].timer, 20), 0);
	assert_int_equal(loop_timer_set(s.loop, &m[2].timer, 20), 0); /* same time: in the order set */
	assert_int_equal(loop_timer_set(s.loop, &m[4].timer, 30), 0);
	assert_int_equal(loop_timer_set(s.loop, &m[5].timer, 5), 0);
	assert_int_equal(loop_timer_set(s.loop, &m[5].timer, 50), 0); /* set again: moves */
	assert_true(loop_timer_is_set(&m[5].timer));
	pass(s.loop, 100, backend);
	assert_string_equal(s.log, "abcdf");
	assert_false(loop_timer_is_set(&m[5].timer));
	loop_free(s.loop);
}

static void check_many_timers(enum loop_backend backend)
{
	enum { N = 500 };
	struct loop *l = loop_new(backend);
	struct seen s = { .loop = l };
	static struct mark m[N];

	/* Most are deleted again, in an order of their own; the rest must still fire in order. */
	for (unsigned i = 0; i < N; i++) {
		mark_init(&m[i], &s, (char)('a' + i * 26 / N));
		assert_int_equal(loop_timer_set(l, &m[i].timer, 1 + (i * 7919 % N) / 20), 0);
	}
	for (unsigned i = 0; i < N; i++)
		if (i % 50)
			loop_timer_del(l, &m[i * 31 % N].timer);
	pass(l, 60, backend);
	assert_int_equal(s.n, N / 50);
	loop_free(l);
}

static void rearm(void *arg)
{
	struct mark *m = arg;

	note(m->seen, m->letter);
	if (m->seen->n < 5)
		assert_int_equal(loop_timer_set(m->seen->loop, &m->timer, 0), 0);
}

static void check_zero_delay(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_init(&m, &s, 'a');
	m.timer.fn = rearm;
	assert_int_equal(loop_timer_set(s.loop, &m.timer, 0), 0);
	loop_turn(s.loop, 10);
	assert_string_equal(s.log, "a"); /* the next one is the next turn's */
	for (int i = 0; i < 10; i++)
		loop_turn(s.loop, 1);
	assert_string_equal(s.log, "aaaaa");
	loop_free(s.loop);
}

static void check_defer(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m[5];

	for (int i = 0; i < 5; i++)
		mark_init(&m[i], &s, (char)('a' + i));
	m[1].victim = &m[2];
	loop_defer_last(s.loop, &m[4].defer);
	loop_defer_call(s.loop, &m[0].defer);
	loop_defer_call(s.loop, &m[0].defer);
	loop_defer_call(s.loop, &m[1].defer);
	loop_defer_call(s.loop, &m[3].defer);
	loop_defer_cancel(&m[3].defer);
	loop_turn(s.loop, 1000); /* does not wait: there is work */
	assert_string_equal(s.log, "abce");
	loop_turn(s.loop, 0);
	assert_string_equal(s.log, "abce");
	loop_free(s.loop);
}

static void check_watch(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	loop_turn(s.loop, 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(write(m.fds[1], "xy", 2), 2);
	loop_turn(s.loop, 100);
	loop_turn(s.loop, 100); /* level-triggered: the second byte wakes again */
	assert_string_equal(s.log, "aa");
	assert_int_equal(loop_watch_set(&m.watch, LOOP_WRITE), 0);
	loop_turn(s.loop, 100);
	assert_string_equal(s.log, "aaA");
	assert_int_equal(loop_watch_set(&m.watch, 0), 0);
	assert_int_equal(write(m.fds[1], "z", 1), 1);
	loop_turn(s.loop, 0);
	assert_string_equal(s.log, "aaA");
	assert_int_equal(loop_watch_set(&m.watch, LOOP_READ), 0);
	loop_turn(s.loop, 100);
	assert_string_equal(s.log, "aaAa");
	mark_close(&m);
	loop_watch_del(&m.watch); /* harmless */
	loop_free(s.loop);
}

/* A turn ends though a descriptor stays ready: each callback once. */
static void check_always_ready(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	assert_int_equal(loop_watch_set(&m.watch, LOOP_WRITE), 0);
	loop_turn(s.loop, 0);
	assert_string_equal(s.log, "A");
	loop_turn(s.loop, 100);
	assert_string_equal(s.log, "AA");
	mark_close(&m);
	loop_free(s.loop);
}

/* A timer that a callback sets counts from now, not from before the wait. */
static void set_timer(void *arg, unsigned events)
{
	struct mark *m = arg;

	(void)events;
	loop_watch_del(&m->watch);
	assert_int_equal(loop_timer_set(m->seen->loop, &m->timer, 30), 0);
}

static void check_clock_in_callback(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	m.watch.fn = set_timer;
	usleep(backend == LOOP_FAKE ? 0 : 60000);
	assert_int_equal(write(m.fds[1], "x", 1), 1);
	loop_turn(s.loop, 100);
	assert_int_equal(s.n, 0);
	pass(s.loop, 60, backend);
	assert_string_equal(s.log, "a");
	mark_close(&m);
	loop_free(s.loop);
}

/* Of two that are ready, the first removes the other: only one fires. */
static void check_removal(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark a, b;

	mark_pair(&a, &s, 'a');
	mark_pair(&b, &s, 'b');
	a.victim = &b;
	b.victim = &a;
	assert_int_equal(write(a.fds[1], "x", 1), 1);
	assert_int_equal(write(b.fds[1], "x", 1), 1);
	loop_turn(s.loop, 100);
	loop_turn(s.loop, 0);
	assert_int_equal(s.n, 1);
	mark_close(&a);
	mark_close(&b);
	loop_free(s.loop);
}

/* A callback removes its own watch. */
static void check_self_removal(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	m.victim = &m;
	assert_int_equal(loop_watch_set(&m.watch, LOOP_READ | LOOP_WRITE), 0);
	assert_int_equal(write(m.fds[1], "xx", 2), 2);
	loop_turn(s.loop, 100);
	loop_turn(s.loop, 0);
	assert_null(m.watch.loop);
	assert_true(s.n == 1 || s.n == 2); /* both events may come in one call */
	mark_close(&m);
	loop_free(s.loop);
}

static void on_hup(void *arg, unsigned events)
{
	struct mark *m = arg;

	(void)events;
	note(m->seen, 'h');
	loop_watch_del(&m->watch);
}

static void check_hangup(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	m.watch.fn = on_hup;
	close(m.fds[1]);
	loop_turn(s.loop, 100);
	assert_string_equal(s.log, "h");
	close(m.fds[0]);
	loop_free(s.loop);
}

static void on_signal(void *arg, int signo)
{
	struct seen *s = arg;

	note(s, signo == SIGUSR1 ? '1' : '2');
	loop_stop(s->loop);
}

static void check_signal(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };

	assert_int_equal(loop_signal(s.loop, SIGUSR1, on_signal, &s), 0);
	assert_int_equal(loop_signal(s.loop, SIGUSR2, on_signal, &s), 0);
	raise(SIGUSR2);
	loop_run(s.loop);
	raise(SIGUSR1);
	loop_run(s.loop);
	assert_string_equal(s.log, "21");
	loop_free(s.loop);
}

static uint64_t turn_ms(struct loop *l)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	loop_turn(l, 1000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (uint64_t)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}

enum { REST_MS = 200 };

/* What came before the rest is served in the turn after it. */
static void check_rest(enum loop_backend backend)
{
	struct seen s = { .loop = loop_new(backend) };
	struct mark m;

	mark_pair(&m, &s, 'a');
	assert_int_equal(write(m.fds[1], "xyz", 3), 3);
	loop_rest(s.loop, REST_MS * 1000);
	uint64_t rested = turn_ms(s.loop);
	assert_string_equal(s.log, "a");
	if (backend == LOOP_FAKE)
		assert_true(rested < REST_MS);
	else
		assert_true(rested >= REST_MS - 1);
	assert_true(turn_ms(s.loop) < REST_MS); /* once */
	loop_rest(s.loop, REST_MS * 1000);
	loop_defer_call(s.loop, &m.defer);
	assert_true(turn_ms(s.loop) < REST_MS); /* there is work */
	mark_close(&m);
	loop_free(s.loop);
}

/* Each check runs on each back end. */
#define ON_ALL(name)                                                                               \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		check_##name(LOOP_LIBEVENT);                                                       \
		check_##name(LOOP_POLL);                                                           \
		check_##name(LOOP_FAKE);                                                           \
	}
ON_ALL(timers)
ON_ALL(many_timers)
ON_ALL(zero_delay)
ON_ALL(defer)
ON_ALL(watch)
ON_ALL(always_ready)
ON_ALL(clock_in_callback)
ON_ALL(removal)
ON_ALL(self_removal)
ON_ALL(hangup)
ON_ALL(signal)
ON_ALL(rest)

static void test_fake_clock(void **state)
{
	struct seen s = { .loop = loop_new(LOOP_FAKE) };
	struct mark m;
	uint64_t start = loop_now(s.loop), wall = loop_wall_ms(s.loop);

	(void)state;
	mark_init(&m, &s, 'a');
	assert_int_equal(loop_timer_set(s.loop, &m.timer, 3600000), 0);
	loop_turn(s.loop, 5);
	assert_true(loop_now(s.loop) == start);
	loop_fake_advance(s.loop, 3599999);
	assert_int_equal(s.n, 0);
	loop_fake_advance(s.loop, 1);
	assert_string_equal(s.log, "a");
	assert_true(loop_now(s.loop) == start + 3600000);
	assert_true(loop_wall_ms(s.loop) == wall + 3600000);
	loop_free(s.loop);
}

/* Waiting ends when a timer is due although the wake-up was set for an earlier, deleted one. */
static void test_timer_after_deleted(void **state)
{
	struct seen s = { .loop = loop_new(LOOP_LIBEVENT) };
	struct mark a, b;

	(void)state;
	mark_init(&a, &s, 'a');
	mark_init(&b, &s, 'b');
	assert_int_equal(loop_timer_set(s.loop, &a.timer, 300), 0);
	loop_turn(s.loop, 1);
	loop_timer_del(s.loop, &a.timer);
	assert_int_equal(loop_timer_set(s.loop, &b.timer, 320), 0);
	for (int i = 0; i < 20 && !s.n; i++)
		loop_turn(s.loop, UINT64_MAX);
	assert_string_equal(s.log, "b");
	loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),       cmocka_unit_test(test_many_timers),
		cmocka_unit_test(test_zero_delay),   cmocka_unit_test(test_defer),
		cmocka_unit_test(test_watch),        cmocka_unit_test(test_removal),
		cmocka_unit_test(test_self_removal), cmocka_unit_test(test_hangup),
		cmocka_unit_test(test_signal),       cmocka_unit_test(test_fake_clock),
		cmocka_unit_test(test_timer_after_deleted),
		cmocka_unit_test(test_always_ready), cmocka_unit_test(test_clock_in_callback),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
