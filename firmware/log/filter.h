/* filter.h - which lines somebody wants to see. Pure functions.
 * Words (all must fit): program=gh-s2s, level=warn (or more severe), event=s2s. (its beginning), domain=b.example (a value
 * is it, or an address in it), trace=5f00000000000001 (an id), KEY=VALUE of a line otherwise as text: text=WORDS,
 * since=10m or since=2026-11-24T19:00:00.000Z, until= likewise; last=N lines; follow=SECONDS. */
#ifndef LOGD_FILTER_H
#define LOGD_FILTER_H

#include "line.h"

enum { FILTER_LAST = 200, FILTER_LAST_MAX = 10000, FILTER_FOLLOW_MAX_S = 3600, FILTER_WORD_MAX = 255 };

struct filter {
	enum prog prog;       /* PROG_COUNT: all */
	enum log_level level; /* least severe */
	char event[FILTER_WORD_MAX + 1], domain[FILTER_WORD_MAX + 1], trace[FILTER_WORD_MAX + 1], text[FILTER_WORD_MAX + 1];
	uint64_t since_ms, until_ms; /* wall clock; until 0: no end */
	uint32_t last, follow_s;
};

/* ERR_SYNTAX, ERR_RANGE or ERR_UNKNOWN: *why says what is wanted. */
int filter_parse(const struct bytes *words, size_t n, uint64_t wall_ms, struct filter *out, const char **why);
bool filter_fits(const struct filter *f, const struct line *l);

#endif
