/* sip/endpoint_impl.h - inside of lib/sip/endpoint*.c: what both sides of a transaction share. */
#ifndef SIP_ENDPOINT_IMPL_H
#define SIP_ENDPOINT_IMPL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/fsm.h"
#include "base/log.h"
#include "base/map.h"
#include "sip/endpoint.h"

/* RFC 3261 17.1.1.1, 17.1.2.2 and table 4; T1 may not change, as the sums of others are built on it. */
enum {
	T1_MS = 500,
	T2_MS = 4000,
	T4_MS = 5000,
	TIMER_B_MS = 64 * T1_MS,
	TIMER_D_MS = 32000,
	TIMER_F_MS = 64 * T1_MS,
	TIMER_H_MS = 64 * T1_MS,
	TIMER_J_MS = 64 * T1_MS,
	TIMER_L_MS = 64 * T1_MS, /* RFC 6026 8.11 */
	TIMER_M_MS = 64 * T1_MS, /* RFC 6026 8.11 */
	TIMER_C_MS = 185000,     /* RFC 3261 16.6 11: more than three minutes */
	TRYING_INVITE_MS = 200,  /* RFC 3261 17.2.1 */
	TRYING_OTHER_MS = 3500,  /* RFC 4320 4.1: when Timer E has come to T2 */
	CANCELLED_MS = 64 * T1_MS, /* RFC 3261 9.1 */
	INVITE_ANSWER_MS = 2 * TIMER_C_MS, /* ours: no INVITE is open for ever */
};

enum {
	UDP_REQUEST_MAX = 1300,   /* RFC 3261 18.1.1 */
	KEY_MAX = 1024,           /* ours: a longer identity is refused */
	SERVERS_MAX = 300000,     /* ours: over UDP each is held 32 s, so some 9,000 requests a second */
	CLIENTS_MAX = 300000,     /* ours */
	ACKS_MAX = 10000,         /* ours */
	HELD_BYTES_MAX = 256 << 20, /* ours: of long messages there are fewer */
	BRANCH_WORDS_MAX = 64,
	REFUSED_LINES = 20,       /* log lines a minute */
};

struct sipendpoint {
	struct loop *loop;
	const struct sipendpoint_owner *owner;
	void *arg;
	struct siptransport_owner transport_owner;
	struct siptransports *transports;
	struct map servers; /* by key */
	struct map claims;  /* servers of user agents, by what makes a request the same on two ways */
	struct list late;   /* servers that are over and whose owner has not answered */
	struct map clients; /* by id */
	struct map acks;    /* of user agents, by dialog and number; owned */
	struct list ack_order;
	struct loop_timer ack_timer;
	uint32_t servers_max, clients_max;
	char host[256]; /* "": the socket's */
	uint16_t port;
	struct sipendpoint_counts counts;
	struct log_limit refusals;
};

/* ---- time: one timer a transaction, for what repeats and for the end ---- */
struct life {
	struct loop_timer timer;
	uint64_t end_at, again_at; /* UINT64_MAX: never */
	uint32_t interval_ms;
};
/* From now. LIFE_NEVER for an end that is not in sight. */
#define LIFE_NEVER UINT64_MAX
void life_end_in(struct sipendpoint *e, struct life *l, uint64_t ms);
void life_again_in(struct sipendpoint *e, struct life *l, uint32_t ms);
void life_no_more(struct life *l);
/* The interval doubles, up to most_ms. */
void life_again_doubled(struct sipendpoint *e, struct life *l, uint32_t most_ms);
/* Sets the timer for what is next. ERR_NOMEM. */
int life_wait(struct sipendpoint *e, struct life *l);
/* What came: the end, or the repetition. */
bool life_is_over(const struct sipendpoint *e, const struct life *l);

/* ---- memory that a held transaction costs ---- */
void *held_alloc(struct sipendpoint *e, size_t n);
void held_free(struct sipendpoint *e, void *p);
/* Replaces *text by a copy. False without memory: *text is NULL then. */
bool held_text(struct sipendpoint *e, uint8_t **text, uint32_t *n, struct bytes v);

/* ---- endpoint_key.c ---- */
/* What makes a request the same as another (RFC 3261 17.2.3), of branch or without one; ACK and CANCEL look like
 * their INVITE for method SIPM_INVITE. ERR_LIMIT: longer than KEY_MAX. */
int key_of_request(const struct sipmsg *m, enum sipmsg_method as, struct buf *out);
/* The same sender, call and number (RFC 3261 8.2.2.2); an ACK has those of its INVITE. ERR_LIMIT: longer than KEY_MAX. */
int key_of_claim(const struct sipmsg *m, struct bytes method, struct buf *out);
bool has_to_tag(const struct sipmsg *m);
/* Our branch and the id in it. */
void branch_of_id(uint64_t id, const char *words, struct buf *out);
bool branch_to_id(struct bytes branch, uint64_t *id);

/* ---- endpoint_via.c ---- */
/* Prints m with our Via in front. place: NULL for a flow. */
int endpoint_print(const struct sipendpoint *e, const struct sipmsg *m, enum siptransport transport, const struct sip_place *place,
                   uint64_t id, const char *branch, struct buf *out);

/* ---- endpoint_server.c, endpoint_client.c ---- */
void server_take(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from);
void server_free_all(struct sipendpoint *e);
void client_take(struct sipendpoint *e, struct sipmsg *m, const struct sip_source *from);
void client_failed(struct sipendpoint *e, uint64_t id, int rc, const char *words);
void client_free_all(struct sipendpoint *e);

/* ---- endpoint_ack.c ---- */
void ack_init(struct sipendpoint *e);
void ack_fini(struct sipendpoint *e);
/* For a 2xx to INVITE that came again. False: no ACK of ours is kept for it. */
bool ack_again(struct sipendpoint *e, const struct sipmsg *m);

/* Sends a response along its topmost Via. */
int endpoint_answer(struct sipendpoint *e, const struct sip_source *to, const struct sipmsg *response, struct bytes text);

extern const struct fsm server_invite_fsm, server_other_fsm, client_invite_fsm, client_other_fsm;

#endif
