/* turn/own_relays.h - peers that are relayed addresses of this box: two clients of one relay that speak with each
 * other through it. The box's own addresses are closed to clients (peer_rules.h), but for the ports that
 * allocations have: of this worker those are known; of the others the range of ports tells, in which
 * nothing else of the box listens (gh-conf refuses such a listener). Pure. */
#ifndef TURN_OWN_RELAYS_H
#define TURN_OWN_RELAYS_H

#include "proto/stunmsg.h"

struct own_relays {
	struct stunaddr at[2];   /* IPv4, IPv6; family 0: none. Ports are not looked at */
	struct stunaddr seen[2]; /* behind static NAT, what clients are told; family 0: as at */
	uint16_t port_min, port_max;
};

/* Is the peer's address one of them? Then *peer becomes the form that clients are told, in which permissions are kept. */
bool own_relays_have(const struct own_relays *o, struct stunaddr *peer);
bool own_relays_have_port(const struct own_relays *o, uint16_t port);
/* The form under which the kernel finds it without the NAT's help. */
struct stunaddr own_relays_local(const struct own_relays *o, const struct stunaddr *peer);

#endif
