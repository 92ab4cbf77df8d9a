/* gateway/switch/hub.h - carries envelopes between gh-im and gh-s2s as route.h judges them, and the
 * confirmations back. It keeps no stanza: until ROUTE_DONE says so, the origin is responsible. */
#ifndef SWITCH_HUB_H
#define SWITCH_HUB_H

#include "flight.h"
#include "route.h"
#include "tap.h"

#include "run/bus.h"

#define HUB_STATS(X)                                                                               \
	X(HUB_OUT, "switch.out")                                                                   \
	X(HUB_IN, "switch.in")                                                                     \
	X(HUB_DONE, "switch.done")                                                                 \
	X(HUB_REFUSED_HOPS, "switch.refused.hop-limit")                                            \
	X(HUB_REFUSED_LOOP, "switch.refused.loop")                                                 \
	X(HUB_REFUSED_NOT_HOSTED, "switch.refused.not-hosted")                                     \
	X(HUB_REFUSED_FORGED, "switch.refused.forged")                                             \
	X(HUB_REFUSED_DENIED, "switch.refused.denied")                                             \
	X(HUB_REFUSED_RATE, "switch.refused.rate")                                                 \
	X(HUB_AWAY, "switch.again.away")                                                           \
	X(HUB_FULL, "switch.again.full")                                                           \
	X(HUB_LOST, "switch.again.lost")                                                           \
	X(HUB_TAP_COPIED, "switch.tap.copied")                                                     \
	X(HUB_TAP_FAILED, "switch.tap.failed")

#define HUB_STAT_MEMBER(id, name) id,
enum hub_stat { HUB_STATS(HUB_STAT_MEMBER) HUB_STAT_COUNT };
#undef HUB_STAT_MEMBER
extern const char *const hub_stat_names[HUB_STAT_COUNT];

/* Sees every envelope with what became of it ("pass", a refusal's word, "again"). */
typedef void (*hub_watch_fn)(void *arg, enum route_side side, const struct envelope *e,
                             const struct route_answer *a, const char *verdict);

struct hub {
	struct loop *loop;
	struct bus *bus;
	struct route route;
	struct tap tap;
	struct flight flights[ROUTE_SIDE_COUNT]; /* by the side they came from */
	bool is_full[ROUTE_SIDE_COUNT];          /* towards the program of that side */
	struct buf scratch;
	hub_watch_fn watch; /* NULL: nobody looks */
	void *watch_arg;
	uint64_t stats[HUB_STAT_COUNT];
};

void hub_init(struct hub *h, struct loop *l, struct bus *b);
void hub_fini(struct hub *h);
void hub_apply(struct hub *h, const struct settings *s);
void hub_down(struct hub *h, struct chan *c);
void hub_pressure(struct hub *h, struct chan *c, bool is_full);

/* Handlers of ROUTE and ROUTE_DONE, for a struct hub as program. */
int hub_on_route(void *hub, struct chan *from, const struct frame *f);
int hub_on_route_done(void *hub, struct chan *from, const struct frame *f);

#endif
