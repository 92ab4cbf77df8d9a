#include "link_clock.h"

enum { YEARS_MS_SHIFT = 42 }; /* 139 years: what is said to be farther away is as far */

int64_t link_clock_off_ms(uint64_t theirs_ms, uint64_t ours_ms)
{
	const uint64_t most = UINT64_C(1) << YEARS_MS_SHIFT;
	bool is_ahead = theirs_ms > ours_ms;
	uint64_t off = is_ahead ? theirs_ms - ours_ms : ours_ms - theirs_ms;

	if (!theirs_ms)
		return 0;
	off = off < most ? off : most;
	return is_ahead ? (int64_t)off : -(int64_t)off;
}

bool link_clock_is_far(int64_t off_ms, bool was_far)
{
	int64_t most = was_far ? LINK_CLOCK_NEAR_MS : LINK_CLOCK_FAR_MS;

	return off_ms > most || off_ms < -most;
}
