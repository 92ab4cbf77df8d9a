/* turn/tcp_relay.h - the peers' side of TCP allocations (RFC 6062): connections from and to relayed addresses, joined
 * with clients' (door_stream.h). Carries out what io.h asks of them.
 *
 * Nothing of a peer is read before it is joined: what it says waits with the kernel. A joined pair passes bytes both
 * ways; while more than TCP_QUEUE_MAX bytes wait for the one, the other is not read, and neither is while the user is
 * above its bandwidth. When one side has said all, the other is told so behind what waits for it, and may answer. Nothing
 * tells that from a side that has closed, whose other must end too (RFC 6062 5.5): then TCP_DRAIN_MS in which nothing
 * gets through end both. */
#ifndef TURN_TCP_RELAY_H
#define TURN_TCP_RELAY_H

#include "worker.h"

enum {
	TCP_QUEUE_MAX = 64 << 10,
	TCP_DRAIN_MS = 30 * 1000, /* after an end: who reads nothing of the last bytes, or says nothing, for so long */
	TCP_SLOW_MS = 50,         /* the user's bandwidth is asked for again */
};

enum tcp_stat {
	TCP_STAT_CONNECTED, TCP_STAT_FAILED, TCP_STAT_ACCEPTED, TCP_STAT_REFUSED, TCP_STAT_JOINED, TCP_STAT_SLOWED, TCP_STAT_CLOSED,
	TCP_STAT_COUNT
};
extern const char *const tcp_stat_names[TCP_STAT_COUNT];

struct tcp_relay;
struct tcp_relay *tcp_relay_new(struct worker *w); /* NULL without memory or descriptors */
void tcp_relay_free(struct tcp_relay *t);          /* closes what is left; nobody is told */
uint32_t tcp_relay_count(const struct tcp_relay *t);
uint64_t *tcp_relay_stats(struct tcp_relay *t); /* TCP_STAT_COUNT of them */

/* As in struct turn_io. */
int tcp_relay_connect(struct tcp_relay *t, const struct turn_relay *r, const struct stunaddr *peer, uint32_t id);
void tcp_relay_close(struct tcp_relay *t, uint32_t id);
int tcp_relay_release(struct tcp_relay *t, uint32_t id); /* one that is not joined */
int tcp_relay_adopt(struct tcp_relay *t, uint32_t id, int fd);
int tcp_relay_join(struct tcp_relay *t, const struct turn_path *client, uint32_t id);
/* One that waits at r's listening socket is taken, when the engine has it (turn_server_incoming). */
void tcp_relay_accept(struct tcp_relay *t, void *owner, const struct turn_relay *r);

#endif
