/* ledger.h - the compliance archive on the disk, as it is written: segments in a folder, of which the newest grows. What
 * ledger_commit has said is there, whatever ends at any moment: a start cuts off what was half written, and goes on behind it.
 *
 * Files: NUMBER.rec, a segment (record.h) whose first record has that number; NUMBER.sig, its signatures (seal.h); *.new, half of
 * something; *.torn, what a start cut off. */
#ifndef COMPLY_LEDGER_H
#define COMPLY_LEDGER_H

#include "proto/record.h"

enum {
	LEDGER_NAME_BYTES = 32,
	LEDGER_BATCH_MAX = 16 << 20, /* what one commit writes, and so what a kill can tear */
	LEDGER_SEGMENTS_MAX = 1000000,
};

struct ledger_segment {
	uint64_t first, begun_ms;
};

struct ledger {
	int dir_fd, fd; /* the caller's; of the newest segment, -1: none is open */
	struct ledger_segment *segments; /* oldest first */
	size_t n_segments, cap;
	uint64_t bytes;                  /* of the newest segment that are committed */
	uint64_t next;                   /* number of the next record */
	uint8_t hash[RECORD_HASH_BYTES]; /* of the last one */
	struct buf batch;                /* put, not committed */
	uint64_t put_next;               /* the same, with the batch */
	uint8_t put_hash[RECORD_HASH_BYTES];
};

/* What a start found at the end of the newest segment. */
struct ledger_end {
	uint64_t torn;   /* bytes that were cut off and kept in a file of their own; 0: none */
	bool is_damaged; /* more than a kill can tear: the segment stays as it is, the next record goes into a new one */
};

/* ERR_IO, ERR_NOMEM, ERR_LIMIT. A folder that is empty is an empty archive. */
int ledger_open(struct ledger *l, int dir_fd, struct ledger_end *end);
void ledger_close(struct ledger *l);
/* One more for the next commit; *number: its number. ERR_LIMIT: longer than a record may be; ERR_FULL: commit first. */
int ledger_put(struct ledger *l, struct bytes fields, uint64_t *number);
/* The batch onto the disk, into a new segment when there is none. On an error nothing of it is there, and its numbers are free
 * again: ERR_FULL (the disk is), ERR_IO. */
int ledger_commit(struct ledger *l, uint64_t now_ms);
/* No record goes into the newest segment any more. Call with an empty batch. */
void ledger_end_segment(struct ledger *l);
/* The segment of that number is gone, or has been replaced by `name`. ERR_IO, ERR_NOT_FOUND; never the newest. */
int ledger_remove(struct ledger *l, uint64_t first);
/* Percent of the disk that are free. */
unsigned ledger_free(const struct ledger *l);

void ledger_name(uint64_t first, const char *suffix, char out[static LEDGER_NAME_BYTES]);
/* The segment in which that record is, or the one behind when it is gone; n_segments: none. */
size_t ledger_find(const struct ledger *l, uint64_t number);

#endif
