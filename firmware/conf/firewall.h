/* firewall.h - the packet filter that the settings ask for, as text for nft. Pure: settings in, text out.
 * Default drop; open is what a listener or the relay's ports need, and what IP itself cannot live without. */
#ifndef CONF_FIREWALL_H
#define CONF_FIREWALL_H

#include "rows.h"

/* Puts one whole table, "inet gatehouse", in the place of what that table held before: nft -f loads all of it or
 * nothing, and touches no other table. Listeners on loopback are not opened, nor those whose port the kernel chooses.
 * ERR_SYNTAX: an address that is not numeric; ERR_LIMIT: out is full. What is in out is then not a rule set. */
int firewall_put(const struct rows *r, struct buf *out);

#endif
