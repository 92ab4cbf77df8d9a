#include "run/loop.h"

#include "base/err.h"
#include "run/loop_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_WAIT_MS = 60 * 1000, DEFER_ROUNDS_MAX = 100 };

static uint64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void refresh(struct loop *l)
{
	if (!l->is_fake)
		l->now_ms = clock_ms(CLOCK_MONOTONIC);
}

struct loop *loop_new(enum loop_backend backend)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->ops = backend == LOOP_LIBEVENT ? &loop_libevent_ops : &loop_poll_ops;
	l->is_fake = backend == LOOP_FAKE;
	l->signal_pipe[0] = l->signal_pipe[1] = -1;
	list_init(&l->deferred);
	if (l->is_fake) {
		l->now_ms = 1000; /* never 0: zero stamps mean "never" elsewhere */
		l->wall_offset_ms = 1700000000000;
	}
	refresh(l);
	if (l->ops->open(l)) {
		free(l);
		return NULL;
	}
	return l;
}

static void close_signals(struct loop *l)
{
	if (l->signal_pipe[0] < 0)
		return;
	loop_watch_del(&l->signal_watch);
	for (unsigned i = 0; i < l->n_signals; i++)
		signal(l->signals[i].signo, SIG_DFL);
	close(l->signal_pipe[0]);
	close(l->signal_pipe[1]);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close_signals(l);
	for (uint32_t i = 1; i <= l->heap_n; i++)
		l->heap[i]->heap_at = 0;
	l->ops->close(l);
	free(l->heap);
	free(l);
}

uint64_t loop_now(const struct loop *l)
{
	return l->now_ms;
}

uint64_t loop_wall_ms(const struct loop *l)
{
	if (l->is_fake)
		return (uint64_t)((int64_t)l->now_ms + l->wall_offset_ms);
	return clock_ms(CLOCK_REALTIME);
}

void loop_stop(struct loop *l)
{
	l->is_stopping = true;
}

/* ---- descriptors ---- */

int loop_watch_add(struct loop *l, struct loop_watch *w, int fd, unsigned events, loop_watch_fn fn, void *arg)
{
	*w = (struct loop_watch){ .fd = fd, .events = events, .fn = fn, .arg = arg, .loop = l };
	int rc = l->ops->add(l, w);
	if (rc)
		w->loop = NULL;
	return rc;
}

int loop_watch_set(struct loop_watch *w, unsigned events)
{
	if (!w->loop || w->events == events)
		return 0;
	int rc = w->loop->ops->set(w->loop, w, events);
	if (!rc)
		w->events = events;
	return rc;
}

void loop_watch_del(struct loop_watch *w)
{
	if (!w->loop)
		return;
	w->loop->ops->del(w->loop, w);
	w->loop = NULL;
	w->events = 0;
}

void loop_watch_fire(struct loop_watch *w, unsigned events)
{
	if (w->loop && events & w->events)
		w->fn(w->arg, events & w->events);
}

/* ---- timers: a binary heap whose items know their place ---- */

static void heap_put(struct loop *l, uint32_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->heap_at = at;
}

static void heap_up(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];

	for (; at > 1 && l->heap[at / 2]->at_ms > t->at_ms; at /= 2)
		heap_put(l, at, l->heap[at / 2]);
	heap_put(l, at, t);
}

static void heap_down(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];

	for (uint32_t child; (child = at * 2) <= l->heap_n; at = child) {
		if (child < l->heap_n && l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
			child++;
		if (l->heap[child]->at_ms >= t->at_ms)
			break;
		heap_put(l, at, l->heap[child]);
	}
	heap_put(l, at, t);
}

void loop_timer_init(struct loop_timer *t, loop_timer_fn fn, void *arg)
{
	*t = (struct loop_timer){ .fn = fn, .arg = arg };
}

static int heap_room(struct loop *l)
{
	if (l->heap_n + 1 < l->heap_cap)
		return 0;
	uint32_t cap = l->heap_cap ? l->heap_cap * 2 : 64;
	struct loop_timer **heap = realloc(l->heap, cap * sizeof *heap);
	if (!heap)
		return ERR_NOMEM;
	l->heap = heap;
	l->heap_cap = cap;
	return 0;
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t delay_ms)
{
	t->at_ms = l->now_ms + delay_ms;
	if (t->heap_at == 0) {
		int rc = heap_room(l);
		if (rc)
			return rc;
		heap_put(l, ++l->heap_n, t);
	}
	heap_up(l, t->heap_at);
	heap_down(l, t->heap_at);
	return 0;
}

void loop_timer_del(struct loop *l, struct loop_timer *t)
{
	uint32_t at = t->heap_at;

	if (at == 0)
		return;
	t->heap_at = 0;
	struct loop_timer *last = l->heap[l->heap_n--];
	if (last == t)
		return;
	heap_put(l, at, last);
	heap_up(l, at);
	heap_down(l, last->heap_at);
}

static void fire_timers(struct loop *l)
{
	uint64_t until = l->now_ms;

	while (l->heap_n && l->heap[1]->at_ms <= until) {
		struct loop_timer *t = l->heap[1];
		loop_timer_del(l, t);
		t->fn(t->arg);
	}
}

static uint64_t wait_for(const struct loop *l, uint64_t max_wait_ms)
{
	if (!list_is_empty(&l->deferred) || l->is_stopping)
		return 0;
	if (!l->heap_n)
		return max_wait_ms;
	uint64_t at = l->heap[1]->at_ms;
	uint64_t wait = at > l->now_ms ? at - l->now_ms : 0;
	return wait < max_wait_ms ? wait : max_wait_ms;
}

/* ---- end of turn ---- */

void loop_defer_init(struct loop_defer *d, void (*fn)(void *arg), void *arg)
{
	*d = (struct loop_defer){ .fn = fn, .arg = arg };
	list_init(&d->node);
}

void loop_defer_call(struct loop *l, struct loop_defer *d)
{
	if (!list_is_linked(&d->node))
		list_add_tail(&l->deferred, &d->node);
}

void loop_defer_cancel(struct loop_defer *d)
{
	list_del(&d->node);
}

/* What keeps deferring itself gets its next turn after descriptors had theirs. */
static void run_deferred(struct loop *l)
{
	for (int round = 0; round < DEFER_ROUNDS_MAX && !list_is_empty(&l->deferred); round++) {
		struct list now;
		list_init(&now);
		while (!list_is_empty(&l->deferred)) {
			struct list *node = l->deferred.next;
			list_del(node);
			list_add_tail(&now, node);
		}
		while (!list_is_empty(&now)) {
			struct loop_defer *d = LIST_OWNER(now.next, struct loop_defer, node);
			list_del(&d->node);
			d->fn(d->arg);
		}
	}
}

/* ---- turns ---- */

void loop_turn(struct loop *l, uint64_t max_wait_ms)
{
	l->ops->poll(l, l->is_fake ? 0 : wait_for(l, max_wait_ms));
	refresh(l);
	fire_timers(l);
	run_deferred(l);
}

void loop_run(struct loop *l)
{
	l->is_stopping = false;
	run_deferred(l);
	while (!l->is_stopping)
		loop_turn(l, IDLE_WAIT_MS);
	run_deferred(l);
}

void loop_fake_advance(struct loop *l, uint64_t ms)
{
	uint64_t until = l->now_ms + ms;

	loop_turn(l, 0);
	while (l->heap_n && l->heap[1]->at_ms <= until) {
		if (l->heap[1]->at_ms > l->now_ms)
			l->now_ms = l->heap[1]->at_ms;
		loop_turn(l, 0);
	}
	l->now_ms = until;
	loop_turn(l, 0);
}

/* ---- signals, through a pipe ---- */

/* Written by the handler only; a process has one loop that takes signals. */
static volatile int signal_fd = -1;

static void on_signal(int signo)
{
	int saved = errno;
	uint8_t byte = (uint8_t)signo;

	(void)!write(signal_fd, &byte, 1); /* a full pipe already says that something came */
	errno = saved;
}

static void signal_readable(void *arg, unsigned events)
{
	struct loop *l = arg;
	uint8_t bytes[64];
	ssize_t n = read(l->signal_pipe[0], bytes, sizeof bytes);

	(void)events;
	for (ssize_t i = 0; i < n; i++)
		for (unsigned s = 0; s < l->n_signals; s++)
			if (l->signals[s].signo == bytes[i])
				l->signals[s].fn(l->signals[s].arg, bytes[i]);
}

int loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (l->n_signals == LOOP_SIGNALS_MAX)
		return ERR_FULL;
	if (l->signal_pipe[0] < 0) {
		if (pipe2(l->signal_pipe, O_NONBLOCK | O_CLOEXEC) < 0)
			return ERR_SYS;
		signal_fd = l->signal_pipe[1];
		int rc = loop_watch_add(l, &l->signal_watch, l->signal_pipe[0], LOOP_READ, signal_readable, l);
		if (rc)
			return rc;
	}
	l->signals[l->n_signals++] = (struct loop_signal){ signo, fn, arg };
	sigemptyset(&sa.sa_mask);
	return sigaction(signo, &sa, NULL) < 0 ? ERR_SYS : 0;
}
