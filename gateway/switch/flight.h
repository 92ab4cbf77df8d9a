/* gateway/switch/flight.h - envelopes that were handed to a program and not confirmed yet. When it
 * dies, each goes back to its origin as "not taken", so that nothing waits for ever. Bounded. */
#ifndef SWITCH_FLIGHT_H
#define SWITCH_FLIGHT_H

#include "base/map.h"

enum { FLIGHT_MAX = 200000 };

struct flight {
	struct map by_id;
};

void flight_fini(struct flight *f);
/* Notes one. Noting the same again changes nothing. ERR_FULL, ERR_NOMEM. */
int flight_add(struct flight *f, uint64_t id, struct bytes domain);
/* The domain that one goes to; empty when it is not under way. */
struct bytes flight_domain(const struct flight *f, uint64_t id);
/* It was confirmed or refused; true when it was under way. */
bool flight_del(struct flight *f, uint64_t id);
/* Takes any one out; 0 when there is none. */
uint64_t flight_take(struct flight *f);

#endif
