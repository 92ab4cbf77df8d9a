/* Plain poll: few lines, for the program that runs as root, and under the fake. */
#include "run/loop_impl.h"

#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

/* fds[i] belongs to watches[i]; a watch's impl is its place + 1. A deleted one leaves a hole (fd
 * -1, which poll skips) until nobody walks the tables. */
struct poll_set {
	struct pollfd *fds;
	struct loop_watch **watches;
	unsigned n, cap;
	bool is_walking, has_holes;
};

static short poll_events(unsigned events)
{
	return (short)((events & LOOP_READ ? POLLIN : 0) | (events & LOOP_WRITE ? POLLOUT : 0));
}

int loop_poll_init(struct loop *l)
{
	l->impl = calloc(1, sizeof(struct poll_set));
	return l->impl ? 0 : ERR_NOMEM;
}

void loop_poll_fini(struct loop *l)
{
	struct poll_set *s = l->impl;

	free(s->fds);
	free(s->watches);
	free(s);
}

static int grow(struct poll_set *s)
{
	unsigned cap = s->cap ? s->cap * 2 : 16;
	struct pollfd *fds = realloc(s->fds, cap * sizeof *fds);

	if (!fds)
		return ERR_NOMEM;
	s->fds = fds;
	struct loop_watch **watches = realloc(s->watches, cap * sizeof *watches);
	if (!watches)
		return ERR_NOMEM;
	s->watches = watches;
	s->cap = cap;
	return 0;
}

static unsigned place_of(const struct loop_watch *w)
{
	return (unsigned)(uintptr_t)w->impl - 1;
}

/* A watch without events is a hole for poll: else a hang-up would wake it again and again. */
static void place_put(struct poll_set *s, unsigned i, struct loop_watch *w, unsigned events)
{
	s->watches[i] = w;
	s->fds[i] = (struct pollfd){ .fd = events ? w->fd : -1, .events = poll_events(events),
				     .revents = s->fds[i].revents };
	w->impl = (void *)(uintptr_t)(i + 1);
}

int loop_poll_add(struct loop *l, struct loop_watch *w)
{
	struct poll_set *s = l->impl;

	if (s->n == s->cap && grow(s))
		return ERR_NOMEM;
	s->fds[s->n].revents = 0;
	place_put(s, s->n++, w, w->events);
	return 0;
}

int loop_poll_set(struct loop *l, struct loop_watch *w, unsigned events)
{
	place_put(l->impl, place_of(w), w, events);
	return 0;
}

static void close_holes(struct poll_set *s)
{
	unsigned to = 0;

	if (s->is_walking || !s->has_holes)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		if (!s->watches[i])
			continue;
		s->fds[to] = s->fds[i];
		s->watches[to] = s->watches[i];
		s->watches[to]->impl = (void *)(uintptr_t)(to + 1);
		to++;
	}
	s->n = to;
	s->has_holes = false;
}

void loop_poll_del(struct loop *l, struct loop_watch *w)
{
	struct poll_set *s = l->impl;
	unsigned i = place_of(w);

	s->watches[i] = NULL;
	s->fds[i] = (struct pollfd){ .fd = -1 };
	s->has_holes = true;
	close_holes(s);
}

/* What is ready of what is still waited for. An error or hang-up wakes whoever waits. */
static unsigned ready_events(const struct pollfd *p, unsigned wanted)
{
	unsigned ready = 0;

	if (p->revents & POLLIN)
		ready |= LOOP_READ;
	if (p->revents & POLLOUT)
		ready |= LOOP_WRITE;
	if (p->revents & (POLLERR | POLLHUP | POLLNVAL))
		ready |= LOOP_READ | LOOP_WRITE;
	return ready & wanted;
}

unsigned loop_poll_once(struct loop *l, int timeout_ms)
{
	struct poll_set *s = l->impl;
	unsigned calls = 0;
	int n = poll(s->fds, s->n, timeout_ms);

	loop_clock_read(l);
	if (n <= 0)
		return 0; /* EINTR too: the next turn polls again */
	s->is_walking = true;
	for (unsigned i = 0, end = s->n; i < end; i++) {
		struct loop_watch *w = s->watches[i];
		unsigned ready = w ? ready_events(&s->fds[i], w->events) : 0;
		s->fds[i].revents = 0;
		if (!ready)
			continue;
		calls++;
		w->fn(w->arg, ready);
	}
	s->is_walking = false;
	close_holes(s);
	return calls;
}

static void wait_poll(struct loop *l, uint64_t wait_ms)
{
	(void)loop_poll_once(l, wait_ms == UINT64_MAX ? -1 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
}

static uint64_t now_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const struct loop_ops loop_poll_ops = {
	.init = loop_poll_init,
	.fini = loop_poll_fini,
	.watch_add = loop_poll_add,
	.watch_set = loop_poll_set,
	.watch_del = loop_poll_del,
	.wait = wait_poll,
	.now = now_monotonic,
};
