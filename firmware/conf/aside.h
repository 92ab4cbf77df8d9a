/* aside.h - set lines of another version that this one does not know, or not with that value (an upgrade that went back, or forward).
 * They are kept as they stand, and each commit writes them again, for the version that knows them. What is told of them names rows, with
 * '*' for their keys, and never a value, which could be a secret. */
#ifndef CONF_ASIDE_H
#define CONF_ASIDE_H

#include "rows.h"

enum { ASIDE_ROWS = 32, ASIDE_WHAT = 192 };

struct aside {
	struct buf lines;
	struct aside_row {
		char what[ASIDE_WHAT]; /* "federation peer * mood: no such setting" */
		bool is_kept;          /* as lines; or taken, the value changed */
		unsigned n;            /* lines */
	} rows[ASIDE_ROWS];
	size_t n_rows;
	unsigned n_more; /* lines of further rows */
};

void aside_init(struct aside *a);
void aside_fini(struct aside *a);
void aside_clear(struct aside *a);
/* line: with its end or without; path: its row, as entry_describe has it; why: what is wrong, static or a range. ERR_LIMIT: no room. */
int aside_add(struct aside *a, struct bytes line, struct bytes path, const char *why);
/* A number that was outside of its range is the nearest of it now: to be told, not kept. 0. */
int aside_tell(struct aside *a, struct bytes path, const char *range);
/* The lines but those whose setting is in rows: what sets them there is newer. ERR_NOMEM. */
int aside_put(const struct aside *a, const struct rows *rows, struct buf *out);
/* A line of the log for each row. */
void aside_log(const struct aside *a, uint32_t generation);

#endif
