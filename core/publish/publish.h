/* publish.h - gh-publish as one struct: what its files share. */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "base/list.h"
#include "base/log.h"
#include "net/address.h"
#include "net/dns.h"
#include "net/link.h"
#include "net/publish_settings.h"
#include "net/tls.h"
#include "net/tls_news.h"
#include "proto/forward.h"
#include "run/bus.h"
#include "run/pacer.h"
#include "run/proc.h"
#include "run/settings.h"

enum {
	TARGETS_MAX = ALLOW_SITES_MAX,
	EXCHANGES_MAX = 512,
	EXCHANGES_ADDRESS_MAX = 64, /* IPv6: of one /64 */
	PAIRS_IDLE_MAX = 512,       /* beyond that the one that has waited longest ends */
	OUTLETS_TARGET_MAX = 64,    /* connections to one target */
	IDLE_TARGET_MAX = 64,       /* of which so many may be idle: fewer, and a crowd that pauses for a moment costs a handshake each */
	CONNECT_MS = 10000,
	IDLE_MS = 15000,            /* less than services keep connections open */
	PROBE_MS = 30000,
	REST_US = 500, /* the longest rest under much load: see docs/performance.md */
	BODY_QUEUE_HIGH = 64 << 10,
	BODY_QUEUE_MAX = 512 << 10,
};

/* Counters: enum, name. */
#define PUBLISH_STATS(X)                                                                           \
	X(STAT_REQUESTS, "publish.requests")                                                       \
	X(STAT_BYTES_IN, "publish.bytes.in")                                                       \
	X(STAT_BYTES_OUT, "publish.bytes.out")                                                     \
	X(STAT_REFUSED, "publish.refused")                                                         \
	X(STAT_MALFORMED, "publish.malformed")                                                     \
	X(STAT_TOO_MANY, "publish.refused.full")                                                   \
	X(STAT_FAILED, "publish.failed")                                                           \
	X(STAT_TIMEOUT, "publish.timeout")                                                         \
	X(STAT_BROKEN, "publish.broken")                                                           \
	X(STAT_CONNECTED, "publish.connections")                                                   \
	X(STAT_REUSED, "publish.connections.reused")                                               \
	X(STAT_PAIRS, "publish.pairs")
#define STAT_MEMBER(id, name) id,
enum publish_stat { PUBLISH_STATS(STAT_MEMBER) PUBLISH_STAT_COUNT };
#undef STAT_MEMBER

struct publish;
struct exchange;

/* Where a service inside is: settings alone say it. */
struct target_conf {
	char key[ALLOW_WORD_MAX + 1];
	char host[ALLOW_HOST_MAX + 1];
	uint16_t port;
	char verify[ALLOW_HOST_MAX + 1]; /* name in its certificate */
	char authority[ALLOW_WORD_MAX + 1]; /* "" any */
	uint64_t body_max, timeout_ms;
};
struct target {
	struct publish *publish;
	struct target_conf conf;
	struct list outlets;
	unsigned n_outlets, n_idle;
	struct loop_timer probe;
	bool is_up, is_known; /* is_known: it was tried */
	uint64_t requests, errors, good_ms; /* good_ms: when it was last reached */
	char why[160];        /* of the last failure; "" none */
	bool is_seen;
};

/* One connection to a target. */
struct outlet {
	struct list node;
	struct target *target;
	struct exchange *exchange; /* NULL: idle, or a look whether the target is there */
	struct link link;
	struct dns_query *query;
	struct dns_addr_answer addrs;
	size_t addr_at;
	struct http1_reader reader;
	struct loop_timer idle;
	bool has_reader, is_ready, is_gone;
	bool is_used; /* it has answered before: it may be closed just now */
	bool is_old;  /* what proved it does not count any more: it ends with its exchange */
};

struct publish {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc;
	struct dns *dns;
	struct tls_store *store; /* NULL: it could not be made */
	struct tls_news news;
	struct allow_list list;
	struct target *targets[TARGETS_MAX];
	size_t n_targets;
	struct list exchanges, idle, gone, gone_outlets; /* idle: the one that has waited longest is first */
	uint32_t n_exchanges, n_idle; /* n_exchanges: those that are under way */
	struct address_table addresses;
	struct loop_defer sweep;
	struct pacer pacer;
	struct log_limit log;
	uint64_t stats[PUBLISH_STAT_COUNT];
};

/* ---- config.c ---- */
void publish_apply(struct publish *p, const struct settings *s);
void publish_config_fini(struct publish *p);

/* ---- target.c: connections to services ---- */
struct target *target_of(struct publish *p, struct bytes key); /* NULL */
/* Takes the settings over; what is under way ends where it leads elsewhere now. ERR_NOMEM. */
int target_set(struct publish *p, const struct target_conf *c);
void target_free(struct target *t);
/* All trust is new: connections that were proved by the old one are not used again. */
void target_renew(struct target *t);
/* A connection for the exchange: it is ready now (is_ready), or exchange_ready or exchange_failed follow, never from inside this.
 * is_fresh: not one that was used before. ERR_FULL: so many are in use. ERR_NOMEM. */
int outlet_take(struct target *t, struct exchange *x, bool is_fresh, struct outlet **out);
/* The exchange has ended: it may be used again, or is closed. */
void outlet_leave(struct outlet *o, bool may_keep);
void outlet_sweep(struct publish *p);

/* ---- exchange.c: one request and its answer ---- */
int exchange_on_stream(void *publish, struct chan *from, const struct frame *f);
void exchange_ready(struct exchange *x);
/* status: to answer, if nothing is answered yet. */
void exchange_failed(struct exchange *x, int status, const char *why);
/* Bytes of the service, the end of its connection (0: in order), and its queue that is empty. */
void exchange_answered(struct exchange *x, struct bytes in);
void exchange_ended(struct exchange *x, int why);
void exchange_drained(struct exchange *x);
void exchange_sweep(struct publish *p);
void exchange_drop_all(struct publish *p);

extern const struct proc_command publish_commands[];
extern const size_t publish_n_commands;

#endif
