#include "run/loop.h"

#include "run/loop_impl.h"

#include "base/err.h"

#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { HEAP_FIRST = 64 };

static const struct loop_ops *const backends[] = {
	[LOOP_LIBEVENT] = &loop_libevent_ops,
	[LOOP_POLL] = &loop_poll_ops,
	[LOOP_FAKE] = &loop_fake_ops,
};

struct loop *loop_new(enum loop_backend backend)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->ops = backends[backend];
	list_init(&l->deferred);
	list_init(&l->last);
	sigemptyset(&l->signals);
	l->signal_watch.fd = -1;
	loop_clock_read(l);
	if (l->ops->init(l)) {
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->heap_n; i++)
		l->heap[i]->heap_at = 0; /* owners that outlive the loop may still call loop_timer_del */
	loop_watch_del(&l->signal_watch);
	if (l->signal_watch.fd >= 0)
		close(l->signal_watch.fd);
	l->ops->fini(l);
	free(l->heap);
	free(l);
}

void loop_clock_read(struct loop *l)
{
	if (l->ops->now)
		l->now_ms = l->ops->now();
}

uint64_t loop_now(const struct loop *l)
{
	return l->now_ms;
}

uint64_t loop_wall_ms(const struct loop *l)
{
	struct timespec ts;

	if (!l->ops->now)
		return l->now_ms + l->wall_offset_ms;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- turns ---- */

static uint64_t wait_for(const struct loop *l, uint64_t max_wait_ms)
{
	uint64_t at;

	if (!list_is_empty(&l->deferred) || !list_is_empty(&l->last))
		return 0;
	if (!loop_next_timer(l, &at))
		return max_wait_ms;
	uint64_t left = at > l->now_ms ? at - l->now_ms : 0;
	return left < max_wait_ms ? left : max_wait_ms;
}

void loop_rest(struct loop *l, uint32_t us)
{
	l->rest_us = us;
}

static void rest(struct loop *l, uint64_t wait_ms)
{
	const struct timespec ts = { l->rest_us / 1000000, (long)(l->rest_us % 1000000) * 1000 };

	if (l->rest_us && l->ops->now && wait_ms)
		(void)nanosleep(&ts, NULL); /* a shorter one gathers less */
	l->rest_us = 0;
}

void loop_turn(struct loop *l, uint64_t max_wait_ms)
{
	uint64_t wait_ms = wait_for(l, max_wait_ms);

	rest(l, wait_ms);
	l->ops->wait(l, wait_ms);
	loop_timers_fire(l);
	loop_deferred_run(l);
}

void loop_run(struct loop *l)
{
	l->is_stopping = false;
	while (!l->is_stopping)
		loop_turn(l, UINT64_MAX);
}

void loop_stop(struct loop *l)
{
	l->is_stopping = true;
}

/* ---- descriptors ---- */

int loop_watch_add(struct loop *l, struct loop_watch *w, int fd, unsigned events, loop_watch_fn fn, void *arg)
{
	*w = (struct loop_watch){ .fd = fd, .events = events, .fn = fn, .arg = arg };
	int rc = l->ops->watch_add(l, w);
	if (!rc)
		w->loop = l;
	return rc;
}

int loop_watch_set(struct loop_watch *w, unsigned events)
{
	if (!w->loop || w->events == events)
		return 0;
	int rc = w->loop->ops->watch_set(w->loop, w, events);
	if (!rc)
		w->events = events;
	return rc;
}

void loop_watch_del(struct loop_watch *w)
{
	if (!w->loop)
		return;
	w->loop->ops->watch_del(w->loop, w);
	w->loop = NULL;
	w->impl = NULL;
	w->events = 0;
}

/* ---- timers: a binary heap; heap[i - 1] is place i ---- */

void loop_timer_init(struct loop_timer *t, loop_timer_fn fn, void *arg)
{
	*t = (struct loop_timer){ .fn = fn, .arg = arg };
}

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return (int32_t)(a->order - b->order) < 0; /* order may wrap */
}

static void place(struct loop *l, uint32_t i, struct loop_timer *t)
{
	l->heap[i - 1] = t;
	t->heap_at = i;
}

static void sift_up(struct loop *l, uint32_t i, struct loop_timer *t)
{
	while (i > 1 && is_before(t, l->heap[i / 2 - 1])) {
		place(l, i, l->heap[i / 2 - 1]);
		i /= 2;
	}
	place(l, i, t);
}

static void sift_down(struct loop *l, uint32_t i, struct loop_timer *t)
{
	for (;;) {
		uint32_t child = i * 2;
		if (child > l->heap_n)
			break;
		if (child < l->heap_n && is_before(l->heap[child], l->heap[child - 1]))
			child++;
		if (!is_before(l->heap[child - 1], t))
			break;
		place(l, i, l->heap[child - 1]);
		i = child;
	}
	place(l, i, t);
}

static int heap_grow(struct loop *l)
{
	uint32_t cap = l->heap_cap ? l->heap_cap * 2 : HEAP_FIRST;
	struct loop_timer **heap = realloc(l->heap, cap * sizeof *heap);

	if (!heap)
		return ERR_NOMEM;
	l->heap = heap;
	l->heap_cap = cap;
	return 0;
}

/* Memory comes back after a flood of timers. */
static void heap_shrink(struct loop *l)
{
	if (l->heap_cap <= HEAP_FIRST || l->heap_n * 4 > l->heap_cap)
		return;
	struct loop_timer **heap = realloc(l->heap, l->heap_cap / 2 * sizeof *heap);
	if (!heap)
		return;
	l->heap = heap;
	l->heap_cap /= 2;
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t delay_ms)
{
	uint64_t at = l->now_ms + delay_ms;

	if (at < l->now_ms)
		at = UINT64_MAX;
	if (t->heap_at)
		loop_timer_del(l, t);
	if (l->heap_n == l->heap_cap && heap_grow(l))
		return ERR_NOMEM;
	t->at_ms = at;
	t->order = l->next_order++;
	sift_up(l, ++l->heap_n, t);
	return 0;
}

void loop_timer_del(struct loop *l, struct loop_timer *t)
{
	uint32_t i = t->heap_at;

	if (!i)
		return;
	t->heap_at = 0;
	struct loop_timer *moved = l->heap[--l->heap_n];
	if (moved != t) {
		if (i > 1 && is_before(moved, l->heap[i / 2 - 1]))
			sift_up(l, i, moved);
		else
			sift_down(l, i, moved);
	}
	heap_shrink(l);
}

bool loop_next_timer(const struct loop *l, uint64_t *at_ms)
{
	if (!l->heap_n)
		return false;
	*at_ms = l->heap[0]->at_ms;
	return true;
}

/* One that is set from here with no delay waits for the next turn, so that descriptors are not
 * starved. */
void loop_timers_fire(struct loop *l)
{
	uint32_t end = l->next_order;

	while (l->heap_n && l->heap[0]->at_ms <= l->now_ms && (int32_t)(l->heap[0]->order - end) < 0) {
		struct loop_timer *t = l->heap[0];
		loop_timer_del(l, t);
		t->fn(t->arg);
	}
}

/* ---- end of the turn ---- */

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

void loop_defer_last(struct loop *l, struct loop_defer *d)
{
	if (!list_is_linked(&d->node))
		list_add_tail(&l->last, &d->node);
}

void loop_defer_cancel(struct loop_defer *d)
{
	list_del(&d->node);
}

void loop_deferred_run(struct loop *l)
{
	for (;;) {
		struct list *from = list_is_empty(&l->deferred) ? &l->last : &l->deferred;
		if (list_is_empty(from))
			return;
		struct loop_defer *d = LIST_OWNER(from->next, struct loop_defer, node);
		list_del(&d->node);
		d->fn(d->arg);
	}
}

/* ---- signals: blocked, and read from a descriptor like everything else ---- */

static void on_signal_fd(void *arg, unsigned events)
{
	struct loop *l = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(l->signal_watch.fd, &info, sizeof info) == (ssize_t)sizeof info) {
		const struct loop_signal *s = &l->signal[info.ssi_signo % NSIG];
		if (s->fn)
			s->fn(s->arg, (int)info.ssi_signo);
	}
}

int loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	bool is_first = l->signal_watch.fd < 0;

	if (signo <= 0 || signo >= NSIG)
		return ERR_RANGE;
	l->signal[signo] = (struct loop_signal){ .fn = fn, .arg = arg };
	sigaddset(&l->signals, signo);
	if (sigprocmask(SIG_BLOCK, &l->signals, NULL))
		return ERR_SYS;
	int fd = signalfd(l->signal_watch.fd, &l->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return ERR_SYS;
	return is_first ? loop_watch_add(l, &l->signal_watch, fd, LOOP_READ, on_signal_fd, l) : 0;
}
