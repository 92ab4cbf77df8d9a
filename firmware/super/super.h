/* super.h - gh-super: starts the programs of the service table, joins them by channels, opens the
 * ports they listen on, restarts what falls, slower each time. It runs as root on the appliance, parses
 * nothing from a network, and never dies because of what a program said. */
#ifndef SUPER_H
#define SUPER_H

#include "run/bus.h"
#include "run/service.h"

#include <sys/types.h>

enum {
	INSTANCES_MAX = 16,
	SUPER_LISTENERS_MAX = 64,
	READY_MS = 60 * 1000,      /* one that is not ready by then hangs */
	RUN_WELL_MS = 60 * 1000,   /* one that was ready for so long starts again with the first delay */
	STOP_GRACE_MS = 3000,
	STOP_KILL_MS = 1000,       /* on top of it */
	STAGES = 3,
	STAGES_MS = 30 * 1000,     /* by then all programs start, whatever has become of the first */
};

enum child_state { CHILD_NONE, CHILD_STARTING, CHILD_RUNNING, CHILD_WAITING, CHILD_STOPPING };

struct super;
struct child {
	struct super *super;
	enum prog prog;
	unsigned instance;
	enum child_state state;
	int log[2]; /* its pipe to gh-log, kept over restarts of both; -1: none */
	bool ended_well; /* the last end was by itself and in order: new settings want a new process */
	pid_t pid; /* 0: no process */
	uint32_t restarts, delay_ms;
	uint64_t ready_ms; /* 0: not yet */
	/* When CHILD_WAITING ends with another start, CHILD_STARTING and CHILD_STOPPING with a kill. */
	struct loop_timer timer;
};

struct listener {
	const struct service_listener *row; /* NULL: free place */
	char addr[128];                     /* or the socket's path */
	uint16_t port;
	int fds[INSTANCES_MAX]; /* one an instance where the row says so, else the first; -1: none */
	bool is_wanted;
};

struct super {
	struct loop *loop;
	struct bus *bus;
	const char *bin, *state, *run;
	char *empty;
	unsigned uid_base; /* 0: programs keep our user */
	gid_t operators_gid; /* group that reaches ghsh.sock; 0: nobody but root and us */
	pid_t pid;         /* ours */
	struct child children[PROG_COUNT][INSTANCES_MAX];
	uint8_t wanted[PROG_COUNT]; /* instances */
	struct listener listeners[SUPER_LISTENERS_MAX];
	int log[2]; /* our own lines */
	unsigned stop_phase;
	unsigned n_held; /* stages of the start whose programs wait; 0: none */
	struct loop_timer stage_timer;
	bool is_beginning; /* from stage_begin to the end of the last stage */
	int manager; /* the service manager, until it is told that all are ready, or that time is over; -1: nobody */
	bool is_stopping;
	bool is_appliance; /* the machine is ours: its network (gh-priv), its end */
	bool is_asked;     /* an operator asked for the end, not a signal */
	uint8_t end;       /* enum box_end: what follows when all have stopped */
	bool has_failed;   /* a reset could not be finished */
};

/* super.c. bin, state, run and uid_base are set. Folders, console, signals; nothing is started before
 * children_adjust. ERR_* after saying why. super_close: after failure, too. */
int super_open(struct super *s, struct loop *loop);
void super_close(struct super *s);
/* Stops all programs in order; then end_reached is called. */
void super_stop(struct super *s);
/* Instances of a program before gh-conf says anything. */
uint8_t super_first_instances(const struct super *s, enum prog p);

/* folders.c: makes what the programs need below the state and run folders. ERR_SYS; *what names it. */
int super_make_folders(struct super *s, const char **what);

/* child.c */
void child_init(struct child *c, struct super *s, enum prog prog, unsigned instance);
int child_start(struct child *c);
/* It says that it is fenced and running. */
void child_ready(struct child *c);
/* The process has ended: tells gh-conf, and plans the next start unless it was stopped on purpose. */
void child_exited(struct child *c, int status);
/* Asks it to stop within grace_ms; a little later it is killed. */
void child_stop(struct child *c, uint32_t grace_ms);
struct child *child_of_pid(struct super *s, pid_t pid);
/* Channel to it, or NULL. */
struct chan *child_chan(const struct child *c);
/* Its state, to gh-conf or gh-log. */
void child_tell_of(const struct child *c, enum prog to);
/* Starts and stops instances until as many run as are wanted. */
void children_adjust(struct super *s);

/* stage.c: the programs' order at the start of the box. stage_begin: before the first children_adjust; ERR_NOMEM. stage_go_on: some program
 * has become ready, or has ended; starts those that waited for it. stage_end: nobody is held any more. */
int stage_begin(struct super *s);
void stage_go_on(struct super *s);
void stage_end(struct super *s);
bool stage_holds(const struct super *s, enum prog p);

/* lines.c: the pipes from everybody to gh-log. A program without one writes to standard error only. */
void lines_open(int pipe[2]);
void lines_close(int pipe[2]);
/* Hands gh-log, if it runs, the reading end of one, or of all. */
void lines_hand_over(struct super *s, enum prog prog, unsigned instance, const int pipe[2]);
void lines_hand_over_all(struct super *s);
/* end.c: all programs stop, and then (run/box.h). A reset is marked on disk first, and finished at the next start if
 * something cuts it. */
int end_on_ask(void *super, struct chan *from, const struct frame *f);
/* All have stopped. */
void end_reached(struct super *s);
/* Wipes the programs' folders if a reset is marked. ERR_SYS: not complete; nothing must start. */
int end_finish_reset(struct super *s);

/* join.c: socket pairs between a program and all its living peers. */
void join_all(struct child *c);

/* listen.c */
int listen_open_console(struct super *s);
/* Hands a program the sockets of its listeners. */
void listen_hand_over(struct super *s, struct child *c);
int listen_on_set(void *super, struct chan *from, const struct frame *f);
/* Fewer instances run: their own sockets close, or the kernel would go on giving them connections. */
void listen_trim(struct super *s);
void listen_close_all(struct super *s);

/* capture.c: a packet socket for gh-capture. */
int capture_on_open(void *super, struct chan *from, const struct frame *f);

/* dhcp.c: a packet socket for gh-dhcp. */
int dhcp_on_open(void *super, struct chan *from, const struct frame *f);

#endif
