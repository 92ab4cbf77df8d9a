/* presence/shared.h - contacts that groups of the directory give people: in their lists with the groups' names, with presence
 * both ways, as long as the directory has them there. Clients cannot change such a contact; what was agreed with the person before
 * comes back when the groups end.
 *
 * `shared` of a contact (contact.h): own bits u8 (enum contact_bit without the groups), name str, then the groups, each a str. */
#ifndef IM_SHARED_H
#define IM_SHARED_H

#include "user.h"

/* One contact as DIR_ROSTER has it. */
struct shared {
	struct bytes jid, name, groups; /* groups: each a str */
};

/* Makes the contacts that groups give u these and no others; u is loaded, list in the order of addresses. What changed is asked of gh-store,
 * pushed to clients, and shown in presence. Contacts above `im roster-max` do not come in; how many. */
unsigned shared_apply(struct im *im, struct user *u, const struct shared *list, size_t n);
/* What a contact is (enum contact_bit) by the person's own doing, without groups of the directory. */
uint8_t shared_own_bits(const struct contact *c);
/* Appends the groups as <group/>s that `groups` does not have already. */
void shared_put_groups(struct buf *b, struct bytes shared, struct bytes groups);
/* The name that the directory has. */
struct bytes shared_name(struct bytes shared);
/* MSG_DIR_ROSTER. */
int shared_on_roster(void *im, struct chan *from, const struct frame *f);

#endif
