/* gateway/proxy/proxy.h - gh-proxy as one struct: what its files share. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "net/address.h"
#include "net/bans.h"
#include "net/client_hello.h"
#include "net/keyproxy.h"
#include "net/tls.h"
#include "net/publish_settings.h"
#include "net/tls_news.h"
#include "proto/xml.h"
#include "run/acceptor.h"
#include "run/drain.h"
#include "run/bus.h"
#include "run/pacer.h"
#include "run/settings.h"

/* Counters: enum, name. */
#define PROXY_STATS(X)                                                                             \
	X(STAT_ACCEPTED, "proxy.accepted")                                                         \
	X(STAT_CLOSED, "proxy.closed")                                                             \
	X(STAT_REFUSED_FULL, "proxy.refused.full")                                                 \
	X(STAT_REFUSED_ADDRESS, "proxy.refused.address")                                           \
	X(STAT_ACCEPT_PAUSED, "proxy.accept.paused")                                               \
	X(STAT_TLS, "proxy.tls")                                                                   \
	X(STAT_REQUESTS, "proxy.requests")                                                         \
	X(STAT_MALFORMED, "proxy.malformed")                                                       \
	X(STAT_MISDIRECTED, "proxy.misdirected")                                                   \
	X(STAT_TIMEOUT, "proxy.timeout")                                                           \
	X(STAT_STREAMS, "proxy.streams")                                                           \
	X(STAT_SIP, "proxy.sip")                                                                   \
	X(STAT_WEBSOCKETS, "proxy.websockets")                                                     \
	X(STAT_ORIGIN, "proxy.refused.origin")                                                     \
	X(STAT_NO_CORE, "proxy.refused.no-access")                                                 \
	X(STAT_BAD_FRAMES, "proxy.frames.refused")                                                 \
	X(STAT_UPLOADS, "proxy.uploads")                                                           \
	X(STAT_DOWNLOADS, "proxy.downloads")                                                       \
	X(STAT_NO_FILES, "proxy.refused.no-files")                                                 \
	X(STAT_TRANSFERS_FAILED, "proxy.transfers.failed")                                         \
	X(STAT_PUBLISHED, "proxy.published")                                                       \
	X(STAT_PUBLISHED_REFUSED, "proxy.published.refused")                                       \
	X(STAT_PUBLISHED_FAILED, "proxy.published.failed")                                         \
	X(STAT_NO_PUBLISH, "proxy.refused.no-publish")                                             \
	X(STAT_STARTTLS, "proxy.starttls")                                                         \
	X(STAT_GREETING_REFUSED, "proxy.greeting.refused")                                           \
	X(STAT_HTTP2, "proxy.http2")                                                                \
	X(STAT_HTTP2_REFUSED, "proxy.http2.refused")                                                \
	X(STAT_BOSH, "proxy.bosh")                                                                  \
	X(STAT_BOSH_REFUSED, "proxy.bosh.refused")                                                  \
	X(STAT_BOSH_FULL, "proxy.bosh.full")                                                        \
	X(STAT_WEB_PAIRS, "proxy.published.pairs")                                                  \
	X(STAT_PUBLISHED_REPEATED, "proxy.published.repeated")                                     \
	X(STAT_DRAINED, "proxy.drained")                                                            \
	X(STAT_REFUSED_BAN, "proxy.refused.ban")                                                    \
	X(STAT_FEDERATION, "proxy.federation")                                                      \
	X(STAT_TURN, "proxy.turn")

#define STAT_MEMBER(id, name) id,
enum proxy_stat { PROXY_STATS(STAT_MEMBER) PROXY_STAT_COUNT };
#undef STAT_MEMBER
extern const char *const proxy_stat_names[PROXY_STAT_COUNT];

struct proxy_config {
	uint32_t conns_max, strangers_per_address, message_max, bosh_max, bosh_per_address;
	uint64_t ping_ms;
	bool is_edge; /* streams go to a core, by gh-link */
	bool has_files; /* upload enabled */
	bool has_bosh, has_http2, has_sip_websocket;
	bool has_federation; /* partners by direct TLS go to gh-s2s */
	bool has_turn;       /* clients of the relay go to gh-turn */
	uint32_t http2_streams; /* of a connection */
	uint16_t port; /* public */
	char host[254]; /* public; "" the domain that is asked for */
};

struct proxy {
	struct loop *loop;
	struct bus *bus;
	struct keyproxy *keys;
	struct tls_store *tls; /* NULL: no certificate, nobody is served */
	struct tls_news news;
	struct proxy_config config;
	struct map domains;    /* hosted, in A-labels: to their text */
	struct allow_list published; /* web services inside, and what may be asked of them */
	struct log_limit published_log;
	struct pacer published_pacer;
	struct map origins;    /* pages that may open WebSockets; empty: any */
	struct xml_limits limits; /* of what gh-access says */
	struct xml_limits body_limits; /* of a body of BOSH */
	struct acceptor acceptor;
	bool is_ready, is_stopping;
	bool is_draining; /* new streams are sent away */
	struct bans bans;
	struct drain drain; /* and those of an edge end in time */

	struct client_hello *hellos;
	unsigned n_handed; /* to other programs */
	uint8_t peeked[CLIENT_HELLO_MAX]; /* one look of peek.c */

	struct list conns, gone; /* those to be freed at the end of the turn */
	struct buf served; /* what connections of HTTP/2 were begun with */
	struct list gone_streams; /* of HTTP/2, likewise */
	struct list gone_web_pairs; /* web_pair.h, likewise */
	struct list exchanges;   /* of connections and of their streams (exchange.h) */
	uint64_t next_id;
	uint32_t n_conns;
	uint32_t n_streams; /* of HTTP/2, on all connections */
	struct address_table addresses;
	struct list bosh_sessions, bosh_gone; /* bosh_door.h */
	struct map bosh_sids;                 /* sessions by their id */
	struct address_table bosh_addresses;
	uint32_t n_bosh;
	size_t bosh_bytes; /* of bodies that are on their way */
	struct loop_defer sweep;
	struct log_limit greet_log; /* of headers that are refused */
	struct log_limit http2_log; /* of what is refused of HTTP/2 */
	unsigned next_access; /* instance whose turn it is */

	struct xml_pool *xml;
	struct arena arena;
	struct buf scratch;
	uint64_t stats[PROXY_STAT_COUNT];
};

/* listen.c */
void proxy_listener(struct proxy *p, const char *name, const char *addr, uint16_t port, int fd);
/* Accepts or not, by what there is room for. */
void proxy_accept_update(struct proxy *p);
extern const struct acceptor_hooks proxy_acceptor_hooks;

/* ban.c */
/* Is this newcomer kept out? */
bool proxy_is_banned(struct proxy *p, const struct sockaddr *from);
/* Closes the connections of those that are banned; how many. */
size_t proxy_put_out(struct proxy *p);

/* drain.c */
extern const struct drain_owner proxy_drain_owner;

/* config.c */
void proxy_apply(struct proxy *p, const struct settings *s);
void proxy_config_fini(struct proxy *p);
/* Is this a hosted domain (A-labels)? */
bool proxy_is_domain(void *proxy, const char *domain);
/* Is this host (a name, perhaps with a port) one that we answer for? */
bool proxy_is_host(const struct proxy *p, struct bytes host);
bool proxy_is_origin(const struct proxy *p, struct bytes origin);

#endif
