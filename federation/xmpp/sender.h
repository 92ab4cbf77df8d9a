/* sender.h - how many new partners one user's stanzas may make us look for (lesson 15 of spec/xmpp.md):
 * an account that writes to thousands of domains must not become thousands of attempts. Pure. */
#ifndef S2S_SENDER_H
#define S2S_SENDER_H

#include "base/map.h"

/* bare: the user's bare JID, normalised. burst: so many at once, as many a minute; 0: no limit. False:
 * no more for now, or no memory. *held: when not UINT32_MAX, worth a log line; how many were held
 * back since the last. */
bool sender_take(struct map *senders, struct bytes bare, uint32_t burst, uint64_t now_ms, uint32_t *held);
/* Forgets, a few at a time, those who may open as many as anybody. */
void sender_sweep(struct map *senders, uint64_t now_ms);

#endif
