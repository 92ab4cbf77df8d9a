/* records.h - a file of records that only grows: length u32, CRC-32 u32, body. What a crash or a power cut left
 * half-written at its end is cut off at the next opening; nothing before it is lost. Used for the alarms and for
 * the spools. */
#ifndef LOGD_RECORDS_H
#define LOGD_RECORDS_H

#include "base/buf.h"

enum { RECORD_MAX_BYTES = 16 << 10, RECORD_HEAD_BYTES = 8 };

/* The record at the front of `in`: 0 and *body, *n bytes in all. ERR_AGAIN: in ends within it; ERR_CHECKSUM: no
 * record (a length over the limit or a wrong sum). */
int record_take(struct bytes in, struct bytes *body, size_t *n);
/* Appends one. Longer than RECORD_MAX_BYTES: the buffer fails. */
void record_put(struct buf *b, struct bytes body);

typedef void (*record_fn)(void *arg, struct bytes body);
/* Opens or makes the file in dir_fd for appending (disk_write), calls fn for each good record and cuts what follows
 * the last: a part that a failure left.
 * Files over max_bytes are read up to there. *size: its bytes. The descriptor, or ERR_IO. */
int records_open(int dir_fd, const char *name, size_t max_bytes, record_fn fn, void *arg, uint64_t *size);
/* The whole new content or the old one, also after a power cut. The new descriptor, or ERR_IO. */
int records_replace(int dir_fd, const char *name, struct bytes content);

#endif
