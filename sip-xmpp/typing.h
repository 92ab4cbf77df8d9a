/* typing.h - who is typing: chat states (XEP-0085) to isComposing (RFC 3994) and back, at a bearable rate. */
#ifndef XLATE_TYPING_H
#define XLATE_TYPING_H

#include "conversation.h"

void typing_init(struct conversation *c);
/* A chat state came from XMPP (CMP-02, 03, 06, 09, 11). */
void typing_to_sip(struct conversation *c, enum chat_state s);
/* A text went that way: the other side takes that for idle (CMP-07). */
void typing_text_to_sip(struct conversation *c);
void typing_text_to_xmpp(struct conversation *c);
/* An isComposing came from SIP (CMP-01, 05, 11). True: it is to be shown now; else later or not at all. */
bool typing_to_xmpp(struct conversation *c, bool is_active, uint32_t refresh_s);
/* Shows a state to the XMPP user, of this trace or 0 (message_in.c). */
void message_in_state(struct conversation *c, bool is_active, uint64_t trace);

#endif
