/* remote.h - stanzas to and from other domains, through gh-switch. What goes out is kept until
 * ROUTE_DONE says that somebody has taken responsibility, and sent again when the way was broken. */
#ifndef IM_REMOTE_H
#define IM_REMOTE_H

#include "delivery/item.h"
#include "delivery/parcel.h"

enum { REMOTE_MAX = 100000, REMOTE_BYTES_MAX = 128 << 20, REMOTE_AGAIN_MS = 500, REMOTE_AGE_MS = 120000, REMOTE_RECENT = 8192 };

void remote_send(struct im *im, struct item *it);
/* A stanza of ours that may be lost with the way. */
void remote_post(struct im *im, const struct envelope *e);
/* What the journal had: it is on disk, and goes out again. */
void remote_restore(struct im *im, uint64_t uid, uint64_t at_ms, struct bytes envelope);
/* An envelope that came in is safe. */
void remote_done(struct im *im, uint64_t id);
/* Is an envelope that came in new? One that was sent again after a broken channel is not: it is
 * answered at once, or when it is safe. */
bool remote_take(struct im *im, uint64_t id);

void remote_up(struct im *im);
int remote_on_done(void *im, struct chan *from, const struct frame *f);
int remote_init(struct im *im);
void remote_fini(struct im *im);

#endif
