/* iq/card.h - vCards (XEP-0054) made of what the directory says of a person (B-LDX-09, B-LDX-11, A-10.02), where `directory vcards` is
 * on. Nobody sets such a card here; the accounts of this box have cards of their own. */
#ifndef IM_CARD_H
#define IM_CARD_H

#include "iq/iq.h"
#include "iq/look.h"

/* Does the directory have this person's card? */
bool card_is_of_directory(const struct im *im, const struct user *u);
/* Answers a request for it, later. */
void card_get(struct im *im, struct iq *q);
/* The card of a person as XML. Pure. */
void card_write(struct buf *b, const struct look_person *p);

#endif
