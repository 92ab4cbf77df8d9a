/* roster.h - rosters on the wire and on disk (RFC 6121 2): get, set, pushes with versions. */
#ifndef IM_ROSTER_H
#define IM_ROSTER_H

#include "ask.h"
#include "iq/iq.h"
#include "session.h"
#include "presence/subscription.h"

enum { ROSTER_NAME_MAX_BYTES = 1023 };

/* Changes or makes a contact, in memory and on disk, and pushes it to the user's clients when it is
 * (or was) in the roster that they see. asker: is answered, and freed, when it is on disk; or NULL.
 * ERR_NOMEM: nothing was done, asker is still the caller's. */
int roster_change(struct im *im, struct user *u, const struct contact_parts *parts, struct iq_later *asker);
/* The same for who is told by done (ask.h), also at once when gh-store has no room for it. */
int roster_put(struct im *im, struct user *u, const struct contact_parts *parts, ask_done_fn done, void *arg);
/* A contact of u's list (CONTACT_LISTED, not of a group of the directory) has the address `to` from now on, in memory and on disk, with
 * its name, groups and subscriptions; one that is there already takes them in. A request that waits for the user stays with the old
 * address, which it came from. Clients get both changes. done as above. ERR_NOMEM: nothing was done on disk. */
int roster_move(struct im *im, struct user *u, const struct contact *from, struct bytes to, ask_done_fn done, void *arg);
/* Appends the groups of `more` (each a str) that are not in `groups`. False: they would be too many, or too long: those before are there. */
bool roster_add_groups(struct buf *groups, struct bytes more);
/* Takes it out for good. With an asker it must be there. */
void roster_remove(struct im *im, struct user *u, struct bytes bare, struct iq_later *asker);

/* Lists have an end, whoever writes into them. May this one (as it is now, or NULL) be a contact (im roster-max)? Those that only see
 * the user, or ask to, do not count: strangers fill nobody's list. */
bool roster_has_room(const struct im *im, const struct user *u, const struct contact *c);
/* May it see the user, or wait to (im watchers-max, C-AVL-15)? */
bool roster_has_room_for_watcher(const struct im *im, const struct user *u, const struct contact *c);

/* Somebody was loaded, or is nobody any more, or their list has changed: ContactListFull for those who are at the maximum (C-AVL-13), as far
 * as they were of interest since this program began, and no more than 50 at a time. */
void roster_check_full(struct im *im, struct user *u);
/* After im->config changed. */
void roster_apply(struct im *im, uint32_t max_before);

/* iq handlers */
void roster_get(struct im *im, struct iq *q);
void roster_set(struct im *im, struct iq *q);

#endif
