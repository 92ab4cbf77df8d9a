/* answered.h - which client of a person has replied to whom: messages to the bare
 * address go to all clients until one of them replies, then only to that one. It ends when another
 * client replies or shows presence, or when this one goes (RFC 6121 5.1, seen from the server). */
#ifndef IM_ANSWERED_H
#define IM_ANSWERED_H

#include "delivery/item.h"
#include "session.h"

/* A client of ours sends a message. */
void answered_sent(struct session *s, const struct item *it);
/* A client of ours shows presence, or goes. */
void answered_presence(struct session *s);
/* The client that has replied to the sender of this message; NULL: none, or it is lost for now. */
struct session *answered_by(const struct user *u, const struct item *it);

#endif
