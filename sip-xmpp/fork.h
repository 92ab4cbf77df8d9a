/* fork.h - somebody has answered our INVITE who has no session with us: a server on the way has forked it, and the
 * session is another's; or we have given up. He gets ACK and BYE (RFC 3261 13.2.2.4). */
#ifndef XLATE_FORK_H
#define XLATE_FORK_H

#include "xlate.h"

/* m: a 2xx to an INVITE of ours that has an outcome already, or was given up (flow and flags: of struct
 * request_to); one that only came again changes nothing. */
void fork_answered(struct xlate *x, const struct sipmsg *m, uint64_t flow, uint8_t flags);

#endif
