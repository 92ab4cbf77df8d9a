/* request.h - a request of a client until it is answered or handed on. */
#ifndef LINE_REQUEST_H
#define LINE_REQUEST_H

#include "line.h"
#include "run/store_op.h"

enum { REQUEST_AIMS_MAX = 2 }; /* of a dialog: the sender's flow, and the other one's */

/* What a server transaction of ours waits for: the first member of each kind. */
struct waiting {
	void (*cancelled)(struct waiting *w); /* NULL: nothing to be done */
};

struct request {
	struct waiting waiting;
	struct line *line;
	struct list node;    /* in line->check_order */
	struct sipserver *t; /* NULL: an ACK */
	struct sipmsg *m;
	struct sip_source from;
	uint64_t due_ms, check_id;
	char nonce[128];     /* of its credentials, while gh-im looks at them */
	uint32_t nc;
	char app[STORE_APP_LABEL_MAX + 1]; /* of the application password that proved it; "" none */
	struct {
		uint64_t reg, flow;
	} aims[REQUEST_AIMS_MAX]; /* flows that its Routes name */
	size_t n_aims;
	size_t jid_n, local_n;
	char jid[];          /* the user that From (REGISTER: To) names, bare */
};
static inline struct bytes request_jid(const struct request *r)
{
	return bytes_make(r->jid, r->jid_n);
}
static inline struct bytes request_domain(const struct request *r)
{
	return bytes_skip(request_jid(r), r->local_n + 1);
}
static inline struct bytes request_local(const struct request *r)
{
	return bytes_make(r->jid, r->local_n);
}

/* A Route names this flow of this registration; those beyond the second do not count. */
void request_aim_at(struct request *r, uint64_t reg, uint64_t flow);
/* The flow of this registration that a Route names; 0: none. */
uint64_t request_aim(const struct request *r, uint64_t reg);

/* Takes m. NULL without memory. */
struct request *request_new(struct line *l, struct sipserver *t, struct sipmsg *m, const struct sip_source *from,
                            const struct jid *who);
/* Without an answer: an ACK, or t and m were taken over (then t and m are NULL). */
void request_free(struct request *r);
/* A response to be filled in and sent with request_respond; NULL without memory (r is gone then). */
struct sipmsg *request_response(struct request *r, unsigned status, const char *reason);
void request_respond(struct request *r, struct sipmsg *response);
/* Answers and frees it. why: a word for the log, or NULL for no line. */
void request_refuse(struct request *r, unsigned status, const char *reason, const char *why);
/* The same for strangers beyond what they may, of whom nothing is kept. Not for an ACK. By UDP few of them get an answer
 * (stranger_may_hear). */
void request_dismiss(struct request *r, unsigned status, const char *why);
/* As that, of a request that has no struct yet; m is not taken. */
void line_dismiss(struct line *l, struct sipserver *t, const struct sipmsg *m, const struct sip_source *from, unsigned status);
/* Answers 503 with Retry-After, spread a little, and frees it. */
void request_later(struct request *r, unsigned retry_s);

#endif
