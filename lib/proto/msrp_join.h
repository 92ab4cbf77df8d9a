/* proto/msrp_join.h - whole messages out of the chunks of one MSRP session (RFC 4975 5.1, 7.3.1): ranges in
 * any order, doubled ones too. Pure; the time comes from the caller. */
#ifndef PROTO_MSRP_JOIN_H
#define PROTO_MSRP_JOIN_H

#include "proto/msrp.h"

enum {
	MSRP_JOIN_MESSAGES = 8, /* half here at once */
	MSRP_JOIN_PIECES = 64,  /* gaps and all, of one message */
	MSRP_JOIN_MS = 30000,   /* SES-05: a message not whole by then is given up */
};

struct msrp_half; /* a message of which something is missing */
struct msrp_join {
	size_t max_bytes; /* of one message */
	struct msrp_half *half[MSRP_JOIN_MESSAGES];
	struct msrp_half *given; /* the one whose bytes the caller looks at */
};

void msrp_join_init(struct msrp_join *j, size_t max_bytes);
void msrp_join_fini(struct msrp_join *j);

struct msrp_whole {
	struct bytes body; /* until the next call */
	struct bytes content_type, message_id;
	bool wants_success;
};
/* Takes a SEND. 0: *out is whole; ERR_AGAIN: chunks are missing; ERR_CLOSED: the sender gave it up ('#');
 * ERR_LIMIT: too large, to be answered 413 (SES-06); ERR_SYNTAX: its Byte-Range does not fit its body or its
 * earlier chunks, 400; ERR_FULL: too many at once, 413; ERR_NOMEM. Refused ones are forgotten. */
int msrp_join_add(struct msrp_join *j, const struct msrp_frame *send, uint64_t now_ms, struct msrp_whole *out);
/* Gives up what is too old; when to come again, 0: nothing waits. *n: how many were given up. */
uint64_t msrp_join_sweep(struct msrp_join *j, uint64_t now_ms, size_t *n);

#endif
