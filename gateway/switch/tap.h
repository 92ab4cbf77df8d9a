/* gateway/switch/tap.h - the archive's tap: each sink gets a copy of every envelope that passes,
 * when `im archive-tap` is on. Sinks are rows, so that an archive is one row more. A sink must not
 * block and cannot stop the stanza: what must be archived before it passes is not a tap. */
#ifndef SWITCH_TAP_H
#define SWITCH_TAP_H

#include "route.h"

struct tap_sink {
	const char *name; /* for logs and `show routes` */
	/* e and its bytes are valid during the call. 0, or an ERR_ code that is counted. */
	int (*copy)(void *arg, enum route_side side, const struct envelope *e);
	void *arg;
};

enum { TAP_SINKS_MAX = 4 };

struct tap {
	struct tap_sink sinks[TAP_SINKS_MAX];
	size_t n_sinks;
	bool is_on;
	uint64_t copied, failed; /* copies, over all sinks */
};

/* ERR_FULL. The row is copied. */
int tap_add(struct tap *t, const struct tap_sink *sink);
void tap_copy(struct tap *t, enum route_side side, const struct envelope *e);

#endif
