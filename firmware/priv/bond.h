/* bond.h - what the kernel says of bonds beyond links: which member carries, and with LACP (IEEE 802.1AX, which was 802.3ad) who is at the
 * other end; and what is wrong with a member. Pure. */
#ifndef PRIV_BOND_H
#define PRIV_BOND_H

#include "plan.h"

struct nlmsghdr;

/* One RTM_NEWLINK (rtnetlink(7)) into its link of h: bond and member of have_link. A message of a link that h has not, or of none of
 * both kinds, changes nothing. */
void bond_take(const struct nlmsghdr *message, struct have *h);

enum { BOND_TEXT = 80 };
/* "up", "no carrier", "up, active", "up, aggregator 1", "up, not in the aggregate" ... of a member's card; NULL: it is missing. */
const char *bond_member_text(const struct have_link *bond, const struct have_link *card, char out[static BOND_TEXT]);
/* Why the member carries nothing though it should: text, or NULL. A card that is missing is another alarm's. */
const char *bond_member_trouble(const struct have_link *bond, const struct have_link *card);
/* Does the other end speak LACP? */
bool bond_has_partner(const struct have_link *bond);

#endif
