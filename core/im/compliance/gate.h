/* gate.h - blocking mode of the compliance archive: a message waits here, before anything else is done with it, until gh-comply says that
 * it is on the disk. What its sender sent behind it waits behind it, so that nothing overtakes; other senders do not. Who waits longer
 * than `compliance wait`, or whose message cannot be written, gets an error, and nobody gets the message.
 *
 * A message that waits is not handled yet: its client's stream management does not count it, and a partner's door keeps it. */
#ifndef IM_GATE_H
#define IM_GATE_H

#include "im.h"

struct held;

/* Handler of what comes from doors and gh-switch in order: STANZA, ROUTE, SM_ENABLE, SM_REQUEST, SESSION_CLOSED, SESSION_CSI. */
int gate_on_frame(void *im, struct chan *from, const struct frame *f);
/* Its note is on the disk (rc 0), or will not be. Nothing is done before gate_run. */
void gate_judged(struct im *im, struct held *h, int rc);
/* Whatever may go on goes. */
void gate_run(struct im *im);
/* All that wait for gh-comply are refused. */
void gate_refuse_all(struct im *im);
void gate_init(struct im *im);
void gate_fini(struct im *im);

#endif
