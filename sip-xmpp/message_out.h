/* message_out.h - page mode from XMPP to SIP (RFC 7572 4, RFC 3428): one MESSAGE at a time for a pair of users,
 * the others wait in order (MSG-X19). */
#ifndef XLATE_MESSAGE_OUT_H
#define XLATE_MESSAGE_OUT_H

#include "conversation.h"
#include "imdn.h"
#include "stanza_in.h"

/* A message stanza that page mode is to carry; ends s, now or when the SIP side has answered. */
void message_out_send(struct xlate *x, struct stanza_in *s);

/* Words of the gateway itself, which nobody waits for. */
void message_out_state(struct conversation *c, bool is_active);
void message_out_notice(struct conversation *c, const struct imdn *i);
void message_out_text(struct conversation *c, struct bytes text);

/* All that waits is forgotten: its origins keep it. */
void message_out_drop_all(struct conversation *c);

#endif
