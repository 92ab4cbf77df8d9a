/* factory.h - the account of a fresh appliance: "admin" with an empty password (G-BOOT-02), which comes in at the console alone
 * (login.h) and must be replaced before anything else (G-BOOT-03). */
#ifndef CONF_FACTORY_H
#define CONF_FACTORY_H

#include "accounts.h"

#define FACTORY_NAME "admin"

/* Makes and saves it when there is no account at all. ERR_NOMEM, ERR_IO: there is none. */
int factory_account(struct accounts *all, uint64_t now_s);
/* The account as on a fresh box, made when it is not there: the empty password to be changed, the role admin, no one-time code, no SSH keys.
 * Its former passwords and all other accounts stay. ERR_LIMIT: no room for one more; ERR_IO: nothing has changed. */
int factory_recover(struct accounts *all, uint64_t now_s);

#endif
