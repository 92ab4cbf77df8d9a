/* sip/transport_impl.h - the inside of the transports, for transport*.c and their tests only. */
#ifndef SIP_TRANSPORT_IMPL_H
#define SIP_TRANSPORT_IMPL_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "net/address.h"
#include "net/link.h"
#include "sip/stream.h"
#include "sip/transport.h"

enum { SIPLISTENERS_MAX = 64 };

/* A UDP socket or a listening one. */
struct sipsocket {
	struct siptransports *t;
	int fd; /* -1: free place */
	enum siptransport how;
	bool is_mutual;
	unsigned generation; /* an id of the one before is not ours */
	union sip_sockaddr local;
	struct loop_watch watch;
	/* UDP: datagrams that wait for the end of the turn, or for the kernel */
	struct buf out;
	struct loop_defer flush;
	bool is_blocked;
};

enum sipconn_state {
	SIPCONN_OPENING, /* connect, handshake: what is sent waits */
	SIPCONN_READY,
	SIPCONN_ENDING,  /* takes and gives nothing more */
};

struct sipconn {
	struct list node;
	struct siptransports *t;
	struct link link;
	struct sipstream in;
	struct sip_source source;
	struct sip_place *to;  /* of one that we opened */
	struct address_count *count; /* of one that was accepted */
	struct list keys;      /* places that it is the way to */
	struct buf waiting;    /* sent before it was ready: not a byte leaves before the peer is proved */
	struct buf tokens;     /* struct sent, oldest first */
	uint64_t put;          /* bytes sent on it in all, up to now */
	uint32_t queue_max;
	uint32_t idle_ms;      /* its own; 0: that of all */
	struct loop_timer timer;
	struct loop_defer sweep;
	uint64_t opened_ms, active_ms, begun_ms, moved_ms; /* begun: a message; moved: the queue */
	uint64_t moved_bytes;
	uint8_t state, n_keys;
	bool has_spoken, was_inside;
	int why;               /* ours, when we ended it */
	const char *words;     /* static */
};

struct siptransports {
	struct loop *loop;
	const struct siptransport_owner *owner;
	void *arg;
	siptransport_tap_fn tap; /* NULL: nobody watches */
	void *tap_arg;
	struct siptransport_config config;
	struct tls_store *store;
	char default_domain[256];
	struct sipsocket sockets[SIPLISTENERS_MAX];
	struct list conns;
	struct map flows, places;
	struct address_table addresses;
	uint64_t next_flow;
	struct loop_timer accept_pause;
	struct loop_defer resume;
	struct siptransport_counts counts;
	struct log_limit refusals;
	bool is_paused, is_accept_paused;
};

/* ---- transport.c ---- */
/* Hands a message in. Takes m. */
void siptransports_deliver(struct siptransports *t, struct sipmsg *m, const struct sip_source *from);
void siptransports_fail(struct siptransports *t, uint64_t token, int rc, const char *words);
/* Counts a refusal and says it in the log, not too often. */
void siptransports_refuse(struct siptransports *t, const union sip_sockaddr *from, enum siptransport how, int rc,
                          const char *words);

/* ---- transport_udp.c ---- */
void sipudp_init(struct sipsocket *s);
void sipudp_fini(struct sipsocket *s);
void sipudp_event(struct sipsocket *s, unsigned events);
/* What to wait for. */
unsigned sipudp_events(const struct sipsocket *s);
int sipudp_send(struct sipsocket *s, const union sip_sockaddr *to, uint64_t token, struct bytes message);

/* ---- transport_listen.c ---- */
void siplisten_init(struct siptransports *t);
void siplisten_fini(struct siptransports *t);
/* NULL: no such listener any more. */
struct sipsocket *siplisten_find(struct siptransports *t, unsigned listener);
unsigned siplisten_id(const struct sipsocket *s);
/* The UDP socket to send to this address with; NULL: none of its family. */
struct sipsocket *siplisten_udp_for(struct siptransports *t, const union sip_sockaddr *to);
/* After a change of what may be read. */
void siplisten_update(struct siptransports *t);

/* ---- transport_conn.c ---- */
/* Takes over fd. */
void sipconn_accept(struct sipsocket *s, int fd, const union sip_sockaddr *from);
/* As siptransports_adopt. */
int sipconn_adopt(struct siptransports *t, enum siptransport how, int fd, const union sip_sockaddr *from, uint64_t *flow);
int sipconn_dial(struct siptransports *t, const struct sip_place *to, struct sipconn **out);
int sipconn_send(struct sipconn *c, uint64_t token, struct bytes message);
/* Ends it in order, after what is queued. */
void sipconn_wind_down(struct sipconn *c, int why);
/* Ends it with this turn; what is queued is lost. words: static. */
void sipconn_cut(struct sipconn *c, int why, const char *words);
/* Hands in what has come whole. */
void sipconn_drain(struct sipconn *c);
/* Lets go of what was sent so long ago that nobody waits for an answer. */
void sipconn_forget_answered(struct sipconn *c);
void sipconn_pause(struct sipconn *c, bool is_paused);
/* At once, nobody is told. */
void sipconn_free(struct sipconn *c);

/* ---- transport_table.c: who is the way to which place ---- */
struct sipconn *siptable_flow(const struct siptransports *t, uint64_t flow);   /* NULL: gone or ending */
struct sipconn *siptable_place(struct siptransports *t, const struct sip_place *p);
int siptable_add(struct sipconn *c);
/* ERR_EXISTS: there is another way; ERR_FULL; ERR_NOMEM. */
int siptable_add_place(struct sipconn *c, const struct sip_place *p);
void siptable_del_places(struct sipconn *c);
void siptable_del(struct sipconn *c);

/* ---- transport_time.c: how long a connection may be silent ---- */
void siptime_init(struct sipconn *c);
/* After bytes went or came. */
void siptime_touch(struct sipconn *c);

#endif
