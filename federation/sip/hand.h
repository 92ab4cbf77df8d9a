/* hand.h - requests for domains that live here, to gh-xlate and back (sip/unit.h). */
#ifndef GSIP_HAND_H
#define GSIP_HAND_H

#include "door.h"

/* Takes v's request over when it returns REFUSED_NOT. */
enum refusal hand_request(struct visit *v);
/* SIP_RESPONSE. */
int hand_on_response(void *g, struct chan *from, const struct frame *f);
/* gh-xlate has gone: what it had is answered with 500 and when to come again. */
void hand_gateway_down(struct gsip *g);
void hand_fini_all(struct gsip *g);

#endif
