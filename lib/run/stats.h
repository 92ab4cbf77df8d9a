/* run/stats.h - counters, declared in a table in the file that counts. Names are dotted.
 *	enum { STAT_IN, STAT_REFUSED, STAT_COUNT };
 *	static const char *const stat_names[] = { "s2s.in", "s2s.refused" };
 * Every refusal, limit and error path has one. `show counters` reads them all. */
#ifndef RUN_STATS_H
#define RUN_STATS_H

#include "base/list.h"

#include <stdint.h>

struct stats {
	struct list node;
	const char *const *names;
	uint64_t *values;
	size_t n;
};

/* Registers a table for `show counters`; names and values must live as long as the process. */
void stats_register(struct stats *s, const char *const *names, uint64_t *values, size_t n);
/* Walks all registered counters: start with *at = 0. */
bool stats_next(size_t *at, const char **name, uint64_t *value);

#endif
