/* blocking.h - XEP-0191. */
#ifndef IM_BLOCKING_H
#define IM_BLOCKING_H

#include "iq/iq.h"

/* Something comes to a user who has a block list: true when it is refused (and answered as the XEP
 * says: message and request with service-unavailable, presence with nothing). */
bool blocking_refuses(struct im *im, const struct user *u, const struct item *it);
/* Something goes out from a user who has one: true when it is refused (not-acceptable). */
bool blocking_refuses_out(struct im *im, const struct user *u, const struct item *it);

void blocking_get(struct im *im, struct iq *q);
void blocking_block(struct im *im, struct iq *q);
void blocking_unblock(struct im *im, struct iq *q);

#endif
