/* tap.h - `capture federation`: the SIP messages with one partner as they pass, masked. */
#ifndef GSIP_TAP_H
#define GSIP_TAP_H

#include "gsip.h"
#include "run/tap.h"

/* Of this program. */
void gsip_tap_init(struct gsip *g, struct taps *t);
/* The command. */
void gsip_tap_command(struct gsip *g, struct proc_ask *ask, const struct bytes *args, size_t n_args);

#endif
