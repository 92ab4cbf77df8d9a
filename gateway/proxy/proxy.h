/* gateway/proxy/proxy.h - gh-proxy as one struct: what its files share. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "base/arena.h"
#include "base/list.h"
#include "net/address.h"
#include "net/keyproxy.h"
#include "net/tls.h"
#include "net/tls_news.h"
#include "proto/xml.h"
#include "run/acceptor.h"
#include "run/bus.h"
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
	X(STAT_WEBSOCKETS, "proxy.websockets")                                                     \
	X(STAT_ORIGIN, "proxy.refused.origin")                                                     \
	X(STAT_NO_CORE, "proxy.refused.no-access")                                                 \
	X(STAT_BAD_FRAMES, "proxy.frames.refused")

#define STAT_MEMBER(id, name) id,
enum proxy_stat { PROXY_STATS(STAT_MEMBER) PROXY_STAT_COUNT };
#undef STAT_MEMBER
extern const char *const proxy_stat_names[PROXY_STAT_COUNT];

struct proxy_config {
	uint32_t conns_max, strangers_per_address, message_max;
	uint64_t ping_ms;
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
	struct map hosts;      /* hosted domains in A-labels: to their text */
	struct map origins;    /* pages that may open WebSockets; empty: any */
	struct xml_limits limits; /* of what gh-access says */
	struct acceptor acceptor;
	bool is_ready, is_stopping;

	struct list conns, gone; /* those to be freed at the end of the turn */
	uint32_t n_conns;
	struct address_table addresses;
	struct loop_defer sweep;
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

/* config.c */
void proxy_apply(struct proxy *p, const struct settings *s);
void proxy_config_fini(struct proxy *p);
/* Is this host (a name, perhaps with a port) one that we answer for? */
bool proxy_is_host(const struct proxy *p, struct bytes host);
bool proxy_is_origin(const struct proxy *p, struct bytes origin);

#endif
