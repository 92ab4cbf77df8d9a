/* range.h - which part of a file is wanted: Range of RFC 9110 14.2, one range of bytes. Pure. */
#ifndef FILES_RANGE_H
#define FILES_RANGE_H

#include "base/bytes.h"

enum range_kind {
	RANGE_NONE, /* all of it: there is none, it is not of bytes, malformed, or several (a server may send all then) */
	RANGE_PART, /* 206 */
	RANGE_OUT,  /* 416: nothing of the file is in it */
};

/* size: of the file. RANGE_PART: *from is its first byte, *n how many, at least 1. */
enum range_kind range_read(struct bytes value, uint64_t size, uint64_t *from, uint64_t *n);

#endif
