/* turn/peer_rules.h - may the relay talk to this peer? Asked on every way in (permission, channel, Send,
 * Connect), once, about the canonical form: IPv4-mapped, IPv4-translated, 6to4, NAT64 (RFC 6052), Teredo
 * and ISATAP addresses are judged by the IPv4 address that they carry as well. Pure.
 *
 * Denied with no setting: unspecified and "this network", loopback, link-local (metadata services),
 * multicast, broadcast, private and shared (RFC 1918, 6598), unique local, site-local, benchmarking,
 * documentation and reserved ranges (RFC 6890), the box's own addresses. `turn allow-peer` opens private
 * and reserved ranges, as far as `turn deny-peer` does not close them again; loopback, link-local,
 * unspecified, multicast, broadcast and the box's own stay closed whatever is set. */
#ifndef TURN_PEER_RULES_H
#define TURN_PEER_RULES_H

#include "net/prefix.h"
#include "proto/stunmsg.h"

enum { PEER_RULES_MAX = 256 };

struct peer_ranges {
	struct prefix ranges[PEER_RULES_MAX];
	size_t n;
};
struct peer_rules {
	struct peer_ranges allow, deny, own;
};
/* ERR_LIMIT. An address of the box (own) that an allocation of this relay is behind is reached inside
 * the relay and not asked for here. */
int peer_rules_add(struct peer_ranges *r, const struct prefix *p);
int peer_rules_add_address(struct peer_ranges *r, const struct stunaddr *a);
/* An IPv4-mapped address becomes IPv4: the form in which permissions are kept. */
void peer_canonical(struct stunaddr *peer);
/* *peer becomes its canonical form (an IPv4-mapped address becomes IPv4). True: may be talked to. Else
 * *rule names what forbids it, for the log: "loopback", "private network", "turn deny-peer". */
bool peer_rules_permit(const struct peer_rules *r, struct stunaddr *peer, const char **rule);

#endif
