/* pep_state.h - a node of a person (XEP-0163): how it is configured, who is affiliated or subscribed; and the bytes in
 * which gh-store keeps that. Pure. */
#ifndef IM_PEP_STATE_H
#define IM_PEP_STATE_H

#include "base/buf.h"
#include "base/wire.h"

/* XEP-0060 4.5; "authorize" is not offered: nobody would be asked. */
enum pep_access { PEP_OPEN, PEP_PRESENCE, PEP_ROSTER, PEP_WHITELIST, PEP_ACCESS_COUNT };
/* XEP-0060 16.4.4, pubsub#send_last_published_item */
enum pep_last { PEP_LAST_NEVER, PEP_LAST_ON_SUB, PEP_LAST_ON_PRESENCE, PEP_LAST_COUNT };
/* XEP-0060 4.1 */
enum pep_affiliation { PEP_NONE, PEP_MEMBER, PEP_PUBLISHER, PEP_OUTCAST, PEP_OWNER, PEP_AFFILIATION_COUNT };

enum {
	PEP_ITEMS_MAX = 0xffffffff, /* max_items is "max": as many as the box allows */
	PEP_TEXT_MAX = 256,         /* bytes of a title, a type, a group's name */
	PEP_GROUPS_MAX = 20,
	PEP_PEOPLE_MAX = 200,       /* affiliated or subscribed, of one node */
	PEP_NAME_MAX = 512,         /* bytes of a node's name, of an item's id */
};

struct pep_config {
	uint8_t access;    /* enum pep_access */
	uint8_t last;      /* enum pep_last */
	bool is_persistent, has_payloads, tells_delete, tells_retract, tells_config;
	uint32_t max_items; /* 1 or more */
	struct bytes title, type;
	struct bytes groups; /* each a str of base/wire.h: who may see it, with PEP_ROSTER */
};

/* One who is affiliated (a bare JID) or subscribed (as the subscription says). */
struct pep_person {
	struct bytes jid;
	uint8_t affiliation; /* enum pep_affiliation */
	bool is_subscribed;
};

extern const char *const pep_access_names[PEP_ACCESS_COUNT];
extern const char *const pep_last_names[PEP_LAST_COUNT];
extern const char *const pep_affiliation_names[PEP_AFFILIATION_COUNT];
/* Place of a name in such a table; n when it is not there. */
unsigned pep_name_of(const char *const *names, unsigned n, struct bytes name);

/* What a node has that nobody configured (XEP-0163 3: for those who see the presence). */
extern const struct pep_config pep_default;

void pep_state_put(struct buf *b, const struct pep_config *c, struct bytes people);
/* Views into `in`. ERR_SYNTAX, ERR_TRUNCATED. */
int pep_state_get(struct bytes in, struct pep_config *c, struct bytes *people);

/* The people of a node are encoded one behind the other. false: no more. */
bool pep_people_next(struct wire *w, struct pep_person *p);
/* That of a JID; all fields empty when it is not there. */
struct pep_person pep_people_find(struct bytes people, struct bytes jid);
/* Writes them with this one changed, added, or (neither affiliated nor subscribed) left out. ERR_LIMIT over PEP_PEOPLE_MAX. */
int pep_people_set(struct buf *b, struct bytes people, const struct pep_person *p);

#endif
