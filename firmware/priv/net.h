/* net.h - the words of gh-priv: an address, what interfaces shall be (wanted), what the kernel has (have). */
#ifndef PRIV_NET_H
#define PRIV_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NET_INTERFACES_MAX = 4, /* a to d (G-NET-01) */
	NET_ADDRESSES_MAX = 12, /* of one interface, both families */
	NET_ROUTES_MAX = 16,    /* static ones of one interface */
	NET_MEMBERS_MAX = 4,    /* of a bond */
	NET_DEVICE_MAX = 17,    /* letters: a MAC address; names have 15 at most */
	NET_GROUP = 100,        /* device group of interface a; the packet filter knows interfaces by it */
	NET_TABLE = 1000,       /* routing table and priority of rules of interface a */
	NET_METRIC = 100,       /* of a's default route in the main table */
	NET_PROTOCOL = 201,     /* our routes are known by it (rtnetlink(7), rtm_protocol) */
};

struct net_address {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix; /* bits */
	uint8_t bytes[16];
};

/* "192.0.2.1/24"; has_prefix false: "192.0.2.1", prefix is then all bits. ERR_SYNTAX. */
struct bytes;
int net_address_read(struct bytes text, uint8_t family, bool has_prefix, struct net_address *out);
enum { NET_ADDRESS_TEXT = INET6_ADDRSTRLEN + 4 };
/* With the prefix unless it is all bits. */
const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT]);
bool net_address_eq(const struct net_address *a, const struct net_address *b); /* prefix too */
/* Are both in the subnet that the shorter prefix names? */
bool net_is_same_subnet(const struct net_address *a, const struct net_address *b);
/* The subnet itself: the bits behind the prefix are 0. */
struct net_address net_subnet(const struct net_address *a);
bool net_is_link_local(const struct net_address *a); /* fe80::/10 */

#endif
