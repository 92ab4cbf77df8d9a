/* slot.h - gh-slot: is the slot that runs good? */
#ifndef IMAGE_SLOT_H
#define IMAGE_SLOT_H

#include <stdbool.h>

/* healthy.c: everything inside the box works: programs run, the operators' socket answers. Never asks for what is
 * outside. Waits up to wait_s. */
bool slot_is_healthy(unsigned wait_s);
/* gh-update is told; it has the boot counter. False: it does not answer, or could not write it. */
bool slot_confirm(void);

#endif
