/* run/clock.h - can the wall clock be right? A box whose battery is empty begins in 1970 or at some date of its maker's; one that believed a
 * wrong time server may be decades ahead. Certificates are then judged wrongly, and people look for the fault there. Pure. */
#ifndef RUN_CLOCK_H
#define RUN_CLOCK_H

#include <stdint.h>

enum { CLOCK_YEARS = 20 }; /* after this version was made: no box runs one that long */

/* wall_s: what the clock says, since 1970. NULL: it can be right; else why not, to go behind "the clock says ...: ". */
const char *clock_trouble(uint64_t wall_s);

enum { CLOCK_TEXT = 160 };
/* "" when it can be right; else " (the clock says 1970-01-02T..., which is before this version was made: show time)", for texts about
 * certificates that are judged by it. */
const char *clock_remark(uint64_t wall_s, char out[static CLOCK_TEXT]);

#endif
