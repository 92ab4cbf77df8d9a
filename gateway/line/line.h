/* line.h - gh-line as a whole: SIP clients of our own users. Who they are gh-im says (digest, auth.h); what
 * they mean gh-xlate knows (unit.h); calls between two of them pass through here (call.h). */
#ifndef LINE_LINE_H
#define LINE_LINE_H

#include "base/arena.h"
#include "base/log.h"
#include "net/bans.h"
#include "net/keyproxy.h"
#include "net/stranger.h"
#include "net/tls_news.h"
#include "proto/jid.h"
#include "run/bus.h"
#include "run/drain.h"
#include "run/proc.h"
#include "sip/endpoint.h"
#include "sip/unit.h"
#include "sip/uri.h"
#include "location.h"
#include "token.h"

enum { LINE_LISTENERS_MAX = 16, LINE_NONCE_KEY = 32 };

struct line_listener {
	char name[16], addr[64];
	uint16_t port;
	unsigned id; /* of sip/transport.h; 0: free place */
};

struct line {
	struct loop *loop;
	struct bus *bus;
	unsigned instance;
	uint64_t sequence;
	const struct settings *settings; /* NULL until the first ones are here */
	struct arena arena;              /* of the event being dealt with */
	struct sipendpoint *sip;
	struct keyproxy *keys;
	struct tls_news news;
	struct tls_store *tls;
	struct line_listener listeners[LINE_LISTENERS_MAX];

	struct location location;
	struct strangers strangers;
	struct bans bans;
	struct loop_timer second;        /* expiry of all kinds */

	uint8_t nonce_key[LINE_NONCE_KEY]; /* auth.c */
	uint8_t token_key[TOKEN_KEY_BYTES]; /* flow.c */
	bool is_draining;                  /* clients that are not here go elsewhere (M-21) */
	struct drain drain;                /* and those that are, in time */
	struct map nonces;               /* that were used: nonce -> struct used_nonce */
	struct list nonce_order;
	struct map checks;               /* id -> struct request that waits for gh-im */
	struct list check_order;
	struct map proved;               /* connection -> struct proved_flow */

	struct map handed;               /* connection -> struct handed (net/handed.h): it came by gh-proxy */
	struct map units_in;             /* id -> struct unit_in: requests at gh-xlate */
	struct map units_out;            /* id -> struct unit_out: requests of gh-xlate */
	struct list units_out_order;
	struct map calls;                /* Call-ID -> struct call */
	struct list call_order;
	struct log_limit refusals;
};

int line_init(struct line *l, struct loop *loop, struct bus *bus, unsigned instance);
void line_apply(struct line *l, const struct settings *s);
void line_listener(struct line *l, const char *name, const char *addr, uint16_t port, int fd);
void line_up(struct line *l, struct chan *c);
void line_down(struct line *l, struct chan *c);
void line_pressure(struct line *l, struct chan *c, bool is_full);
extern const struct bus_handler line_handlers[];
extern const size_t line_n_handlers;
extern const struct drain_owner line_drain_owner; /* drain.c */
/* ban.c */
/* Is this newcomer, or this datagram, kept out? */
bool line_is_banned(struct line *l, const struct sockaddr *from);
/* Ends the flows of those that are banned; how many. */
size_t line_put_out(struct line *l);
extern const struct proc_command line_commands[];
extern const size_t line_n_commands;

uint64_t line_next_id(struct line *l);
/* Does this domain (normalised) live here? */
bool line_is_hosted(const struct line *l, struct bytes domain);
/* Is this the host of a Route that names us? */
bool line_is_us(struct line *l, struct bytes host);
/* Host and port that clients are told; for: the client, whose listener counts. Appends "host:port". */
void line_put_host(struct line *l, const struct sip_source *at, struct bytes domain, struct buf *out);
/* The account that a SIP URI names: bare JID in the arena. ERR_SYNTAX. */
int line_account(struct line *l, struct bytes uri, struct jid *out);

/* The way to a client by one of its flows. */
struct line_way {
	struct sip_place place;
	uint64_t flow;
};
struct line_way line_way_of(const struct binding_flow *f);

#define LINE_STATS(X)                                                                              \
	X(STAT_REQUESTS, "line.requests")                                                          \
	X(STAT_CHALLENGED, "line.challenged")                                                      \
	X(STAT_AUTH_OK, "line.auth.ok")                                                            \
	X(STAT_AUTH_FAILED, "line.auth.failed")                                                    \
	X(STAT_AUTH_REPLAYED, "line.auth.replayed")                                                \
	X(STAT_PENALTY, "line.refused.penalty")                                                    \
	X(STAT_TOO_FAST, "line.refused.rate")                                                      \
	X(STAT_REGISTERED, "line.registered")                                                      \
	X(STAT_UNREGISTERED, "line.unregistered")                                                  \
	X(STAT_REGISTER_REFUSED, "line.register.refused")                                          \
	X(STAT_TOKENS_REFUSED, "line.tokens.refused")                                              \
	X(STAT_DRAINED, "line.refused.drain")                                                      \
	X(STAT_EDGES_FULL, "line.refused.edges")                                                   \
	X(STAT_IGNORED, "line.ignored")                                                            \
	X(STAT_UNITS_IN, "line.units.in")                                                          \
	X(STAT_UNITS_OUT, "line.units.out")                                                        \
	X(STAT_UNITS_FAILED, "line.units.failed")                                                  \
	X(STAT_NEXT_FLOW, "line.flows.next")                                                       \
	X(STAT_CALLS, "line.calls")                                                                \
	X(STAT_CALLS_REFUSED, "line.calls.refused")                                                \
	X(STAT_NO_MEMORY, "line.no_memory")                                                        \
	X(STAT_STUN, "line.stun")                                                                  \
	X(STAT_STUN_IGNORED, "line.stun.ignored")                                                  \
	X(STAT_FLOWS_DRAINED, "line.flows.drained")                                                \
	X(STAT_REFUSED_BAN, "line.refused.ban")
#define LINE_STAT_ID(id, name) id,
enum line_stat { LINE_STATS(LINE_STAT_ID) LINE_STAT_COUNT };
#undef LINE_STAT_ID
extern const char *const line_stat_names[LINE_STAT_COUNT];
extern uint64_t line_stats[LINE_STAT_COUNT];

#endif
