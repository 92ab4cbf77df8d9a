/* port.h - a loopback port that nobody has: the wanted one, or one of those behind it. */
#ifndef DEMO_PORT_H
#define DEMO_PORT_H

#include <stdint.h>

/* Free for TCP and UDP on the IPv4 address at this moment; 0: none of the 200 behind `wanted`. */
uint16_t port_free(const char *addr, uint16_t wanted);

#endif
