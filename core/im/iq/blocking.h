/* blocking.h - XEP-0191. */
#ifndef IM_BLOCKING_H
#define IM_BLOCKING_H

#include "iq/iq.h"

/* Something comes to a user who may block its sender, by the list or by policy (C-AVL-17): true when it is refused (and answered as the XEP
 * says: message and request with service-unavailable, presence with nothing). */
bool blocking_refuses(struct im *im, const struct user *u, const struct item *it);
/* Something goes out from such a user: true when it is refused (not-acceptable). */
bool blocking_refuses_out(struct im *im, const struct user *u, const struct item *it);

/* Which contacts are blocked, in the arena, before that changes; NULL without memory. Then, after it has: they see the user go, or come. The
 * contacts must be the same ones. */
bool *blocking_note(struct im *im, const struct user *u);
void blocking_changed(struct im *im, struct user *u, const bool *were);

void blocking_get(struct im *im, struct iq *q);
void blocking_block(struct im *im, struct iq *q);
void blocking_unblock(struct im *im, struct iq *q);

#endif
