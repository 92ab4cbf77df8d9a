/* The poll back end: for gh-super, where fewer lines run as root, and for the fake. */
#include "base/err.h"
#include "run/loop_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct poll_set {
	struct pollfd *fds;
	struct loop_watch **watches; /* NULL where one was removed during a turn */
	size_t n, cap;
	bool is_firing;
};

static int poll_open(struct loop *l)
{
	l->impl = calloc(1, sizeof(struct poll_set));
	return l->impl ? 0 : ERR_NOMEM;
}

static void poll_close(struct loop *l)
{
	struct poll_set *s = l->impl;

	free(s->fds);
	free(s->watches);
	free(s);
}

static short to_poll(unsigned events)
{
	return (short)((events & LOOP_READ ? POLLIN : 0) | (events & LOOP_WRITE ? POLLOUT : 0));
}

static int poll_room(struct poll_set *s)
{
	if (s->n < s->cap)
		return 0;
	size_t cap = s->cap ? s->cap * 2 : 16;
	struct pollfd *fds = realloc(s->fds, cap * sizeof *fds);
	if (!fds)
		return ERR_NOMEM;
	s->fds = fds;
	struct loop_watch **watches = realloc(s->watches, cap * sizeof(*watches));
	if (!watches)
		return ERR_NOMEM;
	s->watches = watches;
	s->cap = cap;
	return 0;
}

static int poll_add(struct loop *l, struct loop_watch *w)
{
	struct poll_set *s = l->impl;
	int rc = poll_room(s);

	if (rc)
		return rc;
	s->fds[s->n] = (struct pollfd){ .fd = w->fd, .events = to_poll(w->events) };
	s->watches[s->n++] = w;
	return 0;
}

static size_t poll_find(const struct poll_set *s, const struct loop_watch *w)
{
	size_t i = 0;

	while (i < s->n && s->watches[i] != w)
		i++;
	return i;
}

static int poll_change(struct loop *l, struct loop_watch *w, unsigned events)
{
	struct poll_set *s = l->impl;

	s->fds[poll_find(s, w)].events = to_poll(events);
	return 0;
}

static void poll_sweep(struct poll_set *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->watches[i])
			continue;
		s->fds[kept] = s->fds[i];
		s->watches[kept++] = s->watches[i];
	}
	s->n = kept;
}

static void poll_del(struct loop *l, struct loop_watch *w)
{
	struct poll_set *s = l->impl;
	size_t i = poll_find(s, w);

	if (i == s->n)
		return;
	s->watches[i] = NULL;
	s->fds[i].fd = -1;
	if (!s->is_firing)
		poll_sweep(s);
}

static void poll_poll(struct loop *l, uint64_t wait_ms)
{
	struct poll_set *s = l->impl;
	size_t n = s->n;
	int ready = poll(s->fds, n, (int)wait_ms);

	s->is_firing = true;
	for (size_t i = 0; ready > 0 && i < n; i++) {
		short got = s->fds[i].revents;
		if (!got || !s->watches[i])
			continue;
		ready--;
		unsigned events = (got & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? LOOP_READ : 0) |
				  (got & (POLLOUT | POLLHUP | POLLERR) ? LOOP_WRITE : 0);
		loop_watch_fire(s->watches[i], events);
	}
	s->is_firing = false;
	poll_sweep(s);
}

const struct loop_ops loop_poll_ops = {
	.open = poll_open,
	.close = poll_close,
	.add = poll_add,
	.set = poll_change,
	.del = poll_del,
	.poll = poll_poll,
};
