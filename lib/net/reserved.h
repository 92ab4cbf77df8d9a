/* net/reserved.h - ranges of addresses that are no public hosts (RFC 6890 and the registries it began), and the IPv4
 * addresses that IPv6 addresses carry: IPv4-translated, 6to4, NAT64 (RFC 6052), Teredo, ISATAP. 16 bytes each, IPv4 as
 * IPv4-mapped. Pure. */
#ifndef NET_RESERVED_H
#define NET_RESERVED_H

#include <stdbool.h>
#include <stdint.h>

/* Name of the range that has the address, for the log ("loopback", "private network"); NULL: none. is_for_ever: of those that
 * never are another host's (unspecified, loopback, link-local, multicast, broadcast), otherwise of the others (private,
 * shared, documentation, benchmarking, reserved). */
const char *reserved_range(const uint8_t address[static 16], bool is_for_ever);
/* The next IPv4 address that it carries; *at begins at 0. False at the end. */
bool reserved_carried(const uint8_t address[static 16], unsigned *at, uint8_t out[static 16]);

#endif
