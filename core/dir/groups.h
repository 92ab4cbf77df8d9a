/* groups.h - groups of the directory: groupOfNames and the like by what they say of their members, and memberOf of people. Who is in
 * one has the others in the contact list. Read anew at each synchronisation, into a bounded memory. */
#ifndef DIR_GROUPS_H
#define DIR_GROUPS_H

#include "base/map.h"
#include "people.h"

struct group;
struct membership;

struct groups {
	struct dir *dir;
	struct people *people; /* sorted for good; its rows stay */
	struct arena arena;
	struct map people_by_dn, by_dn; /* dn_key -> row, group */
	struct group **all;
	size_t n, room;
	struct membership *members; /* by group */
	struct membership *of_rows; /* once settled the same by person, without groups that are out */
	size_t n_members, members_room, n_of_rows;
	unsigned too_large;
	int rc; /* reading went wrong so */
	struct task task;
	struct ldap_search search;
	void (*done)(void *arg, int rc); /* never from inside groups_start. ERR_LIMIT: too many of them; else as task.h */
	void *arg;
};

void groups_start(struct dir *d, struct people *p, struct groups *g);
/* Once it is known who has an account: others are in no group, and groups that are too large are left out. ERR_LIMIT, ERR_NOMEM. */
int groups_settle(struct groups *g, bool (*is_in)(const struct people_row *r));
/* Of the row's groups: never 0; DIRECTORY_ROSTER_NONE without any; the same as long as nothing of its list has changed. */
uint64_t groups_digest(const struct groups *g, const struct people_row *r);
/* Appends the body of a DIR_ROSTER behind its digest: at most `directory group-contacts`, by address. *left_out: contacts above that. ERR_NOMEM,
 * ERR_LIMIT. */
int groups_put_roster(const struct groups *g, const struct people_row *r, struct buf *b, unsigned *left_out);
void groups_fini(struct groups *g);

#endif
