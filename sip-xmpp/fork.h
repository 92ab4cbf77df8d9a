/* fork.h - more than one has answered our INVITE: a server on the way has forked it. The first has the session, each
 * other one gets ACK and BYE (RFC 3261 13.2.2.4). */
#ifndef XLATE_FORK_H
#define XLATE_FORK_H

#include "xlate.h"

/* m: a 2xx to an INVITE of ours whose transaction is over; one that only came again changes nothing. */
void fork_answered(struct xlate *x, const struct sipmsg *m, uint64_t flow);

#endif
