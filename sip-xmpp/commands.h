/* commands.h - what operators may ask gh-xlate. */
#ifndef XLATE_COMMANDS_H
#define XLATE_COMMANDS_H

#include "run/proc.h"

extern const struct proc_command xlate_commands[];
extern const size_t xlate_n_commands;

#endif
