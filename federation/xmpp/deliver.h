/* deliver.h - stanzas that peers sent: to the core, or answered here. */
#ifndef S2S_DELIVER_H
#define S2S_DELIVER_H

#include "conn.h"

/* A stanza came (ACT_DELIVER, ACT_PONG). */
void deliver_stanza(struct conn *c, const struct stream_act *a);

#endif
