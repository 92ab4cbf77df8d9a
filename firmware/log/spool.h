/* spool.h - messages on the disk between those who write them and a server that may be away: first in, first out,
 * bounded, over restarts. Files spool-NAME-NUMBER hold records (records.h); spool-NAME-at says up to where the server has
 * them. What is read is not gone: it is read again (spool_rewind) until it is confirmed. */
#ifndef LOGD_SPOOL_H
#define LOGD_SPOOL_H

#include "records.h"

enum { SPOOL_NAME_MAX = 63, SPOOL_SEGMENTS = 8, SPOOL_SEGMENTS_MAX = 64 };

struct spool_place {
	uint64_t segment, offset;
	uint64_t number; /* messages before it, since the spool was opened */
};

struct spool {
	int dir_fd;
	char name[SPOOL_NAME_MAX + 1];
	uint64_t limit; /* bytes */
	uint64_t first, last; /* segments; last is written; 0: none */
	struct {
		uint64_t bytes, messages; /* of segment number % SPOOL_SEGMENTS_MAX */
	} of[SPOOL_SEGMENTS_MAX];
	int write_fd, read_fd;
	uint64_t read_segment;    /* that read_fd is of */
	struct buf out, in;       /* not yet written; read ahead of `next` */
	uint64_t out_messages;
	struct spool_place next, confirmed;
	uint64_t put, lost;       /* messages since it was opened; of them dropped unconfirmed or unwritten */
	bool is_dirty, is_moved;  /* to be brought to the disk; `confirmed` to be written */
};

/* Continues with what is there. name: letters, digits, '-', '.'; from a setting's key. ERR_IO: the disk. */
int spool_open(struct spool *s, int dir_fd, const char *name, uint64_t limit);
void spool_close(struct spool *s);
void spool_set_limit(struct spool *s, uint64_t limit);
/* Over the limit the oldest segment goes, counted in `lost`. */
void spool_put(struct spool *s, struct bytes message);
/* Writes what was put: once a turn. */
void spool_flush(struct spool *s);
/* Brings it to the disk: once a second. */
void spool_sync(struct spool *s);
/* The next message; valid until the next call. False: none. */
bool spool_next(struct spool *s, struct bytes *message);
/* The server has all before place; segments that are through are deleted. */
void spool_confirm(struct spool *s, const struct spool_place *place);
/* What is not confirmed will be read again. */
void spool_rewind(struct spool *s);
/* Not confirmed. */
uint64_t spool_waiting(const struct spool *s);
/* Deletes all files of it, after spool_close. */
void spool_remove(int dir_fd, const char *name);

#endif
