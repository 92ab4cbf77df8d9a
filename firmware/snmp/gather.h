/* gather.h - asks gh-conf, over one end of a socket pair (run/oper.h), for what `show` says; each record goes to the MIB. gh-conf
 * lets this connection ask the few things that SNMP shows, and nothing else. */
#ifndef SNMP_GATHER_H
#define SNMP_GATHER_H

#include "mib.h"
#include "run/bus.h"

enum { GATHER_MS = 2000 }; /* then it goes without the rest */

struct gather;
struct gather_hooks {
	void (*record)(void *arg, enum mib_source from, const struct mib_pair *pairs, size_t n);
	/* All has been asked; is_whole: and answered. */
	void (*done)(void *arg, bool is_whole);
};
struct gather *gather_new(struct loop *loop, struct bus *bus, const struct gather_hooks *hooks, void *arg);
void gather_free(struct gather *g);
/* Asks everything once but what is a bit of `without` (1 << enum mib_source); `done` follows, later. Nothing while it is under way. */
void gather_start(struct gather *g, unsigned without);
bool gather_is_under_way(const struct gather *g);

#endif
