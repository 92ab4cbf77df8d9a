#include "net/reserved.h"

#include "net/prefix.h"

/* RFC 6890 and the registries it began, as of 2026. Bytes are in IPv6 form, IPv4 mapped. */
struct range {
	struct prefix prefix;
	bool is_for_ever; /* no setting opens it */
	const char *name;
};
#define V4(a, b, c, d, n) .prefix = { .bits = 96 + (n), .bytes = { [10] = 0xff, [11] = 0xff, a, b, c, d } }
#define V6(n, ...) .prefix = { .bits = (n), .bytes = { __VA_ARGS__ } }

static const struct range ranges[] = {
	{ V4(0, 0, 0, 0, 8), .is_for_ever = true, .name = "unspecified address" },
	{ V4(127, 0, 0, 0, 8), .is_for_ever = true, .name = "loopback" },
	{ V4(169, 254, 0, 0, 16), .is_for_ever = true, .name = "link-local" },
	{ V4(224, 0, 0, 0, 4), .is_for_ever = true, .name = "multicast" },
	{ V4(255, 255, 255, 255, 32), .is_for_ever = true, .name = "broadcast" },
	{ V4(10, 0, 0, 0, 8), .is_for_ever = false, .name = "private network" },
	{ V4(172, 16, 0, 0, 12), .is_for_ever = false, .name = "private network" },
	{ V4(192, 168, 0, 0, 16), .is_for_ever = false, .name = "private network" },
	{ V4(100, 64, 0, 0, 10), .is_for_ever = false, .name = "shared address space" },
	{ V4(192, 0, 0, 0, 24), .is_for_ever = false, .name = "reserved range" },
	{ V4(192, 0, 2, 0, 24), .is_for_ever = false, .name = "documentation range" },
	{ V4(198, 51, 100, 0, 24), .is_for_ever = false, .name = "documentation range" },
	{ V4(203, 0, 113, 0, 24), .is_for_ever = false, .name = "documentation range" },
	{ V4(192, 88, 99, 0, 24), .is_for_ever = false, .name = "reserved range" },
	{ V4(198, 18, 0, 0, 15), .is_for_ever = false, .name = "benchmarking range" },
	{ V4(240, 0, 0, 0, 4), .is_for_ever = false, .name = "reserved range" },
	{ V6(96, 0), .is_for_ever = true, .name = "unspecified, loopback or IPv4-compatible address" },
	{ V6(10, 0xfe, 0x80), .is_for_ever = true, .name = "link-local" },
	{ V6(8, 0xff), .is_for_ever = true, .name = "multicast" },
	{ V6(7, 0xfc), .is_for_ever = false, .name = "private network" },
	{ V6(10, 0xfe, 0xc0), .is_for_ever = false, .name = "private network" },
	{ V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), .is_for_ever = false, .name = "private NAT64" },
	{ V6(64, 1), .is_for_ever = false, .name = "discard range" },
	{ V6(32, 0x20, 1, 0x0d, 0xb8), .is_for_ever = false, .name = "documentation range" },
	{ V6(20, 0x3f, 0xff), .is_for_ever = false, .name = "documentation range" },
	{ V6(48, 0x20, 1, 0, 2), .is_for_ever = false, .name = "benchmarking range" },
	{ V6(28, 0x20, 1, 0, 0x10), .is_for_ever = false, .name = "reserved range" },
	{ V6(28, 0x20, 1, 0, 0x20), .is_for_ever = false, .name = "reserved range" },
	{ V6(16, 0x5f), .is_for_ever = false, .name = "reserved range" },
};

/* Addresses that carry an IPv4 address: where in them, and whether it is inverted. */
static const struct disguise {
	struct prefix prefix;
	uint8_t at, invert;
} disguises[] = {
	{ V6(96, [8] = 0xff, [9] = 0xff), .at = 12 },               /* IPv4-translated, RFC 2765 2.1 */
	{ V6(16, 0x20, 0x02), .at = 2 },                            /* 6to4, RFC 3056 */
	{ V6(96, 0, 0x64, 0xff, 0x9b), .at = 12 },                  /* NAT64, RFC 6052 2.1 */
	{ V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), .at = 12 },            /* local NAT64 by /96, RFC 8215 */
	{ V6(32, 0x20, 0x01), .at = 12, .invert = 0xff },           /* Teredo's client, RFC 4380 4 */
	{ V6(32, 0x20, 0x01), .at = 4 },                            /* and its server */
};
static const uint8_t isatap[4] = { 0x00, 0x00, 0x5e, 0xfe }; /* RFC 5214 6.1; the first byte may be 2 */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
enum { N_DISGUISES = sizeof disguises / sizeof disguises[0] };

const char *reserved_range(const uint8_t address[static 16], bool is_for_ever)
{
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (ranges[i].is_for_ever == is_for_ever && prefix_has(&ranges[i].prefix, address))
			return ranges[i].name;
	return NULL;
}


static void carried(const uint8_t address[static 16], unsigned at, uint8_t invert, uint8_t out[static 16])
{
	memcpy(out, mapped, sizeof mapped);
	for (unsigned i = 0; i < 4; i++)
		out[12 + i] = address[at + i] ^ invert;
}

static bool is_isatap(const uint8_t address[static 16])
{
	return (address[8] & ~2) == isatap[0] && memcmp(address + 9, isatap + 1, 3) == 0;
}

bool reserved_carried(const uint8_t address[static 16], unsigned *at, uint8_t out[static 16])
{
	while (*at <= N_DISGUISES) {
		unsigned i = (*at)++;
		if (i == N_DISGUISES && is_isatap(address)) {
			carried(address, 12, 0, out);
			return true;
		}
		if (i < N_DISGUISES && prefix_has(&disguises[i].prefix, address)) {
			carried(address, disguises[i].at, disguises[i].invert, out);
			return true;
		}
	}
	return false;
}
