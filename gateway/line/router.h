/* router.h - where a client's request goes: registrar, another client, or gh-xlate. */
#ifndef LINE_ROUTER_H
#define LINE_ROUTER_H

#include "request.h"

/* From sip/endpoint.h; m is ours. */
void router_request(struct line *l, struct sipserver *t, struct sipmsg *m, const struct sip_source *from);
/* Its user is proved. */
void router_proved(struct request *r);

#endif
