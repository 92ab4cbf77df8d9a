/* errand.h - requests of gh-xlate on their way to partners, and what came of them (sip/unit.h). */
#ifndef GSIP_ERRAND_H
#define GSIP_ERRAND_H

#include "gsip.h"

/* SIP_REQUEST, SIP_CANCEL. */
int errand_on_request(void *g, struct chan *from, const struct frame *f);
/* A 2xx without a transaction. True: it is to an INVITE of gh-xlate's, which hears of it. */
bool errand_stray(struct gsip *g, struct sipmsg *m, uint64_t flow);
int errand_on_cancel(void *g, struct chan *from, const struct frame *f);
/* gh-xlate has gone: what it asked for goes on, its INVITEs are cancelled; nobody is told. */
void errand_gateway_down(struct gsip *g);
void errand_fini_all(struct gsip *g);

#endif
