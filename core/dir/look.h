/* look.h - what the directory says of a person, or of everybody whom some words fit: for vCards and for people's searches (B-LDX-01,
 * B-LDX-09). Words are values of their own in what is asked of a server, never a part of a filter's text. */
#ifndef DIR_LOOK_H
#define DIR_LOOK_H

#include "dir.h"

int look_on_ask(void *dir, struct chan *from, const struct frame *f);
/* Those under way are answered: no server can say. */
void looks_end_all(struct dir *d);
/* The same, and nobody waits for an answer any more. */
void looks_drop_all(struct dir *d);

#endif
