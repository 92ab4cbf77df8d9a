#include "budget.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

/* A cell is a bucket in the manner of base/rate.h, in eight bytes: 16,384 of them are 128 kB. */
enum { CELLS = 16384, TOKEN = 1000, BURST_S = 2 };

struct cell {
	uint32_t milli;   /* thousandths of an answer that are left */
	uint32_t last_ms;
};
struct budget {
	uint32_t per_s;
	uint64_t key[2], refused;
	struct stunaddr loudest; /* by majority vote */
	uint64_t votes;
	struct cell cells[CELLS];
};

struct budget *budget_new(uint32_t per_s)
{
	struct budget *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->per_s = per_s < UINT32_MAX / (BURST_S * TOKEN) ? per_s : UINT32_MAX / (BURST_S * TOKEN);
	b->key[0] = random_u64();
	b->key[1] = random_u64() | 1;
	for (size_t i = 0; i < CELLS; i++)
		b->cells[i].milli = b->per_s * BURST_S * TOKEN;
	return b;
}

void budget_free(struct budget *b)
{
	free(b);
}

/* IPv4 by /24, IPv6 by /48. */
static size_t prefix_bytes(uint8_t family)
{
	return family == 4 ? 3 : 6;
}

/* Multiply-shift under random numbers: who does not know them cannot aim at another prefix's cell. */
static struct cell *cell_of(struct budget *b, const struct stunaddr *from)
{
	uint64_t prefix = from->family;

	for (unsigned i = 0; i < prefix_bytes(from->family); i++)
		prefix = prefix << 8 | from->ip[i];
	return &b->cells[(((prefix ^ b->key[0]) * b->key[1]) ^ (b->key[1] >> 17)) >> 50];
}
_Static_assert(CELLS == 1 << (64 - 50), "the shift leaves a cell's number");

static void refuse(struct budget *b, const struct stunaddr *from)
{
	b->refused++;
	if (b->votes == 0)
		b->loudest = *from;
	bool is_same = from->family == b->loudest.family && memcmp(from->ip, b->loudest.ip, prefix_bytes(from->family)) == 0;
	b->votes += is_same ? 1 : -1ULL;
}

bool budget_take(struct budget *b, const struct stunaddr *from, uint64_t now_ms)
{
	struct cell *c = cell_of(b, from);
	uint32_t full = b->per_s * BURST_S * TOKEN;
	uint64_t more = (uint64_t)((uint32_t)now_ms - c->last_ms) * b->per_s;

	if (b->per_s == 0)
		return true;
	c->last_ms = (uint32_t)now_ms;
	c->milli = more > full - c->milli ? full : c->milli + (uint32_t)more;
	if (c->milli < TOKEN) {
		refuse(b, from);
		return false;
	}
	c->milli -= TOKEN;
	return true;
}

static void put_prefix(const struct stunaddr *a, char out[static BUDGET_PREFIX_BYTES])
{
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t ip[16] = { 0 };

	memcpy(ip, a->ip, prefix_bytes(a->family));
	(void)inet_ntop(a->family == 4 ? AF_INET : AF_INET6, ip, text, sizeof text); /* there is room */
	(void)snprintf(out, BUDGET_PREFIX_BYTES, "%s/%zu", text, prefix_bytes(a->family) * 8);
}

void budget_refused(struct budget *b, struct budget_saved *out)
{
	*out = (struct budget_saved){ .answers = b->refused };
	if (b->refused)
		put_prefix(&b->loudest, out->prefix);
	b->refused = 0;
	b->votes = 0;
}
