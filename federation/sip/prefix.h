/* prefix.h - addresses and prefixes that a peer may come from ("192.0.2.7", "198.51.100.0/24",
 * "2001:db8::/32"). Pure. */
#ifndef GSIP_PREFIX_H
#define GSIP_PREFIX_H

#include "sip/place.h"

struct prefix {
	uint8_t bytes[16]; /* IPv4 as IPv4-mapped (RFC 4291 2.5.5.2) */
	uint8_t bits;
};
/* ERR_SYNTAX: not numeric, bits out of range, or bits set behind the prefix. */
int prefix_parse(struct bytes text, struct prefix *out);
bool prefix_has(const struct prefix *p, const union sip_sockaddr *a);

#endif
