/* peer.h - what we remember about one remote domain: when it may be tried again, why it last failed,
 * and the pairs whose stanzas go to it. Pure. */
#ifndef S2S_PEER_H
#define S2S_PEER_H

#include "base/log.h"
#include "base/rate.h"
#include "queue.h"
#include "reason.h"

/* Stanzas from one of our domains to a peer. */
struct pair {
	struct list node; /* in peer->pairs */
	struct peer *peer;
	char *local;
	struct queue queue;
	uint64_t conn;        /* the stream it uses, once that is ready; 0: none */
	uint64_t dialing;     /* the connection being set up for it; 0: none */
	bool is_asked;        /* on another pair's stream, not answered yet */
	bool is_full;         /* took nothing more, and has not been empty since: an alarm stands */
	bool is_alone;        /* the peer does not take it on another pair's stream */
	uint64_t n_sent, n_done, n_bounced;
};

struct peer {
	char *domain; /* normalised */
	char ascii[254];
	struct list pairs;
	struct list verifies;  /* struct verify (verify.h): keys to be asked about there */
	uint32_t backoff_ms;   /* the next pause */
	uint64_t retry_ms;     /* no attempt before this */
	uint32_t n_failures;   /* in a row */
	struct rate attempts;
	struct reason last;    /* of the last failure */
	uint64_t last_ms;      /* when that was */
	uint64_t last_wall_ms;
	struct log_limit refused_log;
	uint64_t used_ms;
};

enum { PEER_ATTEMPTS_PER_S = 1, PEER_ATTEMPTS_BURST = 10 };

/* domain: normalised. NULL: no memory. */
struct peer *peer_new(struct bytes domain, uint64_t now_ms);
/* Must have no items queued. */
void peer_free(struct peer *p);
struct pair *peer_pair(struct peer *p, struct bytes local); /* made when missing; NULL: no memory */
struct pair *peer_find_pair(struct peer *p, struct bytes local);
void pair_free(struct pair *p);

/* May it be tried now? 0, or milliseconds to wait. Takes an attempt when it returns 0. */
uint64_t peer_attempt(struct peer *p, uint64_t now_ms);
/* An attempt failed: pause doubles between the settings' bounds. jitter: 0..999, spreads it over
 * three quarters to five quarters. */
void peer_failed(struct peer *p, const struct s2s_conf *c, const struct reason *why, uint32_t jitter,
                 uint64_t now_ms);
void peer_succeeded(struct peer *p);
/* The operator's "retry now", or new settings: the pause is over. */
void peer_retry_now(struct peer *p, uint64_t now_ms);
/* Is trying again soon pointless (wrong name, bad certificate, policy)? Then what waits goes back at
 * once; otherwise messages wait for the next try until they are too old. */
bool reason_is_lasting(const struct reason *r);
/* A name that the public DNS cannot have (lesson 10 of spec/xmpp.md): one label, not an address. */
bool peer_is_single_label(const char *ascii);

#endif
