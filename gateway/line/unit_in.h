/* unit_in.h - a client's request at gh-xlate: its transaction waits for what comes back (sip/unit.h). */
#ifndef LINE_UNIT_IN_H
#define LINE_UNIT_IN_H

#include "request.h"

enum { UNITS_IN_MAX = 20000 };

/* Takes r. b: the client; it is the `flow` of the unit. */
void unit_in_begin(struct request *r, const struct binding *b);
void unit_in_xlate_down(struct line *l);
int unit_in_on_response(void *line, struct chan *from, const struct frame *f);

#endif
