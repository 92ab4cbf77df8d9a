/* gateway/link/link_stamp.h - what a box says of itself in the PINGs of a link, 8 bytes (RFC 9113 6.7):
 *
 *     flags:8 time of day:56 (ms since 1970; 0: not said, as by a box that knows no stamps)
 *
 * Either side may be hostile: any 8 bytes are a stamp. Pure. */
#ifndef LINK_STAMP_H
#define LINK_STAMP_H

#include "base/bytes.h"

struct link_stamp {
	uint64_t wall_ms;
	bool is_drained; /* a core that takes no new clients (client drain) */
};

uint64_t link_stamp_put(const struct link_stamp *s);
struct link_stamp link_stamp_read(uint64_t v);

#endif
