/* unit_out.h - a request of gh-xlate for a client (sip/unit.h): its transaction, and what comes of it. */
#ifndef LINE_UNIT_OUT_H
#define LINE_UNIT_OUT_H

#include "line.h"

enum { UNITS_OUT_MAX = 50000 };

void unit_out_xlate_down(struct line *l);
void unit_out_init(struct line *l);
int unit_out_on_request(void *line, struct chan *from, const struct frame *f);
int unit_out_on_cancel(void *line, struct chan *from, const struct frame *f);

#endif
