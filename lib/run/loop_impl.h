/* run/loop_impl.h - what loop.c and the back ends share; nobody else includes it.
 * A back end knows descriptors and how to wait; timers, deferred calls, signals and the order of a
 * turn are loop.c's. */
#ifndef RUN_LOOP_IMPL_H
#define RUN_LOOP_IMPL_H

#include "run/loop.h"

#include <signal.h>

struct loop_ops {
	int (*init)(struct loop *l);
	void (*fini)(struct loop *l);
	int (*watch_add)(struct loop *l, struct loop_watch *w); /* w->fd and w->events are set */
	int (*watch_set)(struct loop *l, struct loop_watch *w, unsigned events);
	void (*watch_del)(struct loop *l, struct loop_watch *w);
	/* Waits at most wait_ms (UINT64_MAX: for ever) and calls the watches that are ready, after
	 * loop_clock_read. */
	void (*wait)(struct loop *l, uint64_t wait_ms);
	/* The clock; NULL: it stands still (the fake). */
	uint64_t (*now)(void);
};

extern const struct loop_ops loop_libevent_ops, loop_poll_ops, loop_fake_ops;

struct loop_signal {
	void (*fn)(void *arg, int signo);
	void *arg;
};

struct loop {
	const struct loop_ops *ops;
	void *impl; /* the back end's */
	uint64_t now_ms;
	uint64_t wall_offset_ms; /* the fake's wall clock minus its now */
	bool is_stopping;
	uint32_t rest_us; /* before the next wait */
	struct loop_timer **heap; /* by at_ms, then order */
	uint32_t heap_n, heap_cap;
	uint32_t next_order;
	struct list deferred, last;
	sigset_t signals;
	struct loop_watch signal_watch; /* a signalfd */
	struct loop_signal signal[NSIG];
};

/* Takes the time for this turn; back ends call it once after waiting, before the first callback. */
void loop_clock_read(struct loop *l);
void loop_timers_fire(struct loop *l);
void loop_deferred_run(struct loop *l);
/* True when a timer is set; *at_ms its time. */
bool loop_next_timer(const struct loop *l, uint64_t *at_ms);

/* Where libevent's small records lie; before anything else of libevent is called. */
void loop_memory_init(void);

/* Plain poll over the loop's watches; the fake uses it too. */
int loop_poll_init(struct loop *l);
void loop_poll_fini(struct loop *l);
int loop_poll_add(struct loop *l, struct loop_watch *w);
int loop_poll_set(struct loop *l, struct loop_watch *w, unsigned events);
void loop_poll_del(struct loop *l, struct loop_watch *w);
/* One poll and its callbacks; returns how many were called. */
unsigned loop_poll_once(struct loop *l, int timeout_ms);

#endif
