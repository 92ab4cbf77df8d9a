/* online.h - tells gh-xlate who of our people is online (USER_ONLINE), so that it asks the call manager about their
 * phones (B-PGW-01) and about nobody else's. */
#ifndef IM_ONLINE_H
#define IM_ONLINE_H

#include "user.h"

/* A session of this user became available, or is that no more. */
void online_check(struct im *im, struct user *u);
/* gh-xlate is new: all who are online. */
void online_tell_all(struct im *im);
/* How somebody is here: not at all, with clients that say to be away (RFC 6121 4.7.2.1), or with one that does not. */
enum online_how { ONLINE_HOW_OFFLINE, ONLINE_HOW_IDLE, ONLINE_HOW_ACTIVE };
extern const char *const online_how_names[];
/* u may be NULL. What is in im->arena stays there. */
enum online_how online_how(struct im *im, const struct user *u);
/* After im->config changed. */
void online_apply(struct im *im);

#endif
