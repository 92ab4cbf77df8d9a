/* commands.h - what an operator may ask of gh-im. The program is a struct im. */
#ifndef IM_COMMANDS_H
#define IM_COMMANDS_H

#include "im.h"

extern const struct proc_command im_commands[];
extern const size_t im_n_commands;

#endif
