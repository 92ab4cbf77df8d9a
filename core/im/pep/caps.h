/* caps.h - of which nodes a client wants to hear (XEP-0163 4.2, XEP-0115): asked of it once for each hash, and believed of
 * others with the same hash only after the answer has been checked against it. Clients of ours, and those at other domains
 * whose presence comes in. */
#ifndef IM_CAPS_H
#define IM_CAPS_H

#include "delivery/item.h"
#include "user.h"

struct caps_entity;

/* It has sent presence to this account (its own, for a client of ours): learns what it wants, and has its last items sent. */
void caps_presence(struct im *im, struct user *u, struct bytes full, struct bytes stanza);
/* It has sent unavailable to this account; or (BYTES_NONE) to all. */
void caps_gone(struct im *im, struct bytes full, struct bytes owner);
/* A result or an error to a request without a resource: perhaps to ours. */
void caps_answer(struct im *im, struct user *u, struct item *it);
/* Does this client want to hear of this node? */
bool caps_wants(const struct im *im, struct bytes full, struct bytes node);
/* Calls fn for each known client at another domain with this bare JID that does. */
void caps_each_remote(struct im *im, struct bytes bare, struct bytes node, void (*fn)(struct im *im, struct bytes full, void *arg),
		      void *arg);
/* u lets a contact see its presence from now on: the contact's clients get u's last items. */
void caps_show(struct im *im, struct user *u, struct bytes contact);

void caps_init(struct im *im);
void caps_fini(struct im *im);

#endif
