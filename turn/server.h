/* turn/server.h - the relay's engine (RFC 8489, RFC 8656, 5780, 6062, 8016): packets in, packets out
 * through turn/io.h; no descriptor, no clock, no log of its own. One per worker; nothing is shared.
 *
 *	client's packet   turn_server_client -> ChannelData? -> allocation by 5-tuple -> channel -> io.to_peer
 *	                                     -> STUN?        -> table of methods (request_*.c)
 *	peer's packet     turn_server_peer   -> permission -> channel or Data indication -> io.to_client
 *
 * Nothing is kept for who has not been authenticated: a challenge is a function of address and time. */
#ifndef TURN_SERVER_H
#define TURN_SERVER_H

#include "run/loop.h"
#include "budget.h"
#include "claim.h"
#include "credentials.h"
#include "io.h"
#include "nonce.h"
#include "own_relays.h"
#include "peer_rules.h"
#include "quota.h"

enum turn_binding { TURN_BINDING_OPEN, TURN_BINDING_AUTHENTICATED, TURN_BINDING_OFF };

/* What the settings say; the engine reads it, the program keeps it alive until the next one is set. */
struct turn_conf {
	struct bytes realm;
	unsigned algorithms;          /* bits 1 << enum stunmsg_algorithm that are offered */
	enum turn_binding binding;
	uint32_t lifetime_s, lifetime_max_s;      /* RFC 8656 7.2: 600, 3600 */
	uint32_t permissions_max, channels_max;   /* of one allocation */
	uint32_t new_peers_per_s;                 /* of one allocation; 0: no limit */
	bool has_mobility, has_tcp_relay;
	uint32_t peer_connections, peer_connections_allocation; /* RFC 6062: of a worker, of an allocation */
	struct peer_rules rules;
	struct own_relays own_relays;
	struct quota_limits limits;
	const struct credentials *credentials;
	uint32_t answers_per_s;       /* budget.h */
	bool has_old_channels;        /* 0x5000..0x7FFE too, as RFC 5766 11 had them */
	struct bytes server_name;     /* THIRD-PARTY-AUTHORIZATION (RFC 7635 9); n 0: tokens are not taken */
	bool is_draining;             /* no new allocation: 300 with the alternate when there is one, else 508 */
	uint32_t drain_deadline_s;    /* what is left after so long ends; 0: nothing does */
	uint32_t drain_threshold;     /* allocations of the box that may be left when the drain is done */
	struct stunaddr alternate;
	/* RFC 5780: the doors of the four addresses, or all 0xff. [0][0] primary, first index address, second port. */
	uint8_t discovery[2][2];
};

/* Facts about a listener, by its number. */
struct turn_door {
	uint8_t transport;
	struct stunaddr at;   /* bound */
	struct stunaddr seen; /* behind static NAT: what the other side of it sees; else as at */
};
enum { TURN_DOORS_MAX = 64 };

/* Counters (run/stats.h): names in server_stats.c. */
enum turn_stat {
	TURN_STAT_ALLOCATIONS, TURN_STAT_ALLOCATED, TURN_STAT_EXPIRED, TURN_STAT_REFUSED,
	TURN_STAT_CHALLENGED, TURN_STAT_AUTH_FAILED, TURN_STAT_STALE, TURN_STAT_QUOTA, TURN_STAT_FULL,
	TURN_STAT_PEER_DENIED, TURN_STAT_BUDGET, TURN_STAT_MALFORMED, TURN_STAT_UNKNOWN,
	TURN_STAT_NO_PERMISSION, TURN_STAT_RATE_DROPPED, TURN_STAT_TO_PEER, TURN_STAT_TO_PEER_BYTES,
	TURN_STAT_TO_CLIENT, TURN_STAT_TO_CLIENT_BYTES,
	TURN_STAT_CONNECTIONS, TURN_STAT_MOVED, TURN_STAT_BINDINGS,
	/* of to-peer and to-client: by the kernel's path; flows there now; channels that found no place there */
	TURN_STAT_KERNEL, TURN_STAT_KERNEL_BYTES, TURN_STAT_KERNEL_FLOWS, TURN_STAT_KERNEL_REFUSED, TURN_STAT_COUNT
};

struct turn_server;
/* worker: this one's number. key: the box's, the same for every worker (nonces, tokens, tickets). */
struct turn_server *turn_server_new(struct loop *l, unsigned worker, const struct nonce_key *key,
                                    const struct turn_io *io, void *io_arg);
void turn_server_free(struct turn_server *s); /* closes all relays through io */
/* Live: allocations there stay and keep their lifetimes; limits bind what comes. Permissions that the new
 * rules forbid end at once. */
void turn_server_set(struct turn_server *s, const struct turn_conf *c);
void turn_server_set_door(struct turn_server *s, uint8_t door, const struct turn_door *d); /* NULL: gone */
void turn_server_set_key(struct turn_server *s, const struct nonce_key *key);
/* The kernel's path is there (true): channels of UDP clients go into it. Or it goes: they come out, counted. */
void turn_server_kernel(struct turn_server *s, bool is_there);
/* Counts what has passed there until now, instead of within a second. */
void turn_server_read_kernel(struct turn_server *s);

/* ---- what happens ---- */
void turn_server_client(struct turn_server *s, const struct turn_path *from, struct turn_packet *p);
/* owner: as given to relay_open. */
void turn_server_peer(struct turn_server *s, void *owner, struct turn_relay *r, const struct stunaddr *peer, struct turn_packet *p);
/* An ICMP error came back for what the relay sent (RFC 8656 11.5, 18.14). */
void turn_server_icmp(struct turn_server *s, void *owner, const struct stunaddr *peer, uint8_t type, uint8_t code, uint32_t data);
/* The client's connection or DTLS association ended: its allocation ends (or waits for its ticket, RFC 8016). */
void turn_server_client_gone(struct turn_server *s, const struct turn_path *p);
/* One answer outside of the engine to somebody who has proved nothing, a DTLS cookie: is it within the budget? */
bool turn_server_may_answer(struct turn_server *s, const struct stunaddr *to);
/* Has this 5-tuple an allocation? */
bool turn_server_has(struct turn_server *s, const struct turn_path *p);
/* RFC 6062: the connection that peer_connect began stands (0) or failed; one came in on the relayed address
 * (its id is then chosen here: *connection_id; ERR_DENIED: close it); one ended. */
void turn_server_connected(struct turn_server *s, uint32_t connection_id, int rc);
int turn_server_incoming(struct turn_server *s, void *owner, const struct stunaddr *from, uint32_t *connection_id);
void turn_server_peer_gone(struct turn_server *s, uint32_t connection_id);
/* n bytes have passed a joined connection; they count for its allocation and against the user's bandwidth. False: both
 * sides should rest, and ask again with n = 0. */
bool turn_server_tcp_bytes(struct turn_server *s, uint32_t connection_id, bool is_to_peer, uint32_t n);
/* What worker tells of a connection that it holds for us, or we for it. */
void turn_server_connection_news(struct turn_server *s, unsigned worker, const struct turn_connection_news *n);
/* Another worker asks; the answer is filled (descriptors handed over) or has an error. state goes into room. */
void turn_server_claim(struct turn_server *s, const struct turn_claim *c, struct turn_claim_answer *out, struct buf *room);
void turn_server_claimed(struct turn_server *s, const struct turn_claim_answer *a);
void turn_server_heard(struct turn_server *s, unsigned worker, struct bytes user, uint32_t allocations);
void turn_server_worker_gone(struct turn_server *s, unsigned worker);

/* ---- to be seen ---- */
struct turn_seen {
	uint64_t number; /* the worker's number in the upper 16 bits */
	struct turn_path client;
	struct bytes user;
	struct stunaddr relayed, relayed2;
	uint32_t age_s, left_s, permissions, channels, connections;
	uint64_t to_peer, to_peer_bytes, to_client, to_client_bytes, dropped;
};
/* Walks the allocations: start with *at = 0. False at the end. */
bool turn_server_next(struct turn_server *s, size_t *at, struct turn_seen *out);
/* Walks the accounts that have allocations here, to tell a worker that has just come: as above. */
bool turn_server_next_user(struct turn_server *s, size_t *at, struct bytes *user, uint32_t *allocations);
enum turn_drain { TURN_DRAIN_OFF, TURN_DRAIN_ON, TURN_DRAIN_DONE };
enum turn_drain turn_server_drain(const struct turn_server *s);
size_t turn_server_count(const struct turn_server *s);
uint64_t *turn_server_stats(struct turn_server *s); /* TURN_STAT_COUNT of them */
extern const char *const turn_stat_names[TURN_STAT_COUNT];
/* Ends one (an operator's word). ERR_NOT_FOUND. */
int turn_server_end(struct turn_server *s, uint64_t number);

#endif
