/* accounts.h - all operators' accounts, kept in the file "accounts" of gh-conf's folder: changed in memory and written whole
 * (disk.h), so that power loss leaves the old or the new ones. A file that is damaged is put aside as "accounts.damaged": then there
 * is no account, and the box is managed at root's console until there are new ones. */
#ifndef CONF_ACCOUNTS_H
#define CONF_ACCOUNTS_H

#include "account.h"

struct accounts {
	int dir_fd; /* the folder's; somebody else closes it */
	struct account *v;
	size_t n;
	bool is_damaged; /* the file was, when this program started */
};

/* Reads the file; none: no accounts. A damaged one is no error. ERR_NOMEM; ERR_IO: it is there and cannot be read. */
int accounts_open(struct accounts *a, int dir_fd);
void accounts_close(struct accounts *a);
/* Valid until the next accounts_add, accounts_drop. NULL. */
struct account *accounts_find(const struct accounts *a, struct bytes name);
/* A new one, last; the caller fills it and then saves. NULL: ACCOUNTS_MAX. The name is right and not there yet. */
struct account *accounts_add(struct accounts *a, struct bytes name);
void accounts_drop(struct accounts *a, struct account *account);
/* Writes all. ERR_IO, ERR_LIMIT: the file is as it was, and the caller takes its change back. */
int accounts_save(const struct accounts *a);
/* How many have the role admin, without this one (NULL: with all)? */
size_t accounts_count_admins(const struct accounts *a, const struct account *but);

#endif
