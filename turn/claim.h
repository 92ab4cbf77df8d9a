/* turn/claim.h - what one worker holds and a client asks another for. A 5-tuple stays on its worker, but
 * three things name an allocation from another 5-tuple:
 *  - RESERVATION-TOKEN (RFC 8656 7.1): the reserved socket moves to the asking worker;
 *  - CONNECTION-ID (RFC 6062 5.4): the peer's connection moves to where the client's connection is;
 *  - MOBILITY-TICKET (RFC 8016): the whole allocation moves.
 * Token, id and ticket carry the worker's number; a claim goes there over the bus and its answer brings
 * a descriptor and state. The owner has checked the user. A claim that is for this worker itself takes
 * the same road, without the bus. */
#ifndef TURN_CLAIM_H
#define TURN_CLAIM_H

#include "base/buf.h"
#include "proto/stunmsg.h"

enum turn_claim_kind { CLAIM_RESERVATION, CLAIM_CONNECTION, CLAIM_ALLOCATION };
struct turn_claim {
	uint8_t kind;
	uint8_t worker;     /* the asker */
	uint64_t number;    /* its own: comes back in the answer */
	struct bytes id;    /* token, connection id, ticket */
	struct bytes user;  /* who asks; must be the owner */
};
struct turn_claim_answer {
	uint8_t kind;
	uint64_t number;
	uint16_t error;      /* 0: granted; else a STUN code: 437, 441, 447, 508 */
	int fd, fd2;         /* granted: the asker's now; -1 none */
	struct bytes state;  /* pending.c */
};

/* A peer's connection that moved belongs to its allocation still: the worker that holds it tells what passed and that
 * it is over; the allocation's tells that it shall be over. */
struct turn_connection_news {
	uint32_t id;
	uint64_t to_peer, to_client; /* bytes since the last news */
	bool is_over;
};

#endif
