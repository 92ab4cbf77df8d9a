/* guard.h - the environment of whoever started ghsh counts for nothing. */
#ifndef SHELL_GUARD_H
#define SHELL_GUARD_H

/* Keeps TERM when it is a plain word, and nothing else but what sanitizers of a test build read. Before any library looks. */
void guard_environment(void);

#endif
