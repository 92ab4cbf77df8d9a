/* login.h - the one answer to a partner's challenge (RFC 3261 22, ERR-12). Pure but for a random number. */
#ifndef GSIP_LOGIN_H
#define GSIP_LOGIN_H

#include "base/arena.h"
#include "peers.h"
#include "sip/message.h"

/* Sequence numbers towards a partner that may challenge are doubled, so that the repeated request has a higher
 * one (RFC 3261 22.2) and the next request a higher one still, without memory of a dialog. INVITE, whose ACK
 * must have its number, is repeated with the same. */
void login_double_cseq(struct sipmsg *m);
void login_halve_cseq(struct sipmsg *m);
/* Puts credentials into the request for the challenges of a 401 or 407 and raises its number.
 * ERR_UNSUPPORTED: nothing there that we can answer. */
int login_answer(const struct peer_row *row, const struct sipmsg *challenge, struct arena *a, struct sipmsg *request);

#endif
