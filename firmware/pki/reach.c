#include "reach.h"

#include "base/err.h"
#include "net/reserved.h"

#include <netinet/in.h>

int reach_allow(struct reach *r, struct bytes range)
{
	if (r->n == REACH_RANGES_MAX)
		return ERR_LIMIT;
	int rc = prefix_parse(range, &r->allow[r->n]);
	r->n += rc == 0;
	return rc;
}

static const char *forbids(const struct reach *r, const uint8_t address[static 16], bool is_stranger)
{
	for (size_t i = 0; i < r->n; i++) {
		if (prefix_has(&r->allow[i], address))
			return NULL;
	}
	const char *name = reserved_range(address, true);
	return name || !is_stranger ? name : reserved_range(address, false);
}

static bool bytes_of_sockaddr(const struct sockaddr *to, uint8_t out[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (to->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)to)->sin6_addr, 16);
		return true;
	}
	memcpy(out, mapped, sizeof mapped);
	memcpy(out + sizeof mapped, &((const struct sockaddr_in *)(const void *)to)->sin_addr, 4);
	return to->sa_family == AF_INET;
}

const char *reach_forbids(const struct reach *r, const struct sockaddr *to, bool is_stranger)
{
	uint8_t address[16], inner[16];

	if (!bytes_of_sockaddr(to, address))
		return "neither IPv4 nor IPv6";
	const char *name = forbids(r, address, is_stranger);
	for (unsigned at = 0; !name && reserved_carried(address, &at, inner);)
		name = forbids(r, inner, is_stranger);
	return name;
}
