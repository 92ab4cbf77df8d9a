/* turn/allocation.h - an allocation with its permissions and channels (RFC 8656 3, 9, 12), and the table
 * of a worker's. Pure; times are the loop's milliseconds. An allocation is below 1 kB of memory besides
 * its sockets. */
#ifndef TURN_ALLOCATION_H
#define TURN_ALLOCATION_H

#include "base/map.h"
#include "io.h"
#include "peer_rules.h"
#include "quota.h"
#include "run/loop.h"

enum {
	PERMISSION_MS = 300 * 1000, /* RFC 8656 9 */
	CHANNEL_MS = 600 * 1000,    /* RFC 8656 12 */
	SEND_FLOWS_MAX = 8,
	PATH_KEY_BYTES = 26,
	TICKET_MAC_BYTES = 16,
};

struct permission {
	uint64_t expires_ms;
	struct stunaddr peer; /* port is 0 */
	bool is_own;          /* relayed addresses of this box (own_relays.h) */
};
struct channel {
	uint64_t expires_ms;
	struct stunaddr peer;
	uint16_t number;
	uint32_t flow; /* the kernel's (net/fastpath.h); 0: none */
};
/* A peer without a channel whose Send and Data indications pass in the kernel (flow_send.c). */
struct send_flow {
	uint64_t used_ms;
	struct stunaddr peer;
	uint32_t flow; /* 0: the kernel has not taken it */
};

struct turn_server;
struct allocation {
	struct turn_server *server;
	uint64_t number;
	struct turn_path client;
	uint8_t key_of_path[PATH_KEY_BYTES];
	struct turn_relay relay[2]; /* the second: of ADDITIONAL-ADDRESS-FAMILY */
	struct quota_hold hold;
	uint8_t key[STUNMSG_KEY_MAX], key_n; /* of the user, as at Allocate; of the last token */
	bool is_sha256;
	bool is_tcp;              /* RFC 6062 */
	bool is_orphan;           /* its client's connection is gone, a ticket may still claim it (RFC 8016) */
	bool has_ticket, has_additional;
	uint8_t born_of[16];      /* transaction id of the Allocate: it may come twice */
	uint8_t token[8];         /* RESERVATION-TOKEN that it was answered; 0: none */
	uint32_t ticket_n;        /* tickets given out so far */
	uint64_t born_ms, expires_ms, token_ends_s; /* the last: of its token (RFC 7635), wall clock; 0: none */
	struct loop_timer timer;
	struct permission *permissions;
	struct channel *channels;
	struct send_flow *sends;
	struct peer_connection *connections; /* RFC 6062, chained */
	uint16_t n_permissions, room_permissions, n_channels, room_channels, n_sends, room_sends, n_connections;
	uint16_t hot_permission, hot_channel, hot_send; /* where the last peer was found */
	struct rate new_peers;
	uint64_t to_peer, to_peer_bytes, to_client, to_client_bytes, dropped;
};

/* ---- the table ---- */
struct allocation_table {
	struct map by_path, by_number;
	uint64_t next_number;
	struct allocation *last; /* of the last look-up by path: datagrams of a flow come in a row */
};
void path_key(const struct turn_path *p, uint8_t out[static PATH_KEY_BYTES]);
void allocation_table_init(struct allocation_table *t, unsigned worker);
void allocation_table_fini(struct allocation_table *t); /* empty by then */
struct allocation *allocation_of_path(struct allocation_table *t, const struct turn_path *p);
struct allocation *allocation_of_number(const struct allocation_table *t, uint64_t number);
/* A new one, in the table; relays closed (fd -1). NULL without memory or when the path has one. */
struct allocation *allocation_new(struct allocation_table *t, const struct turn_path *p);
/* Its client has another 5-tuple now (RFC 8016). ERR_EXISTS, ERR_NOMEM. */
int allocation_move(struct allocation_table *t, struct allocation *a, const struct turn_path *p);
/* Out of the table; frees its memory. Sockets, timer, quota are the caller's to end before. */
void allocation_free(struct allocation_table *t, struct allocation *a);

/* ---- permissions: by the peer's address ---- */
/* Makes or renews. ERR_LIMIT: it has `most` that still hold; ERR_NOMEM. */
int permission_put(struct allocation *a, const struct stunaddr *peer, bool is_own, uint64_t now_ms, uint32_t most);
/* The one that holds for this peer; NULL: none. */
const struct permission *permission_of(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms);
bool permission_holds(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms);

uint64_t permission_ends_ms(struct allocation *a, const struct stunaddr *peer); /* 0: there is none */

/* ---- channels ---- */
struct channel *channel_of_number(struct allocation *a, uint16_t number, uint64_t now_ms);
struct channel *channel_of_peer(struct allocation *a, const struct stunaddr *peer, uint64_t now_ms);
/* Binds or renews, with the permission. ERR_EXISTS: number or peer is bound otherwise (400); ERR_LIMIT. */
int channel_put(struct allocation *a, uint16_t number, const struct stunaddr *peer, uint64_t now_ms, uint32_t most,
                struct channel **out);
/* ---- flows of indications ---- */
struct send_flow *send_flow_of(struct allocation *a, const struct stunaddr *peer);
/* A place for one more, not used yet. NULL: there are SEND_FLOWS_MAX, or no memory. */
struct send_flow *send_flow_new(struct allocation *a, const struct stunaddr *peer);
void send_flow_forget(struct allocation *a, struct send_flow *f); /* the last one takes its place */

/* Permissions and channels that are denied now, or judged otherwise than when they were made, end. */
void allocation_revoke(struct allocation *a, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer), void *arg);
uint32_t allocation_count_permissions(const struct allocation *a, uint64_t now_ms);
uint32_t allocation_count_channels(const struct allocation *a, uint64_t now_ms);
size_t allocation_memory(const struct allocation *a); /* bytes */

#endif
