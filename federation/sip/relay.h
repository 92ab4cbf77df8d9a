/* relay.h - stateful proxying between partners (RFC 3261 16.6 to 16.10). Does not fork. */
#ifndef GSIP_RELAY_H
#define GSIP_RELAY_H

#include "door.h"

/* Takes v's request over when it returns REFUSED_NOT. routes: static ones; NULL: by Route or Request-URI. */
enum refusal relay_request(struct visit *v, const struct route_answer *routes);
/* A 2xx to INVITE that came again, or of another branch: upstream, as long as we know where that is
 * (RFC 6026 7.3). Hook of sip/endpoint.h. */
void relay_stray(void *g, struct sipmsg *m, const struct sip_source *from);
/* Forgets where old INVITEs came from. */
void relay_sweep(struct gsip *g);
void relay_fini_all(struct gsip *g);

#endif
