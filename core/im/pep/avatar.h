/* avatar.h - a person's picture, which is the same in its nodes (XEP-0084), in its vCard (XEP-0054), and as a hash in
 * presence (XEP-0153): XEP-0398. The nodes have it; a vCard with another picture publishes it there. */
#ifndef IM_AVATAR_H
#define IM_AVATAR_H

#include "iq/iq.h"

/* SHA-1 of the picture as 40 digits; empty: there is none. */
struct bytes avatar_hash(const struct user *u);
/* A client's presence with the hash in it: in the arena, or as it was when nothing is known of a picture. */
struct bytes avatar_in_presence(struct im *im, const struct user *u, struct bytes stanza);
/* The picture may be another one now: everybody who sees the presence learns so. */
void avatar_changed(struct im *im, struct user *u);
/* Answers a request for the vCard, with the picture if its owner's nodes let the asker see it. false: there is none that
 * the vCard does not have. */
bool avatar_answer_vcard(struct im *im, struct iq *q);
/* A vCard is being set: its picture goes to the nodes. */
void avatar_of_vcard(struct im *im, struct user *u, const struct xml_node *card);

#endif
