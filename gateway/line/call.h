/* call.h - calls between two clients of ours: INVITE forked to all of the other's clients (RFC 3261 16.7), and
 * what follows in the dialog, each passed on statefully by the other's flow. Contacts behind NAT are never
 * dialled: the way is the registration. */
#ifndef LINE_CALL_H
#define LINE_CALL_H

#include "request.h"

enum { CALL_BRANCHES_MAX = 20, CALL_RINGING_MS = 180000, CALL_LIFE_MS = 12 * 3600 * 1000 };

/* r of client b. True: it is about a call here, and was taken. */
bool call_request(struct request *r, const struct binding *b);
/* A 2xx to an INVITE whose transaction is over. */
void call_stray(struct line *l, struct sipmsg *m);
/* Is this client in a call that has begun and has not ended? */
bool call_is_talking(const struct line *l, uint64_t reg);
void call_second(struct line *l, uint64_t now_ms);

#endif
