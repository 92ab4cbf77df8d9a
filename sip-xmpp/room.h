/* room.h - rooms of XMPP and SIP users (XEP-0045, XEP-0249). */
#ifndef XLATE_ROOM_H
#define XLATE_ROOM_H

#include "stanza_in.h"

/* An invitation of a SIP user to a room, which is refused (MUC-00). */
bool room_on_invitation(struct xlate *x, struct stanza_in *s);

#endif
