/* check.h - is a whole candidate sound? Rules that look across rows. Errors stop a commit,
 * warnings are told to the person. What is wrong with a certificate that runs already is a warning:
 * the box must still take other changes then. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "keyring.h"
#include "rows.h"
#include "run/zone.h"

enum { CHECK_FINDINGS_MAX = 100 };

struct check_finding {
	bool is_error;
	char path[256], text[256];
};

struct check {
	struct check_finding v[CHECK_FINDINGS_MAX]; /* further ones are only counted */
	size_t n, n_errors, n_warnings;
};

struct check_against {
	const struct rows *running;
	const struct keyring *keys;
	int64_t wall_s; /* now */
	bool is_appliance; /* the machine's network is ours (gh-priv) */
	const struct zones *zones; /* that there are; NULL: not looked at */
};
void check_rows(const struct rows *r, const struct check_against *against, struct check *out);

#endif
