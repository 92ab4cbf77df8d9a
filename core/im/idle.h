/* idle.h - what an inactive client (XEP-0352) need not see at once waits here, before it is counted for XEP-0198: so that of
 * one sender's presences, and of its chat states, only the last goes out. What wakes the client anyway takes it along. */
#ifndef IM_IDLE_H
#define IM_IDLE_H

#include "session.h"

/* true: it waits. false: it goes now, and what waited has gone before it. */
bool idle_takes(struct im *im, struct session *s, const struct envelope *e);
/* The client looks up: it gets all that waits. */
void idle_release(struct im *im, struct session *s);

#endif
