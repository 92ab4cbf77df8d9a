/* ping.h - next hops of static routes that are down are asked with OPTIONS whether they are back (RFC 3261 11). */
#ifndef GSIP_PING_H
#define GSIP_PING_H

#include "gsip.h"

/* Asks those that are due. */
void ping_due(struct gsip *g);
/* An OPTIONS of ours to a host. NULL without memory. */
struct sipmsg *ping_request(struct gsip *g, const char *host);

#endif
