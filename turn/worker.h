/* turn/worker.h - gh-turn: one of N equal relay processes. Owns the sockets, carries out what the engine
 * (server.h) asks through io.h, and speaks with the other workers. */
#ifndef TURN_WORKER_H
#define TURN_WORKER_H

#include "base/log.h"
#include "batch.h"
#include "conf.h"
#include "net/keyproxy.h"
#include "net/tls_news.h"
#include "net/tls_settings.h"
#include "relay_socket.h"
#include "run/pacer.h"
#include "run/proc.h"
#include "run/stats.h"
#include "server.h"

enum { FAST_WHY_BYTES = 160, FAST_HANDLERS = 2, CLAIMS_HANDLERS = 7 };
struct worker;
struct door;
struct tcp_relay; /* tcp_relay.h */
struct streams; /* clients over TCP and TLS: door_stream.c */
struct associations; /* over DTLS: door_dtls.c */

/* What a transport does with its listeners and clients: door_*.c. */
struct door_kind {
	const char *listener; /* its name in lib/run/service.c */
	uint8_t transport;    /* enum turn_transport */
	/* The socket has come: d->fd, d->facts and d->watch are there. 0, or ERR_*: it is closed. Optional. */
	int (*open)(struct door *d);
	/* The listener goes: so do its clients (turn_server_client_gone). The socket is closed after. Optional. */
	void (*close)(struct door *d);
	void (*readable)(struct door *d);
	void (*to_client)(struct worker *w, const struct turn_path *to, struct bytes data);
	/* Ends the client's connection or association; the engine is not told. NULL: there are none. */
	void (*client_close)(struct worker *w, const struct turn_path *client);
	/* Settings have changed: certificates, limits. Optional. */
	void (*apply)(struct worker *w);
};

struct door {
	struct worker *worker;
	const struct door_kind *kind;
	void *own; /* the kind's */
	struct turn_door facts;
	char name[16], addr[64];
	struct loop_watch watch;
	int fd; /* -1: free place */
	uint8_t number;
	uint32_t drops;
};

struct worker {
	struct proc *proc;
	struct loop *loop;
	unsigned number;
	struct batch *batch;
	struct pacer pacer; /* packets */
	struct relays *relays;
	struct streams *streams;
	struct associations *associations;
	struct tcp_relay *tcp;
	struct turn_server *server;
	struct door doors[TURN_DOORS_MAX];
	const struct settings *settings; /* NULL before the first */
	struct turn_settings *conf;
	struct keyproxy *keys; /* private keys: gh-keys signs */
	struct tls_news news;  /* answers to staple, of gh-pki */
	struct tls_store *tls; /* NULL before the first settings */
	char tls_domain[TLS_DOMAIN_BYTES]; /* shown to clients without SNI; "": none */
	struct nonce_key key;
	uint64_t key_born_ms; /* of the box's clock: the oldest that lives is everybody's */
	struct buf claim_room;
	uint64_t pair_number; /* a grant's second descriptor waits for it */
	int pair_fd;          /* -1: none */
	struct fastpath *fast;     /* the kernel's path; NULL: none, fast_why says why */
	struct fastpath_maps maps; /* as they come: n_maps of them */
	unsigned n_maps;
	char fast_why[FAST_WHY_BYTES];
	struct log_limit refusals, failures, short_ends;
	struct stats engine_stats, batch_stats, stream_stats, association_stats, tcp_stats, relay_stats;
};

extern const struct turn_io worker_io;
extern const struct relays_hooks worker_relay_hooks;

/* Settings or listeners have changed. */
void worker_apply(struct worker *w, const struct settings *s);
void worker_refresh(struct worker *w);

extern const struct door_kind door_udp, door_tcp, door_tls, door_dtls;

/* ---- serve.c: packets for the engine, of all transports ---- */
void serve_init(struct worker *w);
void serve_fini(struct worker *w);
void serve_client(struct worker *w, const struct turn_path *from, struct turn_packet *p);
void serve_count(struct worker *w); /* one from a peer */

/* ---- doors.c ---- */
void doors_apply(struct worker *w); /* settings have changed */
void doors_init(struct worker *w);
void door_listener(struct worker *w, const char *name, const char *addr, uint16_t port, int fd);
void doors_fini(struct worker *w);

/* ---- door_udp.c: what doors of datagrams share ---- */
int door_open_datagrams(struct door *d);
void door_read_datagrams(struct door *d, batch_fn fn);

/* ---- certificates.c ---- */
extern const char *const worker_alpn[]; /* RFC 7443 */
void certificates_apply(struct worker *w); /* settings have changed, not only listeners */
void certificates_fini(struct worker *w);  /* after all clients */

/* ---- claims.c: the other workers ---- */
int claims_ask(struct worker *w, unsigned other, const struct turn_claim *c);
void claims_tell_usage(struct worker *w, struct bytes user, uint32_t allocations);
void claims_tell_connection(struct worker *w, unsigned other, const struct turn_connection_news *n);
void claims_up(struct worker *w, struct chan *c);
void claims_down(struct worker *w, struct chan *c);
void claims_fini(struct worker *w);
extern const struct bus_handler claims_handlers[];
extern const size_t n_claims_handlers;

/* ---- fast.c: the kernel's path ---- */
void fast_end(struct worker *w, const char *why);
void fast_down(struct worker *w, struct chan *c);
extern const struct bus_handler fast_handlers[];
extern const size_t n_fast_handlers;
int fast_add(void *io, const struct fastpath_flow *f, uint32_t *id);
int fast_renew(void *io, uint32_t id, const struct fastpath_flow *f);
int fast_read(void *io, uint32_t id, struct fastpath_counts *out);
void fast_del(void *io, uint32_t id, struct fastpath_counts *out);

/* ---- show.c ---- */
extern const char *const turn_transport_names[TURN_TRANSPORT_COUNT];
extern const struct proc_command turn_commands[];
extern const size_t n_turn_commands;

#endif
