/* message_in.h - page mode from SIP to XMPP (RFC 7572 5): a MESSAGE is answered when the XMPP side has taken the
 * stanza, with its error when it has not. */
#ifndef XLATE_MESSAGE_IN_H
#define XLATE_MESSAGE_IN_H

#include "letter.h"
#include "message_out.h"
#include "request_in.h"
#include "typing.h"

enum { MESSAGE_HOLD_MS = 2000 /* MSG-S19 */ };

bool message_in_on_request(struct xlate *x, struct request_in *r);
/* All that is under way is forgotten. */
void message_in_drop_all(struct conversation *c);

#endif
