/* run/loop_impl.h - what the back ends share. Only loop*.c include it. */
#ifndef RUN_LOOP_IMPL_H
#define RUN_LOOP_IMPL_H

#include "run/loop.h"

#include <signal.h>

struct loop_ops {
	int (*open)(struct loop *l);
	void (*close)(struct loop *l);
	int (*add)(struct loop *l, struct loop_watch *w);
	int (*set)(struct loop *l, struct loop_watch *w, unsigned events);
	void (*del)(struct loop *l, struct loop_watch *w);
	/* Waits at most wait_ms for descriptors and calls their functions. */
	void (*poll)(struct loop *l, uint64_t wait_ms);
};

struct loop_signal {
	int signo;
	void (*fn)(void *arg, int signo);
	void *arg;
};

enum { LOOP_SIGNALS_MAX = 8 };
struct loop {
	const struct loop_ops *ops;
	void *impl;
	struct loop_timer **heap; /* 1-based binary heap by at_ms */
	uint32_t heap_n, heap_cap;
	struct list deferred;
	uint64_t now_ms;
	int64_t wall_offset_ms; /* fake: wall clock minus virtual clock */
	bool is_fake, is_stopping;
	struct loop_signal signals[LOOP_SIGNALS_MAX];
	unsigned n_signals;
	int signal_pipe[2];
	struct loop_watch signal_watch;
};

extern const struct loop_ops loop_libevent_ops, loop_poll_ops;

/* Calls the watch's function if it still wants any of the events. */
void loop_watch_fire(struct loop_watch *w, unsigned events);

#endif
