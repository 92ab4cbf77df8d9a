/* sip/endpoint_server_impl.h - one server transaction: endpoint_server_machine.c is what it does in which state,
 * endpoint_server.c how it begins, ends and is found, and what its owner does with it. */
#ifndef SIP_ENDPOINT_SERVER_IMPL_H
#define SIP_ENDPOINT_SERVER_IMPL_H

#include "sip/endpoint_impl.h"

enum server_state { SS_TRYING, SS_PROCEEDING, SS_COMPLETED, SS_CONFIRMED, SS_ACCEPTED, SS_TERMINATED, SS_COUNT };
enum server_event {
	SE_REQUEST, /* again */
	SE_ACK,
	SE_PROVISIONAL,
	SE_2XX,
	SE_FINAL,
	SE_GIVE_UP, /* what the owner says may not be sent (RFC 4320 4.2) */
	SE_AGAIN,
	SE_END,
	SE_COUNT
};

struct sipserver {
	struct sipendpoint *e;
	struct list node; /* over, but its owner has not answered */
	void *user;
	struct life life;
	struct sip_source from;
	uint8_t *last; /* the response that is sent again; before the first, our 100 */
	uint32_t last_n, claim_n;
	uint8_t *claim; /* its key among those of user agents; NULL: none */
	uint8_t state;
	bool is_invite, is_owned, is_sent;
	bool is_repeated; /* its 2xx, until the ACK comes */
	uint16_t key_n;
	uint8_t key[];
};

/* What a response's event carries. */
struct server_response {
	const struct sipmsg *m;
	struct bytes text;
};

static inline struct bytes server_last(const struct sipserver *t)
{
	return bytes_make(t->last, t->last_n);
}

#endif
