/* bounce.h - the error answers to stanzas that cannot go: new stanzas back to their senders, posted to
 * the bus and never re-entered (lesson 14 of spec/xmpp.md), each exactly once. */
#ifndef S2S_BOUNCE_H
#define S2S_BOUNCE_H

#include "s2s.h"

/* An item that is in no list any more; freed. p: its pair, for the count; may be NULL. */
void bounce_item(struct s2s *s, struct pair *p, struct queue_item *i, const struct reason *why);
/* Everything that waits. */
void bounce_all(struct s2s *s, struct pair *p, const struct reason *why);
/* Trying again may help: messages wait, but nobody waits for an iq or presence that long. */
void bounce_hasty(struct s2s *s, struct pair *p, const struct reason *why);
/* An envelope that does not even get into a queue. */
void bounce_envelope(struct s2s *s, const struct envelope *e, enum rung rung, int rc, const char *text);

#endif
