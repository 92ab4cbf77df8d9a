/* run/proc.h - the skeleton of every program below gh-super: options, control channel, fence, loop,
 * settings, operator commands, stop. A program's main is a table and hooks:
 *
 *	int main(int argc, char **argv) { return proc_main(argc, argv, &s2s_program); }
 *
 * Order: the control channel (descriptor 3) brings channels and listeners, then BEGIN; the program
 * fences itself by its row of the service table; `init`; then the first settings snapshot arrives
 * and `apply` is called; from then on the listeners accept. */
#ifndef RUN_PROC_H
#define RUN_PROC_H

#include "run/bus.h"
#include "run/loop.h"
#include "run/settings.h"

struct proc;
struct proc_ask;

/* One operator command that this program answers. */
struct proc_command {
	const char *verb; /* "show sessions" */
	/* Writes records with proc_record_*, then proc_done, now or later (keep `ask`). */
	void (*fn)(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
};

struct proc_def {
	enum prog prog;
	enum loop_backend backend;
	const struct bus_handler *handlers;
	size_t n_handlers;
	const struct proc_command *commands;
	size_t n_commands;
	/* Before the fence: open what may be opened only now (libraries' files). Optional. Returns
	 * the program's struct in *program; 0 or an error that ends the process. */
	int (*prepare)(struct proc *p, void **program);
	/* After the fence. */
	int (*init)(void *program);
	/* Does the program accept this snapshot? On refusal *path and *why name the setting. Optional. */
	int (*check)(void *program, const struct settings *s, const char **path, const char **why);
	/* From now on use s (lives until the next apply returns). Called once at start, then on change. */
	void (*apply)(void *program, const struct settings *s);
	/* A listener's socket has come (by the name of its row), or goes away (fd -1). */
	void (*listener)(void *program, const char *name, const char *addr, uint16_t port, int fd);
	void (*up)(void *program, struct chan *c);
	void (*down)(void *program, struct chan *c);
	void (*pressure)(void *program, struct chan *c, bool is_full);
	/* Finish within grace_ms, then call proc_exit. NULL: exit at once. */
	void (*stop)(void *program, uint32_t grace_ms);
};

int proc_main(int argc, char **argv, const struct proc_def *def);

struct loop *proc_loop(struct proc *p);
struct bus *proc_bus(struct proc *p);
unsigned proc_instance(const struct proc *p);
/* Is the whole machine ours (gh-super --appliance), or are we a guest of another system? */
bool proc_is_appliance(const struct proc *p);
/* The program's own folder (its row of the service table), opened; the caller's. For `prepare`:
 * what is opened through it later works the same in every kind of fence. A negative error. */
int proc_open_folder(const struct proc *p);
/* For `prepare`: a second process that runs work with one end of a pair of packet sockets (blocking, descriptor fd of its own)
 * and has nothing else: no files, no network, no channel, fenced as a program without rights. For what would stop the
 * loop too long. It ends when work returns, which it does at the end of the pair, or with this process. *fd is the
 * caller's end. ERR_SYS. */
int proc_fork_helper(const struct proc *p, void (*work)(int fd), int *fd);
void proc_exit(struct proc *p, int code);
/* Next envelope or connection id of this process: program << 56 | instance << 48 | sequence. The
 * sequence starts at a random place, so that ids do not repeat after a restart. */
uint64_t proc_next_id(struct proc *p);

/* ---- answering a command: records of key and value; writers elsewhere make tables or JSON ---- */
struct proc_ask; /* freed by proc_done */
void proc_record_begin(struct proc_ask *a);
void proc_record_text(struct proc_ask *a, const char *key, struct bytes value);
void proc_record_str(struct proc_ask *a, const char *key, const char *value);
void proc_record_int(struct proc_ask *a, const char *key, int64_t value);
void proc_record_end(struct proc_ask *a);
/* rc 0 or ERR_*; text for the operator, may be "". */
void proc_done(struct proc_ask *a, int rc, const char *text);

/* Who asks when it is not gh-conf: the program itself, for somebody whom it has let run a command. */
struct proc_asker {
	/* fields: n of key str, value bytes; a view for the call. */
	void (*record)(void *arg, struct bytes fields, uint16_t n);
	/* The last word, always said, perhaps from inside the command's function. */
	void (*done)(void *arg, int rc, const char *text);
	void *arg;
};
/* An ask for a command's function, answered to this asker. NULL: without memory. */
struct proc_ask *proc_ask_new(const struct proc_asker *who);

#endif
