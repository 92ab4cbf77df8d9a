/* msrp_impl.h - the parts of msrp_*.c: msrp_door.c has listeners and what gh-xlate says, msrp_session.c the
 * announced sessions and connecting for them, msrp_conn.c connections and whose frames are on them. */
#ifndef GSIP_MSRP_IMPL_H
#define GSIP_MSRP_IMPL_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "msrp_door.h"
#include "net/address.h"
#include "net/link.h"
#include "proto/msrp.h"

enum {
	MSRP_SESSIONS_MAX = 20000,
	MSRP_CONNS_MAX = 10000,
	MSRP_PER_ADDRESS_MAX = 32,   /* connections that have no session, from one address */
	MSRP_LISTENERS_MAX = 16,
	MSRP_BODY_MAX_BYTES = 32768, /* of one chunk; a message has less (SES-06) */
	MSRP_QUEUE_MAX_BYTES = 1 << 20,
	MSRP_FIRST_MS = 10000,       /* a connection without a session; a handshake */
	MSRP_HALF_MS = 30000,        /* a frame begun and not ended */
	MSRP_CONNECT_MS = 15000,
	MSRP_GUESSES_MAX = 16,       /* sessions that are not here, named on one connection */
	MSRP_LOW_PORTS = 1024,       /* nobody is made to connect there */
};

/* flags of MSRP_OPEN */
enum { MSRP_OPEN_TLS = 1 << 0, MSRP_OPEN_CONNECT = 1 << 1 };

struct msrp_conn;

struct msrp_session {
	struct msrp_door *door;
	struct list node;       /* of its connection; unlinked while it has none */
	uint64_t key;           /* gh-xlate's */
	uint8_t flags;
	char *uri, *path;       /* ours; theirs, NULL: not known yet */
	struct bytes id;        /* in uri: the session's part */
	struct msrp_conn *conn; /* NULL: waits for it */
	bool is_opened;         /* gh-xlate knows of the connection */
	struct dns_query *query;
	size_t n_addrs, next_addr;
	struct dns_addr addrs[DNS_ADDRS_MAX];
};

struct msrp_conn {
	struct msrp_door *door;
	struct list node;
	struct link link;
	struct msrp_reader reader;
	struct list sessions;  /* struct msrp_session */
	struct address_count *address; /* while it has no session */
	struct loop_timer timer;
	struct peer_address peer;
	uint64_t id;
	uint64_t half_ms;      /* a frame is half here since */
	unsigned guesses;
	bool is_tls, is_ours, is_closing;
};

struct msrp_listener {
	struct msrp_door *door;
	struct loop_watch watch;
	bool is_there, is_tls, is_loopback;
	char addr[64];
	uint16_t port;
	int fd;
};

struct msrp_door {
	struct loop *loop;
	struct bus *bus;
	struct dns *dns;
	struct tls_store *store;
	char domain[256];
	struct map by_key, by_id; /* struct msrp_session; by_key owns */
	struct list conns;
	size_t n_conns;
	struct address_table addresses;
	struct msrp_listener listeners[MSRP_LISTENERS_MAX];
	struct loop_timer accept_pause;
	struct log_limit limit_log;
	bool is_paused;
	struct msrp_door_counts counts;
};

/* ---- msrp_session.c ---- */
int msrp_session_new(struct msrp_door *d, uint64_t key, struct bytes uri, struct msrp_session **out);
void msrp_session_free(struct msrp_session *s);
/* What is known now; connects when it is to. */
void msrp_session_update(struct msrp_session *s, uint8_t flags, struct bytes path);
/* The session whose URI this is; NULL: none. */
struct msrp_session *msrp_session_of(struct msrp_door *d, struct bytes uri);
void msrp_session_bind(struct msrp_session *s, struct msrp_conn *c);
/* Its connection could not be made or has gone: the next address, or its end. */
void msrp_session_lost(struct msrp_session *s, int why);

/* ---- msrp_conn.c ---- */
void msrp_conn_accept(struct msrp_door *d, int fd, bool is_tls);
/* For a session; it is bound when the connection is ready. ERR_*. */
int msrp_conn_connect(struct msrp_session *s, const struct dns_addr *to, uint16_t port);
void msrp_conn_send(struct msrp_conn *c, struct bytes frame);
/* A session has left: without any the connection ends. */
void msrp_conn_left(struct msrp_conn *c);
void msrp_conn_free(struct msrp_conn *c);
void msrp_conn_arm(struct msrp_conn *c);

#endif
