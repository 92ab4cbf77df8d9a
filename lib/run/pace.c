#include "run/pace.h"

static void measure(struct pace *p, uint32_t served, uint64_t now_ms)
{
	uint64_t passed = now_ms - p->since_ms;

	p->count += served;
	if (passed < PACE_WINDOW_MS)
		return;
	p->per_s = (uint32_t)((uint64_t)p->count * 1000 / passed);
	p->count = 0;
	p->since_ms = now_ms;
}

uint32_t pace_rest(struct pace *p, uint32_t served, uint64_t now_ms)
{
	measure(p, served, now_ms);
	if (served >= PACE_MUCH || (uint64_t)p->per_s * p->most_us < PACE_WORTH * UINT64_C(1000000))
		return 0;
	uint32_t us = PACE_GATHER * UINT32_C(1000000) / p->per_s;
	return us < p->most_us ? us : p->most_us;
}
