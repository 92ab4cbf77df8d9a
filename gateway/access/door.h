/* gateway/access/door.h - the worker: its connections, what they share, and the way to gh-im. */
#ifndef ACCESS_DOOR_H
#define ACCESS_DOOR_H

#include "net/address.h"
#include "net/bans.h"
#include "net/stranger.h"
#include "proto/hold.h"
#include "stream.h"

#include "base/log.h"
#include "net/keyproxy.h"
#include "net/tls_news.h"
#include "net/link.h"
#include "run/acceptor.h"
#include "run/drain.h"
#include "run/bus.h"
#include "run/settings.h"

/* Counters: enum, name. */
#define ACCESS_STATS(X)                                                                            \
	X(STAT_ACCEPTED, "c2s.accepted")                                                           \
	X(STAT_REFUSED_ADDRESS, "c2s.refused.address")                                             \
	X(STAT_REFUSED_UNAUTH, "c2s.refused.unauthenticated")                                      \
	X(STAT_ACCEPT_PAUSED, "c2s.accept.paused")                                                 \
	X(STAT_TLS, "c2s.tls")                                                                     \
	X(STAT_INJECTED, "c2s.starttls.injected")                                                  \
	X(STAT_AUTH_OK, "c2s.auth.ok")                                                             \
	X(STAT_AUTH_FAILED, "c2s.auth.failed")                                                     \
	X(STAT_SESSIONS, "c2s.sessions")                                                           \
	X(STAT_RESUMED, "c2s.resumed")                                                             \
	X(STAT_KICKED, "c2s.kicked")                                                               \
	X(STAT_STANZAS_IN, "c2s.stanzas.in")                                                       \
	X(STAT_STANZAS_OUT, "c2s.stanzas.out")                                                     \
	X(STAT_STANZAS_REFUSED, "c2s.stanzas.refused")                                             \
	X(STAT_STANZAS_LATE, "c2s.stanzas.late")                                                   \
	X(STAT_HELD, "c2s.csi.held")                                                               \
	X(STAT_PARKED, "c2s.parked")                                                               \
	X(STAT_PACED, "c2s.paced")                                                                 \
	X(STAT_QUEUE_FULL, "c2s.queue.full")                                                       \
	X(STAT_BUS_FULL, "c2s.bus.full")                                                           \
	X(STAT_TIMEOUT, "c2s.timeout")                                                             \
	X(STAT_ERRORS, "c2s.stream.errors")                                                        \
	X(STAT_CLOSED, "c2s.closed")                                                               \
	X(STAT_DRAINED, "c2s.drained")                                                             \
	X(STAT_REFUSED_BAN, "c2s.refused.ban")                                                     \
	X(STAT_REFUSED_PENALTY, "c2s.refused.penalty")

#define STAT_MEMBER(id, name) id,
enum access_stat { ACCESS_STATS(STAT_MEMBER) ACCESS_STAT_COUNT };
#undef STAT_MEMBER
extern const char *const access_stat_names[ACCESS_STAT_COUNT];

struct door;
/* What the settings say, beside the rules of streams. */
struct door_config {
	uint32_t conns_max, unauthed_max, unauthed_per_address;
	uint32_t auth_timeout_ms, ping_ms;
	uint32_t queue_bytes, rate_bytes_per_s;
};

struct slot {
	struct conn *conn; /* NULL: free */
	uint32_t next_free;
};

struct door {
	struct loop *loop;
	struct bus *bus;
	unsigned instance;
	struct keyproxy *keys;
	struct tls_news news;
	struct tls_store *tls;
	struct map domains;       /* hosted, normalised: to their struct hosted */
	struct stream_rules rules;
	struct door_config config;

	struct chan *im; /* NULL while gh-im is away */
	bool is_im_full;
	bool is_ready;   /* settings have come */
	bool is_stopping;

	struct acceptor acceptor;
	struct drain drain;
	uint32_t drain_at; /* slot whose turn is next */

	/* Connections by slot; an id is generation << 32 | instance << 24 | slot. */
	struct slot *slots;
	uint32_t n_slots, first_free, n_conns, n_unauthed;
	uint32_t n_unauthed_edges; /* of those, that came to an edge */
	uint32_t generation;
	struct address_table addresses;
	struct bans bans;
	struct strangers strangers; /* wrong passwords by address */

	struct list parked; /* connections with bytes that gh-im cannot take now */
	struct list tell;   /* WRITTEN is due */
	struct list ack;    /* deliveries that no <r/> has asked about, oldest first */
	struct list gone;   /* to be freed at the end of the turn */
	struct loop_defer tell_defer, sweep_defer;
	bool is_tell_second;
	struct loop_timer ack_timer, trim_timer;
	uint32_t n_freed; /* since memory was last given back */

	struct xml_pool *xml;
	struct arena arena;
	struct buf scratch;
	uint64_t next_trace;
	struct log_limit auth_log;
	uint64_t stats[ACCESS_STAT_COUNT];
};

/* ---- door.c ---- */
int door_init(struct door *d, struct loop *l, struct bus *b, struct keyproxy *keys, unsigned instance);
void door_fini(struct door *d);
/* Whether a stanza may go to gh-im now. */
static inline bool door_is_blocked(const struct door *d)
{
	return !d->im || d->is_im_full;
}
/* Hooks of the bus. */
void door_up(struct door *d, struct chan *c);
void door_down(struct door *d, struct chan *c);
void door_pressure(struct door *d, struct chan *c, bool is_full);
/* Ends all streams with system-shutdown, so that they can be resumed elsewhere. */
void door_stop(struct door *d);

/* ---- ban.c ---- */
/* Is this newcomer kept out? */
bool door_is_banned(struct door *d, const struct sockaddr *from);
/* Has its address guessed too often? */
bool door_is_shut_out(struct door *d, const struct peer_address *who);
/* A login of it has failed, as this condition says; or it has proved who it is. */
void door_guessed(struct door *d, const struct peer_address *who, struct bytes condition);
void door_proved(struct door *d, const struct peer_address *who);
/* Puts out those that are banned; how many. */
size_t door_put_out(struct door *d);

/* ---- drain.c ---- */
extern const struct drain_owner door_drain_owner;

/* ---- config.c ---- */
void door_apply(struct door *d, const struct settings *s);
void door_config_fini(struct door *d);

/* ---- listen.c ---- */
void door_listener(struct door *d, const char *name, const char *addr, uint16_t port, int fd);
/* Stops or resumes accepting, whichever the counts want. */
void door_accept_update(struct door *d);
extern const struct acceptor_hooks door_acceptor_hooks;

/* ---- core.c ---- */
extern const struct bus_handler door_handlers[];
extern const size_t n_door_handlers;

/* ---- handed.c: CLIENT_STREAM of gh-proxy ---- */
int door_client_stream(void *door, struct chan *from, const struct frame *f);

#endif
