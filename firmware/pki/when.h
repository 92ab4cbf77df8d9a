/* when.h - when what is signed for a time is fetched again: some time before it runs out, sooner when asked to, and after a
 * failure again and again with growing pauses. Pure; seconds since 1970. */
#ifndef PKI_WHEN_H
#define PKI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_RETRY_S = 30, WHEN_RETRY_MAX_S = 1800 };

struct when {
	int64_t from_s, until_s; /* of what is held; both 0: nothing */
	int64_t next_s;          /* the next attempt */
	unsigned failures;       /* in a row */
};

/* What was fetched at now_s holds from from_s to until_s; every_s: the longest pause. */
void when_fetched(struct when *w, int64_t from_s, int64_t until_s, int64_t now_s, uint32_t every_s);
void when_failed(struct when *w, int64_t now_s);
/* Is something held that is in force? */
bool when_is_good(const struct when *w, int64_t now_s);
/* Has what is held run out so far that the next one should have come: 3/4 of its life are over? */
bool when_is_late(const struct when *w, int64_t now_s);
/* When something changes by itself: the next attempt, or the end of what is held. */
int64_t when_next(const struct when *w, int64_t now_s);

#endif
