/* show.h - what operators ask: peers and their state, next hops in trouble, counters of the endpoint, routes. */
#ifndef GSIP_SHOW_H
#define GSIP_SHOW_H

#include "gsip.h"
#include "run/proc.h"

void show_sip(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
void show_sip_routes(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);
/* "sip retry": forgets failures of next hops and of name servers. */
void show_sip_retry(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args);

#endif
