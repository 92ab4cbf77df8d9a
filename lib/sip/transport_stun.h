/* sip/transport_stun.h - STUN keep-alives on a SIP socket of UDP (RFC 5626 4.4.2 and 8; RFC 8489). Pure. */
#ifndef SIP_TRANSPORT_STUN_H
#define SIP_TRANSPORT_STUN_H

#include "sip/place.h"

enum {
	SIPSTUN_IN_MAX = 548,  /* RFC 8489 6.1: longer ones are no keep-alive */
	SIPSTUN_OUT_MAX = 128, /* of an answer */
};

/* The answer to this datagram from there: its address as we see it, or 420 for attributes that it demands and we do not know
 * (RFC 8489 6.3.1). Nobody is asked who he is (RFC 5626 8). Empty: it is no whole Binding request, and gets no answer.
 * out: room of the caller's, in which the answer is. */
struct bytes sipstun_answer(struct bytes datagram, const union sip_sockaddr *from, uint8_t out[static SIPSTUN_OUT_MAX]);

#endif
