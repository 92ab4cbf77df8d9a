/* switch.h - gh-switch: where an envelope goes and whether it may. The hub between the federation
 * doors and the core: the one place that judges a remote domain, counts its rate, stops loops. It
 * parses no XML, opens nothing, and keeps no envelope: who sent it keeps it until ROUTE_DONE. */
#ifndef SWITCH_H
#define SWITCH_H

#include "base/log.h"
#include "base/map.h"
#include "base/rate.h"
#include "proto/envelope.h"
#include "run/peer_policy.h"
#include "run/proc.h"
#include "run/service.h"

#include "elsewhere.h"
#include "flight.h"

enum route_verdict {
	ROUTE_PASSED,
	ROUTE_AWAY,       /* the next program is not there: the origin keeps the envelope */
	ROUTE_NOT_HOSTED, /* from a partner for a domain that does not live here */
	ROUTE_DENIED,     /* policy */
	ROUTE_RATE,
	ROUTE_HOPS,
	ROUTE_LOOP,       /* it would go back to where it came from */
	ROUTE_FORGED,     /* a door let in a sender from a domain that lives here */
	ROUTE_FULL,
	ROUTE_VERDICT_COUNT
};
const char *route_verdict_name(enum route_verdict v);

/* Sees every envelope with the verdict on it: trace, archive. */
typedef void (*switch_tap_fn)(void *arg, const struct envelope *e, enum route_verdict v);
enum { SWITCH_TAPS_MAX = 16 };
struct switch_tap {
	switch_tap_fn fn; /* NULL: free place */
	void *arg;
};

/* A partner's token bucket; lives as long as its row has a rate. */
struct peer_rate {
	struct rate rate;
	uint32_t per_s;
	size_t key_n;
	uint8_t key[];
};

/* The doors to other domains, and gh-xlate behind which those of SIP are. On a core there is one door to all of them, gh-link, and
 * what it brings and takes counts as HUB_XMPP. */
enum hub_side { HUB_XMPP, HUB_SIP, HUB_SIDES };

struct hub {
	struct proc *proc;
	struct loop *loop;
	struct bus *bus;
	const struct settings *settings;
	enum role role;
	enum prog core, doors[HUB_SIDES]; /* who is what in that role */
	struct peer_policy *policy[HUB_SIDES];
	bool is_any_watched; /* some "log debug domain" is on */
	struct map rates[HUB_SIDES]; /* by key of the governing row */
	struct flight to_door[HUB_SIDES], to_core[HUB_SIDES]; /* to and from each side: handed over and not confirmed */
	struct elsewhere elsewhere; /* while `sip mode` is open */
	struct switch_tap taps[SWITCH_TAPS_MAX];
	struct log_limit refusals;
};

/* ---- policy.c ---- */

/* Judges without side effects but the token bucket. from: the core's program, or a side's. *side: where the other
 * domain lives. *why: a word. On a core its edges have judged partners already (docs/admin/link.md): what is set there counts besides. */
enum route_verdict hub_judge(struct hub *h, const struct envelope *e, enum prog from, enum hub_side *side, const char **why);
/* On which side does a remote domain live (ADR-27)? Its nearest row says; XMPP when none does. */
enum hub_side hub_side_of(const struct hub *h, struct bytes domain);
/* New settings: rows and rates that are gone are forgotten. ERR_NOMEM. In another role than before, all that is under way goes back
 * to its origin. */
int hub_set_policy(struct hub *h, const struct settings *s);
void hub_free_policy(struct hub *h);
bool hub_is_hosted(const struct hub *h, struct bytes domain);
/* Are debug lines wanted for this remote domain, whatever the level? */
bool hub_is_watched(const struct hub *h, struct bytes domain);
/* Domain part of a normalised JID. */
struct bytes hub_domain(struct bytes jid);

/* ---- route.c ---- */
int hub_on_route(void *hub, struct chan *from, const struct frame *f);
int hub_on_route_done(void *hub, struct chan *from, const struct frame *f);
/* Is it the core or a door in this role? What others send is not for now: programs come and go when the role changes. */
bool hub_has(const struct hub *h, enum prog p);
/* Gives all that is not confirmed back. */
void hub_give_back(struct hub *h);
/* A program has gone: what it had and did not confirm stays with its origin, which is told so. */
void hub_down(struct hub *h, struct chan *c);

/* ---- tap.c ---- */
/* ERR_FULL. */
int hub_tap_add(struct hub *h, switch_tap_fn fn, void *arg);
void hub_tap_del(struct hub *h, switch_tap_fn fn, void *arg);
void hub_tap_all(struct hub *h, const struct envelope *e, enum route_verdict v);

/* ---- trace.c: "trace domain DOMAIN SECONDS"; "show routes" ---- */
void trace_command(void *hub, struct proc_ask *ask, const struct bytes *args, size_t n_args);
void routes_command(void *hub, struct proc_ask *ask, const struct bytes *args, size_t n_args);

/* ---- counters ---- */
enum {
	STAT_IN_CORE,
	STAT_IN_DOOR,
	STAT_VERDICT, /* one for each verdict from here */
	STAT_COUNT = STAT_VERDICT + ROUTE_VERDICT_COUNT,
};
extern uint64_t switch_stats[STAT_COUNT];

#endif
