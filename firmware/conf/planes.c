#include "planes.h"

#include <arpa/inet.h>
#include <stdio.h>

static const char *const names[] = { [PLANE_MGMT] = "management", [PLANE_DMZ] = "dmz", [PLANE_CORE] = "core" };

static struct bytes key_of(unsigned place)
{
	static const char letters[] = "abcd";

	return bytes_make(letters + place, 1);
}

static bool is_set_up(const struct rows *r, unsigned place)
{
	char path[16];

	snprintf(path, sizeof path, "interface %c", (char)('a' + place));
	return rows_has_below(r, bytes_of(path));
}

static bool is_of(const struct rows *r, unsigned place, const char *plane)
{
	return bytes_eq_str(rows_value(r, SET_IF_PLANE, key_of(place)), plane);
}

unsigned planes_allow(const struct rows *r, enum plane service)
{
	bool has_any = false, has_management = false;
	unsigned out = 0;

	for (unsigned i = 0; i < PLANES_INTERFACES; i++) {
		has_any |= !is_of(r, i, "any");
		has_management |= is_of(r, i, "management");
	}
	if (!has_any)
		return PLANES_EVERY;
	for (unsigned i = 0; i < PLANES_INTERFACES; i++) {
		bool is_open = is_of(r, i, "any") && !(service == PLANE_MGMT && has_management);
		if (is_set_up(r, i) && (is_open || is_of(r, i, names[service])))
			out |= 1u << i;
	}
	return out;
}

/* Is it among "192.0.2.1/24 192.0.2.2/24"? */
static bool has_address(struct bytes list, int family, const uint8_t want[16])
{
	while (list.n > 0) {
		size_t n = bytes_find(list, ' '), slash = bytes_find(bytes_make(list.p, n), '/');
		uint8_t bits[16] = { 0 };
		char text[INET6_ADDRSTRLEN];
		if (slash < sizeof text) {
			snprintf(text, sizeof text, "%.*s", (int)slash, (const char *)list.p);
			if (inet_pton(family, text, bits) == 1 && memcmp(bits, want, family == AF_INET ? 4 : 16) == 0)
				return true;
		}
		list = bytes_skip(list, n + 1);
	}
	return false;
}

const char *planes_refuse(const struct rows *r, enum plane service, const char *addr, char why[static 160])
{
	int family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	unsigned allowed = planes_allow(r, service);
	uint8_t want[16] = { 0 };
	static const uint8_t none[16];

	if (allowed == PLANES_EVERY || inet_pton(family, addr, want) != 1)
		return NULL;
	if (memcmp(want, none, sizeof none) == 0 && allowed == 0) {
		snprintf(why, 160, "no interface is of plane %s or any: nobody could reach it", names[service]);
		return why;
	}
	for (unsigned i = 0; i < PLANES_INTERFACES; i++) {
		struct bytes list = rows_value(r, family == AF_INET ? SET_IF_IPV4_ADDRESS : SET_IF_IPV6_ADDRESS, key_of(i));
		if (allowed & 1u << i || !has_address(list, family, want))
			continue;
		struct bytes plane = rows_value(r, SET_IF_PLANE, key_of(i));
		snprintf(why, 160, "interface %c has this address, and is of plane %.*s: services of plane %s are not reached there", (char)('a' + i),
			 BYTES_FMT(plane), names[service]);
		return why;
	}
	return NULL;
}
