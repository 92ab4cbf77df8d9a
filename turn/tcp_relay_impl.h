/* turn/tcp_relay_impl.h - the inside of tcp_relay.c and tcp_pair.c. */
#ifndef TURN_TCP_RELAY_IMPL_H
#define TURN_TCP_RELAY_IMPL_H

#include "base/list.h"
#include "base/map.h"
#include "door_stream.h"
#include "net/link.h"
#include "tcp_relay.h"

enum tcp_state {
	TCP_CONNECTING,
	TCP_WAITING,     /* connected; for the client's ConnectionBind */
	TCP_JOINED,
	TCP_CLIENT_LAST, /* the peer's connection is gone: what waits for the client goes out */
	TCP_PEER_LAST,   /* the client's is: what waits for the peer goes out */
	TCP_GONE,        /* is freed at the end of the turn */
};

struct tcp_peer {
	struct list node; /* of those that are gone */
	struct tcp_relay *of;
	int fd; /* before it is joined */
	union {
		struct loop_watch watch; /* TCP_CONNECTING */
		struct link link;        /* from TCP_JOINED on */
	};
	struct loop_timer timer; /* is_slow */
	struct loop_timer last;  /* the end: as long as something gets through */
	struct loop_defer end_of_turn;
	struct turn_path client;
	uint64_t passed;  /* bytes, both ways */
	uint64_t through; /* of them with the kernel, when `last` was set */
	uint32_t id;
	uint8_t state; /* enum tcp_state */
	bool client_is_full, peer_is_full; /* too much waits for it */
	bool client_has_ended, peer_has_ended; /* it says nothing more; the other has been told */
	bool is_slow;                      /* above the user's bandwidth */
};

struct tcp_relay {
	struct worker *worker;
	struct map peers; /* by id */
	struct list gone;
	struct loop_defer sweep;
	int spare; /* a descriptor to refuse a peer with when there is no other; -1: it is in use */
	uint64_t counts[TCP_STAT_COUNT];
};

/* It is nobody's any more; its descriptors are closed by then, or given away. */
void tcp_peer_forget(struct tcp_peer *p);

/* ---- tcp_pair.c ---- */
int tcp_pair_begin(struct tcp_peer *p, const struct turn_path *client); /* takes p->fd when it succeeds */
void tcp_pair_end(struct tcp_peer *p);                                  /* both sides, now */
void tcp_pair_finish(struct tcp_peer *p);                               /* what waits for them goes out first, if it goes soon */

#endif
