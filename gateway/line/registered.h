/* registered.h - what gh-xlate is told of registrations, and what it says of them. */
#ifndef LINE_REGISTERED_H
#define LINE_REGISTERED_H

#include "line.h"

extern const struct location_owner registered_owner; /* its arg is a struct line */
/* gh-xlate is new: all there are. */
void registered_tell_all(struct line *l);
/* Ends those whose domain lives here no more. */
void registered_check_domains(struct line *l);
/* One flow ends, its connection with it; with a client's last one its session. NULL: that was it. */
struct binding *registered_end_flow(struct line *l, struct binding *b, size_t i);
/* Was it by this application password? label empty: by any. */
bool registered_is_by(const char *app, struct bytes label);
/* Ends this user's flows that are. */
void registered_end(struct line *l, struct bytes jid, struct bytes label);
int registered_on_drop(void *line, struct chan *from, const struct frame *f);

#endif
