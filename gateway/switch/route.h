/* gateway/switch/route.h - where an envelope goes and whether it may: the one policy point for both
 * directions and every stanza (lesson 16 of spec/xmpp.md). Pure but for the buckets it keeps.
 *
 *   gh-im  --- from hosted, to remote ---> gh-s2s    if the peer may federate
 *   gh-s2s --- from remote, to hosted ---> gh-im     if the peer may federate, within its rate
 *
 * Everything else is refused. Nothing goes back to the door it came from, but answers to it. */
#ifndef SWITCH_ROUTE_H
#define SWITCH_ROUTE_H

#include "base/map.h"
#include "proto/envelope.h"
#include "run/peer_policy.h"
#include "run/prog.h"

enum route_side { ROUTE_FROM_IM, ROUTE_FROM_S2S, ROUTE_SIDE_COUNT };

/* enum, word for logs and counters, error of the answer */
#define ROUTE_VERDICTS(X)                                                                          \
	X(ROUTE_PASS, "pass", STANZA_UNDEFINED_CONDITION)                                          \
	X(ROUTE_HOPS, "hop-limit", STANZA_RESOURCE_CONSTRAINT)                                     \
	X(ROUTE_LOOP, "loop", STANZA_SERVICE_UNAVAILABLE)                                          \
	X(ROUTE_NOT_HOSTED, "not-hosted", STANZA_ITEM_NOT_FOUND)                                   \
	X(ROUTE_FORGED, "forged", STANZA_NOT_ALLOWED)                                              \
	X(ROUTE_DENIED, "denied", STANZA_FORBIDDEN)                                                \
	X(ROUTE_RATE, "rate", STANZA_RESOURCE_CONSTRAINT)

#define ROUTE_VERDICT_MEMBER(id, word, error) id,
enum route_verdict { ROUTE_VERDICTS(ROUTE_VERDICT_MEMBER) ROUTE_VERDICT_COUNT };
#undef ROUTE_VERDICT_MEMBER
const char *route_verdict_name(enum route_verdict v);
enum stanza_error route_verdict_error(enum route_verdict v);

/* Buckets are kept for this many peers; of more, those that are full again are forgotten. */
enum { ROUTE_BUCKETS_MAX = 4096 };

struct route {
	const struct settings *settings;
	struct peer_policy *policy;
	struct map hosted;  /* normalised domain: to its owner's struct hosted */
	struct map buckets; /* remote domain: struct bucket */
};

/* All zero is an empty one that refuses everything. Reads the settings (which must live until the
 * next read or fini); buckets start anew. ERR_NOMEM: as before. */
int route_read(struct route *r, const struct settings *s);
void route_fini(struct route *r);
bool route_is_hosted(const struct route *r, struct bytes domain);

struct route_answer {
	enum route_verdict verdict;
	const char *why;      /* of ROUTE_DENIED: the policy's word; else the verdict's */
	struct bytes peer;    /* the remote domain; inside the envelope */
};
void route_judge(struct route *r, enum route_side side, const struct envelope *e, uint64_t now_ms,
                 struct route_answer *out);

#endif
