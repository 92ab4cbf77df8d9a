/* proto/hold.h - what an inactive client (XEP-0352) need not see at once. Stanzas keep their order.
 * Of one sender's presences, and of its chat states, only the last may be kept: not where they have
 * been counted for XEP-0198, as a dropped one would put both sides' numbers apart. Bounded: when it
 * is full the owner lets everything go. Pure. */
#ifndef PROTO_HOLD_H
#define PROTO_HOLD_H

#include "base/buf.h"

enum { HOLD_STANZAS_MAX = 256, HOLD_BYTES_MAX = 64 << 10 };

struct hold;

/* Can this stanza (neutral form) wait: presence that is no subscription, or a message of which the
 * core did not say that it is urgent? */
bool hold_can_wait(struct bytes stanza);

/* NULL without memory. */
struct hold *hold_new(void);
void hold_free(struct hold *h); /* NULL is fine */
/* Keeps a copy. may_coalesce: drop an earlier presence, or chat state, of the same sender. ERR_FULL, ERR_NOMEM. */
int hold_put(struct hold *h, struct bytes stanza, bool may_coalesce);
/* Appends what is held to b, in order, and empties it. */
void hold_release(struct hold *h, struct buf *b);
/* Gives what is held to fn, in order. */
void hold_each(const struct hold *h, void (*fn)(void *arg, struct bytes stanza), void *arg);
/* Bytes that were dropped because a later stanza says all, since the last call. */
size_t hold_take_saved(struct hold *h);
size_t hold_count(const struct hold *h); /* NULL: 0 */

#endif
