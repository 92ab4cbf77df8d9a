/* trouble.h - the alarms of this door: about partners that have a row of their own (strangers raise none, so that they
 * cannot fill the table), and about limits. */
#ifndef S2S_TROUBLE_H
#define S2S_TROUBLE_H

#include "s2s.h"

/* Something that waited for the peer went back. */
void trouble_bounced(struct s2s *s, const struct peer *p, const struct reason *why);
/* A stream to it is ready, or it is forgotten. */
void trouble_over(struct s2s *s, const struct peer *p);
/* The queue of the pair took nothing more; it is looked at with each tick. */
void trouble_queue_full(struct s2s *s, struct pair *p);
void trouble_queue_tick(struct s2s *s, struct pair *p);
/* A stream was refused for federation streams-max; with each tick. */
void trouble_streams(struct s2s *s);
void trouble_streams_tick(struct s2s *s);

#endif
