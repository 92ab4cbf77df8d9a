/* registered.h - what gh-xlate is told of registrations, and what it says of them. */
#ifndef LINE_REGISTERED_H
#define LINE_REGISTERED_H

#include "line.h"

extern const struct location_owner registered_owner; /* its arg is a struct line */
/* gh-xlate is new: all there are. */
void registered_tell_all(struct line *l);
/* Ends those whose domain lives here no more. */
void registered_check_domains(struct line *l);
int registered_on_drop(void *line, struct chan *from, const struct frame *f);

#endif
