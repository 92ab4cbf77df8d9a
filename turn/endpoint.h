/* turn/endpoint.h - STUN's addresses as the kernel writes them, and back. Pure. */
#ifndef TURN_ENDPOINT_H
#define TURN_ENDPOINT_H

#include <netinet/in.h>

#include "proto/stunmsg.h"

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};
/* The length for bind, connect and sendmsg. */
socklen_t endpoint_of(const struct stunaddr *a, union endpoint *out);
/* family 0 for what is neither IPv4 nor IPv6. */
void endpoint_addr(const union endpoint *e, struct stunaddr *out);
/* A numeric address. ERR_SYNTAX. */
int endpoint_parse(const char *host, uint16_t port, struct stunaddr *out);

#endif
