/* offline.h - messages for people who are signed out (A-06.05, XEP-0160). */
#ifndef IM_OFFLINE_H
#define IM_OFFLINE_H

#include "delivery/item.h"
#include "user.h"

/* Puts the message on disk, or answers its sender why not. */
void offline_store(struct im *im, struct user *u, struct item *it);
/* One of the user's sessions can take messages now: reads storage in pages. A page follows when the
 * last one has been confirmed (xmpp.md lesson 19). */
void offline_start(struct im *im, struct user *u);
/* Goes on if more is there and nothing is under way. */
void offline_next_page(struct im *im, struct user *u);
/* Appends a message with its time of arrival put in (XEP-0203). false: these bytes have no end tag
 * to put it before. Pure. */
bool offline_stamp(struct buf *b, struct bytes stanza, struct bytes domain, uint64_t at_ms);

#endif
