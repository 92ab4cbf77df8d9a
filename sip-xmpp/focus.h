/* focus.h - an XMPP user in a room that a SIP conference focus holds (RFC 7702 5, RFC 7701, RFC 4575, RFC
 * 4579): to the focus a participant with an MSRP session and a subscription, to the user a room of XEP-0045. */
#ifndef XLATE_FOCUS_H
#define XLATE_FOCUS_H

#include "request_in.h"
#include "stanza_in.h"

struct feature;
extern const struct feature focus_feature;

/* False: not of a room at a focus. */
bool focus_on_presence(struct xlate *x, struct stanza_in *s);
bool focus_on_message(struct xlate *x, struct stanza_in *s);
bool focus_on_notify(struct xlate *x, struct request_in *r);
bool focus_on_refer_notify(struct xlate *x, struct request_in *r);

#endif
