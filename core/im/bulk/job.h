/* bulk/job.h - inside of bulk.c, bulk_import.c and bulk_rename.c: a piece of a file under way. */
#ifndef IM_BULK_JOB_H
#define IM_BULK_JOB_H

#include "ask.h"
#include "bulk/row.h"
#include "proto/csv.h"
#include "user.h"

enum { BULK_SLICE = 64, BULK_ARENA_MAX = 4 << 20 };

struct bulk;

/* One row, or one list of a rename. */
struct bulk_part {
	struct bulk *job;
	struct bulk_row row;
	struct user *user;     /* pinned; NULL: none */
	bool is_ours;          /* was not in memory before */
	bool is_theirs;        /* rename: the list has the contact */
	unsigned line;
	enum bulk_result result;
};

struct bulk_kind {
	const char *name;
	bool (*is_head)(const struct bytes *fields, size_t n);
	/* Reads rows and begins a slice of them, or ends the job. */
	void (*next)(struct im *im, struct bulk *b);
	/* The people of the slice are loaded (or are not there). */
	void (*apply)(struct im *im, struct bulk *b, struct bulk_part *p);
	/* Everything of the slice is on disk: say what became of it, and go on. */
	void (*end)(struct im *im, struct bulk *b);
};

struct bulk {
	struct im *im;
	struct proc_ask *ask;
	const struct bulk_kind *kind;
	uint64_t began_ms;
	struct csv csv;
	struct arena arena;   /* of the slice */
	struct buf results;
	uint64_t done, errors;
	struct bulk_part parts[BULK_SLICE];
	size_t n_parts;
	unsigned pending;     /* writes, and the loop that asks for them */
	/* rename: the row, and how far its lists have come */
	struct bulk_row row;
	unsigned row_line;
	uint32_t row_lists;
	enum bulk_result row_result;
	bool is_in_row;
	struct arena row_arena;
	size_t last_n;
	uint8_t last[JID_MAX_BYTES];
	size_t text_n;
	uint8_t text[]; /* the piece */
};

extern const struct bulk_kind bulk_import, bulk_rename;

/* The next row that is not the head, by the kind's rules; *line is its number. ERR_NOT_FOUND: there is none here. result: BULK_DONE, or
 * why the row is refused. */
int bulk_row(struct bulk *b, enum bulk_result (*read)(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out),
             struct bulk_row *out, enum bulk_result *result);
/* Adds a part for a list (or for none, when user is empty); loads it. BULK_NOT_LOCAL, BULK_ERROR: there is no such list, or it cannot be loaded now. */
struct bulk_part *bulk_add(struct bulk *b, struct bytes user);
/* Runs the slice: loads, apply for each part with a user, end. */
void bulk_run(struct im *im, struct bulk *b);
/* done of a write for a part (ask.h): its arg is the part. Say bulk_wait before. */
void bulk_written(struct im *im, struct ask *a, int rc);
void bulk_wait(struct bulk_part *p);
void bulk_say(struct bulk *b, unsigned line, enum bulk_result r, uint32_t lists);
/* Forgets the slice and begins the next. */
void bulk_next(struct im *im, struct bulk *b);
/* The piece is done. rc: 0, or what ended it. */
void bulk_end(struct im *im, struct bulk *b, int rc);

#endif
