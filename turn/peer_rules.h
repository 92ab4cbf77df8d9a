/* turn/peer_rules.h - may the relay talk to this peer? Asked on every way in (permission, channel, Send,
 * Connect), once, about the canonical form: IPv4-mapped, IPv4-compatible, 6to4, NAT64 (RFC 6052) and
 * Teredo addresses are judged by the IPv4 address that they carry as well. Pure.
 *
 * Denied with no setting: unspecified and "this network", loopback, link-local (metadata services),
 * multicast, broadcast, private and shared (RFC 1918, 6598), unique local, site-local, benchmarking,
 * documentation and reserved ranges (RFC 6890), the box's own addresses. `turn allow-peer` opens a
 * range of the private ones; loopback, unspecified, multicast and broadcast stay closed whatever is set. */
#ifndef TURN_PEER_RULES_H
#define TURN_PEER_RULES_H

#include "proto/stunmsg.h"

enum { PEER_RULES_MAX = 256 };

struct peer_prefix {
	uint8_t ip[16]; /* IPv4 in the first four */
	uint8_t family, bits;
};
struct peer_rules {
	struct peer_prefix allow[PEER_RULES_MAX], deny[PEER_RULES_MAX], own[PEER_RULES_MAX];
	size_t n_allow, n_deny, n_own;
};
/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.7". ERR_SYNTAX; bits below the prefix must be 0 (ERR_RANGE). */
int peer_prefix_parse(struct bytes text, struct peer_prefix *out);
int peer_rules_allow(struct peer_rules *r, const struct peer_prefix *p); /* ERR_LIMIT */
int peer_rules_deny(struct peer_rules *r, const struct peer_prefix *p);
/* An address of the box; relayed addresses of other allocations are reached inside the relay and are
 * asked for elsewhere before this. */
int peer_rules_own(struct peer_rules *r, const struct stunaddr *a);
/* *peer becomes its canonical form (an IPv4-mapped address becomes IPv4). True: may be talked to. Else
 * *rule names what forbids it, for the log: "loopback", "private", "turn deny-peer 192.0.2.0/24". The
 * text lives as long as r. */
bool peer_rules_permit(const struct peer_rules *r, struct stunaddr *peer, const char **rule);

#endif
