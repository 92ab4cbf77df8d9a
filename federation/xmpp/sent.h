/* sent.h - what goes out on a connection, kept until it is safe: acknowledged (XEP-0198), or without
 * that given to the kernel a moment ago. */
#ifndef S2S_SENT_H
#define S2S_SENT_H

#include "conn.h"

/* Sends what fits of the pair's queue; of all pairs that use this connection. */
void sent_flush_pair(struct conn *c, struct pair *p);
void sent_flush(struct conn *c);
/* The peer has handled everything up to h. */
void sent_acked(struct conn *c, uint32_t h);
/* Nothing is queued in the link: what was written long enough ago is believed. */
void sent_written(struct conn *c);
/* The stream has ended: what is not safe goes out once more on another, or comes back (lesson 20 of
 * spec/xmpp.md). */
void sent_take_back(struct conn *c, const struct reason *why);

#endif
