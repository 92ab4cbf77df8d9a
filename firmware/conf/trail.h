/* trail.h - the audit trail on disk: a line an event, each with the SHA-256 of the line before, so that a line that was taken out,
 * changed or put in shows. What the end of the chain was, the log says too (`n` and `chain` of audit lines): a log on another machine
 * proves that no end was cut off. Old files make room for new ones and the chain goes on over them.
 *
 *     <64 hex digits: of the whole line before> <number> <time> <event> key="value" ...
 * In values, control bytes, quotes and backslashes are \xHH. */
#ifndef CONF_TRAIL_H
#define CONF_TRAIL_H

#include "base/buf.h"
#include "run/loop.h"

enum {
	TRAIL_FILE_BYTES = 2 << 20,
	TRAIL_FILES = 8,
	TRAIL_VALUE_MAX = 512, /* the rest of a longer value is left out */
	TRAIL_LINE_MAX = 16 << 10,
	TRAIL_PAIRS_MAX = 12,
	TRAIL_HASH_HEX = 64,
	TRAIL_SOON_MS = 50,
};

struct trail {
	struct loop *loop;
	int dir_fd, fd; /* fd -1: it cannot be written */
	uint64_t n;     /* of the last line; 0: none */
	char last[TRAIL_HASH_HEX + 1];
	size_t bytes;   /* of the newest file */
	struct loop_defer sync;
	struct loop_timer sync_soon;
	void (*synced)(void *arg); /* all lines so far are on the disk; NULL: nobody asks. The owner sets both */
	void *arg;
};

/* When a line is to be on the disk. Soon: within TRAIL_SOON_MS, so that nobody waits for it, and several are synced once. */
enum trail_when { TRAIL_NOW, TRAIL_SOON };

struct trail_pair {
	const char *key;
	struct bytes value;
};

/* A line as it is read: views into it. */
struct trail_line {
	struct bytes previous, number, time, event, rest;
};

struct trail_verdict {
	uint64_t n_lines, first, last; /* numbers */
	bool has_made_room;            /* older files have gone: there are TRAIL_FILES, so the first line may be any */
	char hash[TRAIL_HASH_HEX + 1]; /* of the last line */
	char why[128];                 /* "": the chain is whole; else where it is broken */
};

/* Goes on where the files end. Half a line, from a power cut, is cut off, and the next line says so. ERR_IO: then trail_put
 * writes nothing and logs that. dir_fd: somebody else's. */
int trail_open(struct trail *t, struct loop *l, int dir_fd);
void trail_close(struct trail *t);
/* Now: on disk at the end of this turn of the loop. ERR_IO, ERR_LIMIT: the chain is as before. */
int trail_put(struct trail *t, enum trail_when when, const char *event, const struct trail_pair *pairs, size_t n);
/* Reads all files. ERR_CHECKSUM: out->why; ERR_IO. */
int trail_verify(const struct trail *t, struct trail_verdict *out);
/* The last `most` lines, oldest first. */
typedef void (*trail_fn)(void *arg, const struct trail_line *line);
int trail_show(const struct trail *t, size_t most, trail_fn fn, void *arg);

/* Takes a line apart. ERR_SYNTAX. */
int trail_split(struct bytes line, struct trail_line *out);
/* Next pair of a line's rest; false at the end. The value is unescaped into out. */
bool trail_next_pair(struct bytes *rest, struct bytes *key, struct buf *out);

#endif
