#include "own_relays.h"

static void take_ip(struct stunaddr *to, const struct stunaddr *from)
{
	memcpy(to->ip, from->ip, sizeof to->ip);
}

bool own_relays_have(const struct own_relays *o, struct stunaddr *peer)
{
	const struct stunaddr *at = &o->at[peer->family == 6], *seen = &o->seen[peer->family == 6];

	if (seen->family && at->family && stunaddr_eq_ip(seen, peer))
		return true;
	if (!stunaddr_eq_ip(at, peer))
		return false;
	if (seen->family)
		take_ip(peer, seen);
	return true;
}

bool own_relays_have_port(const struct own_relays *o, uint16_t port)
{
	return port >= o->port_min && port <= o->port_max;
}

struct stunaddr own_relays_local(const struct own_relays *o, const struct stunaddr *peer)
{
	struct stunaddr local = *peer;

	take_ip(&local, &o->at[peer->family == 6]);
	return local;
}
