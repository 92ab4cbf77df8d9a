/* person.h - an entry of the directory as a person of ours. What a directory says is hostile: it becomes an address only by RFC 7622,
 * and text only as far as it can be shown. Pure. */
#ifndef DIR_PERSON_H
#define DIR_PERSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "ldap.h"

enum { PERSON_TYPE_MAX = 127, PERSON_TEXT_MAX = 255, PERSON_JID_MAX = 3071 };

/* Where in an entry what stands, and how addresses are made (B-IMA). */
struct person_rules {
	char user[PERSON_TYPE_MAX + 1]; /* attributes: user id, */
	char mail[PERSON_TYPE_MAX + 1];
	char name[PERSON_TYPE_MAX + 1]; /* display name, */
	char uri[PERSON_TYPE_MAX + 1];  /* directory URI; "" none */
	bool is_by_uri;   /* the address is the directory URI; else user id @ domain */
	char domain[256]; /* normalised; of user ids */
};

struct person {
	struct bytes jid;     /* bare, normalised */
	struct bytes user;    /* user id, as the directory has it */
	struct bytes name, mail, uri; /* "" none */
};

/* In the arena. Also when it fails by one of these, out has what the entry says. ERR_NOT_FOUND: it has no user id, or (by URI) no directory URI. ERR_SYNTAX: the address that it has is none. ERR_NOMEM. */
int person_read(const struct person_rules *r, const struct ldap_answer *entry, struct arena *a, struct person *out);
/* The first value of an attribute that is a line of text; cut at a character's edge to PERSON_TEXT_MAX bytes; "" none. */
struct bytes person_text(const struct ldap_answer *entry, const char *type);
/* A directory URI as an address: without "sip:", lower case where addresses are. ERR_SYNTAX: not user@domain (D-DUP-08). */
int person_uri(struct bytes uri, struct arena *a, struct bytes *jid);
/* What to search for to find who has this address: one of the terms fits. ERR_NOT_FOUND: no person of the directory can have it. */
int person_find(const struct person_rules *r, struct bytes jid, struct arena *a, struct ldap_search *s);
/* The attributes that person_read wants, added to the search. */
void person_wants(const struct person_rules *r, struct ldap_search *s);

#endif
