/* deliver.h - messages to people here: RFC 6121 8.5 as a table. */
#ifndef IM_DELIVER_H
#define IM_DELIVER_H

#include "delivery/item.h"
#include "session.h"
#include "user.h"

/* Which resources are there (the headings of RFC 6121 table 1). */
enum reach {
	REACH_NO_ACCOUNT,
	REACH_NONE,      /* no available resource */
	REACH_NEGATIVE,  /* only such with negative priority */
	REACH_AVAILABLE, /* one or more with priority 0 or above */
	REACH_COUNT
};
enum target { TARGET_BARE, TARGET_FULL_MATCH, TARGET_FULL_NO_MATCH, TARGET_COUNT };
enum deliver_act {
	DELIVER_IGNORE,
	DELIVER_REFUSE,  /* service-unavailable */
	DELIVER_STORE,
	DELIVER_EXACT,
	DELIVER_ALL,     /* to all of priority 0 or above, or to the one that has replied (answered.h) */
	DELIVER_ACT_COUNT
};
/* type: a message's enum stanza_type. Pure. */
enum deliver_act deliver_rule(enum stanza_type type, enum target target, enum reach reach);

/* A message to a user here, who is loaded. */
void deliver_message(struct im *im, struct user *u, struct item *it);
/* As if to the bare JID: its first way has failed. */
void deliver_again(struct im *im, struct user *u, struct item *it);
/* The session that should get what is not addressed to one: highest priority, 0 or above. NULL: none. */
struct session *deliver_best(const struct user *u);
enum reach deliver_reach(const struct user *u);

#endif
