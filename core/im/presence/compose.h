/* compose.h - what a person's clients and phones say, as inputs of their one presence (proto/composed.h). */
#ifndef IM_COMPOSE_H
#define IM_COMPOSE_H

#include "proto/composed.h"
#include "session.h"

/* What one available session says. im->arena is used. */
void compose_input(struct im *im, const struct session *s, struct composed_input *out);
/* The one presence of u, or of nobody (NULL: not in memory), and the session that it is of; NULL: none. */
struct composed compose_of(struct im *im, const struct user *u, const struct session **out);

#endif
