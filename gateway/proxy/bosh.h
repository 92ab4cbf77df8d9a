/* gateway/proxy/bosh.h - one session of BOSH (XEP-0124 1.11, XEP-0206): requests in the order of their rid, held until there is
 * something to say, and the stream of gh-access (RFC 6120) that they stand for. It outlives the connections that the requests
 * come by. Pure: no sockets, the time is handed in; what is to be done goes to the owner at once.
 *
 *   request ---> [slots by rid] ---> payloads ---> stream of gh-access
 *   answer  <--- [oldest slot ] <--- pending  <--- stanzas of gh-access
 *
 * Memory: at most BOSH_SLOTS requests that wait, what gh-access has said and nobody has fetched (the owner stops reading when
 * bosh_is_full), and the last BOSH_KEPT answers. */
#ifndef PROXY_BOSH_H
#define PROXY_BOSH_H

#include "bosh_body.h"

#include "base/buf.h"

enum {
	BOSH_REQUESTS = 2, /* simultaneous ones (7.2) with hold 1 */
	BOSH_SLOTS = 3,    /* one more when it ends the session (11) */
	BOSH_KEPT = 2,     /* answers that are given again (14.3) */
	BOSH_WAIT_MS = 60000,
	BOSH_INACTIVITY_MS = 60000, /* without a request (10) */
	BOSH_POLLING_MS = 2000,     /* between empty requests of one who polls (11) */
	BOSH_FIRST_MS = 10000,      /* for gh-access to offer its features, whatever wait is */
	BOSH_HIGH_WATER = 64 << 10,
};

struct bosh_owner {
	/* The answer to that request; the session forgets it. */
	void (*answer)(void *arg, void *request, struct bytes body);
	/* Bytes of the stream, for gh-access. */
	void (*say)(void *arg, struct bytes b);
};

struct bosh_slot {
	void *request;     /* NULL: its connection is gone */
	struct buf body;   /* until it is its turn */
	uint64_t due_ms;
	char key[BOSH_KEY_CHARS + 1];
	bool has_come, is_taken;
};

struct bosh_answer {
	struct buf body;
	uint64_t rid;
	char key[BOSH_KEY_CHARS + 1];
	bool is_there;
};

struct bosh {
	const struct bosh_owner *owner;
	void *arg;
	struct xml_stream xml; /* what gh-access says */
	const struct xml_limits *body_limits;
	struct buf pending;    /* payloads that nobody has fetched */
	struct buf out;
	struct bosh_slot slots[BOSH_SLOTS]; /* the first: that of rid `first` */
	struct bosh_answer kept[BOSH_KEPT];
	uint64_t first;        /* the lowest rid that is not answered */
	uint64_t created;      /* rid that asked for the session */
	uint64_t wait_ms, idle_ms /* since when no request is there */, empty_ms /* when an empty one came last */;
	uint32_t hold;
	uint16_t major, minor;
	char sid[BOSH_SID_CHARS + 1];
	char to[256], lang[36];
	char key[BOSH_KEY_CHARS + 1]; /* the next must hash to it; "" without keys */
	enum bosh_condition condition;
	const char *why; /* it was ended, for the log; NULL: the condition says all */
	bool is_choked;        /* gh-access does not take more */
	bool may_restart;      /* a login has succeeded */
	bool has_stream_error;
	bool was_empty;        /* the last answer to a poll had nothing in it */
	bool is_bye;           /* in order: one of the two has closed the stream */
	bool is_ended;         /* the stream is over: what is left is to tell it */
	bool is_over;          /* that is done, too */
};

/* Begins with the request that asks for it, whose address is judged already. sid: BOSH_SID_CHARS digits. pool, both limits and owner
 * outlive it. ERR_NOMEM; call bosh_fini in either case. */
int bosh_open(struct bosh *b, const struct bosh_owner *owner, void *arg, struct xml_pool *pool, const struct xml_limits *stream_limits,
              const struct xml_limits *body_limits, const char *sid, const struct bosh_body *first, void *request, uint64_t now_ms);
void bosh_fini(struct bosh *b);
/* A request with its sid. in: the body as it came; body: the same, read. a: for bodies that waited; it may be reset. */
void bosh_request(struct bosh *b, const struct bosh_body *body, struct bytes in, void *request, struct arena *a, uint64_t now_ms);
/* The connection of that request is gone. */
void bosh_lost(struct bosh *b, const void *request, uint64_t now_ms);
/* Bytes of gh-access. a: its trees; it is reset. */
void bosh_from_access(struct bosh *b, struct bytes in, struct arena *a, uint64_t now_ms);
/* gh-access takes no more for now, or takes again. */
void bosh_choke(struct bosh *b, bool is_choked, struct arena *a, uint64_t now_ms);
/* Ends it (17.2); the first condition counts. */
void bosh_end(struct bosh *b, enum bosh_condition c, uint64_t now_ms);
/* Is there as much to fetch as may lie here? Then gh-access is not read from. */
bool bosh_is_full(const struct bosh *b);
/* What is due by time. bosh_next_ms: when that is next; never "never". */
void bosh_timer(struct bosh *b, struct arena *a, uint64_t now_ms);
uint64_t bosh_next_ms(const struct bosh *b);

#endif
