/* limits.h - where a capture ends. Words before the filter set them: seconds=60 packets=1000 megabytes=64 files=4 snap=128 */
#ifndef CAPTURE_LIMITS_H
#define CAPTURE_LIMITS_H

#include "base/bytes.h"

enum {
	LIMITS_SECONDS = 60, LIMITS_SECONDS_MAX = 86400,
	LIMITS_MEGABYTES = 64, LIMITS_MEGABYTES_MAX = 4096,
	LIMITS_FILES_MAX = 16,
	LIMITS_SNAP_MIN = 64, LIMITS_SNAP_MAX = 262144,
	LIMITS_WHY_MAX = 120,
};

struct limits {
	uint64_t seconds, packets; /* packets 0: no limit */
	uint64_t bytes;            /* of all its files together */
	uint64_t files;            /* 1: ends when it is full; more: a ring, the oldest file goes */
	uint32_t snap_length;
};

/* Takes the limits off the front of *text (words with single spaces between); the rest is the filter.
 * ERR_RANGE: why names the word. */
int limits_read(struct bytes *text, struct limits *out, char why[static LIMITS_WHY_MAX]);

#endif
