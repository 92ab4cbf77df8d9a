/* roster.h - rosters on the wire and on disk (RFC 6121 2): get, set, pushes with versions. */
#ifndef IM_ROSTER_H
#define IM_ROSTER_H

#include "iq/iq.h"
#include "session.h"
#include "presence/subscription.h"

/* Changes or makes a contact, in memory and on disk, and pushes it to the user's clients when it is
 * (or was) in the roster that they see. asker: is answered, and freed, when it is on disk; or NULL.
 * ERR_NOMEM: nothing was done, asker is still the caller's. */
int roster_change(struct im *im, struct user *u, const struct contact_parts *parts, struct iq_later *asker);
/* Takes it out for good. With an asker it must be there. */
void roster_remove(struct im *im, struct user *u, struct bytes bare, struct iq_later *asker);

/* Lists have an end, whoever writes into them. May this one (as it is now, or NULL) be a contact (im roster-max)? Those that only see
 * the user, or ask to, do not count: strangers fill nobody's list. */
bool roster_has_room(const struct im *im, const struct user *u, const struct contact *c);
/* May it see the user, or wait to (im watchers-max, C-AVL-15)? */
bool roster_has_room_for_watcher(const struct im *im, const struct user *u, const struct contact *c);

/* iq handlers */
void roster_get(struct im *im, struct iq *q);
void roster_set(struct im *im, struct iq *q);

#endif
