/* turn_flow.h - traffic through a relay, from both ends at once in one thread: clients' sockets in one network,
 * the peer's in another. Each payload starts with the time it was sent at. */
#ifndef LOAD_TURN_FLOW_H
#define LOAD_TURN_FLOW_H

#include "turn_client.h"

enum { TURNFLOW_LATENCY_US = 200000 };
struct turnflow {
	struct turnclients *clients;
	int peer_fd, epoll_fd;
	size_t payload;      /* at least 8 */
	bool to_peer, to_client;
	/* what came of the last run */
	uint64_t sent, in_time, received; /* of both directions; in_time: before the sending ended */
	double seconds;
	uint32_t *latency; /* packets by microseconds; the last: as long or longer */
};

/* Clients are where their step says; peer_fd is bound. ERR_SYS, ERR_NOMEM. */
int turnflow_open(struct turnflow *f);
/* Sends for so long, then waits for what is still on its way. rate: packets a second in each direction, evenly;
 * 0: as many as can be sent. */
void turnflow_run(struct turnflow *f, double rate, double seconds);
/* Microseconds below which this part (0..1) of the last run's packets took; -1: none came. */
double turnflow_latency(const struct turnflow *f, double part);
void turnflow_close(struct turnflow *f);

#endif
