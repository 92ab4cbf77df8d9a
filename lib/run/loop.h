/* run/loop.h - everything waits here: descriptors, timers, signals, end-of-turn work.
 * Back ends: libevent (network programs), plain poll (root programs: fewer lines run as root), and
 * a fake with a virtual clock (plays and unit tests). One loop a process; not thread-safe.
 *
 * Time is monotonic milliseconds, taken once per turn (loop_now).
 * Watches, timers and deferred calls are embedded in their owner and hold no memory of ours except
 * a watch's back-end part. Any of them may be removed from inside any callback; a removed one does
 * not fire any more in this turn. */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
enum loop_backend { LOOP_LIBEVENT, LOOP_POLL, LOOP_FAKE };

/* NULL without memory or when the kernel refuses. */
struct loop *loop_new(enum loop_backend backend);
void loop_free(struct loop *l);
/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* One turn, waiting at most max_wait_ms (tests). */
void loop_turn(struct loop *l, uint64_t max_wait_ms);
/* Sleeps up to us microseconds before the next wait, once, so that what arrives in that time is served in one turn: a
 * wake-up costs more than what it serves. Not in the fake, nor while work is deferred or a timer is due. */
void loop_rest(struct loop *l, uint32_t us);
uint64_t loop_now(const struct loop *l);
/* Wall clock, milliseconds since 1970 (stamps, certificates, logs only); in the fake it moves with
 * the virtual clock. */
uint64_t loop_wall_ms(const struct loop *l);

/* ---- descriptors ---- */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*loop_watch_fn)(void *arg, unsigned events);
struct loop_watch {
	int fd;
	unsigned events; /* what is waited for now; 0: nothing */
	loop_watch_fn fn;
	void *arg;
	struct loop *loop; /* set while added */
	void *impl;
};
/* Starts watching fd (level-triggered, kept until changed). w must stay in place. ERR_NOMEM, ERR_SYS. */
int loop_watch_add(struct loop *l, struct loop_watch *w, int fd, unsigned events, loop_watch_fn fn, void *arg);
/* Changes the events; cheap when nothing changes. */
int loop_watch_set(struct loop_watch *w, unsigned events);
/* Stops; does not close fd. Harmless when not added. */
void loop_watch_del(struct loop_watch *w);

/* ---- timers: one shot ---- */
typedef void (*loop_timer_fn)(void *arg);
struct loop_timer {
	uint64_t at_ms;
	loop_timer_fn fn;
	void *arg;
	uint32_t heap_at; /* 1-based place in the heap; 0: not set */
	uint32_t order;   /* of two with the same time, the one set first fires first */
};
void loop_timer_init(struct loop_timer *t, loop_timer_fn fn, void *arg);
/* (Re)sets it to fire after delay_ms. ERR_NOMEM. */
int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t delay_ms);
void loop_timer_del(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->heap_at != 0;
}

/* ---- work at the end of this turn (flush a channel, sweep what is closing) ---- */
struct loop_defer {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};
void loop_defer_init(struct loop_defer *d, void (*fn)(void *arg), void *arg);
/* Runs fn once at the end of the current turn, after descriptors and timers; more calls before
 * that change nothing. What a deferred call defers runs in the same turn, later. */
void loop_defer_call(struct loop *l, struct loop_defer *d);
/* The same, but after all that loop_defer_call asked for: what gathers their output (a channel's
 * flush) runs last and so once. */
void loop_defer_last(struct loop *l, struct loop_defer *d);
void loop_defer_cancel(struct loop_defer *d);

/* ---- signals: fn runs from the loop, never in signal context ---- */
int loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg);

/* ---- the fake: the clock moves only so ---- */
/* Moves the virtual clock by ms, firing timers in order at their times, and ready descriptors. */
void loop_fake_advance(struct loop *l, uint64_t ms);

#endif
