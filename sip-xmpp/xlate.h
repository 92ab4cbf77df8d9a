/* xlate.h - gh-xlate as a whole: what SIP means in XMPP and back. It has no socket: SIP requests come from
 * and go to the doors gh-sip and gh-line as units (sip/unit.h), stanzas come from and go to gh-switch as
 * envelopes, as those of a federation door do.
 *
 * Four files carry everything to and fro, each keeps what is not finished in a table:
 *   request_in   a SIP request from a door, which must be answered once
 *   request_out  a SIP request of ours, which has one outcome
 *   stanza_in    a stanza from gh-switch, which must be taken or refused once
 *   stanza_out   a stanza of ours, kept until somebody has taken it
 * What a request or stanza means is up to features, which are rows in service_features.c. */
#ifndef XLATE_H
#define XLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "proto/envelope.h"
#include "proto/jid.h"
#include "proto/xml.h"
#include "run/bus.h"
#include "run/peer_policy.h"
#include "run/proc.h"
#include "run/settings.h"
#include "sip/message.h"
#include "sip/unit.h"

struct message;  /* message.c */
struct presence; /* presence.c */
struct sessions; /* session.c */
struct foci;     /* focus.c */
struct guests;   /* guest.c */
struct clients;  /* client.c */
struct manager;  /* manager.c */

struct xlate {
	struct loop *loop;
	struct bus *bus;
	unsigned instance;
	uint64_t sequence;               /* of ids */
	const struct settings *settings; /* NULL until the first ones are here */
	struct peer_policy *peers;       /* of `sip peer` */
	struct arena arena;              /* of the event being dealt with: reset by xlate_begin */
	struct buf out;                  /* scratch; never kept over a call of another file */
	struct xml_pool *parsers;
	struct log_limit refusals;

	struct map requests_in;          /* unit id -> struct request_in */
	struct list requests_in_order;   /* oldest first */
	struct loop_timer requests_in_timer;
	struct map requests_out;         /* id -> struct request_out */
	struct list requests_out_order;
	struct map stanzas_in;           /* id -> struct stanza_in */
	struct list stanzas_in_order;
	uint64_t *recent_in;             /* ids that were answered lately */
	struct map stanzas_out;          /* id -> struct stanza_out */
	struct map stanzas_out_sid;      /* the stanza's id -> struct stanza_out, of those with a sid of ours */
	struct list stanzas_out_order;
	size_t stanzas_out_bytes;
	struct loop_timer stanzas_out_timer;

	struct message *message;
	struct presence *presence;
	struct sessions *sessions;
	struct foci *foci;
	struct guests *guests;
	struct clients *clients;
	struct manager *manager;
	/* Stanzas whose sender lives here are of a SIP client of ours and pass to gh-im by its session (set by
	 * the feature that holds those sessions; NULL: there are none). 0 or ERR_*; the outcome is told with
	 * stanza_out_result under e->id. */
	int (*client_send)(struct xlate *x, const struct envelope *e);
};

/* Everything but the process around it. ERR_NOMEM. */
int xlate_init(struct xlate *x, struct loop *loop, struct bus *bus, unsigned instance);
void xlate_fini(struct xlate *x);
void xlate_apply(struct xlate *x, const struct settings *s);
void xlate_up(struct xlate *x, struct chan *c);
void xlate_down(struct xlate *x, struct chan *c);
/* Handlers of the bus; the program is a struct xlate. */
extern const struct bus_handler xlate_handlers[];
extern const size_t xlate_n_handlers;

/* An event begins (a frame, a timer): what the last one had in the arena is gone. Called by whoever the loop
 * calls, and by nobody else. */
void xlate_begin(struct xlate *x);
/* Fresh id: of envelopes, units, traces. */
uint64_t xlate_next_id(struct xlate *x);
/* Does this domain (normalised) live here? */
bool xlate_is_hosted(const struct xlate *x, struct bytes domain);
/* The `sip peer` row that governs a SIP domain, for settings_*_at; empty: none does. */
struct bytes xlate_peer_key(const struct xlate *x, struct bytes domain);

/* Counters. */
#define XLATE_STATS(X)                                                                             \
	X(STAT_REQUESTS_IN, "xlate.requests.in")                                                   \
	X(STAT_REQUESTS_OUT, "xlate.requests.out")                                                 \
	X(STAT_REQUESTS_REFUSED, "xlate.requests.refused")                                         \
	X(STAT_REQUESTS_LATE, "xlate.requests.late")                                               \
	X(STAT_REQUESTS_FULL, "xlate.requests.full")                                               \
	X(STAT_RESPONSES_NONE, "xlate.responses.none")                                             \
	X(STAT_STANZAS_IN, "xlate.stanzas.in")                                                     \
	X(STAT_STANZAS_OUT, "xlate.stanzas.out")                                                   \
	X(STAT_STANZAS_REFUSED, "xlate.stanzas.refused")                                           \
	X(STAT_STANZAS_AGAIN, "xlate.stanzas.again")                                               \
	X(STAT_STANZAS_LOST, "xlate.stanzas.lost")                                                 \
	X(STAT_STANZAS_FULL, "xlate.stanzas.full")                                                 \
	X(STAT_NO_MEMORY, "xlate.no_memory")
#define XLATE_STAT_ID(id, name) id,
enum xlate_stat { XLATE_STATS(XLATE_STAT_ID) XLATE_STAT_COUNT };
#undef XLATE_STAT_ID
extern const char *const xlate_stat_names[XLATE_STAT_COUNT];
extern uint64_t xlate_stats[XLATE_STAT_COUNT];

#endif
