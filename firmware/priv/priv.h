/* priv.h - gh-priv: brings the host's network to what the settings say, and keeps it there. */
#ifndef PRIV_H
#define PRIV_H

#include "duid.h"
#include "filter.h"
#include "kernel.h"
#include "knobs.h"
#include "lease.h"
#include "legs.h"
#include "run/proc.h"

struct priv {
	struct proc *proc;
	struct loop *loop;
	struct kernel *kernel;
	struct knobs knobs;
	struct filter *filter;
	struct loop_watch events;
	struct loop_timer again; /* something has changed, or was refused: look again */
	struct loop_timer lease_end;
	struct loop_timer look; /* at members of bonds: the kernel does not tell of LACP */
	struct legs legs;
	struct wanted wanted, effective; /* of the settings; with the leases */
	struct lease leases[LEASE_FAMILY_COUNT][NET_INTERFACES_MAX];
	struct duid duid; /* n 0: not known yet */
	struct have have;
	struct plan plan;
	bool is_applied;
	int last_device; /* highest index when it began: later ones have no knob */
	char refused[160]; /* what the kernel said last; "" when all is as it should be */
};

/* Until the kernel is as wanted, or refuses. */
void priv_converge(struct priv *p);
/* Alarms about members of bonds, by what was read last. */
void priv_look_at_legs(struct priv *p);

extern const struct proc_command priv_commands[];
extern const size_t priv_n_commands;

#endif
