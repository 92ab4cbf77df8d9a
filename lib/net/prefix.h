/* net/prefix.h - ranges of addresses as administrators write them: "192.0.2.7", "198.51.100.0/24",
 * "2001:db8::/32". An IPv4 address and its IPv4-mapped form (RFC 4291 2.5.5.2) are the same. */
#ifndef NET_PREFIX_H
#define NET_PREFIX_H

#include <sys/socket.h>

#include "base/bytes.h"

struct prefix {
	uint8_t bytes[16]; /* IPv4 as IPv4-mapped */
	uint8_t bits;
};
/* ERR_SYNTAX: not numeric, bits out of range, or bits set behind the prefix. */
int prefix_parse(struct bytes text, struct prefix *out);
/* 16 bytes, IPv4 as IPv4-mapped. */
bool prefix_has(const struct prefix *p, const uint8_t address[static 16]);
/* False for other families than IPv4 and IPv6. */
bool prefix_has_sockaddr(const struct prefix *p, const struct sockaddr *a);

#endif
