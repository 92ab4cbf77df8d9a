/* secret_input.h - a password from the keyboard, without echo, a new one twice; or one line of a script. */
#ifndef SHELL_SECRET_INPUT_H
#define SHELL_SECRET_INPUT_H

#include "base/buf.h"

/* ERR_SYNTAX: the two were not the same; ERR_NOT_FOUND: an empty line; ERR_CLOSED: none given. The caller wipes out. */
int secret_input(const char *prompt, bool is_person, bool is_new, struct buf *out);

#endif
