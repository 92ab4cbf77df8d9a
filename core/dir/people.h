/* people.h - everybody of the directory, read in pages (RFC 2696) into a bounded memory: for `directory validate` and for the
 * synchronisation. */
#ifndef DIR_PEOPLE_H
#define DIR_PEOPLE_H

#include "task.h"

enum { PEOPLE_MAX = 500000 };

struct people_row { /* texts lie in the arena of its people */
	struct bytes user, uri, mail, name, dn; /* as the directory has them */
	struct bytes jid; /* "" it has no address that can be used */
	struct bytes user_key, uri_key, mail_key; /* equal ones are the same (D-DUP-09); "" none */
	struct bytes groups; /* DNs of its groups, as dn_key has them, each a str (directory attribute-member-of) */
	bool is_bad_uri;
	uint64_t roster; /* these two the reader's own, 0 at first */
	uint8_t state;
};

struct people {
	struct dir *dir;
	struct people_row *rows;
	size_t n, room;
	struct arena arena;
	struct task task;
	struct ldap_search search;
	/* The last word, never from inside people_start. rc 0: all are there. ERR_LIMIT: the server gave only a part, or there are more
	 * than PEOPLE_MAX; ERR_DENIED, ERR_AUTH, others of task.h; text says it to an operator. */
	void (*done)(void *arg, int rc, const char *text);
	void *arg;
};

/* How many share a user id or a directory URI with somebody, and whose URI is missing or none (D-DUP-03 to 08). Sorts the rows. */
struct people_faults {
	size_t duplicate_users, duplicate_uris, bad_uris;
};
struct people_faults people_faults(struct people_row *rows, size_t n);
/* For qsort, by keys. */
int people_by_user(const void *a, const void *b);
int people_by_uri(const void *a, const void *b);
int people_by_mail(const void *a, const void *b);

/* p: zeroed, with done and arg set; stays where it is until people_fini, which also stops it. */
void people_start(struct dir *d, struct people *p);
void people_fini(struct people *p);

#endif
