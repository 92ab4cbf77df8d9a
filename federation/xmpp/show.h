/* show.h - what operators ask: show federation, federation retry, federation close. */
#ifndef S2S_SHOW_H
#define S2S_SHOW_H

#include "s2s.h"

void show_federation(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
void show_retry(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
void show_close(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);

#endif
