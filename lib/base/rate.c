#include "base/rate.h"

void rate_init(struct rate *r, uint32_t per_s, uint32_t burst, uint64_t now_ms)
{
	*r = (struct rate){ .per_s = per_s, .burst = burst ? burst : per_s, .last_ms = now_ms };
	r->tokens_milli = (uint64_t)r->burst * 1000;
}

static void refill(struct rate *r, uint64_t now_ms)
{
	uint64_t full = (uint64_t)r->burst * 1000;
	uint64_t passed = now_ms > r->last_ms ? now_ms - r->last_ms : 0;

	r->last_ms = now_ms;
	if (passed > 3600 * 1000)
		passed = 3600 * 1000;
	uint64_t come = passed * r->per_s, paid = come < r->owed_milli ? come : r->owed_milli;
	r->owed_milli -= paid;
	r->tokens_milli += come - paid;
	if (r->tokens_milli > full)
		r->tokens_milli = full;
}

bool rate_take(struct rate *r, uint32_t n, uint64_t now_ms)
{
	if (r->per_s == 0)
		return true;
	refill(r, now_ms);
	if (r->tokens_milli < (uint64_t)n * 1000)
		return false;
	r->tokens_milli -= (uint64_t)n * 1000;
	return true;
}

void rate_charge(struct rate *r, uint64_t n, uint64_t now_ms)
{
	uint64_t most = (uint64_t)r->per_s * 1000;

	if (r->per_s == 0)
		return;
	refill(r, now_ms);
	uint64_t all = n < UINT64_MAX / 1000 ? n * 1000 : UINT64_MAX;
	uint64_t there = all < r->tokens_milli ? all : r->tokens_milli;
	r->tokens_milli -= there;
	r->owed_milli = all - there < most - r->owed_milli ? r->owed_milli + (all - there) : most;
}

uint64_t rate_wait_ms(struct rate *r, uint32_t n, uint64_t now_ms)
{
	if (r->per_s == 0)
		return 0;
	refill(r, now_ms);
	uint64_t want = (uint64_t)n * 1000;
	if (r->tokens_milli >= want)
		return 0;
	return (want - r->tokens_milli + r->owed_milli + r->per_s - 1) / r->per_s;
}
