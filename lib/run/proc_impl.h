/* run/proc_impl.h - the inside of the program skeleton. Only proc*.c include it. */
#ifndef RUN_PROC_IMPL_H
#define RUN_PROC_IMPL_H

#include "run/fence.h"
#include "run/proc.h"

enum { PROC_LISTENERS_MAX = 64 };
struct proc_listener {
	char name[32], addr[128];
	uint16_t port;
	int fd;
};

struct proc {
	const struct proc_def *def;
	void *program;
	struct loop *loop;
	struct bus *bus;
	bus_fn fns[MSG_COUNT];
	unsigned instance;
	struct fence_place place;
	uint64_t sequence;
	struct settings *settings, *next; /* in use; accepted and waiting for SWITCH */
	struct proc_listener waiting[PROC_LISTENERS_MAX]; /* came before the first settings */
	unsigned n_waiting;
	struct loop_timer debug; /* end of the next log debug */
	struct loop_timer grace;
	bool is_appliance;
	bool has_begun, is_applied, is_stopping;
	int exit_code;
};

/* Hands over the listeners that waited for the first settings. */
void proc_applied(struct proc *p);

int proc_on_snapshot(void *arg, struct chan *from, const struct frame *f);
int proc_on_switch(void *arg, struct chan *from, const struct frame *f);
int proc_on_drop(void *arg, struct chan *from, const struct frame *f);
/* gh-conf has gone: what it prepared will not be switched to. */
void proc_settings_down(struct proc *p);
/* proc_debug.c: log debug. */
void proc_debug_init(struct proc *p);
void proc_debug_tick(struct proc *p);
void proc_debug_begin(struct proc *p, struct proc_ask *a, const struct bytes *args, size_t n);
void proc_debug_end(struct proc *p, struct proc_ask *a);
void proc_debug_show(struct proc *p, struct proc_ask *a);
int proc_on_command(void *arg, struct chan *from, const struct frame *f);

#endif
