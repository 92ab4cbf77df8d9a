/* bulk/row.h - rows of lists of contacts by the rules of D-CEX-02 to D-CEX-05, D-CIM-02 to D-CIM-07 and D-REN-02. Pure. */
#ifndef IM_BULK_ROW_H
#define IM_BULK_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "run/bulk.h"

struct bulk_row {
	struct bytes user;    /* import: whose list, a bare JID */
	struct bytes contact; /* import: who comes in; rename: who it was */
	struct bytes to;      /* rename: who it is */
	struct bytes name, group; /* import; empty: none */
};

/* User ID, User Domain, Contact ID, Contact Domain, Nickname, Group Name. Blanks around the first four do not count. What is new is in the arena, the rest in the fields.
 * BULK_DONE, BULK_FORMAT, BULK_DOMAIN, BULK_SELF; BULK_ERROR without memory. */
enum bulk_result bulk_row_import(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out);
/* Contact ID, New Contact ID: whole addresses, of which the last '@' parts the domain. Blanks around them do not count. The same. */
enum bulk_result bulk_row_rename(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out);

/* Is the row the names of the columns? */
bool bulk_row_is_head_import(const struct bytes *fields, size_t n);
bool bulk_row_is_head_rename(const struct bytes *fields, size_t n);

/* One row of an export; group empty: in none. user, contact: normalised bare JIDs. False, and nothing is written: the contact has no
 * user part, or no memory. */
bool bulk_row_put(struct buf *out, struct bytes user, struct bytes contact, struct bytes name, struct bytes group, struct arena *a);

#endif
