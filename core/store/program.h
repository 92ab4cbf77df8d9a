/* program.h - gh-store as a process. */
#ifndef STORE_PROGRAM_H
#define STORE_PROGRAM_H

#include "backup.h"
#include "hold.h"
#include "run/proc.h"
#include "server.h"

struct program {
	struct proc *proc;
	struct store store;
	struct store_backup backup;
	struct server server;
	struct hold hold;
	const struct settings *settings; /* in force */
	struct loop_timer end; /* the program begins anew with other settings */
	bool is_ready; /* asks are carried out; before, they wait */
};

extern const struct proc_command store_commands[];
extern const size_t store_n_commands;

#endif
