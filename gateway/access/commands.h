/* gateway/access/commands.h - what an operator may ask of this program. */
#ifndef ACCESS_COMMANDS_H
#define ACCESS_COMMANDS_H

#include "run/proc.h"

extern const struct proc_command access_commands[];
extern const size_t n_access_commands;

#endif
