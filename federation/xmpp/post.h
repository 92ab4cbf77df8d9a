/* post.h - what gh-switch sends outward: into the queue of its domain pair, and out of it in time. */
#ifndef S2S_POST_H
#define S2S_POST_H

#include "s2s.h"

/* ROUTE came. */
int post_route(void *program, struct chan *from, const struct frame *f);
/* Puts a stanza for elsewhere into its queue, or answers it with an error. */
void post_queue(struct s2s *s, const struct envelope *e);
/* Old stanzas, due retries. */
void post_tick(struct s2s *s);

#endif
