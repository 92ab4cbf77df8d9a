/* subscribe.h - subscription presence carried out (RFC 6121 3) by the table of subscription.h. */
#ifndef IM_SUBSCRIBE_H
#define IM_SUBSCRIBE_H

#include "delivery/item.h"
#include "session.h"
#include "presence/subscription.h"

static inline bool subscribe_is(enum stanza_type t)
{
	return t >= TYPE_SUBSCRIBE && t <= TYPE_UNSUBSCRIBED;
}

/* From a client of ours. true: it goes on to the contact; it->e is rewritten to bare addresses. */
bool subscribe_out(struct im *im, struct session *s, struct item *it);
/* A SIP client asks for what its user has: it is told so, and nothing goes on. False: the user has it not. */
bool subscribe_is_held(struct im *im, struct session *s, const struct item *it);
/* It has gone on: what follows it. */
void subscribe_sent(struct im *im, struct session *s, const struct item *it);
/* To a user here. */
void subscribe_in(struct im *im, struct user *u, struct item *it);
/* Requests that wait are shown to a client that has come. */
void subscribe_show_waiting(struct im *im, struct session *s);
/* The contact leaves the roster: ends both directions (RFC 6121 2.5.2). */
void subscribe_end(struct im *im, struct user *u, struct bytes contact, uint8_t bits);

#endif
