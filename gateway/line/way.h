/* way.h - the ways by which clients are reached: a connection, or an address that they send from by UDP. Each is as long as
 * flows of the location service use it. The time is told. */
#ifndef LINE_WAY_H
#define LINE_WAY_H

#include "base/map.h"
#include "sip/place.h"

/* transport, family, address, port of UDP; else the connection's number */
enum { WAY_KEY_MAX = 20, WAY_TOLD_MS = 1000 };

struct way {
	uint32_t n;        /* flows that use it */
	uint64_t heard_ms; /* the last sign of life that was told */
	uint64_t told_ms;  /* when a keep-alive was answered last */
	uint8_t key[WAY_KEY_MAX], key_n;
};

/* Is it one way, to one peer? */
bool way_is_same(const struct sip_source *a, const struct sip_source *b);
/* The way there, for one more flow, heard now. NULL: without memory. */
struct way *way_take(struct map *ways, const struct sip_source *from, uint64_t now_ms);
/* That flow has gone; NULL is fine. */
void way_give(struct map *ways, struct way *w);
/* NULL: nobody who is registered comes by it. */
struct way *way_of(const struct map *ways, const struct sip_source *from);
/* Its client has asked for a sign of life: shall it get one? Once a second. */
bool way_may_tell(struct way *w, uint64_t now_ms);

#endif
