/* gateway/proxy/commands.h - what operators ask of gh-proxy: who is connected; kick, drain. */
#ifndef PROXY_COMMANDS_H
#define PROXY_COMMANDS_H

#include "run/proc.h"

extern const struct proc_command proxy_commands[];
extern const size_t n_proxy_commands;

#endif
