#include "peer_rules.h"

#include "base/err.h"
#include "net/reserved.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool has(const struct peer_ranges *r, const uint8_t address[static 16])
{
	for (size_t i = 0; i < r->n; i++)
		if (prefix_has(&r->ranges[i], address))
			return true;
	return false;
}

static const char *forbidden_by(const struct peer_rules *r, const uint8_t address[static 16])
{
	const char *name = reserved_range(address, true);

	if (name)
		return name;
	if (has(&r->own, address))
		return "address of this box";
	if (has(&r->deny, address))
		return "turn deny-peer";
	return has(&r->allow, address) ? NULL : reserved_range(address, false);
}

static const char *disguise_forbidden_by(const struct peer_rules *r, const uint8_t address[static 16])
{
	uint8_t inner[16];
	const char *name;

	for (unsigned at = 0; reserved_carried(address, &at, inner);) {
		if ((name = forbidden_by(r, inner)))
			return name;
	}
	return NULL;
}

void peer_canonical(struct stunaddr *peer)
{
	if (peer->family != 6 || memcmp(peer->ip, mapped, sizeof mapped) != 0)
		return;
	memmove(peer->ip, peer->ip + sizeof mapped, 4);
	memset(peer->ip + 4, 0, 12);
	peer->family = 4;
}

static void bytes_of_address(const struct stunaddr *a, uint8_t out[static 16])
{
	if (a->family == 4) {
		memcpy(out, mapped, sizeof mapped);
		memcpy(out + sizeof mapped, a->ip, 4);
	} else {
		memcpy(out, a->ip, 16);
	}
}

int peer_rules_add(struct peer_ranges *r, const struct prefix *p)
{
	if (r->n == PEER_RULES_MAX)
		return ERR_LIMIT;
	r->ranges[r->n++] = *p;
	return 0;
}

int peer_rules_add_address(struct peer_ranges *r, const struct stunaddr *a)
{
	struct prefix p = { .bits = 128 };

	bytes_of_address(a, p.bytes);
	return peer_rules_add(r, &p);
}

bool peer_rules_permit_own(const struct peer_rules *r, const struct stunaddr *peer, const char **rule)
{
	uint8_t address[16];

	bytes_of_address(peer, address);
	*rule = reserved_range(address, true);
	if (!*rule && has(&r->deny, address))
		*rule = "turn deny-peer";
	return !*rule;
}

bool peer_rules_permit(const struct peer_rules *r, struct stunaddr *peer, const char **rule)
{
	uint8_t address[16];

	peer_canonical(peer);
	bytes_of_address(peer, address);
	*rule = forbidden_by(r, address);
	if (!*rule && peer->family == 6)
		*rule = disguise_forbidden_by(r, address);
	return !*rule;
}
