/* gateway/link/ferry.h - partners' stanzas between the gh-switch of an edge and that of a core. On each signalling connection the edge
 * opens one stream for them, a ferry, as soon as it stands (role edge; the core takes it in role core). gh-link is to gh-switch the
 * core on an edge, and the door to all domains on a core: ROUTE and ROUTE_DONE go over the ferry as frames (ferry_frame.h).
 *
 * Who gave an envelope keeps it until ROUTE_DONE, from end to end: nothing is kept here but ids. When a ferry ends, what it had taken
 * and nobody has confirmed goes back as "not taken", and its origin sends it again, over another one.
 *
 * All envelopes between one edge and one core take the oldest ferry that stands, so that they stay in order. An edge with several
 * cores takes the oldest of all. A core sends to a partner by the edge that brought something of it, else by one that its domain
 * chooses, as long as that edge stands (ferry_ways.h). */
#ifndef LINK_FERRY_H
#define LINK_FERRY_H

#include "trunk.h"

struct ferries;

struct ferries *ferries_new(struct joint *j); /* NULL: no memory */
void ferries_free(struct ferries *f);         /* NULL is fine */
/* In another role than before all ferries end. */
void ferries_apply(struct joint *j, const struct settings *s);
/* Edge: a connection has come: it gets a ferry. */
void ferries_look(struct joint *j);
/* Core: an edge has opened one over t; takes over fd, its end of the pair. ERR_BAD_STATE: not in this role; ERR_LIMIT: too many of
 * this edge; ERR_NOMEM. */
int ferry_serve(struct trunk *t, int fd);

/* ---- gh-switch ---- */
int ferries_on_route(void *joint, struct chan *from, const struct frame *f);
int ferries_on_done(void *joint, struct chan *from, const struct frame *f);
/* It has gone: what it had of others goes back to them. */
void ferries_switch_down(struct joint *j);
/* It does not keep up: others wait. */
void ferries_pressure(struct joint *j, bool is_full);

/* ---- for show links ---- */
struct ferry_view {
	const char *state; /* "" none, "opening", "ready", "carries" */
	uint64_t in, out;  /* envelopes */
	uint32_t waiting;  /* of those that went out, not confirmed */
};
void ferry_view(const struct joint *j, const struct trunk *t, struct ferry_view *out);

#endif
