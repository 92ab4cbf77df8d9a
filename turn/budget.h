/* turn/budget.h - answers to those who have proved nothing, counted by prefix (IPv4 /24, IPv6 /48), so
 * that the relay cannot be used to flood a victim whose address is forged (turn.md 5). A fixed table:
 * no memory for a stranger; prefixes that meet in a cell share it, under a random hash. */
#ifndef TURN_BUDGET_H
#define TURN_BUDGET_H

#include "proto/stunmsg.h"

struct budget;
/* per_s answers a second and prefix, twice that at once; 0: no limit. */
struct budget *budget_new(uint32_t per_s);
void budget_free(struct budget *b);
bool budget_take(struct budget *b, const struct stunaddr *from, uint64_t now_ms);
/* What it refused since the last call, for one log line a window. */
enum { BUDGET_PREFIX_BYTES = 52 };
struct budget_saved {
	uint64_t answers;
	char prefix[BUDGET_PREFIX_BYTES]; /* "192.0.2.0/24", sure to be the loudest when more than half were its */
};
void budget_refused(struct budget *b, struct budget_saved *out);

#endif
