/* rows.h - a set of settings as text: path and canonical value, sorted by path. The running
 * settings, each candidate and each generation are one of these. Owns its memory; bounded. */
#ifndef CONF_ROWS_H
#define CONF_ROWS_H

#include "run/settings.h"

/* As much as a saved text can bring back in one frame (run/oper.h) and a snapshot can carry (run/bus.h). */
enum { ROWS_MAX = 200000, ROWS_BYTES_MAX = 6 << 20 };

struct row_item {
	struct bytes path, value; /* in one allocation that path.p begins */
	struct bytes key;         /* view into path; empty for a row without '*' */
	const struct setting_row *row;
};

struct rows {
	struct row_item *v;
	size_t n, cap, bytes;
};

/* An all-zero struct is an empty set. */
void rows_fini(struct rows *r);
/* Replaces the content of `to`. On ERR_NOMEM it is left empty. */
int rows_copy(struct rows *to, const struct rows *from);
/* path must be one that setting_find knows and value canonical. ERR_LIMIT, ERR_NOMEM, ERR_UNKNOWN. */
int rows_set(struct rows *r, struct bytes path, struct bytes value);
/* Deletes the path, and everything whose words begin with it. How many went. */
size_t rows_del(struct rows *r, struct bytes path);
/* NULL when not set. */
const struct row_item *rows_get(const struct rows *r, struct bytes path);
/* Value of one row and key, or its default, or empty. */
struct bytes rows_value(const struct rows *r, enum setting id, struct bytes key);
/* Of a SETTING_INT row without '*'. */
int64_t rows_number(const struct rows *r, enum setting id);
/* Do the words of path begin with those of prefix (empty: always)? */
bool rows_is_below(struct bytes path, struct bytes prefix);
/* Is anything set at path or below it? */
bool rows_has_below(const struct rows *r, struct bytes path);

/* Calls fn for each path at which the two differ, in order; old or new NULL: not there.
 * Returns how many. fn may be NULL. */
typedef void (*rows_diff_fn)(void *arg, const struct row_item *old, const struct row_item *new);
size_t rows_diff(const struct rows *old, const struct rows *new, rows_diff_fn fn, void *arg);

/* What changed from base to mine, put on top of theirs, into out (empty before). The same change by
 * both is none. ERR_EXISTS: both changed *conflict, in different ways; out is then empty. */
int rows_merge(const struct rows *base, const struct rows *mine, const struct rows *theirs, struct rows *out,
               struct bytes *conflict);

/* Does a program read something that differs between the two? */
bool rows_differ_for(const struct rows *a, const struct rows *b, enum prog prog);

#endif
