/* online.h - tells gh-xlate who of our people is online (USER_ONLINE), so that it asks the call manager about their
 * phones (B-PGW-01) and about nobody else's. */
#ifndef IM_ONLINE_H
#define IM_ONLINE_H

#include "user.h"

/* A session of this user became available, or is that no more. */
void online_check(struct im *im, struct user *u);
/* gh-xlate is new: all who are online. */
void online_tell_all(struct im *im);
/* After im->config changed. */
void online_apply(struct im *im);

#endif
