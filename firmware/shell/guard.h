/* guard.h - what keeps a person inside ghsh: the environment of whoever started it counts for nothing, and the kernel refuses
 * every call that could begin another program, whatever a library would like to do. */
#ifndef SHELL_GUARD_H
#define SHELL_GUARD_H

#include <stdbool.h>

/* Keeps TERM when it is a plain word, and nothing else but what sanitizers of a test build read. Before any library looks. */
void guard_environment(void);
/* No execve, no fork, no ptrace from here on, for this process and for ever. ERR_SYS: then ghsh must not go on. */
int guard_no_programs(void);

#endif
