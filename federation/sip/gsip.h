/* gsip.h - the program gh-sip: SIP federation in and out.
 *
 * One struct holds everything; it is made in main and handed down. The folder's README says what is in which
 * file. */
#ifndef GSIP_GSIP_H
#define GSIP_GSIP_H

#include "base/arena.h"
#include "base/log.h"
#include "base/rate.h"
#include "conf.h"
#include "hop.h"
#include "loopmark.h"
#include "msrp_door.h"
#include "net/dns.h"
#include "net/keyproxy.h"
#include "net/tls_news.h"
#include "net/tls.h"
#include "refusal.h"
#include "run/bus.h"
#include "run/stats.h"
#include "sip/endpoint.h"

/* counter, printed name */
#define GSIP_STAT_TABLE(X)                                                                         \
	X(STAT_REQUESTS_IN, "sip.requests.in")                                                     \
	X(STAT_REQUESTS_OUT, "sip.requests.out")                                                   \
	X(STAT_HANDED, "sip.requests.handed")                                                      \
	X(STAT_RELAYED, "sip.requests.relayed")                                                    \
	X(STAT_PINGS, "sip.options.answered")                                                      \
	X(STAT_REFUSED, "sip.requests.refused")                                                    \
	X(STAT_REFUSED_IDENTITY, "sip.refused.identity")                                           \
	X(STAT_REFUSED_RATE, "sip.refused.rate")                                                   \
	X(STAT_REFUSED_BUSY, "sip.refused.busy")                                                   \
	X(STAT_REFUSED_LOOP, "sip.refused.loop")                                                   \
	X(STAT_REFUSED_RELAY, "sip.refused.relay")                                                 \
	X(STAT_REFUSED_OTHER, "sip.refused.other")                                                 \
	X(STAT_STRANGERS_SILENT, "sip.strangers.unanswered")                                       \
	X(STAT_STRAYS, "sip.strays")                                                               \
	X(STAT_FAILOVERS, "sip.out.failovers")                                                     \
	X(STAT_OUT_FAILED, "sip.out.failed")                                                       \
	X(STAT_HOPS_DOWN, "sip.hops.down")                                                         \
	X(STAT_HOPS_UP, "sip.hops.up")                                                             \
	X(STAT_HOPS_HELD, "sip.hops.held")                                                         \
	X(STAT_CHALLENGES, "sip.challenges.answered")                                              \
	X(STAT_ALIASES, "sip.aliases")                                                             \
	X(STAT_CERTIFICATES, "sip.certificates.judged")                                            \
	X(STAT_GATEWAY_LOST, "sip.gateway.lost")
#define GSIP_STAT_MEMBER(id, name) id,
enum gsip_stat { GSIP_STAT_TABLE(GSIP_STAT_MEMBER) STAT_COUNT };
#undef GSIP_STAT_MEMBER

enum {
	GSIP_LISTENERS_MAX = 64,
	GSIP_DOMAIN_MAX = 254,     /* with its NUL; what DNS can hold */
	GSIP_HELD_MAX = 100000,    /* requests that wait for an answer, in all */
	GSIP_ARENA_BYTES = 1 << 20,
};

struct gsip_listener {
	bool is_there;
	unsigned id; /* of lib/sip/transport.h */
	char name[16], addr[64];
	uint16_t port;
	union sip_sockaddr sockaddr;
};

struct gsip {
	struct loop *loop;
	struct bus *bus;
	struct proc *proc; /* NULL in tests */
	struct taps *taps; /* of operators (tap.h); NULL in tests */
	unsigned instance;
	uint64_t sequence;
	struct sip_conf conf;
	const struct settings *settings; /* that conf was made from; NULL: none came yet */
	struct keyproxy *keys;
	struct tls_news news; /* of gh-pki */
	struct tls_store *certificates;
	struct dns *dns;
	struct sipendpoint *endpoint;
	struct msrp_door *msrp; /* connections of chat sessions */
	struct arena arena; /* one call from the loop */
	struct sip_place place; /* of trip.c: the place at hand, unpacked */
	struct loopmark_key marks;
	struct hops hops;
	struct map partners;  /* struct partner by domain; owned */
	struct map senders;   /* struct sender by flow; owned */
	struct map handed;    /* struct handed by unit id: requests that gh-xlate has; owned */
	struct map errands;   /* struct errand by unit id: requests of gh-xlate; owned */
	struct map echoes;    /* struct echo by branch; owned */
	struct list trips, relays, walks;
	struct list held;     /* of held.h, oldest first */
	size_t n_held;
	struct loop_timer tick;
	struct gsip_listener listeners[GSIP_LISTENERS_MAX];
	struct log_limit stranger_log, hop_log;
	struct rate stranger_rate; /* answers to strangers over UDP */
	unsigned ticks;
	struct stats stats;
	uint64_t counts[STAT_COUNT];
	char refused_path[PEER_PATH_BYTES]; /* of the setting that was refused last */
	bool is_stopping;
	struct loop_timer stop;
};

/* What needs neither proc nor settings. bus may be NULL (tests). ERR_NOMEM. */
int gsip_init(struct gsip *g, struct loop *l, struct bus *bus, unsigned instance);
void gsip_fini(struct gsip *g);
/* Id of a unit: begins with program and instance, as an envelope's does. */
uint64_t gsip_next_id(struct gsip *g);
/* The channel to gh-xlate; NULL: it is not there. */
struct chan *gsip_gateway(struct gsip *g);
/* A host of a URI as a normalised domain, NUL-terminated. ERR_SYNTAX. */
int gsip_domain(struct gsip *g, struct bytes host, char out[static GSIP_DOMAIN_MAX]);
/* Is this host this box: `sip host`, a hosted domain, or an address it listens on? port: 0: none was given. */
bool gsip_is_us(const struct gsip *g, struct bytes host, uint16_t port);
/* One line why a request of this domain was refused and what to do; rate-limited by domain, and for domains
 * without a row all together. The counters too. identities: of the certificate, or "". */
struct refused {
	enum refusal why;
	struct bytes domain;
	const struct sipmsg *m;
	const struct sip_source *from;
	int rc;                 /* a certificate's fault; 0: none */
	const char *identities, *detail;
};
void gsip_log_refused(struct gsip *g, const struct refused *r);
#endif
