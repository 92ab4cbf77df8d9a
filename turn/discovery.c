#include "discovery.h"

#include "base/err.h"

/* A door on all addresses does not say from which of them it answers. */
static bool is_any(const struct stunaddr *a)
{
	static const struct stunaddr none;

	return memcmp(a->ip, none.ip, sizeof a->ip) == 0;
}

static const struct discovery_door *door_at(const struct discovery_door *doors, size_t n, const struct stunaddr *at, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (doors[i].at.port == port && stunaddr_eq_ip(&doors[i].at, at))
			return &doors[i];
	return NULL;
}

/* How many ports both addresses have; the doors at the first two of them. */
static unsigned common(const struct discovery_door *doors, size_t n, const struct stunaddr *a, const struct stunaddr *b, struct discovery *out)
{
	unsigned found = 0;

	for (size_t i = 0; i < n && found < 2; i++) {
		const struct discovery_door *other = door_at(doors, n, b, doors[i].at.port);
		if (!other || !stunaddr_eq_ip(&doors[i].at, a))
			continue;
		out->door[0][found] = doors[i];
		out->door[1][found++] = *other;
	}
	return found;
}

/* A port that one of the two has and the other has not. */
static bool lacks(const struct discovery_door *doors, size_t n, const struct stunaddr *a, const struct stunaddr *b, struct stunaddr *where)
{
	for (size_t i = 0; i < n; i++) {
		if (!stunaddr_eq_ip(&doors[i].at, a) || door_at(doors, n, b, doors[i].at.port))
			continue;
		*where = *b;
		where->port = doors[i].at.port;
		return true;
	}
	return false;
}

static void say_missing(const struct discovery_door *doors, size_t n, const struct stunaddr *a, const struct stunaddr *b,
                        struct stunaddr *where, const char **why)
{
	*why = "this turn listen-udp row is missing: both addresses need the same two ports";
	if (lacks(doors, n, a, b, where) || lacks(doors, n, b, a, where))
		return;
	*where = *b;
	*why = "a second port is missing: each of the two addresses needs two turn listen-udp rows";
}

/* Static NAT must leave two addresses: a client tells them apart by what it sees. */
static int check_seen(const struct discovery *d, struct stunaddr *where, const char **why)
{
	for (unsigned ip = 0; ip < 2; ip++) {
		*where = d->door[ip][1].at;
		*why = "the ports of one address need one public address: set turn discovery-address for this turn listen-udp row too";
		if (!stunaddr_eq_ip(&d->door[ip][0].seen, &d->door[ip][1].seen))
			return ERR_NOT_FOUND;
	}
	*why = "behind static NAT each of the two addresses needs a public one of its own: set turn discovery-address "
	       "for each of the four turn listen-udp rows";
	return stunaddr_eq_ip(&d->door[0][0].seen, &d->door[1][0].seen) ? ERR_NOT_FOUND : 0;
}

int discovery_find(const struct discovery_door *doors, size_t n, struct discovery *out, struct stunaddr *where, const char **why)
{
	struct discovery d = { .is_on = true };
	bool has_two = false;

	*where = (struct stunaddr){ 0 };
	*why = "two addresses of one family are needed in turn listen-udp, each with the same two ports; 0.0.0.0 and :: are none";
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++) {
			const struct stunaddr *a = &doors[i].at, *b = &doors[k].at;
			if (a->family != b->family || stunaddr_eq_ip(a, b) || is_any(a) || is_any(b))
				continue;
			if (common(doors, n, a, b, &d) == 2) {
				int rc = check_seen(&d, where, why);
				if (rc == 0)
					*out = d;
				return rc;
			}
			if (!has_two)
				say_missing(doors, n, a, b, where, why);
			has_two = true;
		}
	return ERR_NOT_FOUND;
}
