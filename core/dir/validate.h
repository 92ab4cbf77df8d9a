/* validate.h - `directory validate {all|userid|uri}`. */
#ifndef DIR_VALIDATE_H
#define DIR_VALIDATE_H

#include "dir.h"

void validate_command(void *dir, struct proc_ask *ask, const struct bytes *args, size_t n);
/* One that is under way ends: what it asks by is about to change. */
void validate_end(struct dir *d);

#endif
