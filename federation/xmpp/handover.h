/* handover.h - responsibility for stanzas between this door and gh-switch (ROUTE, ROUTE_DONE): whoever
 * gave one keeps it until the other has answered, and gives it again after a restart. */
#ifndef S2S_HANDOVER_H
#define S2S_HANDOVER_H

#include "s2s.h"

/* ---- what gh-switch gave us ---- */
/* Have we this envelope already? gh-switch repeats what it had no answer to when it comes back; an
 * answer that was lost is given again. */
bool handover_is_repeat(struct s2s *s, uint64_t id);
/* The item is dealt with: sent and safe, or answered. Says so and frees it. */
void handover_done(struct s2s *s, struct queue_item *i);
/* XMPP has no such domain, but SIP may (ADR-27): its origin sends it again, another way. Says so and frees it. */
void handover_elsewhere(struct s2s *s, struct queue_item *i);

/* ---- what we give to gh-switch ---- */
/* A stanza from connection `conn` (0: of our own making); counts: for the peer's h. Gives e its id.
 * NULL: no memory. */
struct flight *handover_give(struct s2s *s, struct envelope *e, uint64_t conn, bool counts);
/* ROUTE_DONE came. */
int handover_on_done(void *program, struct chan *from, const struct frame *f);
/* gh-switch is there (again): what is on its way goes once more. */
void handover_switch_up(struct s2s *s);
/* Gives again what gh-switch did not take. */
void handover_tick(struct s2s *s);

#endif
