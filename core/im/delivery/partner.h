/* partner.h - other domains whose people are seen as available here: are they still alive? When a
 * partner's server dies nobody says good-bye for its people, and they would stay as ghosts (xmpp.md
 * lesson 21). A stanza that comes back as unreachable, or a question that stays unanswered after a
 * silence, withdraws them; when the partner is heard again, its people are asked again. */
#ifndef IM_PARTNER_H
#define IM_PARTNER_H

#include "im.h"

struct user;
struct partner;

/* Something came from another domain. */
void partner_heard(struct im *im, const struct envelope *e);
/* Did it come back from our own side: unreachable (remote-server-not-found, -timeout), or not allowed
 * any more? Pure. */
bool partner_is_bounce(const struct envelope *e);
/* A contact of a user here is seen as available (or as gone altogether). */
void partner_seen(struct im *im, struct user *u, const struct envelope *presence);

void partners_init(struct im *im);
void partners_fini(struct im *im);

#endif
