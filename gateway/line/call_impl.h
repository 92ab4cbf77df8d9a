/* call_impl.h - a call between two clients, for call*.c alone. */
#ifndef LINE_CALL_IMPL_H
#define LINE_CALL_IMPL_H

#include "call.h"

enum { CALL_TAG_MAX = 128 };

/* One client that the INVITE went to. */
struct call_branch {
	struct call *call;
	struct sipclient *t; /* NULL: over */
	uint64_t reg;
	struct sip_source way; /* the flow that it went by */
	unsigned status;     /* the last one; 0: none yet */
	char tag[CALL_TAG_MAX];   /* To tag of its dialog; "" none yet */
};

struct call {
	struct waiting waiting; /* of the INVITE */
	struct line *line;
	struct list node;
	struct sipserver *t;    /* the caller's INVITE, until it is answered */
	struct sipmsg *m;       /* the same */
	struct sipmsg *best;    /* the best refusal so far (RFC 3261 16.7 6) */
	struct loop_timer ringing; /* timer C */
	struct sip_source caller_from; /* where answers go when its transaction is over */
	uint64_t caller, due_ms;
	struct call_branch branches[CALL_BRANCHES_MAX];
	unsigned n;
	bool is_answered, is_over;
	size_t id_n;
	char id[];
};

/* ---- call.c ---- */
/* NULL: no call has this Call-ID. */
struct call *call_of(const struct line *l, const struct sipmsg *m);
void call_free(struct call *c);

/* ---- call_pass.c: what is passed on ---- */
/* Of From or To; empty: none. */
struct bytes call_tag(const struct sipmsg *m, enum siphdr h);
/* RFC 3261 16.3 3, 16.6 3. False: no hop is left. */
bool call_take_hop(struct sipmsg *m);
/* So that all that follows comes by us: the entry for one side (RFC 5658), of client b that sends from or is reached by
 * `at`. b may be NULL: it has gone. One that keeps its flow gets the token of it (RFC 5626 5.3.2). domain: ours. */
void call_put_record_route(struct line *l, struct sipmsg *m, const struct sip_source *at, const struct binding *b, struct bytes domain);
/* ERR_CLOSED: the flow has ended; as sipclient_start. */
int call_send(struct line *l, struct sipmsg *m, const struct binding_flow *f, const struct sipclient_owner *o, void *arg,
              struct sipclient **t);

/* ---- call_ring.c: the INVITE goes out, and its answers ---- */
/* Of this caller, to `to`. Takes r. */
void call_begin(struct request *r, const struct binding *caller, const struct jid *to);

/* ---- call_inside.c ---- */
/* A request in a dialog of c, of client b. Takes r. */
void call_inside(struct call *c, struct request *r, const struct binding *b);

#endif
