/* message.h - which message stanzas page mode deals with, and how (RFC 7572 4, sections 5 to 7 of the mapping). */
#ifndef XLATE_MESSAGE_H
#define XLATE_MESSAGE_H

#include "service_features.h"

bool message_on_stanza(struct xlate *x, struct stanza_in *s);
bool message_on_error(struct xlate *x, struct stanza_in *s);
void message_show(struct xlate *x, struct proc_ask *ask);

#endif
