/* run/drain_command.h - `client drain` of a door: parsed and answered the same way by all of them. */
#ifndef RUN_DRAIN_COMMAND_H
#define RUN_DRAIN_COMMAND_H

#include "run/drain.h"
#include "run/proc.h"

/* What it says: "off" or not, and seconds (0: none said). ERR_SYNTAX. */
int drain_command_read(const struct bytes *args, size_t n, bool *is_off, uint64_t *seconds);
/* Nothing: no new logins from now on, who is in stays. "off": as before again. Seconds (up to DRAIN_MAX_S): who is in leaves
 * within them. False: it was none of those, and has its answer. */
bool drain_command(struct proc_ask *ask, const struct bytes *args, size_t n, struct drain *d, bool *is_draining);
/* Its one record, and the end. clients: those that are still in. */
void drain_command_done(struct proc_ask *ask, const char *program, unsigned worker, bool is_draining, const struct drain *d, size_t clients);

#endif
