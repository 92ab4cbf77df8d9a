/* undelivered.h - what becomes of the stanzas in a session's queue: confirmed ones are done; those
 * of a session that ended go another way (XEP-0198 5, RFC 6121 8.5; xmpp.md lesson 18). */
#ifndef IM_UNDELIVERED_H
#define IM_UNDELIVERED_H

#include "session.h"

/* The client has it. */
void undelivered_confirmed(struct im *im, struct user *u, const struct queued *q);
/* Empties the queue of a session that has left its user's list. */
void undelivered_all(struct im *im, struct session *s);
void undelivered_next_page(struct im *im, struct user *u);

#endif
