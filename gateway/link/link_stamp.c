#include "link_stamp.h"

enum { FLAGS_SHIFT = 56, FLAG_DRAINED = 1 };

uint64_t link_stamp_put(const struct link_stamp *s)
{
	const uint64_t mask = (UINT64_C(1) << FLAGS_SHIFT) - 1;

	return (s->wall_ms & mask) | (uint64_t)(s->is_drained ? FLAG_DRAINED : 0) << FLAGS_SHIFT;
}

struct link_stamp link_stamp_read(uint64_t v)
{
	const uint64_t mask = (UINT64_C(1) << FLAGS_SHIFT) - 1;

	return (struct link_stamp){ .wall_ms = v & mask, .is_drained = v >> FLAGS_SHIFT & FLAG_DRAINED };
}
