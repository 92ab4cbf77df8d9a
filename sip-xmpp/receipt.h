/* receipt.h - what became of a message: IMDN (RFC 5438) to receipts (XEP-0184), markers (XEP-0333) and errors, and
 * back; and errors that come after a SIP answer. */
#ifndef XLATE_RECEIPT_H
#define XLATE_RECEIPT_H

#include "imdn.h"
#include "message_out.h"
#include "request_in.h"

/* RCP-11, RCP-12 */
void receipt_from_sip(struct conversation *c, const struct request_in *r, const struct imdn *i);
/* RCP-10: from XMPP, about the stanza id; only what was asked for, and once. */
void receipt_from_xmpp(struct conversation *c, struct bytes id, bool is_displayed);
/* An error came back for a message whose SIP answer is given (MSG-S19): the SIP user gets a report if he asked
 * for one, else the configured text. */
void receipt_undelivered(struct conversation *c, const struct stanza_in *error);

#endif
