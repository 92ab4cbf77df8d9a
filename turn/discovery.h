/* turn/discovery.h - the four doors of NAT behaviour discovery (RFC 5780 6): two addresses of one family,
 * the same two ports at each. Found among all doors for datagrams. Pure. */
#ifndef TURN_DISCOVERY_H
#define TURN_DISCOVERY_H

#include "proto/stunmsg.h"

struct discovery_door {
	struct stunaddr at;   /* bound */
	struct stunaddr seen; /* what is seen of it behind static NAT; else as at */
};
struct discovery {
	struct discovery_door door[2][2]; /* first index address, second port: [0][0] is the first in the list */
	bool is_on;
};

/* ERR_NOT_FOUND: *why says what is missing, *where at which address (family 0: nowhere in particular). */
int discovery_find(const struct discovery_door *doors, size_t n, struct discovery *out, struct stunaddr *where, const char **why);

#endif
