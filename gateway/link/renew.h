/* gateway/link/renew.h - certificates of links are renewed by themselves when a third of their time is left: a core has its own
 * signed by its gh-keys, an edge asks a core over the link (service link-renew). Connections that stand stay as they are. */
#ifndef LINK_RENEW_H
#define LINK_RENEW_H

#include "trunk.h"

#include "run/proc.h"

struct renewal *renew_new(struct joint *j);
void renew_free(struct renewal *r);
/* Settings have come: is it due? */
void renew_apply(struct joint *j);
/* Now, whether it is due or not. */
void renew_command(void *joint, struct proc_ask *ask, const struct bytes *args, size_t n);
/* Core: an edge's stream, one end of a pair (taken over). ERR_AGAIN: another one is under way. */
int renew_serve(struct trunk *t, int fd);
/* Messages; ids that are not ours are passed over. */
int renew_on_keys(struct joint *j, const struct frame *f);
int renew_on_kept(struct joint *j, const struct frame *f);
void renew_down(struct joint *j);

/* Is the first certificate of this PEM in its last third? False for what is none. Pure. */
bool renew_is_due(struct bytes pem, uint64_t wall_ms);

#endif
