/* reader.h - the compliance archive as it is read: frame after frame of one segment, its chain checked on the way. What is not
 * committed yet is not seen. */
#ifndef COMPLY_READER_H
#define COMPLY_READER_H

#include "ledger.h"

struct reader {
	int fd;
	uint64_t first;  /* of the segment */
	uint64_t at, size; /* offset of the next frame; where to stop */
	uint64_t number; /* of the next record */
	uint8_t hash[RECORD_HASH_BYTES]; /* of the last one */
	struct buf in;   /* bytes from `at` on, `ahead` of them a frame that was given out */
	size_t ahead;
};

/* Begins at the front of the segment; size: bytes that count. ERR_IO, ERR_NOT_FOUND, ERR_SYNTAX (its head). */
int reader_open(struct reader *r, const struct ledger *l, uint64_t first, uint64_t size);
/* The same with all that is committed. */
int reader_open_all(struct reader *r, const struct ledger *l, uint64_t first);
/* The next frame; views until the next call. number and hash are behind it then. ERR_NOT_FOUND: the segment ends here.
 * ERR_TRUNCATED, ERR_RANGE, ERR_CHECKSUM, ERR_SYNTAX (a number that is not the next one): number is the one that is bad, `at` where.
 * ERR_IO, ERR_NOMEM. */
int reader_frame(struct reader *r, struct record_frame *out);
void reader_close(struct reader *r);

#endif
