/* edit.h - the interactive side: libedit with completion and help from gh-conf's own tables. */
#ifndef SHELL_EDIT_H
#define SHELL_EDIT_H

#include "ask.h"

/* Reads and runs lines until "exit" or end of input. Returns the exit code of the last command. */
int edit_run(struct ask *a);

#endif
