/* turn/server_impl.h - inside of the engine: server*.c, reply.c, relay.c, request_*.c. */
#ifndef TURN_SERVER_IMPL_H
#define TURN_SERVER_IMPL_H

#include "allocation.h"
#include "base/list.h"
#include "server.h"

enum {
	REPLY_MAX = 1500,
	RESERVATION_MS = 30 * 1000, /* RFC 8656 7.2: at least 30 s */
	RESERVATIONS_MAX = 1024,
	CONNECTION_MS = 30 * 1000,  /* RFC 6062 5.3: for ConnectionBind, and for the peer to answer */
	CONNECTIONS_MAX = 8192,     /* of a worker */
	PENDING_MAX = 256,          /* claims at other workers */
	PENDING_MS = 2000,
};

/* The socket of the next higher port, kept for a second Allocate (EVEN-PORT with R). */
struct reservation {
	struct list node;
	struct turn_server *server;
	uint8_t token[8];
	struct turn_relay relay;
	struct bytes user; /* in name */
	char name[STUNMSG_USERNAME_MAX];
	struct loop_timer timer;
};

/* A peer's TCP connection (RFC 6062) that waits: for the peer, then for the client's ConnectionBind. */
struct peer_connection {
	uint32_t id;
	uint64_t allocation;
	struct stunaddr peer;
	bool is_connecting, is_bound;
	uint8_t request[16]; /* transaction of the Connect that began it */
	bool has_request;
	struct loop_timer timer;
	struct turn_server *server;
};

/* A request whose answer another worker must help with. */
struct pending {
	struct list node;
	struct turn_server *server;
	uint64_t number;
	struct turn_path path;
	uint16_t method;
	uint8_t id[16];
	struct credentials_result who;
	bool is_sha256;
	uint64_t has;
	uint32_t lifetime_s, connection_id;
	struct loop_timer timer;
};

struct turn_server {
	struct loop *loop;
	unsigned worker;
	struct nonce_key key;
	const struct turn_io *io;
	void *io_arg;
	const struct turn_conf *conf;
	struct turn_door doors[TURN_DOORS_MAX];
	bool has_door[TURN_DOORS_MAX];
	struct allocation_table table;
	struct quota *quota;
	struct budget *budget;
	uint32_t budget_per_s;
	struct list reservations, pendings;
	size_t n_reservations, n_pendings;
	struct map connections; /* by id */
	uint64_t next_pending;
	uint64_t stats[TURN_STAT_COUNT];
	struct peer_rules rules; /* the settings' and the relays' own addresses */
	bool has_kernel;            /* turn_server_kernel */
	bool must_renew, is_renewing; /* flow.c: limits have changed; this round tells the kernel */
	size_t flow_at;             /* where this round is */
	struct loop_timer flow_timer;
	uint64_t next_indication; /* transaction ids of indications, which nobody answers */
	uint8_t reply[TURN_HEADROOM + REPLY_MAX];
};

/* A request on its way through the engine. */
struct request {
	struct turn_server *s;
	const struct turn_path *path;
	const struct stunmsg *m;
	struct allocation *a;          /* of the 5-tuple; NULL: none */
	struct credentials_result who; /* after authentication */
	bool is_sha256;                /* how the answer is signed */
	bool is_authenticated;
};

/* ---- reply.c ---- */
/* Begins the answer in the server's buffer. */
void reply_begin(struct request *r, struct stunmsg_writer *w, enum stunmsg_class c);
/* Signs (when the request was), and sends. */
void reply_send(struct request *r, struct stunmsg_writer *w);
void reply_error(struct request *r, unsigned code);
/* 401 or 438 with realm, nonce and algorithms; within the budget of who has proved nothing. */
void reply_challenge(struct request *r, unsigned code);
/* One log line about a refusal. */
void note_refused(struct request *r, const char *what, const char *why);

/* ---- server_auth.c ---- */
/* True: the request is authenticated, r->who is known. Else it has been answered. */
bool request_authenticate(struct request *r);

/* ---- server.c ---- */
void allocation_end(struct turn_server *s, struct allocation *a);
void allocation_set_timer(struct turn_server *s, struct allocation *a);
/* Lifetime as granted: within the settings and the token (RFC 8656 7.2, RFC 7635 4.2). */
uint32_t lifetime_granted(const struct request *r);
/* Is the peer's family one that the allocation relays? NULL: 443. */
struct turn_relay *relay_for(struct allocation *a, const struct stunaddr *peer);
/* Canonical form, rules, relays of this box: may it be a peer? Else it is logged. */
bool peer_is_permitted(struct request *r, struct stunaddr *peer);
void tell_usage(struct turn_server *s, const struct quota_user *u);

/* ---- request_*.c: authenticated requests ---- */
void request_binding(struct request *r);
void request_allocate(struct request *r);
void request_refresh(struct request *r);
void request_permission(struct request *r);
void request_channel(struct request *r);
void request_connect(struct request *r);
void request_connection_bind(struct request *r);
/* A relayed address that came from another worker becomes the request's allocation; answers. */
void allocate_with(struct request *r, struct turn_relay *relay);
/* An allocation of the request's user without relayed address yet; NULL: no room or over a quota. */
struct allocation *allocate_shell(struct request *r);
void refresh_answer(struct request *r, struct allocation *a);
/* The 5-tuple has an allocation of this user; else answered 437 or 441. */
bool is_of_owner(struct request *r);
/* No more new peers a second than the settings allow. */
bool peer_is_in_time(struct request *r, const struct stunaddr *peer);

/* ---- relay.c ---- */
void relay_channel_data(struct turn_server *s, const struct turn_path *from, struct turn_packet *p);
void relay_send(struct turn_server *s, const struct turn_path *from, const struct stunmsg *m);

/* ---- flow.c: channels in the kernel's path ---- */
void flows_init(struct turn_server *s);
void flows_fini(struct turn_server *s);
/* What may be in the kernel is, as it is now; what may not is not. Of peer's address only; NULL: of all. */
void flows_put(struct turn_server *s, struct allocation *a, const struct stunaddr *peer);
void flows_put_all(struct turn_server *s);
void flows_drop(struct turn_server *s, struct allocation *a);
/* Flows of channels that have ended: before such a channel's place is used again. */
void flows_prune(struct turn_server *s, struct allocation *a);
/* Before allocation_revoke: the flows of channels that it ends. */
void flows_drop_denied(struct turn_server *s, struct allocation *a, bool (*is_permitted)(void *arg, const struct stunaddr *peer));
/* Counts what has passed. */
void flows_read(struct turn_server *s, struct allocation *a);
/* Limits have changed: the kernel's follow within two seconds. */
void flows_renew_soon(struct turn_server *s);

/* ---- reservation.c ---- */
int reservation_put(struct turn_server *s, struct bytes user, struct turn_relay *relay, uint8_t token[static 8]);
/* Takes it: relay is the caller's. ERR_NOT_FOUND, ERR_DENIED (another user's). */
int reservation_take(struct turn_server *s, const uint8_t token[static 8], struct bytes user, struct turn_relay *out);
void reservations_free(struct turn_server *s);

/* ---- pending.c ---- */
void pendings_free(struct turn_server *s);
/* Asks the worker; the answer to the request comes later. Negative: it could not be asked. */
int pending_begin(struct request *r, unsigned worker, enum turn_claim_kind kind, struct bytes id);

/* ---- connection.c (RFC 6062) ---- */
struct peer_connection *connection_of(struct turn_server *s, uint32_t id);
/* Is it there for this user to take? NULL: *code says why not. */
struct peer_connection *connection_offered(struct turn_server *s, uint32_t id, struct bytes user, unsigned *code);
void connection_forget(struct turn_server *s, struct peer_connection *c);
/* Answers ConnectionBind and joins the two. */
void connection_join(struct request *r, uint32_t id);
void connections_end(struct turn_server *s, const struct allocation *a);

/* ---- ticket.c (RFC 8016) ---- */
size_t ticket_make(const struct turn_server *s, const struct allocation *a, uint32_t n, uint8_t out[static STUNMSG_TICKET_MAX]);
/* Which allocation, of which worker, and which of its tickets. ERR_DENIED: not ours. */
int ticket_read(const struct turn_server *s, struct bytes ticket, unsigned *worker, uint64_t *number, uint32_t *n);

#endif
