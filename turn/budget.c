#include "budget.h"

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

/* IPv4 by /24, IPv6 by /48. Multiply-shift under random numbers: who does not know them cannot aim at
 * another prefix's cell. */
static struct cell *cell_of(struct budget *b, const struct stunaddr *from)
{
	uint64_t prefix = from->family;

	for (unsigned i = 0; i < (from->family == 4 ? 3 : 6); i++)
		prefix = prefix << 8 | from->ip[i];
	return &b->cells[(((prefix ^ b->key[0]) * b->key[1]) ^ (b->key[1] >> 17)) >> 50];
}
_Static_assert(CELLS == 1 << (64 - 50), "the shift leaves a cell's number");

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
		b->refused++;
		return false;
	}
	c->milli -= TOKEN;
	return true;
}

uint64_t budget_refused(struct budget *b)
{
	uint64_t n = b->refused;

	b->refused = 0;
	return n;
}
