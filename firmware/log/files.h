/* files.h - the log on disk: files lines-NUMBER in gh-log's folder, the highest number is written. Old ones go when there
 * are too many, or when the disk has less room than it must keep; then nothing is written at all rather than that
 * room is used up. Lines of one turn of the loop are written together. */
#ifndef LOGD_FILES_H
#define LOGD_FILES_H

#include "base/buf.h"

enum { FILES_BUFFER_MAX = 1 << 20 };

struct files_conf {
	uint64_t file_bytes;
	uint32_t files;
	unsigned free_percent;
};

struct files {
	int dir_fd, fd; /* fd < 0: none is open */
	struct files_conf conf;
	uint64_t first, last; /* numbers; last is the open one */
	uint64_t size;        /* of the open one */
	struct buf out;
	uint64_t *counts; /* of the owner: enum files_count */
	bool is_short; /* of room: nothing is written */
};
enum files_count { FILES_LINES, FILES_LOST, FILES_REMOVED, FILES_COUNTS };

/* Continues after what is there. counts: FILES_COUNTS numbers, the caller's. */
void files_open(struct files *f, int dir_fd, uint64_t *counts);
void files_close(struct files *f);
void files_set(struct files *f, const struct files_conf *conf);
/* line: without its line feed. */
void files_put(struct files *f, struct bytes line);
/* Writes what was put; once a turn. */
void files_flush(struct files *f);
/* Once a second: room on the disk, alarms, old files. */
void files_tick(struct files *f);
/* Content of a whole file, for reading back. ERR_NOT_FOUND when it has gone meanwhile, ERR_NOMEM. */
int files_read(const struct files *f, uint64_t number, struct buf *out);

#endif
