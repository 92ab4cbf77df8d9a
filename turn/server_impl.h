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
	NEWS_MS = 10 * 1000,        /* how often a worker tells what passed a connection of another's */
	PENDING_MAX = 256,          /* claims at other workers */
	PENDING_MS = 2000,
	SAVED_MS = 60 * 1000,       /* one line about answers that were not given */
	CLAIMED_NAME_MAX = 64,      /* bytes of a stranger's user name that the log shows */
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

enum connection_state {
	CONNECTION_CONNECTING, /* to the peer; its Connect is not answered yet */
	CONNECTION_OFFERED,    /* waits for the client's ConnectionBind */
	CONNECTION_BOUND,
	CONNECTION_AWAY,       /* bound, at the worker where the client's connection is */
	CONNECTION_GUEST,      /* bound here, of another worker's allocation */
};

/* A peer's TCP connection (RFC 6062). */
struct peer_connection {
	struct turn_server *server;
	struct allocation *allocation; /* NULL: a guest's */
	struct peer_connection *next;  /* of the allocation */
	struct loop_timer timer;       /* a guest's: until the next news */
	struct stunaddr peer;
	bool is_own;                   /* the peer is a relayed address of this box (own_relays.h) */
	uint32_t id;
	uint32_t owed;                 /* bytes that have passed and the quota has not taken yet */
	uint64_t to_peer, to_client;   /* a guest's: not told yet */
	uint8_t request[16];           /* transaction of the Connect that began it */
	uint8_t state;                 /* enum connection_state */
	uint8_t holder;                /* the worker where it is away to */
	uint16_t user_n;
	char user[];                   /* a guest's */
};

/* A request whose answer another worker must help with. */
struct pending {
	struct list node;
	struct turn_server *server;
	uint64_t number;
	enum turn_claim_kind kind;
	struct turn_path path;
	uint16_t method;
	uint8_t id[16];
	struct credentials_result who;
	bool is_sha256;
	uint64_t has;
	uint32_t lifetime_s, connection_id;
	struct loop_timer timer;
};

struct drain {
	bool is_on, is_told, is_ending;
	uint64_t since_ms;
	struct loop_timer deadline;
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
	uint64_t full_ms; /* an allocation was refused for want of room: an alarm stands; 0: none does */
	struct budget *budget;
	uint32_t budget_per_s;
	struct loop_timer saved;
	struct drain drain;
	struct list reservations, pendings;
	size_t n_reservations, n_pendings;
	struct map connections; /* by id */
	uint64_t next_pending;
	uint64_t stats[TURN_STAT_COUNT];
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
/* The first half of that: the message, n 0 when it did not fit; and what signing adds to it. */
struct bytes reply_finish(struct request *r, struct stunmsg_writer *w);
size_t reply_end_bytes(const struct request *r);
void reply_error(struct request *r, unsigned code);
/* 401 or 438 with realm, nonce and algorithms; within the budget of who has proved nothing. */
void reply_challenge(struct request *r, unsigned code);
/* May one who has proved nothing be answered? Else it is counted. */
bool answer_may_go(struct turn_server *s, const struct stunaddr *to);
/* The same of a request. */
bool stranger_is_answered(struct request *r);
/* One log line about a refusal. */
void note_refused(struct request *r, const char *what, const char *why);
/* Timer: the line about those that were not. */
void answers_saved(void *server);

/* ---- server_auth.c ---- */
/* True: the request is authenticated, r->who is known. Else it has been answered. */
bool request_authenticate(struct request *r);

/* ---- server.c ---- */
/* reason: for the record (io.h); NULL: it never began. */
void allocation_end(struct turn_server *s, struct allocation *a, const char *reason);
void allocation_set_timer(struct turn_server *s, struct allocation *a);
/* Lifetime as granted: within the settings and the token (RFC 8656 7.2, RFC 7635 4.2). */
uint32_t lifetime_granted(const struct request *r);
/* Is the peer's family one that the allocation relays? NULL: 443. */
struct turn_relay *relay_for(struct allocation *a, const struct stunaddr *peer);
/* Canonical form, rules, relays of this box. *rule: why it is denied. */
enum peer_verdict peer_judge(const struct turn_conf *c, struct stunaddr *peer, const char **rule);
/* May it be a peer of the request's allocation? Else it is logged. */
bool peer_is_permitted(struct request *r, struct stunaddr *peer);
/* The same with its port, which counts where the address is this box's. */
bool peer_port_is_permitted(struct request *r, const struct stunaddr *peer);
bool peer_is_own(const struct turn_server *s, const struct stunaddr *peer); /* canonical already */
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
/* The key of the request signs what comes after it. */
void allocation_set_key(struct allocation *a, const struct request *r);
/* Is it the user's who asks? */
bool is_owner(const struct request *r, const struct allocation *a);
/* The 5-tuple has an allocation of this user; else answered 437 or 441. */
bool is_of_owner(struct request *r);
/* No more new peers a second than the settings allow. */
bool peer_is_in_time(struct request *r, const struct stunaddr *peer);

/* ---- relay.c ---- */
/* Has the source of what came to the allocation a permission, and is it of this box no other port than a relayed
 * address's? *peer becomes the form in which permissions are kept. */
bool source_is_permitted(struct turn_server *s, struct allocation *a, struct stunaddr *peer);
void relay_channel_data(struct turn_server *s, const struct turn_path *from, struct turn_packet *p);
void relay_send(struct turn_server *s, const struct turn_path *from, const struct stunmsg *m, struct turn_packet *p);

/* ---- flow.c, flow_send.c: channels and indications in the kernel's path ---- */
void flows_init(struct turn_server *s);
void flows_fini(struct turn_server *s);
/* What may be in the kernel is, as it is now; what may not is not. Of peer's address only; NULL: of all. */
void flows_put(struct turn_server *s, struct allocation *a, const struct stunaddr *peer);
void flows_put_all(struct turn_server *s);
void flows_drop(struct turn_server *s, struct allocation *a);
/* Flows of channels that have ended: before such a channel's place is used again. */
void flows_prune(struct turn_server *s, struct allocation *a);
/* Before allocation_revoke: the flows of channels that it ends. */
void flows_drop_denied(struct turn_server *s, struct allocation *a, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer));
/* Counts what has passed. */
void flows_read(struct turn_server *s, struct allocation *a);
/* An indication to or from the peer has passed here: perhaps the next one need not. */
void send_flow_use(struct turn_server *s, struct allocation *a, const struct stunaddr *peer);
/* Limits have changed: the kernel's follow within two seconds. */
void flows_renew_soon(struct turn_server *s);

/* ---- reservation.c ---- */
int reservation_put(struct turn_server *s, struct bytes user, struct turn_relay *relay, uint8_t token[static 8]);
/* Takes it: relay is the caller's. ERR_NOT_FOUND, ERR_DENIED (another user's). */
int reservation_take(struct turn_server *s, const uint8_t token[static 8], struct bytes user, struct turn_relay *out);
void reservations_free(struct turn_server *s);

/* ---- pending.c ---- */
void pendings_free(struct turn_server *s);
/* An address as workers write it to each other. */
struct wire;
void pending_put_address(struct buf *b, const struct stunaddr *a);
void pending_get_address(struct wire *w, struct stunaddr *a);
/* Asks the worker; the request is answered when it has said, or at once when it cannot be asked. */
void pending_begin(struct request *r, unsigned worker, enum turn_claim_kind kind, struct bytes id);

/* ---- drain.c ---- */
void drain_init(struct turn_server *s);
void drain_fini(struct turn_server *s);
void drain_set(struct turn_server *s);   /* the settings have changed */
void drain_check(struct turn_server *s); /* perhaps there are fewer allocations */

/* ---- connection.c (RFC 6062) ---- */
struct peer_connection *connection_of(struct turn_server *s, uint32_t id);
/* Room for another one? */
bool connections_have_room(const struct turn_server *s);
/* In the table, with a timer that is not set; NULL without memory. user: a guest's. */
struct peer_connection *connection_add(struct turn_server *s, uint32_t id, const struct stunaddr *peer, struct bytes user);
/* Is it there for this user to take? NULL: *code says why not. */
struct peer_connection *connection_offered(struct turn_server *s, uint32_t id, struct bytes user, unsigned *code);
void connection_forget(struct turn_server *s, struct peer_connection *c);
/* Answers ConnectionBind and joins the two. */
void connection_join(struct request *r, uint32_t id);
/* Those of the allocation end. */
void connections_end(struct turn_server *s, struct allocation *a);
/* Those whose peer is denied now, or judged otherwise than when they were made, end. */
void connections_revoke(struct turn_server *s, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer), void *arg);

/* ---- connection_away.c: the client's connection is at one worker, the allocation at another ---- */
/* What the asking worker needs to know, in b; it has the connection from now on. */
void connection_leave(struct peer_connection *c, unsigned to, struct buf *b);
/* It arrives: fd is taken, on failure too. 0, or an error for the client; its owner knows. */
unsigned connection_arrive(struct turn_server *s, struct bytes state, struct bytes user, int fd);
/* It was granted to nobody. */
void connection_return(struct turn_server *s, struct bytes state);
/* Tells the other worker that it is over, when there is one. */
void connection_part(struct peer_connection *c);
void connections_worker_gone(struct turn_server *s, unsigned worker);

/* ---- ticket.c (RFC 8016) ---- */
size_t ticket_make(const struct turn_server *s, const struct allocation *a, uint32_t n, uint8_t out[static STUNMSG_TICKET_MAX]);
/* Which allocation, of which worker, and which of its tickets. ERR_DENIED: not ours. */
int ticket_read(const struct turn_server *s, struct bytes ticket, unsigned *worker, uint64_t *number, uint32_t *n);

#endif
