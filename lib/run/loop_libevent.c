/* The libevent back end: events on descriptors only; timers and end-of-turn work are the loop's own. */
#include "base/err.h"
#include "run/loop_impl.h"

#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct libevent {
	struct event_base *base;
	struct event timeout; /* bounds a turn's wait */
};

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* its arrival ends the turn */
}

static int libevent_open(struct loop *l)
{
	struct libevent *e = calloc(1, sizeof *e);
	struct event_config *config = event_config_new();

	if (e && config) {
		/* One thread; changes of one turn go to epoll together. */
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
		e->base = event_base_new_with_config(config);
	}
	if (config)
		event_config_free(config);
	if (!e || !e->base) {
		free(e);
		return ERR_NOMEM;
	}
	evtimer_assign(&e->timeout, e->base, timed_out, NULL);
	l->impl = e;
	return 0;
}

static void libevent_close(struct loop *l)
{
	struct libevent *e = l->impl;

	event_del(&e->timeout);
	event_base_free(e->base);
	free(e);
}

static void fired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	loop_watch_fire(arg, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

static int assign(struct loop *l, struct loop_watch *w, unsigned events)
{
	struct event *ev = w->impl;
	short what = (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) |
			     (events & LOOP_WRITE ? EV_WRITE : 0));

	if (!events)
		return 0;
	if (event_assign(ev, ((struct libevent *)l->impl)->base, w->fd, what, fired, w) < 0 || event_add(ev, NULL) < 0)
		return ERR_SYS;
	return 0;
}

static int libevent_add(struct loop *l, struct loop_watch *w)
{
	w->impl = calloc(1, sizeof(struct event));
	if (!w->impl)
		return ERR_NOMEM;
	int rc = assign(l, w, w->events);
	if (rc) {
		free(w->impl);
		w->impl = NULL;
	}
	return rc;
}

static int libevent_set(struct loop *l, struct loop_watch *w, unsigned events)
{
	if (w->events)
		event_del(w->impl);
	return assign(l, w, events);
}

static void libevent_del(struct loop *l, struct loop_watch *w)
{
	(void)l;
	if (w->events)
		event_del(w->impl);
	free(w->impl);
	w->impl = NULL;
}

static void libevent_poll(struct loop *l, uint64_t wait_ms)
{
	struct libevent *e = l->impl;
	struct timeval tv = { .tv_sec = (time_t)(wait_ms / 1000), .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };

	if (wait_ms == 0) {
		event_base_loop(e->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		return;
	}
	evtimer_add(&e->timeout, &tv);
	event_base_loop(e->base, EVLOOP_ONCE);
}

const struct loop_ops loop_libevent_ops = {
	.open = libevent_open,
	.close = libevent_close,
	.add = libevent_add,
	.set = libevent_set,
	.del = libevent_del,
	.poll = libevent_poll,
};
