/* libevent (epoll) for the programs with many descriptors. A watch has an event for reading, and one
 * for writing from the first time that it waits to write: so a change of one is one epoll_ctl. */
#include "run/loop_impl.h"

#include "base/err.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

struct base {
	struct event_base *ev;
	struct event wake;   /* ends the wait for the next timer of our heap */
	uint64_t wake_at_ms; /* when it is set for; UINT64_MAX: not set */
	bool is_waiting;     /* no callback yet since the wait began: the clock is old */
};

struct watch_impl {
	struct event read;
	struct event *write; /* NULL until needed */
};

static void clock_once(struct loop *l)
{
	struct base *b = l->impl;

	if (b->is_waiting)
		loop_clock_read(l);
	b->is_waiting = false;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	((struct base *)l->impl)->wake_at_ms = UINT64_MAX;
	clock_once(l);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;

	(void)fd;
	clock_once(w->loop);
	w->fn(w->arg, what & EV_READ ? LOOP_READ : LOOP_WRITE);
}

static struct event_base *base_new(void)
{
	loop_memory_init();
	struct event_config *c = event_config_new();

	if (!c)
		return NULL;
	struct event_base *ev = NULL;
	if (!event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV))
		ev = event_base_new_with_config(c);
	event_config_free(c);
	return ev;
}

static int init_libevent(struct loop *l)
{
	struct base *b = calloc(1, sizeof *b);

	if (!b)
		return ERR_NOMEM;
	b->ev = base_new();
	if (!b->ev) {
		free(b);
		return ERR_SYS;
	}
	b->wake_at_ms = UINT64_MAX;
	l->impl = b;
	return event_assign(&b->wake, b->ev, -1, 0, on_wake, l) ? ERR_SYS : 0;
}

static void fini_libevent(struct loop *l)
{
	struct base *b = l->impl;

	event_del(&b->wake);
	event_base_free(b->ev);
	free(b);
}

static int write_start(struct base *b, struct loop_watch *w)
{
	struct watch_impl *i = w->impl;

	if (!i->write)
		i->write = event_new(b->ev, w->fd, EV_WRITE | EV_PERSIST, on_event, w);
	if (!i->write)
		return ERR_NOMEM;
	return event_add(i->write, NULL) ? ERR_SYS : 0;
}

/* The bits in `on` start, those in `off` stop. */
static int change(struct base *b, struct loop_watch *w, unsigned on, unsigned off)
{
	struct watch_impl *i = w->impl;
	int rc = 0;

	if (off & LOOP_READ)
		event_del(&i->read);
	if ((off & LOOP_WRITE) && i->write)
		event_del(i->write);
	if ((on & LOOP_READ) && event_add(&i->read, NULL))
		rc = ERR_SYS;
	if (!rc && (on & LOOP_WRITE))
		rc = write_start(b, w);
	return rc;
}

static void del_libevent(struct loop *l, struct loop_watch *w)
{
	struct watch_impl *i = w->impl;

	(void)l;
	event_del(&i->read);
	if (i->write)
		event_free(i->write);
	free(i);
}

static int add_libevent(struct loop *l, struct loop_watch *w)
{
	struct base *b = l->impl;
	struct watch_impl *i = calloc(1, sizeof *i);

	if (!i)
		return ERR_NOMEM;
	w->impl = i;
	int rc = event_assign(&i->read, b->ev, w->fd, EV_READ | EV_PERSIST, on_event, w) ? ERR_SYS : 0;
	if (!rc)
		rc = change(b, w, w->events, 0);
	if (rc) {
		del_libevent(l, w);
		w->impl = NULL;
	}
	return rc;
}

static int set_libevent(struct loop *l, struct loop_watch *w, unsigned events)
{
	return change(l->impl, w, events & ~w->events, w->events & ~events);
}

/* The wake-up is moved only when a timer is due before it: one that comes too soon costs an empty
 * turn, which is less than moving it at every change of the heap. */
static void set_wake(struct loop *l, uint64_t wait_ms)
{
	struct base *b = l->impl;
	uint64_t at = l->now_ms + wait_ms;

	if (b->wake_at_ms <= at)
		return;
	if (wait_ms > 3600000)
		at = l->now_ms + (wait_ms = 3600000);
	struct timeval tv = { (time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000) };
	b->wake_at_ms = event_add(&b->wake, &tv) ? UINT64_MAX : at;
}

static void wait_libevent(struct loop *l, uint64_t wait_ms)
{
	struct base *b = l->impl;

	if (wait_ms && wait_ms != UINT64_MAX)
		set_wake(l, wait_ms);
	b->is_waiting = true;
	event_base_loop(b->ev, wait_ms ? EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY : EVLOOP_ONCE | EVLOOP_NONBLOCK);
	clock_once(l);
}

static uint64_t now_monotonic(void)
{
	return loop_poll_ops.now();
}

const struct loop_ops loop_libevent_ops = {
	.init = init_libevent,
	.fini = fini_libevent,
	.watch_add = add_libevent,
	.watch_set = set_libevent,
	.watch_del = del_libevent,
	.wait = wait_libevent,
	.now = now_monotonic,
};
