/* iq.h - requests that XMPP users send to a SIP domain. The domain answers for the gateway; a SIP user's
 * device has nothing to answer with. */
#ifndef XLATE_IQ_H
#define XLATE_IQ_H

#include "stanza_in.h"

bool iq_on_request(struct xlate *x, struct stanza_in *s);

#endif
