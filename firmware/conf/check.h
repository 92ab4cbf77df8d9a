/* check.h - is a whole candidate sound? Rules that look across rows. Errors stop a commit,
 * warnings are told to the person. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "rows.h"

enum { CHECK_FINDINGS_MAX = 100 };

struct check_finding {
	bool is_error;
	char path[256], text[256];
};

struct check {
	struct check_finding v[CHECK_FINDINGS_MAX]; /* further ones are only counted */
	size_t n, n_errors, n_warnings;
};

/* wall_s: now, for certificates that have expired. */
void check_rows(const struct rows *r, int64_t wall_s, struct check *out);

#endif
