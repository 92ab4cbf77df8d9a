/* turn/flow_impl.h - flows of the kernel's path: flow.c, flow_send.c. */
#ifndef TURN_FLOW_IMPL_H
#define TURN_FLOW_IMPL_H

#include "server_impl.h"

struct flow_wish {
	const struct stunaddr *peer;
	uint16_t channel; /* 0: indications */
	uint64_t ends_ms; /* of the channel */
};

/* ---- flow.c ---- */
/* Adds or renews, as it is now. False: it does not belong there, and is not there any more. */
bool flow_put(struct turn_server *s, struct allocation *a, const struct flow_wish *w, uint32_t *flow);
void flow_drop(struct turn_server *s, struct allocation *a, uint32_t *flow); /* 0: nothing */
/* Counts what has passed: so many datagrams. */
uint64_t flow_read(struct turn_server *s, struct allocation *a, uint32_t flow);

/* ---- flow_send.c ---- */
void send_flow_end(struct turn_server *s, struct allocation *a, const struct stunaddr *peer);
/* As flows_put and the others of server_impl.h. */
void send_flows_put(struct turn_server *s, struct allocation *a, const struct stunaddr *peer);
void send_flows_drop(struct turn_server *s, struct allocation *a);
void send_flows_read(struct turn_server *s, struct allocation *a);
void send_flows_prune(struct turn_server *s, struct allocation *a); /* those whose permission has ended */

#endif
