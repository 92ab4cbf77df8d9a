/* carbons.h - XEP-0280: a person's other clients get copies. */
#ifndef IM_CARBONS_H
#define IM_CARBONS_H

#include "delivery/item.h"
#include "session.h"

/* Is a message of this kind copied (XEP-0280 6.1)? Pure. */
bool carbons_is_eligible(enum stanza_type type, uint32_t facts);
/* Copies to the sender's other clients. */
void carbons_sent(struct im *im, struct session *from, const struct item *it);
/* Copies to those clients of the recipient that did not get it: exact did, or (NULL) all that take
 * messages did. */
void carbons_received(struct im *im, struct user *u, const struct item *it, const struct session *exact);

#endif
