/* gateway/link/commands.h - what operators ask of gh-link. */
#ifndef LINK_COMMANDS_H
#define LINK_COMMANDS_H

#include "run/proc.h"

extern const struct proc_command link_commands[];
extern const size_t n_link_commands;

#endif
