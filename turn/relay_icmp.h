/* turn/relay_icmp.h - ICMP errors that the kernel keeps for a socket (RFC 8656 11.5, 18.13). */
#ifndef TURN_RELAY_ICMP_H
#define TURN_RELAY_ICMP_H

#include "proto/stunmsg.h"

struct relay_icmp {
	struct stunaddr peer; /* where the datagram was to go; family 0: not an ICMP error */
	uint8_t type, code;
	uint32_t data;        /* the next hop's MTU where the error tells it (RFC 8656 18.13) */
};
/* Takes the next error away. False: there is none. */
bool relay_icmp_next(int fd, struct relay_icmp *out);

#endif
