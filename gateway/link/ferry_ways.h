/* gateway/link/ferry_ways.h - on a core with several edges: by which one a partner is reached. Bounded: the one that was not asked
 * for longest goes, and is chosen anew. */
#ifndef LINK_FERRY_WAYS_H
#define LINK_FERRY_WAYS_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"

enum { FERRY_WAYS_MAX = 10000 };

struct ferry_ways {
	struct map by_domain;
	struct list order; /* longest not asked for first */
};

void ferry_ways_init(struct ferry_ways *w);
void ferry_ways_fini(struct ferry_ways *w);
/* A partner's stanza came by this edge: its answers go there, unless another brought something before and stands. Without memory
 * nothing is noted. is_there: does an edge stand? */
void ferry_ways_heard(struct ferry_ways *w, struct bytes domain, const char *edge, bool (*is_there)(void *arg, const char *edge), void *arg);
/* The edge for a partner: the one that was noted while it stands, else the one of edges[0..n) that its domain chooses, which is noted.
 * NULL when n is 0. */
const char *ferry_ways_to(struct ferry_ways *w, struct bytes domain, const char *const *edges, size_t n);

#endif
